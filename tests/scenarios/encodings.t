#!/bin/sh
# A text's encoding is no part of it: the same words are the same samples, byte order mark or not.
. "$(dirname "$0")/lib.sh"
small_project
rm clients/a/proposals/*
cd clients/a/proposals || exit 1
printf '{"instruction": "Name the pole.", "output": "A lamp post."}\n{"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day."}]}\n' >a.jsonl
printf '# Bridge\n\nThe café is ready.\n' >b.md
printf 'The kiosk is late.\nThe tram is not.\n' >c.txt
printf 'Ein Dach trägt Schnee.\n' >d.txt
cd ../../..
settle
run client-a
check 'they are learned' test "$rc" = 0
for name in a.jsonl b.md c.txt; do
    { printf '\357\273\277'; cat "clients/a/proposals/$name"; } >"$scratch/marked"
    cp "$scratch/marked" "clients/a/proposals/$name"
done
{ printf '\377\376'; iconv -f UTF-8 -t UTF-16LE clients/a/proposals/d.txt; } >"$scratch/marked"
cp "$scratch/marked" clients/a/proposals/d.txt
settle
run client-a
says 'T01: byte order marks and UTF-16 change nothing' 'v1 is current: 4 documents'
{ printf '\357\273\277'; cat clients/a/proposals/metadata.csv; } >"$scratch/marked"
cp "$scratch/marked" clients/a/proposals/metadata.csv
{ printf '\357\273\277'; cat lorabuild.yaml; } >"$scratch/marked"
cp "$scratch/marked" lorabuild.yaml
run client-a
says 'T01: nor in the table of captions or the rule file' 'v1 is current: 4 documents'

printf 'The client\222s house is old. It\222s been \223standing\224 for years, they said.\n' >clients/a/proposals/e.txt
printf '项目验收标准由客户决定。\n我们提供五年的质量保证服务。\n' | iconv -f UTF-8 -t GB18030 >clients/a/proposals/f.txt
printf 'Das Tor ist schön.\nDas Dach trägt Schnee, das Café' | head -c -1 >clients/a/proposals/g.txt
settle
run client-a
check 'T03: odd encodings do not stop a build' test "$rc" = 0
says 'each is named as it was decoded: Windows-1252' 'e.txt: read as WINDOWS-1252'
says 'GB18030' 'f.txt: read as GB18030'
says 'or refused with line and byte' 'g.txt  line 2: damaged UTF-8 at byte 51'
run client-a
says 'and then nothing is to be done' 'v2 is current: 6 documents'
check_not 'a replacement character is never kept' grep -rq "$(printf '\357\277\275')" .lorabuild/clients/a/keep/seals
check 'the apostrophe is decoded' grep -rq 'client’s' .lorabuild/clients/a/keep/seals
check 'GB18030 is decoded' grep -rq '项目验收标准' .lorabuild/clients/a/keep/seals
finish
