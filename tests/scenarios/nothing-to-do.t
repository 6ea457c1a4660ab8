#!/bin/sh
# Without a change nothing is done, whatever is touched, renamed or reordered.
. "$(dirname "$0")/lib.sh"
small_project
run client-a

run client-a
expect 'one line says that nothing is to be done' 0 <<'OUT'
text-a    v1 is current: 5 documents, 10 samples unchanged  TIME
OUT

mv clients/a/proposals/bridge.md clients/a/proposals/zebra.md
settle
run client-a
says 'a renamed document changes nothing' 'v1 is current'

printf '# Proposal for a bus\n\n## Risks\n\n4.2 We carry the bus.\n\n4.1 The bus may be late.\n' \
    >clients/a/proposals/bus.md
settle
run client-a
says 'samples in another order change nothing' 'v1 is current'

printf '\357\273\277# Proposal for a pump\r\n\r\n## Risks\r\n\r\n4.1 The pump may be late.\r\n\r\n4.2 We carry the pump.\r\n' \
    >clients/a/proposals/pump.md
settle
run client-a
says 'T01: a byte order mark and other line ends change nothing' 'v1 is current'

mkdir clients/a/proposals/empty
touch clients/a/proposals/.DS_Store clients/a/proposals/Thumbs.db
printf x >'clients/a/proposals/~$bus.docx'
settle
run client-a
says 'empty folders and desktop files change nothing' 'v1 is current'
check 'only v1 was ever built' test "$(ls -d adapters/text-a/v*/ | wc -l)" = 1
finish
