#!/bin/sh
# Two names of one file are two documents with the same text, learned once.
. "$(dirname "$0")/lib.sh"
small_project
documents=clients/a/proposals
run client-a
ln $documents/bus.md $documents/again.md
run client-a
says 'a hard link to a document changes nothing' 'v1 is current: 6 documents, 10 samples'
sed 's/bus may be late/bus will be late/' $documents/bus.md >"$scratch/new"
cat "$scratch/new" >$documents/again.md
run --why client-a
says 'an edit through one name is an edit of both: the one' 'again.md §1'
says 'and the other' 'bus.md §1'
printf '# Proposal for a bus\n\n## Risks\n\n4.1 The bus may be late.\n\n4.2 We carry the bus.\n' >$documents/bus.md
settle
rm $documents/bus.md
run client-a
says 'one name gone withdraws nothing' 'v1 is current: 5 documents, 10 samples'
rm $documents/again.md
run --why client-a
says 'both gone does' 'gone: 2 samples'

# Across clients the text is each one's own.
mkdir -p clients/b/proposals
ln $documents/pump.md clients/b/proposals/pump.md
run -n client-b
check 'a hard link cannot be told from a copy' test "$rc" = 0
finish
