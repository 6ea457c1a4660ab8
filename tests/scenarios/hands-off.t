#!/bin/sh
# What a person put into a version's folder, or edited there, stays through every build.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
run client-a
archive=$(sha256sum adapters/text-a/*-v2.tar.zst)
echo 'shown to the client' >adapters/text-a/v2/notes.txt
sed -i 's/"lora_alpha": *[0-9.]*/"lora_alpha": 1/' adapters/text-a/v2/adapter_config.json
edited=$(sha256sum <adapters/text-a/v2/adapter_config.json)

# kept WORDS
kept() {
    check "B23: $1: notes.txt stays" grep -q 'shown to the client' adapters/text-a/v2/notes.txt
    check 'and the edit' test "$(sha256sum <adapters/text-a/v2/adapter_config.json)" = "$edited"
    check 'the archive is untouched' test "$(sha256sum adapters/text-a/*-v2.tar.zst)" = "$archive"
}

run client-a
says 'nothing is to be done' 'v2 is current'
kept 'a build with nothing to do'
rm clients/a/proposals/ferry.md
run client-a
says "v1's documents bring v1 back" 'text-a v1, built before'
kept 'another version in use'
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
run client-a
says 'and v2 likewise' 'text-a v2, built before'
kept 'in use again'
rm adapters/text-a/v2/samples
run client-a
kept 'another file was brought back'
finish
