#!/bin/sh
# diff tells what differs between folders and a version, or between two versions.
. "$(dirname "$0")/lib.sh"
small_project
mkdir -p clients/b/proposals
printf '# Proposal\n\nb01 is the first of b.\n' >clients/b/proposals/one.md
settle
run text-a
run diff text-a
expect 'nothing differs' 0 <<'OUT'
text-a: its folders now, and before it v1
Unchanged: 10 samples.
OUT
printf '# Proposal for a ferry\n\n## Risks\n\n5.1 The ferry may sink.\n' >clients/a/proposals/ferry.md
sed -i 's/We carry the bus/We carry the tram/' clients/a/proposals/bus.md
sed -i '/^bridge\.md/s/Risks/Dangers/' clients/a/proposals/metadata.csv
rm clients/a/proposals/pump.md
sed -i 's/rank: 4, steps: 12, max_length: 256, precision: f32}$/rank: 2, steps: 12, max_length: 256, precision: f32}/' lorabuild.yaml
settle
run diff text-a
expect 'samples, captions, recipe' 0 <<'OUT'
text-a: its folders now, and before it v1
  ~ bridge.md §1         caption
      Write the section [-"Risks"-] {+"Dangers"+} of "Proposal for a bridge".
  ~ bridge.md §2         caption
      Write the section [-"Risks"-] {+"Dangers"+} of "Proposal for a bridge".
  ~ bus.md §2            text
      4.2 We carry the [-bus.-] {+tram.+}
  + ferry.md             1 sample
  - pump.md              2 samples
  ~ rank               2, was 4
  ~ alpha              4.0, was 8.0
Unchanged: 5 samples.
OUT
run text-a
run diff text-a@v1 @v2
says 'two versions' 'text-a: v2, and before it v1'
says 'documents' '  - pump.md'
says 'recipe' '  ~ rank               2, was 4'
says 'losses' '  ~ last training loss'
run diff text-a@v1 text-a@v2 'What are the risks?'
says 'what both write, side by side' 'What are the risks?
v1                                      v2'
run diff text-a@v1 text-b@v1
expect 'between clients nothing is compared' 2 <<'OUT'
text-a belongs to client a and text-b to client b: nothing is compared between clients
OUT
run diff text-a@v1 city@v1
check 'nor between adapters' test "$rc" = 2
run diff text-b
check 'nothing was built' test "$rc" = 1
run diff text-a@v1 @v2 --json
says 'for programs' '"change":"gone"'
finish
