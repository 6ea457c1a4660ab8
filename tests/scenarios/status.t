#!/bin/sh
# status shows what wants attention, then counts the rest.
. "$(dirname "$0")/lib.sh"
small_project
mkdir -p clients/b/proposals
printf '# Proposal\n\nb01 is the first of b.\n' >clients/b/proposals/one.md
settle

run status
expect 'nothing was built' 0 <<'OUT'
            in use  documents  state                                       cost
city        -               2  never built
text-a      -               5  never built
text-b      -               1  never built

Disk SIZE
OUT
run client-a
run status
expect 'what is current is only counted' 0 <<'OUT'
            in use  documents  state                                       cost
text-b      -               1  never built
2 others                      current

Disk SIZE
OUT
run status client-a
expect 'of some adapters only those are told' 0 <<'OUT'
text-a is current.
OUT
rm clients/a/proposals/pump.md
run status client-a
says 'a withdrawal is named' '2 withdrawn; v1 learned them'
run status text-nobody
says 'an unknown name gets the nearest' 'text-'
check 'with exit status 2' test "$rc" = 2
finish
