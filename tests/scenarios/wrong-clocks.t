#!/bin/sh
# Files from the future and clocks set back: every run ends, and the second has nothing to do.
. "$(dirname "$0")/lib.sh"
small_project
touch -d '2034-01-01' clients/a/proposals/bridge.md
touch -d '1970-01-01' clients/a/proposals/bus.md
touch clients/a/proposals/market.md
run client-a
says 'B05: files dated 2034, 1970 and now are learned' 'ready, in use'
run client-a
says 'B05: the second run has nothing to do' 'v1 is current: 5 documents'

sed -i 's/pump may be late/pump may be early/' clients/a/proposals/pump.md
settle
touch -d '2034-01-01' clients/a/proposals/bridge.md
yesterday() {
    faketime -f -1d "$lorabuild" "$@" >"$scratch/out" 2>&1 </dev/null
    rc=$?
    out=$(normalise <"$scratch/out")
}
if ! faketime -f -1d "$lorabuild" --version >/dev/null 2>&1; then
    report 0 'the clock a day back # SKIP faketime is not installed, or cannot run this program'
    finish
fi
yesterday client-a
says 'B05: with the clock a day back the next number follows' 'adapters/text-a/v2'
yesterday client-a
says 'and then nothing is to be done' 'v2 is current'
run client-a
says 'nor with the right clock' 'v2 is current'
check 'the history is in the order of building' test "$(cut -d' ' -f1 adapters/text-a/history | tr '\n' ' ')" = 'v1 v2 '
sed -i 's/pump may be early/pump may be punctual/' clients/a/proposals/pump.md
settle
yesterday client-a
says 'the newest of equal starts is the highest number' 'v3'
run client-a
says 'v3 stands' 'v3 is current'
finish
