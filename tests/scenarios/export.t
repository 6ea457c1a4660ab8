#!/bin/sh
# export copies a version out for serving, without what it learned, and notes where it went.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
mkdir ../srv
srv=$(cd ../srv && pwd)

run export client-a -o ../srv/text-a
out=$(printf '%s\n' "$out" | sed "s#$srv#SRV#g")
expect 'a folder, and how to load it' 0 <<'OUT'
text-a    export    v1, rank 8: SRV/text-a
          note      alone/ in it is this adapter's own part, for loaders that stack

Load it   over models/tiny
PEFT      PeftModel.from_pretrained(model, "SRV/text-a")
vLLM      vllm serve 'DIR/models/tiny' --enable-lora --max-lora-rank 8 --lora-modules 'text-a=SRV/text-a'
llama.cpp python convert_lora_to_gguf.py --base 'DIR/models/tiny' 'SRV/text-a'
Stop at   <|im_end|>
OUT
check 'the weights are those of v1' cmp -s ../srv/text-a/adapter_model.safetensors adapters/text-a/v1/adapter_model.safetensors
check 'no list of samples goes along' test ! -e ../srv/text-a/samples
check 'nor the report, which quotes them' test ! -e ../srv/text-a/report.html
set=$(sed -n 's/^  "set": "\([0-9a-f]*\)".*/\1/p' adapters/text-a/v1/manifest.json)
check 'nor a digest of them' test -n "$set"
check_not 'in any file' grep -rq -e "$set" -e want_key -e '"samples"' ../srv/text-a
today=$(date +%Y-%m-%d)
check 'the place is noted for forget' test "$(cat adapters/text-a/exported)" = "$today $srv/text-a peft"

run export text-a -o ../srv/text-a
check 'an earlier export is replaced' test "$rc" = 0
says 'and that is said' 'took the place of an earlier export'
check 'the place is noted once' test "$(wc -l <adapters/text-a/exported)" = 1
echo mine >../srv/text-a/notes.txt
run export text-a -o ../srv/text-a
check 'with a file of somebody beside it, it is not' test "$rc" = 2
check 'the file stays' test "$(cat ../srv/text-a/notes.txt)" = mine
mkdir ../srv/empty
run export text-a -o ../srv/empty
check 'a folder that is not ours is not touched' test "$rc" = 2

run export text-a -o ../srv/text-a.tar.zst --json
check 'an archive, by its ending' tar --zstd -xf ../srv/text-a.tar.zst -C .. text-a-v1/adapter_model.safetensors
says 'for programs: JSON' '"form":"peft"'
run export text-a@v2
check 'a version that is not there' test "$rc" = 1
says 'is named' 'text-a has no v2'
run export text-a --to gguf -o ../srv/x
check 'T43: an unknown form' test "$rc" = 2
says 'names those that are known' 'peft and lineage'

# T43: output that is its own input, and the walls between clients.
refused() { # WORDS PATH
    run export text-a -o "$2"
    check "$1: refused" test "$rc" = 2
}
mkdir -p clients/b
ln -s "$PWD/models/tiny" ../srv/link
ln models/tiny/model.safetensors ../srv/hard.tar.zst
ln -s "$PWD/models/tiny/model.safetensors" ../srv/soft.tar.zst
before=$(cd models && find . -type f -exec sha256sum {} + | sort)
refused 'T43: into the base' models/tiny/x
refused 'T43: through a symbolic link' ../srv/link/x
refused 'T43: onto a symbolic link' ../srv/soft.tar.zst
refused 'T43: onto a hard link' ../srv/hard.tar.zst
refused 'T43: onto itself' adapters/text-a/v1
refused 'into another adapter' adapters/city/x
refused 'into the texts that are learned' clients/a/proposals/x
refused 'into the store' .lorabuild/x
refused 'into another client' clients/b/x
refused 'into what is shared' models/x
check 'the base is as it was' test "$(cd models && find . -type f -exec sha256sum {} + | sort)" = "$before"
run export city -o models/city
check 'what is nobody'"'"'s secret may stand there' test "$rc" = 0

printf 'x' | dd of=adapters/text-a/v1/adapter_model.safetensors bs=1 seek=9000 conv=notrunc 2>/dev/null
run export text-a -o ../srv/damaged
check 'damaged weights do not leave' test "$rc" = 1
says 'they are named' 'adapter_model.safetensors: is not the file that was built'
check 'nothing was written' test ! -e ../srv/damaged
echo "v1 $today clients/a/proposals/bus.md" >adapters/text-a/blocked
run export text-a -o ../srv/blocked
says 'a blocked version does not leave' 'blocked: it learned something that was withdrawn'
finish
