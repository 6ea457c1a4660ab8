#!/bin/sh
# A caption that a person edited is theirs: it is kept, and its sample is learned again.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
table=clients/a/proposals/metadata.csv
check 'the table names its columns' grep -q 'filename,prompt,by,id,passage' "$table"
row=$(grep -n '^bridge.md' "$table" | head -n 1 | cut -d: -f1)
sed -i "${row}s/^bridge.md,\(\"[^\"]*\(\"\"[^\"]*\)*\"\|[^,]*\),/bridge.md,Tell me about the bridge.,/" "$table"
settle

run --why client-a
says 'why names the sample' '~ bridge.md §1       caption edited since v1'
says 'and continues' 'v1        yes'
run client-a
check 'v2 continues v1' grep -q '"ancestor": 1' adapters/text-a/v2/manifest.json
check 'the edited caption stands' grep -q 'Tell me about the bridge.' "$table"

printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
run client-a
check 'it stands when others are written' grep -q 'Tell me about the bridge.' "$table"
finish
