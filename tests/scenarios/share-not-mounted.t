#!/bin/sh
# Over half of the documents gone at once: an unmounted share looks the same, so a person is asked.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
mkdir away
mv clients/a/proposals/*.md away
run client-a
expect 'an empty folder' 1 <<'OUT'
text-a    stopped: clients/a/proposals/ is empty; v1 learned 5 documents
          Share not mounted? Mount it and run again.
          All withdrawn? lorabuild forget text-a --all
OUT
check_not 'blocks nothing' test -e adapters/text-a/blocked
check 'v1 stays in use' test "$(readlink adapters/text-a/current)" = v1
mv away/bridge.md away/bus.md clients/a/proposals
run client-a
expect 'two of five' 1 <<'OUT'
text-a    stopped: 3 of 5 documents are gone from clients/a/proposals/ at once
          Share not mounted? Mount it and run again.
          Really withdrawn? lorabuild --rebuild text-a
OUT
rm -r .lorabuild
run client-a
says 'also where what is kept was lost' '3 of 5 documents are gone'
mv away/*.md clients/a/proposals
run client-a
says 'mounted again, nothing is to be done' 'v1 is current'

mkdir gone
mv corpus/*.md gone
run client-a
says 'the domain below is asked about as well' 'city      stopped: corpus/ is empty; v1 learned 2 documents'
check 'with exit status 1' test "$rc" = 1
run status
says 'status goes on' 'city        v1              0  nothing to learn yet'
finish
