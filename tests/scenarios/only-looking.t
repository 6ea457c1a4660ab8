#!/bin/sh
# Who may only read gets answers all the same, and leaves nothing behind.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle

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
says 'status says what is new' 'text-a'
look --why client-a
check 'B13: --why answers' test "$rc" = 0
look -n client-a
check 'B13: -n answers' test "$rc" = 0
look draft client-a --max-tokens 2 hello
check 'B13: draft answers' test "$rc" = 0
look client-a
check 'B13: a build fails' test "$rc" = 1
says 'and says which permission is missing' 'ermission denied'
find . | sort >"$scratch/after"
check 'nothing was written' cmp -s "$scratch/before" "$scratch/after"
finish
