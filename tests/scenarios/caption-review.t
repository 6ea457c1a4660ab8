#!/bin/sh
# review: required learns no caption that nobody has read; what was learned is not withdrawn.
. "$(dirname "$0")/lib.sh"
small_project
sed -i 's|text: clients/%/proposals/|&, review: required|' lorabuild.yaml
settle
table=clients/a/proposals/metadata.csv

run client-a
expect 'before anybody has read them, nothing is learned' 1 <<'OUT'
text-a: 10 of its captions wait for review, and nothing else is there to learn.
Read them in metadata.csv, then: lorabuild caption --accept text-a
OUT
run status
says 'status says so' 'all its captions wait for review'
run caption client-a
expect 'so does caption' 0 <<'OUT'
proposals-a  captions  10 from headings, none new  TIME
                       clients/a/proposals/metadata.csv
             review    10 wait for you: read them there, then
                       lorabuild caption --accept client-a
OUT
run caption --accept client-a bridge.md bus.md:§2
says 'some may be accepted' '7 wait for you'
check 'which the table records' test "$(grep -c ',ok-[0-9a-f]\{16\},' "$table")" = 3
run caption --accept client-a nothing.md
check 'what is not there cannot be' test "$rc" = 2
sed -i '/4.1 The school/s/,"Write[^,]*,/,Who waits for the school?,/' "$table"
settle
run client-a
says 'what is accepted or edited is learned, the rest is told' '6 captions wait for you; their texts are not learned yet'
check 'four samples' grep -q '"samples": 4' adapters/text-a/v1/manifest.json
run client-a
expect 'a build with nothing to do tells it too' 0 <<'OUT'
text-a    v1 is current: 5 documents, 4 samples unchanged  TIME
          review    6 captions wait for you; their texts are not learned yet
                    lorabuild caption --accept text-a
OUT
run status
says 'and status' '6 captions wait for review'
run gc
check 'gc keeps what waits' test "$(find .lorabuild/clients/a/keep/seals -type f | wc -l)" = 5
run caption --accept text-a
says 'all the rest' '9 accepted, none waits'
cp -p "$table" "$scratch/accepted"
rm -rf .lorabuild
run caption text-a
says 'acceptance survives the loss of .lorabuild' '9 accepted, none waits'
check 'in the table alone' cmp -s "$table" "$scratch/accepted"
run client-a
says 'then all are learned, from v1' 'text-a v2 from v1: 6 new samples'

# Another caption of the machine's for a text already learned: neither learned nor withdrawn.
sed -i 's/## Risks/## Dangers/' clients/a/proposals/pump.md
settle
run --why client-a
says_not 'a caption that waits is no withdrawal' withdrawn
run client-a
says 'what is in use stays' 'v2 is current'
says 'with a word' '2 captions wait for you'
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
run caption --accept text-a
says 'acceptance holds for what stood in the table, not for what is drafted now' '1 waits for you'
run caption --accept text-a
says 'read again, it holds' 'none waits'
run client-a
says 'then the correction and the new text are learned' 'text-a v3 from v2: 3 new or edited samples'

# Acceptance is of one caption of one text.
sed -i 's/4.1 The ferry may be late/4.1 The ferry may be early/' clients/a/proposals/ferry.md
settle
run caption text-a
says 'an edited text waits again' '1 waits for you'
sed -i '/ferry may be early/s/auto-[0-9a-f]*/'"$(grep -o 'ok-[0-9a-f]*' "$table" | head -n 1)/" "$table"
settle
run caption text-a
says 'a mark of another row makes it yours, as any edit does' '2 yours'
run caption text-a --redo ferry.md
says 'given back, it waits' '1 waits for you'
finish
