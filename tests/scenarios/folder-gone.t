#!/bin/sh
# A folder that is not there withdraws nothing: a share that is not mounted looks the same.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
unharmed() {
    check_not 'nothing is blocked' test -e adapters/text-a/blocked
    check 'the versions stay in use' test "$(readlink adapters/text-a/current)$(readlink adapters/city/current)" = v1v1
    mv away "$1"
    run client-a
    says "$1 there again, nothing is to be done" 'v1 is current: 5 documents'
}

mv clients/a/proposals away
run client-a
expect "a client's folder gone: the build stops, and says what to do" 1 <<'OUT'
text-a    client a has no clients/a/proposals (lorabuild.yaml:7); v1 learned 5 documents
          Share not mounted? Mount it and run again.
          All withdrawn? Make the folder anew, empty, and run
          lorabuild forget text-a --all
OUT
run status
expect 'status names it' 0 <<'OUT'
            in use  documents  state                                       cost
text-a      v1              5  folder not there; share not mounted?
1 other                      current

Disk SIZE
OUT
run status --json
says 'for programs, too' '"adapter":"text-a","documents":5,"in_use":1,"state":"folder not there; share not mounted?","verdict":"left"'
run
check 'a build of everything fails for it alone' test "$rc" = 1
says 'named' 'text-a    client a has no clients/a/proposals'
says 'the others are looked at' 'city      v1 is current'
run gc --yes
check 'gc keeps its version' test -f adapters/text-a/v1/adapter_model.safetensors
unharmed clients/a/proposals

mv clients/a away
run text-a
says 'the client gone: what is asked for by name is told' 'text-a    no rule makes it now; v1 learned 5 documents'
check 'with exit status 1' test "$rc" = 1
run
check 'a build of everything goes on' test "$rc" = 0
says 'and mentions it' 'text-a    no rule makes it now; v1 learned 5 documents'
unharmed clients/a

mv clients away
mkdir clients
run status
says 'all clients gone: status' 'text-a      v1              5  no rule makes it now'
rmdir clients
unharmed clients

# Of a project with nothing else.
mkdir lone
cp -R clients models lone
cat >lone/lorabuild.yaml <<'YAML'
lorabuild: 1
clients: clients/%/
shared: [models/]
base: models/tiny
adapters:
  text-%: {data: clients/%/proposals/, steps: 1, max_length: 256}
YAML
run -C lone
mv lone/clients/a/proposals lone/away
run -C lone
check 'the only folder gone: exit status 1' test "$rc" = 1
says 'asked whether the share is mounted' 'Share not mounted? Mount it and run again.'
says_not 'not told that there is nothing yet' 'nothing to build yet'
run -C lone status
says 'status likewise' 'folder not there; share not mounted?'
says_not 'and no more' 'nothing to build yet'

mv corpus away
run client-a
expect 'a shared folder gone is an error at its line' 2 <<'OUT'
lorabuild.yaml:6:18: 'corpus/' does not exist
  6 |   papers: {text: corpus/}
    |                  ^^^^^^^
1 error. Nothing was built.
OUT
unharmed corpus
finish
