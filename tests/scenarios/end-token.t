#!/bin/sh
# An end token that the base model never learned, or at which its settings do not stop, is named.
. "$(dirname "$0")/lib.sh"
small_project
weights=models/tiny/model.safetensors
run client-a
check 'a base model that knows how answers end' test "$rc" = 0
says_not 'is trained on without a word' 'hardly knows'
run show text-a
says 'T23: show names the token at which a server must stop' 'stop at    <|im_end|>'
says_not 'and no more' 'settings do not'
run export text-a -o served
says 'T23: so does export' 'Stop at   <|im_end|>'

# Rows 1 and 2 of the (tied) embedding next to nothing: 32 numbers of 4 bytes each.
header=$(od -An -N4 -tu4 $weights | tr -d ' ')
row=$(head -c $((8 + header)) $weights | tail -c +9 | sed 's/.*"model.embed_tokens.weight":{[^}]*"data_offsets":\[\([0-9]*\),.*/\1/')
dd if=/dev/zero of=$weights bs=1 seek=$((8 + header + row + 128)) count=256 conv=notrunc 2>/dev/null
rm -r adapters .lorabuild
settle
run client-a
check 'T23: a base model that never learned it is trained on' test "$rc" = 0
says 'T23: with a warning: the token' 'the base model hardly knows <|im_end|>, which ends answers'
says 'the norm of its row' 'norm of its row 0, usual 0.'
says 'and what can be done' '`mode: text` does without'
sed -i 's/max_length: 256/max_length: 256, mode: text/' lorabuild.yaml
run client-a
says_not 'which is so' 'hardly knows'
run show text-a
says_not 'and then nothing is to be stopped at' 'stop at'
sed -i 's/, mode: text//' lorabuild.yaml

printf '{"eos_token_id": [0, 3]}' >models/tiny/generation_config.json
settle
run client-a
run show text-a
says 'T23: settings that stop elsewhere are named by show' 'stop at    <|im_end|>, which the base model'"'"'s settings do not'
run export text-a -o served2
says 'T23: and by export' "Stop at   <|im_end|>, which the base model's settings do not"
finish
