#!/bin/sh
# verify looks at every byte of the versions, names what is not as it was built, changes nothing.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
printf '# Proposal for a ferry\n\n## Risks\n\n5.1 The ferry may sink.\n' >clients/a/proposals/ferry.md
settle
run client-a
cp -R adapters "$scratch/adapters"
everything() {
    find . -type f ! -name lock.mdb -exec sha256sum {} + | sort
}
before=$(everything)

run verify
says 'all is intact' 'city      intact    1 version, 4 files, 1 archive'
says 'of each adapter' 'text-a    intact    2 versions, 12 files, 2 archives'
check 'exit status 0' test "$rc" = 0
run verify text-a@v1
says 'of one version' 'text-a    intact    1 version, 6 files, 1 archive'

# found WORDS SENTENCE: verify names it and changes nothing; then all is put back.
found() {
    broken=$(everything)
    run verify text-a
    says "$1" "$2"
    check 'exit status 1' test "$rc" = 1
    check 'and nothing was changed' test "$broken" = "$(everything)"
    rm -r adapters
    cp -R "$scratch/adapters" adapters
}
sed -i 's/"lora_alpha": *[0-9.]*/"lora_alpha": 1000/' adapters/text-a/v2/adapter_config.json
found 'B23: an edited file' 'v2        adapter_config.json was edited since it was built'
printf x | dd of=adapters/text-a/v1/alone/adapter_model.safetensors bs=1 seek=2000 conv=notrunc 2>/dev/null
found 'one byte of the weights' 'v1        alone/adapter_model.safetensors was edited since it was built'
rm adapters/text-a/v1/samples
found 'a missing one' 'v1        samples is missing'
sed -i 's/"documents": 6/"documents": 7/' adapters/text-a/v2/manifest.json
found 'an edited manifest' 'v2        manifest.json was edited since it was built'
rm -r adapters/text-a/v1
found 'a missing version' 'v1        its folder is missing or cannot be read'
printf x | dd of=$(ls adapters/text-a/*-v1.tar.zst) bs=1 seek=500 conv=notrunc 2>/dev/null
found 'a damaged archive' 'v1        its archive is damaged'
rm adapters/text-a/*-v2.tar.zst
found 'a missing archive' 'v2        its archive is missing'
ln -sfn v1 adapters/text-a/current
found 'a link that leads elsewhere' 'v2 is in use, but the link `current` leads to v1'
echo 'shown to the client' >adapters/text-a/v2/notes.txt
run verify text-a
says 'B23: an unknown file is named' 'v2        notes.txt is no file of this version'
check 'which is no damage' test "$rc" = 0
rm adapters/text-a/v2/notes.txt
run verify --json text-a
says 'for programs' '"intact":true'
check 'nothing was changed in all this' test "$before" = "$(everything)"
run verify text-a@v7
check 'a version that is not there' test "$rc" = 1
finish
