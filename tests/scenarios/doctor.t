#!/bin/sh
# doctor: is this machine fit? Each finding has one remedy, and nothing is changed.
. "$(dirname "$0")/lib.sh"

run doctor
check 'it looks at the machine where there is no project' test "$rc" = 0
says 'and says so' 'only the machine was looked at'
small_project
mkdir clients/b
run client-a
list() { find . ! -name lock.mdb -type f -exec sha256sum {} + | sort; find . | sort; }
list >"$scratch/before"
run doctor
check 'a fit machine' test "$rc" = 0
for check in processor precision threads memory sandbox clock libraries store disk locks permission base; do
    check "$check is looked at" grep -q "^$check " "$scratch/out"
done
says 'the last line says it' 'Fit.'
says_not 'and there is nothing to do' '->'
run doctor --json
says 'for programs: JSON' '{"event":"verdict","fit":true,"notes":0,"unfit":0}'
list >"$scratch/after"
check 'nothing is changed' cmp -s "$scratch/before" "$scratch/after"
run doctor text-a
check 'it takes no name' test "$rc" = 2

# B07: a store cut short is told, set aside by the next build, and explained after that.
data=.lorabuild/clients/a/keep/data.mdb
truncate -s 6000 "$data"
list >"$scratch/before"
run doctor
check 'B07: a damaged store stops nothing' test "$rc" = 0
says 'B07: it is named' "DIR/$data is damaged"
says 'with what to do' 'build: it is set aside and filled again from files'
list >"$scratch/after"
check 'and left as it is' cmp -s "$scratch/before" "$scratch/after"
printf '\n4.3 The bus is green.\n' >>clients/a/proposals/bus.md
settle
run client-a
run doctor
says 'B07: afterwards doctor explains what was set aside' "$data.damaged: a damaged store, set aside"
says 'with what to do' "rm DIR/$data.damaged"
rm "$data.damaged"*

touch -d '2034-01-01' clients/a/proposals/bus.md
run doctor
says 'a document from the future' '1 files are dated in the future, such as DIR/clients/a/proposals/bus.md'
says 'with what to do' '-> touch DIR/clients/a/proposals/bus.md'
settle
mkdir -p .lorabuild/clients/a/keep/attempts/text-a/0123456789abcdef0123456789abcdef adapters/text-a/.import
run doctor
says 'what was left over' '1 unfinished trainings'
says 'with what to do' 'lorabuild gc'
says 'halves of an import' '1 halves of what was interrupted'
run client-a
run doctor
says_not 'which the next run removes' 'halves of what was interrupted'

echo '{"architectures": ["Unheard"], "model_type": "unheard"}' >models/tiny/config.json
run doctor
check 'a base that cannot be read: not fit' test "$rc" = 1
says 'the last line says it' 'Not fit: 1 finding.'
says 'with what to do' 'give another model as writer in the rule file'
cp "${LORABUILD_TINY:-$tests/golden/tiny-llama}/config.json" models/tiny/config.json

if [ "$(id -u)" = 0 ]; then
    command -v setpriv >/dev/null || finish
    as_reader() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
    chmod 755 "$scratch"
else
    as_reader() { "$@"; }
    chmod -R a-w .
fi
as_reader test -x "$lorabuild" || finish
as_reader "$lorabuild" doctor >"$scratch/out" 2>&1
rc=$?
out=$(normalise <"$scratch/out")
check 'without the right to write: not fit' test "$rc" = 1
says 'the place is named' 'cannot be written'
finish
