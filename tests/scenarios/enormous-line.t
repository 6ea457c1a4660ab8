#!/bin/sh
# A line of a megabyte, or 200,000 times one letter, is read and planned in good time.
. "$(dirname "$0")/lib.sh"
small_project
rm clients/a/proposals/*
awk 'BEGIN { for (i = 0; i < 180000; i++) printf "word%d ", i % 977; print "" }' >clients/a/proposals/book.txt
awk 'BEGIN { for (i = 0; i < 200000; i++) printf "a"; print "" }' >clients/a/proposals/letters.txt
head -c 300000 /dev/zero | base64 -w 0 >clients/a/proposals/base64.md
settle
begin=$(date +%s)
timeout 100 "$lorabuild" -n client-a >"$scratch/out" 2>&1
rc=$?
took=$(($(date +%s) - begin))
out=$(normalise <"$scratch/out")
check 'T07: enormous lines are planned' test "$rc" = 0
says 'and would be trained' 'text-a v1'
check 'in good time' test "$took" -lt 20

# stopped WORDS: a build that is interrupted after a moment ends within two seconds.
stopped() {
    setsid env --default-signal=INT "$lorabuild" client-a >"$scratch/out" 2>&1 &
    pid=$!
    sleep 0.7
    begin=$(date +%s%N)
    kill -s INT -- "-$pid"
    wait "$pid"
    rc=$?
    took=$((($(date +%s%N) - begin) / 1000000))
    check "T07: $1: Ctrl-C ends it" test "$rc" = 130
    check 'within two seconds' test "$took" -lt 2000
}
awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "word%d ", i % 977; print "" }' >clients/a/proposals/book.txt
settle
stopped 'reading'
check_not 'nothing is built' test -e adapters/text-a
finish
