#!/bin/sh
# What tar, rsync or cp -p bring back has the times of then: what it holds decides.
. "$(dirname "$0")/lib.sh"
small_project
documents=clients/a/proposals
touch -d '2024-03-01 10:00:00' $documents/*
tar -cf "$scratch/backup.tar" "$documents"
run client-a

printf '# Proposal for a bus\n\n## Risks\n\n4.1 The bus will be late.\n\n4.2 We carry the bus.\n' >$documents/bus.md
settle
run client-a
says 'an edited document is learned' 'v2'
tar -xpf "$scratch/backup.tar"
check 'its old time is back' test "$(stat -c %y $documents/bus.md | cut -c1-19)" = '2024-03-01 10:00:00'
run --why client-a
says 'a backup unpacked over it is the old text' '~ bus.md §1          text edited since v2'
run client-a
says 'for which the old version stands' 'text-a v1, built before'

# rsync -a writes beside the file, sets its time, renames; the new text is as long as the old.
printf '# Proposal for a bus\n\n## Risks\n\n4.1 The bug may be late.\n\n4.2 We carry the bus.\n' >$documents/.bus.md.Xy12Qz
touch -r $documents/bus.md $documents/.bus.md.Xy12Qz
run client-a
says 'what rsync has not finished is no document' 'v1 is current: 5 documents'
mv $documents/.bus.md.Xy12Qz $documents/bus.md
run --why client-a
says 'what it put there under the same size and time is an edit' '~ bus.md §1          text edited since v1'
finish
