#!/bin/sh
# A forget that is killed at any moment is finished by the next run, whatever that is.
. "$(dirname "$0")/lib.sh"
needs_trace
small_project
printf 'no \0 text' >clients/a/proposals/quagga.md
settle
run client-a
check 'v1 reports a file that it cannot read' grep -q quagga.md adapters/text-a/v1/report.html
printf '# Quagga\n\n## Zebras\n\nThe quagga may be late.\n' >clients/a/proposals/quagga.md
settle
run client-a
rm clients/a/proposals/quagga.md
run client-a
says 'the version in use is clean' 'v1        ready, in use'
cp -Rp . "$scratch/before"

# What stands there, but for the key, what is made with it, and the time in the receipt.
standing() {
    find adapters .lorabuild -type f ! -name '*.mdb' ! -name key ! -name tombstones ! -name '*.html' \
        -exec sha256sum {} + | sort -k 2
    find adapters .lorabuild -type f | sort
    sed -n 's/^\(name\|source\|text\|document\) .*/\1/p' adapters/text-a/forgotten/tombstones
}
run forget --yes text-a text-a quagga.md
check 'a forget that is not killed' test "$rc" = 0
check_not 'takes the report too' test -e adapters/text-a/v1/report.html
run status
standing >"$scratch/wanted"

# Killed at each call in turn that changes what is on the disk.
changes=unlink,unlinkat,rmdir,rename,renameat,renameat2,fsync,ftruncate
call=1 pending=0 killed=0 ended=0
while [ "$ended" = 0 ] && [ "$call" -lt 400 ]; do
    rm -rf adapters .lorabuild
    cp -Rp "$scratch/before/adapters" "$scratch/before/.lorabuild" .
    straced -f -qq -o /dev/null -e trace=$changes -e inject=$changes:signal=KILL:when=$call \
        "$lorabuild" forget --yes text-a text-a quagga.md >"$scratch/out" 2>&1 && ended=1
    killed=$((killed + 1))
    if [ -e adapters/text-a/forgotten/pending ]; then
        pending=$((pending + 1))
        if [ $((pending % 2)) = 0 ]; then run client-a; else run forget --yes text-a text-a quagga.md; fi
        holds 'finished a forget that was interrupted' || report 1 "nothing said at call $call: $out"
    elif [ -e adapters/text-a/v2 ]; then
        # Before the list of what goes is durable nothing has gone: the command is given again.
        run forget --yes text-a text-a quagga.md
    fi
    run status
    standing >"$scratch/seen"
    cmp -s "$scratch/wanted" "$scratch/seen" || {
        report 1 "something else stands there after call $call"
        diff "$scratch/wanted" "$scratch/seen" | comment
    }
    call=$((call + 1))
done
check "after $killed kills, $pending of them in the middle, the same stands there" test "$tap_failed" = 0
check 'many were in the middle' test "$pending" -gt 5
check 'at last it was not killed' test "$ended" = 1
finish
