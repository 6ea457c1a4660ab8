#!/bin/sh
# What is withdrawn or edited is really forgotten: nothing that learned it is continued.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
run client-a
printf '# Proposal for a tram\n\n## Risks\n\n4.1 The tram may be late.\n' >clients/a/proposals/tram.md
rm clients/a/proposals/ferry.md
settle

run --why client-a
expect 'why takes the version that never saw it' 0 <<'OUT'
text-a would become v3, about TIME:
  + tram.md            new: 1 sample
  - ferry.md           gone: 1 sample
Unchanged: 10 samples, recipe, writer, city v1.

Where it could start:
  v2        no    learned ferry.md, which is gone
  v1        yes   all its 10 samples are still wanted; 1 to learn      <- taken
  city v1   yes   11 to learn, about TIME
Rule: never continue from what has learned something no longer wanted.
OUT
run client-a
says 'the plan says what is not continued' 'v2 learned it; it is not continued'
check 'v3 comes from v1' grep -q '"ancestor": 1' adapters/text-a/v3/manifest.json

sed -i 's/bridge may be late/bridge may be early/' clients/a/proposals/bridge.md
settle
run --why client-a
says 'an edited text is named as edited' '~ bridge.md §1       text edited since v3'
says 'and no version that learned it is continued' 'city v1   yes   11 to learn'
says_not 'neither v1' 'v1        yes   all'
run client-a
check 'v4 is trained in full' grep -q '"ancestor": 0' adapters/text-a/v4/manifest.json

sed -i 's/leak at night/leak by day/' corpus/water.md
settle
run client-a
says 'a withdrawal in the domain corpus rebuilds the domain first' 'city v2, then text-a v5'
check 'the client stands on the new domain version' \
    grep -q '"version": 2' adapters/text-a/v5/manifest.json
finish
