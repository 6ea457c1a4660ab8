#!/bin/sh
# Files written in one moment share a time, and one written just now may change without its time
# changing: nothing is trusted for its time alone.
. "$(dirname "$0")/lib.sh"
small_project
documents=clients/a/proposals
i=1
while [ $i -le 200 ]; do
    echo "Lamp $i is lit." >$documents/$i.txt
    i=$((i + 1))
done
touch -d '2025-01-01 00:00:00' $documents/*.txt
run client-a
says 'all are learned, whatever times they share' '205 documents, 210 samples'
mv $documents/17.txt $documents/kept
cp -p $documents/18.txt $documents/17.txt
mv $documents/kept $documents/18.txt
sed -i 's/Lamp 18/Lamp XY/' $documents/17.txt
touch -d '2025-01-01 00:00:00' $documents/17.txt
run --why client-a
says 'one with its neighbour’s name, size and time is an edit' '17.txt §1'

# Edited in the moment in which it was learned.
rm $documents/*.txt
run --rebuild client-a
for number in 1 2 3; do
    printf 'Tram %d is late.\n' $number >$documents/tram.txt
    touch -d 'now' $documents/tram.txt
    run client-a
    check "text $number, written just now, is learned" test "$rc" = 0
    time=$(stat -c %y $documents/tram.txt)
    printf 'Tram %d is lost.\n' $number | dd of=$documents/tram.txt conv=notrunc 2>/dev/null
    touch -d "$time" $documents/tram.txt
    run --why client-a
    says "and its edit a moment later under the same time and size is seen" '~ tram.txt'
done
finish
