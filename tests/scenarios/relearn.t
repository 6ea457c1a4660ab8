#!/bin/sh
# edits: relearn: an edited text is a correction, learned on top; what is taken out is withdrawn.
. "$(dirname "$0")/lib.sh"
small_project
sed -i 's#proposals-%: {text: clients/%/proposals/}#proposals-%: {text: clients/%/proposals/, edits: relearn}#' lorabuild.yaml
run client-a
says 'the first build' 'text-a    read      5 documents, 10 samples'

# With one text of ten edited, going on costs less than learning all anew.
sed -i 's/bridge may be late/bridge may be early/' clients/a/proposals/bridge.md
settle
run --why client-a
expect 'why: an edit is learned on top' 0 <<'OUT'
text-a would become v2, about TIME:
  ~ bridge.md §1       text edited since v1
Unchanged: 9 samples, recipe, writer, city v1.

Where it could start:
  v1        yes   edited texts are learned on top; 1 to learn          <- taken
  city v1   yes   10 to learn, about TIME
Rule: edits: relearn: an edited text is learned on top of its old one.
OUT
run client-a
says 'the plan counts it' 'text-a v2 from v1: 1 edited sample'
check 'v2 continues v1' grep -q '"ancestor": 1' adapters/text-a/v2/manifest.json
check 'what was edited is recorded with its samples' grep -q '^corrected 1$' adapters/text-a/v2/samples
check_not 'not in v1' grep -q corrected adapters/text-a/v1/samples
check_not 'nothing is blocked' test -e adapters/text-a/blocked
run client-a
says 'nothing is to be done' 'v2 is current'

printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
run client-a
check 'v3 continues v2, though the old text is in its weights' grep -q '"ancestor": 2' adapters/text-a/v3/manifest.json
check 'and remembers the correction' grep -q '^corrected 1$' adapters/text-a/v3/samples

rm -r .lorabuild
printf '# Proposal for a tram\n\n## Risks\n\n4.1 The tram may be late.\n' >clients/a/proposals/tram.md
settle
run client-a
check 'even where all that is kept was lost' grep -q '"ancestor": 3' adapters/text-a/v4/manifest.json

rm clients/a/proposals/bridge.md
settle
run --why client-a
says 'withdrawn, both its texts are forgotten: no version is continued' 'city v1   yes   10 to learn'
says 'v1 neither' 'v1        no    learned'
run client-a
check 'all is trained in full' grep -q '"ancestor": 0' adapters/text-a/v5/manifest.json
check_not 'with nothing left to correct' grep -q corrected adapters/text-a/v5/samples
check 'and all before are blocked' test "$(cut -d' ' -f1 adapters/text-a/blocked | tr '\n' ' ')" = 'v1 v2 v3 v4 '
finish
