#!/bin/sh
# Two lorabuilds at once: on different adapters they do not meet, on one the second waits.
. "$(dirname "$0")/lib.sh"
small_project
mkdir -p clients/b/proposals
for name in one two three; do
    printf '# Proposal %s\n\n## Risks\n\nKiosk %s may be late.\n' $name $name >clients/b/proposals/$name.md
done
settle
run city

# A map so small that it has to grow while the other writes.
export LORABUILD_TEST_MAP_BYTES=65536
for round in 1 2 3; do
    rm -rf adapters/text-* .lorabuild/clients .lorabuild/shared/cache
    "$lorabuild" -q client-a >"$scratch/a" 2>&1 &
    a=$!
    "$lorabuild" -q client-b >"$scratch/b" 2>&1 &
    b=$!
    run status
    seen=$rc
    wait "$a"
    ended_a=$?
    wait "$b"
    check "B11: round $round: all three end well" test "$ended_a $? $seen" = '0 0 0'
    cat "$scratch/a" "$scratch/b" | comment
    run client-a client-b
    says 'a is current' 'text-a    v1 is current'
    says 'b is current' 'text-b    v1 is current'
done
unset LORABUILD_TEST_MAP_BYTES

sed -i 's/proposals-%, rank: 4, steps: 12/proposals-%, rank: 4, steps: 500/' lorabuild.yaml
"$lorabuild" -q client-a &
first=$!
tries=0
while ! ls -d .lorabuild/clients/a/keep/attempts/text-a/*/step-*[0-9] >/dev/null 2>&1 && [ $tries -lt 300 ]; do
    sleep 0.02
    tries=$((tries + 1))
done
run status client-a
out=$(printf '%s\n' "$out" | sed "s/process $first, step [0-9]* of/process FIRST, step N of/")
says 'B13: status answers meanwhile, and names process and step' \
    'recipe changed; being built (process FIRST, step N of 500)'
run client-a
wait "$first"
check 'the first builds' test $? = 0
out=$(printf '%s\n' "$out" | sed 's/([0-9]* /(PID /')
says 'B11: the second says whom it waits for' 'text-a    wait      is being built by another lorabuild (PID text-a); waiting'
says 'and then that nothing is to be done' 'v2 is current'
check 'with exit status 0' test "$rc" = 0
check_not 'nothing is built twice' test -e adapters/text-a/v3
finish
