#!/bin/sh
# In a folder of many files only what is new is opened; a new client needs no new rule.
. "$(dirname "$0")/lib.sh"
needs_trace
small_project
rm clients/a/proposals/*
awk 'BEGIN {
    for (i = 1; i <= 20000; i++) {
        file = "clients/a/proposals/" i ".txt"
        print "Lamp " i " is lit." >file
        close(file)
    }
}'
settle
sleep 2.1 # a file that was changed just now is not trusted yet
run client-a
says 'all are learned' '20,000 documents, 20,000 samples'

printf 'Lamp 20001 is lit.\n' >clients/a/proposals/20001.txt
touch -d '1 hour ago' clients/a/proposals/20001.txt
trace -n client-a
says 'B03: the plan says that one is new' 'text-a v2 from v1: 1 new sample'
check 'and one document is opened' test "$(grep '^[0-9]*\.txt$' "$scratch/opened" | sort -u)" = 20001.txt
rm clients/a/proposals/20001.txt;

mkdir clients/a/proposals/empty
trace client-a
says 'B03: an empty folder changes nothing' 'v1 is current: 20,000 documents'
check_not 'and no document is opened' grep -q '^[0-9]*\.txt$' "$scratch/opened"
trace client-a
check_not 'nor, from then on, what was kept of it' grep -q '\.txt$' "$scratch/opened"

mkdir -p clients/b/proposals
printf 'The kiosk is late.\n' >clients/b/proposals/one.txt
settle
run client-b
says 'B03: the folder of a new client is all that it needs' 'ready, in use: adapters/text-b/v1'
finish
