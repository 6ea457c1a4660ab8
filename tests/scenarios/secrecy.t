#!/bin/sh
# No command run for client b opens a file or a store of client a.
. "$(dirname "$0")/lib.sh"
command -v strace >/dev/null || skip_all 'strace is not installed'
strace -f -o /dev/null true 2>/dev/null || skip_all 'strace may not be used here'
small_project
mkdir -p clients/b/proposals
printf '# Proposal\n\n## Risks\n\nThe kiosk of b may be late.\n' >clients/b/proposals/one.md
settle
run client-a

for words in 'client-b' '--why client-b' '-n client-b' 'status client-b' 'draft client-b hello --max-tokens 3' \
             'loss client-b clients/b/proposals' 'log client-b' 'show text-b' 'show text-b --graph=dot' \
             'use text-b@v1' 'use text-b@latest' 'verify text-b' 'diff text-b' 'gc client-b' \
             'caption client-b' 'caption --accept text-b one.md' 'caption --redo one.md proposals-b' \
             'verify text-b --never-saw clients/b/proposals/one.md' 'verify text-b --rebuild' \
             'export text-b -o served' 'export text-b --to lineage -o lineage.tar.zst' \
             'forget --yes text-b text-b gone.md'; do
    # shellcheck disable=SC2086
    straced -f -e trace=open,openat,openat2,creat -o "$scratch/trace" "$lorabuild" $words >/dev/null 2>&1
    grep -E 'clients/a/|adapters/text-a|"clients/a"' "$scratch/trace" | grep -v ENOENT >"$scratch/seen"
    check "$words opens nothing of client a" test ! -s "$scratch/seen"
    [ -s "$scratch/seen" ] && head -n 5 "$scratch/seen" | comment
done
check 'b has a report' grep -q one.md adapters/text-b/v1/report.html
check_not 'which tells nothing of a' grep -q -i 'bridge\|market\|pump\|school\|text-a v' adapters/text-b/v1/report.html
check_not 'nor does that of the shared adapter' grep -q -i 'bridge\|kiosk\|text-a v' adapters/city/v1/report.html
ln -s ../../a/proposals/bus.md clients/b/proposals/bus.md
settle
run client-b
says 'a link into another client is refused' 'bus.md'
check 'with an error' test "$rc" -ne 0
finish
