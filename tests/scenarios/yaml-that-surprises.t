#!/bin/sh
# Keys given twice, anchors and tabs in the rule file.
. "$(dirname "$0")/lib.sh"
small_project
cat >lorabuild.yaml <<'YAML'
lorabuild: 1
clients: clients/%/
shared: [corpus/, models/]
base: {writer: models/tiny}
datasets:
  papers: {text: corpus/}
  proposals-%: {text: clients/%/proposals/}
adapters:
  city: {base: writer, data: papers, rank: 4, steps: 12}
  text-a: {from: city, data: proposals-a, rank: 4}
  text-a: {from: city, data: proposals-a, rank: 2}
YAML
run text-a
says 'B19: a key given twice is refused at its line' 'lorabuild.yaml:11:3'
says 'with the other line' '10'
check 'with exit status 2' test "$rc" = 2
check_not 'nothing was built' test -e adapters

mkdir -p clients/b/proposals
printf 'The kiosk is late.\n' >clients/b/proposals/one.txt
cat >lorabuild.yaml <<'YAML'
lorabuild: 1
clients: clients/%/
shared: [corpus/, models/]
base: {writer: models/tiny}
x-common: &common {rank: 4, steps: 12, max_length: 256, precision: f32}
datasets:
  papers: {text: corpus/}
  proposals-%: {text: clients/%/proposals/}
adapters:
  city: {<<: *common, base: writer, data: papers}
  text-%: {<<: *common, from: city, data: proposals-%, steps: 10}
  text-b: {steps: 11}
YAML
settle
run text-a text-b
check 'B19: merged keys work' test "$rc" = 0
check 'what stands beside the merge wins' grep -q '"steps": 10' adapters/text-a/v1/manifest.json
check 'what is merged counts' grep -q '"rank": 4' adapters/text-a/v1/manifest.json
check 'laying over changes its own target alone' grep -q '"steps": 11' adapters/text-b/v1/manifest.json

sed -i 's/^base: /base:\t/; s/proposals-%, steps: 10}/&\t/' lorabuild.yaml
run text-a
says 'B19: tabs after a colon and at the end of a line are accepted' 'v1 is current'
sed -i 's/^  text-b/\ttext-b/' lorabuild.yaml
run text-a
says 'a tab as indentation is named with its column' 'lorabuild.yaml:12:1: '
says 'as a tab' 'tab'
check 'with exit status 2' test "$rc" = 2
finish
