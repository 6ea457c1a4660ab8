#!/bin/sh
# A domain whose dataset says edits: relearn: its clients keep their version through an edit, and
# move on at a withdrawal.
. "$(dirname "$0")/lib.sh"
small_project
sed -i 's#papers: {text: corpus/}#papers: {text: corpus/, edits: relearn}#' lorabuild.yaml
run client-a
sed -i 's/leak at night/leak by day/' corpus/water.md
settle
run client-a
says 'an edit in the domain moves no client' 'v1 is current'
run city
says 'the domain learns it on top' 'city v2 from v1: 1 edited sample'
run client-a
says 'the client keeps its domain version' 'v1 is current'
printf '# Proposal for a dam\n\n## Risks\n\n4.1 The dam may be late.\n' >clients/a/proposals/dam.md
settle
run client-a
check 'also when it learns more' grep -q '"ancestor": 1' adapters/text-a/v2/manifest.json
rm corpus/water.md
settle
run client-a
says 'a withdrawal in the domain always moves on' 'city v3 without water.md, from writer, then text-a v3'
check 'to a domain version that saw neither text' grep -q '"ancestor": 0' adapters/city/v3/manifest.json
finish
