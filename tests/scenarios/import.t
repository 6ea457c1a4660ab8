#!/bin/sh
# export --to lineage and import: another machine of the same client goes on where this one stopped.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
run client-a
run export text-a --to lineage -o ../a.tar.zst
check 'a lineage is exported' test "$rc" = 0
run export text-a --to lineage -o ../again.tar.zst
check 'the same content, the same archive' cmp -s ../a.tar.zst ../again.tar.zst
run export text-a --to lineage -o ../folder
check 'it is one file' test "$rc" = 2

# The other machine: the same rules, base and documents, nothing built.
mkdir ../other
cp -R lorabuild.yaml models corpus clients ../other
here=$PWD
cd ../other || exit 1
run import ../a.tar.zst
expect 'the version and what it stands on are taken over' 0 <<'OUT'
city      v1        imported
          v1        in use

text-a    v2        imported
          v2        in use

Go on     lorabuild text-a
OUT
check 'the weights are the same' cmp -s adapters/text-a/v2/adapter_model.safetensors "$here/adapters/text-a/v2/adapter_model.safetensors"
check 'so is the archive' cmp -s adapters/text-a/text-a-*-v2.tar.zst "$here"/adapters/text-a/text-a-*-v2.tar.zst
check 'and the history' cmp -s adapters/text-a/history "$here/adapters/text-a/history"
run client-a
expect 'with the same documents there is nothing to do' 0 <<'OUT'
text-a    v2 is current: 6 documents, 11 samples unchanged  TIME
OUT
run import ../a.tar.zst
says 'a second import finds all of it' 'text-a    v2        was here already'
check 'nothing is left behind' test -z "$(find adapters -name '.*')"
printf '# Proposal for a crane\n\n## Risks\n\n4.1 The crane may be late.\n' >clients/a/proposals/crane.md
settle
run client-a
says 'one more document continues from it' 'text-a v3 from v2: 1 new sample'
check 'under the next number' test "$(cat adapters/text-a/CURRENT)" = v3
run import ../a.tar.zst
says 'an older bundle does not go back' 'v3        stays in use'
rm clients/a/proposals/ferry.md
run -n client-a
says 'what it was exposed to is known: nothing that learned it is continued' 'neither is continued'

# Both machines built on: v3 here is another one than v3 there.
cd "$here" || exit 1
printf '# Proposal for a kiosk\n\n## Risks\n\n4.1 The kiosk may be late.\n' >clients/a/proposals/kiosk.md
settle
run client-a
run export text-a --to lineage -o ../b.tar.zst
cd ../other || exit 1
run import ../b.tar.zst
check 'two versions of one number: refused' test "$rc" = 1
says 'with a remedy' 'away and import again'
check 'v3 is as it was' test "$(cat adapters/text-a/CURRENT)" = v3
check 'nothing is left behind' test -z "$(find adapters -name '.*')"

# Whose it is.
mkdir -p clients/b/proposals ../third/clients
echo 'b wants a lamp.' >clients/b/proposals/one.txt
settle
run import ../a.tar.zst text-b
check 'another client does not get it' test "$rc" = 2
says 'both are named' 'belongs to a, text-b here belongs to b'
check 'nothing was written' test ! -e adapters/text-b
cp -R lorabuild.yaml models corpus ../third
run -C ../third import ../a.tar.zst
check 'nor a project without that client' test "$rc" = 2
check 'nothing was written there' test "$(ls -A ../third | tr '\n' ' ')" = 'clients corpus lorabuild.yaml models '
finish
