#!/bin/sh
# Ctrl-C saves and stops; the same command continues to the same bytes; v1 stays in use.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
sed -i 's/proposals-%, rank: 4, steps: 12/proposals-%, rank: 4, steps: 4000/' lorabuild.yaml
"$lorabuild" client-a >"$scratch/out" 2>&1 &
pid=$!
tries=0
while ! ls .lorabuild/clients/a/keep/attempts/text-a/*/step-* >/dev/null 2>&1 && [ $tries -lt 300 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
check 'the first save comes early' test $tries -lt 300
kill -INT "$pid"
wait "$pid"
check 'exit status 130' test $? = 130
out=$(normalise <"$scratch/out" | sed 's/after step [0-9]* of/after step N of/')
says 'it says where it stopped' 'text-a    stopped after step N of 4000, saved. The same command continues.'
check 'v1 is still in use' test "$(readlink adapters/text-a/current)" = v1
check_not 'no v2 is there' test -e adapters/text-a/v2

run -n client-a
out=$(printf '%s\n' "$out" | sed 's/at step [0-9]* of/at step N of/')
says 'the plan says where it goes on' 'text-a v2, continued at step N of 4000'
finish
