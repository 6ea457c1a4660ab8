#!/bin/sh
# A wrong rule file gets every error at once, with place and remedy, and nothing is built.
. "$(dirname "$0")/lib.sh"
small_project
mkdir -p clients/b/proposals
cat >lorabuild.yaml <<'YAML'
lorabuild: 1
clients: clients/%/
shared: [corpus/, models/]
base:
  writer： models/tiny
datasets:
  papers: {text: corpus/}
  proposals-%: {text: clients/%/proposals/}
adapters:
  city: {base: writer, data: papers, epoch: 2}
  text-%: {from: city, data: proposals-%}
  text-b: {data: clients/a/proposals/}
YAML
run client-a
says 'full-width punctuation is named' "lorabuild.yaml:5:9: Chinese colon; write ': ' (colon, space)"
says 'with a caret of its width' '    |         ^^'
says 'an unknown key gets the nearest' "unknown key 'epoch'; did you mean 'epochs'?"
says 'at its column' 'lorabuild.yaml:10:38:'
says "a client's data in another's adapter is refused" "'text-b' belongs to client b and would learn from a"
says 'the errors are counted' '3 errors. Nothing was built.'
check 'with exit status 2' test "$rc" = 2
check_not 'nothing was built' test -e adapters
finish
