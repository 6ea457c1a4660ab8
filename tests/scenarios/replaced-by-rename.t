#!/bin/sh
# Editors write a new file and rename it over the old one.
. "$(dirname "$0")/lib.sh"
small_project
documents=clients/a/proposals
run client-a
sed 's/bus may be late/bug may be late/' $documents/bus.md >"$scratch/new"
touch -r $documents/bus.md "$scratch/new"
mv "$scratch/new" $documents/bus.md
run --why client-a
says 'another file of equal size and time under the old name is an edit' '~ bus.md §1          text edited since v1'
sed 's/bug may be late/bus may be late/' $documents/bus.md >"$scratch/new"
touch -d '1 hour ago' "$scratch/new"
mv "$scratch/new" $documents/bus.md
run client-a
says 'the same text in a new file changes nothing' 'v1 is current'

mv $documents/bus.md $documents/kept
mv $documents/pump.md $documents/bus.md
mv $documents/kept $documents/pump.md
run client-a
says 'two that changed names change nothing' 'v1 is current: 5 documents'
sed -i 's/may be late/will be late/' $documents/bus.md
settle
run --why client-a
says 'and from then on each has its own text' 'bus.md §1'
sed -i 's/will be late/may be late/' $documents/bus.md

# A whole folder, replaced while nobody looked.
cp -Rp $documents "$scratch/other"
sed -i 's/school may be late/school may be open/' "$scratch/other/school.md"
touch -r $documents/school.md "$scratch/other/school.md"
mv $documents "$scratch/old"
mv "$scratch/other" $documents
run --why client-a
says 'a folder renamed into place is read for what it holds' '~ school.md §1       text edited since v1'
mv $documents "$scratch/other"
mv "$scratch/old" $documents
run client-a
says 'and so is the old one' 'v1 is current'
finish
