#!/bin/sh
# A client keeps the domain version that it was built on; -U takes the newest.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
printf '# Gas\n\n## Mains\n\nMains are old and long.\n' >corpus/gas.md
settle

run client-a
says 'new domain texts alone leave the client as it is' 'v1 is current'
run city
says 'the domain is built when it is asked for' 'city v2 from v1: 1 new sample'
run client-a
says 'the client still keeps city v1' 'v1 is current'
run status client-a
says 'status says that a newer one exists' 'keeps city v1; city v2 exists (-U)'
run -U client-a
says '-U builds on it' 'text-a v2'
check 'the manifest names city v2' grep -A3 '"parent"' adapters/text-a/v2/manifest.json
check 'as its parent' sh -c 'grep -A4 "\"parent\"" adapters/text-a/v2/manifest.json | grep -q "\"version\": 2"'
finish
