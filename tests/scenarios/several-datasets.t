#!/bin/sh
# include:, several datasets in data:, groups of several adapters, and the check as a setting.
. "$(dirname "$0")/lib.sh"
small_project
mkdir clients/a/minutes rules
printf 'The board met.\nThe board adjourned.\n' >clients/a/minutes/may.txt
cat >rules/more.yaml <<'YAML'
datasets:
  minutes-%: {text: ../clients/%/minutes/, edits: relearn}
groups:
  all-%: [text-%, city]
YAML
sed -i -e '1a include: rules/more.yaml' -e 's/data: proposals-%/data: [proposals-%, minutes-%]/' lorabuild.yaml
settle
run all-a
says 'a group of another file, over client and domain' 'Plan      city v1, then text-a v1'
says 'both datasets are learned' 'text-a    read      6 documents, 12 samples'
run all-a
says 'nothing is to be done' 'text-a    v1 is current: 6 documents, 12 samples unchanged'
says 'for both' 'city      v1 is current'

sed -i 's/adjourned/went home/' clients/a/minutes/may.txt
rm clients/a/proposals/pump.md
settle
run --why client-a
says 'why names documents with their folders' '~ clients/a/minutes/may.txt §2  text edited since v1'
says 'of both datasets' '- clients/a/proposals/pump.md  gone: 2 samples'
says 'a withdrawal in one is strict, though the other relearns' 'city v1   yes   10 to learn'
cp clients/a/proposals/bridge.md clients/a/proposals/pump.md
sed -i 's/bridge/pump/g' clients/a/proposals/pump.md
settle
run client-a
says 'an edit in the one that relearns is learned on top' 'text-a v2 from v1: 1 edited sample'

# Few documents are enough to hold one out; without a check none is.
run -n client-a
sed -i 's/  text-%: {/  text-%: {check: {least_documents: 2}, /' lorabuild.yaml
run client-a
says 'the check is no part of what is wanted' 'v2 is current'
run -B client-a
says 'a full training holds out' 'held-out loss'
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
sed -i 's/least_documents: 2/least_documents: 2, limit: 100%/' lorabuild.yaml
run client-a
says 'an update is checked against the limit' '(limit +100 %)'
check 'which its manifest knows' grep -q '"limit": 1' adapters/text-a/v4/manifest.json
sed -i 's/check: {[^}]*}/check: none/' lorabuild.yaml
printf '# Proposal for a dam\n\n## Risks\n\n4.1 The dam may be late.\n' >clients/a/proposals/dam.md
settle
run client-a
says_not 'check: none checks nothing' 'earlier pages'
run -B client-a
says_not 'and holds nothing out' 'held-out loss'
finish
