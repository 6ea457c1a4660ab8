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
for words in status '--why client-a' client-a; do
    # shellcheck disable=SC2086
    look $words
    check "B13: $words: exit status 1" test "$rc" = 1
    says 'the place and the missing permission are named' 'DIR/.lorabuild/clients/a/keep'
    says 'in words' 'Permission denied'
done
find . | sort >"$scratch/after"
check 'nothing was written' cmp -s "$scratch/before" "$scratch/after"
finish
