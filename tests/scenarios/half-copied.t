#!/bin/sh
# A document that is being copied is waited for; one that goes on growing is not learned by half.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
long=clients/a/proposals/long.txt
copy() { # LINES: a line every 0.3 s
    i=0
    while [ $i -lt "$1" ]; do
        echo "The copy has line $i." >>$long
        sleep 0.3
        i=$((i + 1))
    done
}
copy 16 &
sleep 0.5
run client-a
wait
says 'a copy that takes some seconds is learned whole' '1 new document, 16 samples: long.txt'
run client-a
says 'and then nothing is to be done' 'v2 is current: 6 documents, 26 samples'

rm $long
run client-a
copy 90 &
copying=$!
sleep 0.5
run client-a
expect 'what goes on growing is not learned by half' 1 <<'OUT'
clients/a/proposals keeps changing while it is read; run again when it is complete
OUT
kill $copying
wait
check 'no version holds a part of it' test "$(ls -d adapters/text-a/v*/ | wc -l)" = 2
touch -d '1 hour ago' $long
run client-a
check 'complete, it is learned' test -d adapters/text-a/v3
finish
