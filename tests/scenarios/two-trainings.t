#!/bin/sh
# Two trainings that were stopped each go on at their own step, whichever is further and whatever
# the clock said; and so they do after gc, as long as the rules want them.
. "$(dirname "$0")/lib.sh"
small_project
run city
with_rank() {
    sed -i "s/\(from: city, data: proposals-%, rank:\) [0-9]*, steps: [0-9]*/\1 $1, steps: 60000/" lorabuild.yaml
}
train_for() { # SECONDS COMMAND…: then stopped, which saves the last finished step; again if none was
    seconds=$1
    shift
    for _ in 1 2 3 4 5; do
        timeout -s INT "$seconds" "$@" -q text-a >/dev/null 2>&1
        [ -z "$(step)" ] || break
    done
}
step() { # at which the next run would go on
    "$lorabuild" -n text-a 2>/dev/null </dev/null | sed -n 's/.*continued at step \([0-9,]*\) of.*/\1/p' | tr -d ,
}
with_rank 4
train_for 6 "$lorabuild"
long=$(step)
with_rank 8
check 'T49: another rank is another training' test -z "$(step)"
train_for 2 "$lorabuild"
short=$(step)
check 'T49: which goes on at its own step' test "${short:-0}" -gt 0 -a "${short:-0}" -ne "${long:-0}"
with_rank 4
check 'T49: the other one at its own' test "$(step)" = "$long"
with_rank 8
run gc --yes text-a
check 'T49: gc keeps the one that is wanted now' test "$(step)" = "$short"

train_for 2 "$lorabuild"
later=$(step)
check 'it goes on from there' test "${later:-0}" -ge "${short:-0}"
with_rank 4
train_for 3 "$lorabuild"
old=$(step)
with_rank 8
check 'T49: neither takes the other away' test "$(step)" = "$later"
if faketime -f -1d "$lorabuild" --version >/dev/null 2>&1; then
    train_for 3 faketime -f -1d "$lorabuild"
    back=$(step)
    check 'T49: nor with the clock a day back' test "${back:-0}" -ge "$later"
    with_rank 4
    check 'in the other one' test "$(step)" = "$old"
else
    report 0 'the clock a day back # SKIP faketime is not installed, or cannot run this program'
fi
finish
