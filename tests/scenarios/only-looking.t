#!/bin/sh
# Who may only read gets answers all the same, and leaves nothing behind.
. "$(dirname "$0")/lib.sh"
small_project
run client-a

if [ "$(id -u)" = 0 ]; then
    command -v setpriv >/dev/null || skip_all 'setpriv is not installed'
    as_reader() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
    chmod 755 "$scratch"
else
    as_reader() { "$@"; }
    chmod -R a-w .
fi
as_reader test -x "$lorabuild" || skip_all 'the program cannot be reached by another user'

look() {
    as_reader "$lorabuild" "$@" >"$scratch/out" 2>&1 </dev/null
    rc=$?
    out=$(normalise <"$scratch/out")
}
find . | sort >"$scratch/before"

look status
check 'B13: status answers' test "$rc" = 0
says 'status says how it stands' 'All 2 adapters are current'
look --why client-a
check 'B13: --why answers' test "$rc" = 0
look client-a
says 'B13: so does a build with nothing to do' 'v1 is current'
look log client-a
says 'B13: log answers' '*  v1'
look show text-a
says 'B13: show answers' 'text-a: v1 in use'
look draft client-a --max-tokens 2 hello
check 'B13: draft answers' test "$rc" = 0
find . | sort >"$scratch/after"
check 'nothing was written' cmp -s "$scratch/before" "$scratch/after"

# What is new would have to be read, and kept: that takes the right to write.
[ "$(id -u)" = 0 ] || chmod -R u+w .
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
touch -d '1 hour ago' clients/a/proposals/ferry.md
[ "$(id -u)" = 0 ] || chmod -R a-w .
find . | sort >"$scratch/before"
look status
expect 'B13: what stands is told, and the missing right once' 0 <<'TEXT'
            in use  documents  state                                       cost
text-a      v1              5  what changed cannot be told
1 other                      current

What is new can be told to who may write there: DIR/.lorabuild/clients/a/keep: Permission denied

Disk SIZE
TEXT
look --why city client-a
check 'B13: so does --why' test "$rc" = 0
says 'of what stands' 'text-a    v1 is in use; what changed since cannot be told'
says 'and names the right' 'may write there: DIR/.lorabuild/clients/a/keep'
says 'the others are told in full' 'city      v1 is current'
look client-a
check 'B13: a build cannot do without it: exit status 1' test "$rc" = 1
says 'the place and the missing permission are named' 'DIR/.lorabuild/clients/a/keep'
says 'in words' 'Permission denied'
find . | sort >"$scratch/after"
check 'nothing was written' cmp -s "$scratch/before" "$scratch/after"

# Meanwhile somebody builds: who may only read sees process and step.
[ "$(id -u)" = 0 ] || chmod -R u+w .
sed -i 's/proposals-%, rank: 4, steps: 12/proposals-%, rank: 4, steps: 4000/' lorabuild.yaml
"$lorabuild" -q client-a &
builder=$!
tries=0
while ! ls -d .lorabuild/clients/a/keep/attempts/text-a/*/step-*[0-9] >/dev/null 2>&1 && [ $tries -lt 300 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
look_meanwhile() {
    look "$@"
    out=$(printf '%s\n' "$out" | sed "s/process $builder/process PID/; s/step [0-9]* of/step N of/")
}
look_meanwhile status client-a
check 'B13: status answers during a build' test "$rc" = 0
says 'it names the process and its step' 'being built (process PID, step N of 4000)'
look_meanwhile --why client-a
check 'B13: so does --why' test "$rc" = 0
says 'it names them too' 'Being built now by process PID: step N of 4000.'
look log text-a
says 'B13: log answers during a build' '*  v1'
look show text-a
says 'B13: so does show' 'text-a: v1 in use'
kill -INT "$builder"
wait "$builder"
look status client-a
says_not 'afterwards nobody builds' 'being built'
finish
