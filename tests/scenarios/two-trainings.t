#!/bin/sh
# Two trainings that were stopped each go on at their own step, whichever is further and whatever
# the clock said; and so they do after gc, as long as the rules want them.
. "$(dirname "$0")/lib.sh"
small_project
run city
with_rank() {
    sed -i "s/\(from: city, data: proposals-%, rank:\) [0-9]*, steps: [0-9]*/\1 $1, steps: 60000/" lorabuild.yaml
}
train_to() { # STEP COMMAND…: stopped once that step is done, which saves the last one finished
    wanted=$1
    shift
    timeout 300 "$@" --json text-a >"$scratch/events" 2>/dev/null & # it hands signals on, also past faketime
    running=$!
    tries=0
    until grep -qE "\"step\":$wanted[,}]" "$scratch/events" || [ $tries -ge 1200 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
    kill -TERM "$running"
    wait "$running"
}
step() { # at which the next run would go on
    "$lorabuild" -n text-a 2>/dev/null </dev/null | sed -n 's/.*continued at step \([0-9,]*\) of.*/\1/p' | tr -d ,
}
with_rank 4
train_to 40 "$lorabuild"
long=$(step)
with_rank 8
check 'T49: another rank is another training' test -z "$(step)"
train_to 15 "$lorabuild"
short=$(step)
check 'T49: which goes on at its own step' test "${short:-0}" -ge 15 -a "${long:-0}" -ge 40
with_rank 4
check 'T49: the other one at its own' test "$(step)" = "$long"
with_rank 8
run gc --yes text-a
check 'T49: gc keeps the one that is wanted now' test "$(step)" = "$short"

train_to $((short + 5)) "$lorabuild"
later=$(step)
check 'it goes on from there' test "${later:-0}" -ge $((short + 5))
with_rank 4
train_to $((long + 5)) "$lorabuild"
old=$(step)
with_rank 8
check 'T49: neither takes the other away' test "$(step)" = "$later"
if faketime -f -1d "$lorabuild" --version >/dev/null 2>&1; then
    train_to $((later + 5)) faketime -f -1d "$lorabuild"
    back=$(step)
    check 'T49: nor with the clock a day back' test "${back:-0}" -ge $((later + 5))
    with_rank 4
    check 'in the other one' test "$(step)" = "$old"
else
    report 0 'the clock a day back # SKIP faketime is not installed, or cannot run this program'
fi
finish
