#!/bin/sh
# What a file holds decides, not its time; only -B forces.
. "$(dirname "$0")/lib.sh"
needs_trace
small_project
run client-a
cp -Rp clients/a/proposals "$scratch/kept"
documents=clients/a/proposals

printf '# Proposal for a bus\n\n## Risks\n\n4.1 The bus will be late.\n' >"$scratch/older.md"
touch -d '3 days ago' "$scratch/older.md"
cp -p "$scratch/older.md" "$documents/bus.md"
run --why client-a
says 'B01: a document restored from a backup, older than the adapter, is an edit' '~ bus.md §1          text edited since v1'
cp -p "$scratch/kept/bus.md" "$documents/bus.md"

printf '# Proposal for a bus\n\n## Risks\n\n4.1 The bug may be late.\n\n4.2 We carry the bus.\n' |
    dd of="$documents/bus.md" conv=notrunc 2>/dev/null
touch -r "$scratch/kept/bus.md" "$documents/bus.md"
check 'size and time are as they were' test "$(stat -c '%s %y' "$documents/bus.md")" = "$(stat -c '%s %y' "$scratch/kept/bus.md")"
run --why client-a
says 'B01: an edit of equal length under the old time is an edit' '~ bus.md §1          text edited since v1'
cp -p "$scratch/kept/bus.md" "$documents/bus.md"

find . -type f -exec touch {} +
sleep 2.1
trace client-a
says 'B01: touching every file builds nothing' 'v1 is current'
check 'each document is read once' test "$(grep -c '\(bridge\|bus\|market\|pump\|school\)\.md$' "$scratch/opened")" = 5
trace client-a
says 'the next run finds nothing to do' 'v1 is current'
check_not 'and opens no document' grep -q '\.md$' "$scratch/opened"
check 'only v1 was ever built' test "$(ls -d "adapters/text-a/v"*/ | wc -l)" = 1
finish
