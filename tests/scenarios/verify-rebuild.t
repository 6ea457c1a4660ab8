#!/bin/sh
# verify --rebuild trains a version and all that it came from again and compares bits.
. "$(dirname "$0")/lib.sh"
small_project
for n in 1 2 3 4 5 6 7; do
    printf '# Proposal %s\n\n## Risks\n\n%s.1 Part %s may be late.\n' $n $n $n >clients/a/proposals/p$n.md
done
settle
run client-a
printf '# Proposal for a ferry\n\n## Risks\n\n5.1 The ferry may sink.\n' >clients/a/proposals/ferry.md
sed -i '/^bridge.md/s/Risks/Dangers/' clients/a/proposals/metadata.csv
settle
run client-a
check 'v2 continued v1' grep -q '"ancestor": 1' adapters/text-a/v2/manifest.json
check 'with documents held out' grep -q ' v$' adapters/text-a/v2/samples
rm clients/a/proposals/*.md
sed -i '1a # settings stand a line lower now: their reports would be others' lorabuild.yaml
run verify text-a --rebuild
expect 'the whole line, from the seals' 0 <<'OUT'
city      v1        trained again: the same bits  TIME

text-a    v1        trained again: the same bits  TIME
          v2        trained again: the same bits  TIME
OUT
check 'the private place is gone' test -z "$(ls .lorabuild/clients/a/keep | grep rebuild)"
run verify text-a@v1 --rebuild --json
says 'for programs' '"same":true'

# An edited weight is found even where digest and size were made to fit.
printf x | dd of=adapters/city/v1/adapter_model.safetensors bs=1 seek=2000 conv=notrunc 2>/dev/null
sum=$(sha256sum <adapters/city/v1/adapter_model.safetensors | cut -c 1-64)
old=$(grep -o '"sha256": "[0-9a-f]*"' adapters/city/v1/manifest.json | sed -n 2p | cut -c 12-75)
sed -i "s/$old/$sum/" adapters/city/v1/manifest.json
run verify text-a --rebuild
expect 'weights that were changed' 1 <<'OUT'
city      v1        trained again: adapter_model.safetensors differs  TIME
OUT
cp -R adapters/text-a/v1 "$scratch"
sed -i 's/"instruction_set": "[a-z0-9_]*"/"instruction_set": "sse9"/' adapters/text-a/v1/manifest.json
run verify city --rebuild
check 'only what it came from is trained' test "$rc" = 1
sed -i "s/$sum/$old/" adapters/city/v1/manifest.json
run verify text-a@v1 --rebuild
says 'another machine' 'text-a v1 was built with sse9'
check 'with exit status 1' test "$rc" = 1
cp "$scratch/v1/manifest.json" adapters/text-a/v1/manifest.json
sed -i 's/"learning_rate": [0-9.e-]*/"learning_rate": 0.01/; s/"attempt_key": "../"attempt_key": "ff/' adapters/text-a/v1/manifest.json
run verify text-a@v1 --rebuild
says 'an edited manifest' 'or its manifest was edited'
rm -r .lorabuild/shared/keep
run verify city --rebuild
says 'texts that are lost' 'the texts of city v1 are not kept any more'
finish
