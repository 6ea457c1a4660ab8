#!/bin/sh
# A link among the documents may lead anywhere in its own client's folder and to what is shared;
# never to another client, and not out of what the rules name.
. "$(dirname "$0")/lib.sh"
small_project
documents=clients/a/proposals
mkdir -p clients/a/archive/2024 clients/b/proposals
printf '# Ferry\n\n## Risks\n\nThe ferry may be late.\n' >clients/a/archive/ferry.md
printf 'The tram may be late.\n' >clients/a/archive/2024/tram.txt
printf 'The lamp is shared.\n' >corpus/lamp.txt
printf 'The kiosk of b is secret.\n' >clients/b/proposals/kiosk.txt
printf 'Outside.\n' >"$scratch/outside.txt"
settle
run client-a

ln -s ../archive/ferry.md $documents/ferry.md
run client-a
says 'T45: a link to elsewhere in the same client is followed' '1 new document, 1 sample: ferry.md'
ln -s "$PWD/clients/a/archive/2024" $documents/old
run client-a
says 'an absolute one to a folder, too' '1 new document, 1 sample: old/tram.txt'
ln -s "$PWD/$documents/bus.md" $documents/again.md
run client-a
says 'and an absolute one within the documents' 'is current: 8 documents'
ln -s ../../../corpus/lamp.txt $documents/lamp.txt
run client-a
says 'T45: one to what is shared is followed' '1 new document, 1 sample: lamp.txt'
run client-a
says 'and then nothing is to be done' 'is current: 9 documents'
sed -i 's/ferry may be late/ferry will be late/' clients/a/archive/ferry.md
settle
run --why client-a
says 'an edit behind a link is an edit' '~ ferry.md §1'
sed -i 's/ferry will be late/ferry may be late/' clients/a/archive/ferry.md
settle

refused() { # WORDS TARGET
    ln -sfn "$2" $documents/link.txt
    run client-a
    says "T45: $1 is refused" 'clients/a/proposals/link.txt: a link that leads out of its folder'
    check 'with exit status 1' test "$rc" = 1
    rm $documents/link.txt
}
refused 'a link to another client' ../../b/proposals/kiosk.txt
refused 'an absolute one' "$PWD/clients/b/proposals/kiosk.txt"
refused 'a link to all clients' ../..
refused 'a link out of the project' "$scratch/outside.txt"
refused 'a link to another adapter' "$PWD/adapters/text-a/v1/samples"
ln -s ../clients/a/archive/ferry.md corpus/ferry.md
run client-a
says "T45: shared texts never lead to a client's" 'corpus/ferry.md: a link that leads out of its folder'
rm corpus/ferry.md
sed -i 's#corpus/, models/#corpus/, models/, ./#' lorabuild.yaml
ln -s ../../b/proposals/kiosk.txt $documents/link.txt
run client-a
check 'T45: nor when all of the project is shared' test "$rc" -ne 0
rm $documents/link.txt
run client-a
says 'without it all is as it was' 'is current: 9 documents'

# Without clients there are no walls in the project.
mkdir -p "$scratch/open/texts" "$scratch/open/notes"
cp -R models "$scratch/open"
cd "$scratch/open" || exit 1
printf 'base: models/tiny\nadapters:\n  notes: {data: texts/, rank: 4, steps: 2, max_length: 256}\n' >lorabuild.yaml
printf 'One.\n' >texts/one.txt
printf 'Two.\n' >notes/two.txt
ln -s ../notes/two.txt texts/two.txt
settle
run notes
says 'T45: without clients, anywhere in the project' '2 documents, 2 samples'
ln -sfn "$scratch/outside.txt" texts/two.txt
run notes
says 'but not out of it' 'texts/two.txt: a link that leads out of its folder'
finish
