#!/bin/sh
# LORABUILD_STORE: the store lies elsewhere, on another file system where there is one, and no two
# projects share it.
. "$(dirname "$0")/lib.sh"
small_project
place=$scratch/stores
if [ -d /dev/shm ] && [ -w /dev/shm ]; then
    place=$(mktemp -d '/dev/shm/lorabuild store.XXXXXX')
    trap 'rm -rf "$place"; chmod -R u+rwX "$scratch" 2>/dev/null; rm -rf "$scratch"' EXIT
fi
export LORABUILD_STORE="$place"
umask 022
chmod 750 .
chmod 700 clients/a

run client-a
check 'it builds' test "$rc" = 0
check 'v1 is there' test -f adapters/text-a/v1/adapter_model.safetensors
check_not 'and nothing hidden beside it' find adapters -name '.*' -print -quit | grep -q .
check 'the project has no store of its own' test ! -e .lorabuild
store=$(echo "$place"/*)
check 'one folder, named after the project' test "${store#"$place/project-"}" != "$store"
check 'with its mark' grep -qxF "$PWD" "$store/project"
check 'as open as the project' test "$(stat -c %a "$store")" = 750
check "a client's part as closed as the client" test "$(stat -c %a "$store/clients/a" "$store/clients/a/keep" | tr '\n' ' ')" = '700 700 '
check 'seals are there' test -d "$store/clients/a/keep/seals"
run client-a
says 'the next run finds it' 'v1 is current'
run export text-a -o "$store/x"
check 'nothing is exported into it' test "$rc" = 2

# Another project whose client bears the same name, reached through a relative path.
mkdir -p ../two
cp -R lorabuild.yaml models corpus clients ../two
echo 'Only the second project says this.' >../two/clients/a/proposals/two.txt
touch -d '1 hour ago' ../two/clients/a/proposals/two.txt
run -C ../two client-a
check 'a second project builds' test "$rc" = 0
check 'in a folder of its own' test "$(ls "$place" | wc -l)" = 2
check_not 'nothing of it is in the first' grep -rq 'Only the second' "$store"

# Moved and renamed.
case $(stat -c %W ../two) in 0 | -*) finish ;; esac # no time of birth here: it begins anew
mv ../two ../three
run -C ../three status
says 'a moved project is current' 'All 2 adapters are current'
check 'its store went with it' test "$(ls "$place" | grep -c -e '^three-' -e '^two-')" = 1
check 'under its new name' ls -d "$place"/three-*
run -C ../three client-a
says 'and a build has nothing to do' 'v1 is current'
cp -R ../three ../four
rm -r ../four/adapters
run -C ../four -n client-a
check 'a copy has a store of its own' test "$(ls "$place" | wc -l)" = 3

finish
