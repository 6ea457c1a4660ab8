#!/bin/sh
# --json: what a build does, one JSON object a line on standard output, and nothing else there.
. "$(dirname "$0")/lib.sh"
small_project

events() { # ARGS…: the names of the events in order, repeated ones once
    "$lorabuild" --json "$@" >"$scratch/json" 2>"$scratch/errors" </dev/null
    rc=$?
    out=$(cat "$scratch/json")
    sed -n 's/.*"event":"\([a-z]*\)".*/\1/p' "$scratch/json" | uniq | tr '\n' ' ' >"$scratch/events"
}
are() {
    if [ "$(cat "$scratch/events")" = "$2 " ] && [ "$rc" = "$3" ]; then
        report 0 "$1"
    else
        report 1 "$1"
        printf '%s\nexit status %d\n%s\n' "$(cat "$scratch/events")" "$rc" "$out" | comment
    fi
}
lines_are_objects() {
    ! grep -v -x '{.*}' "$scratch/json"
}

events -n client-a
are '-n' 'planned end' 0
says 'it names what would be built, parents first' '"adapters":[{"action":"train","adapter":"city"'
says 'from what' '"parent":{"adapter":"city","version":null}'
says 'with its need of memory and room' '"disk_bytes":'
events client-a
are 'a build' 'planned started progress trained ready started progress trained ready end' 0
check 'each line is an object' lines_are_objects
check_not 'nothing else is said' test -s "$scratch/errors"
says 'progress tells step and loss' '"event":"progress","loss":'
says 'the version and its folder' "\"event\":\"ready\",\"folder\":\"$PWD/adapters/text-a/v1\",\"in_use\":true,\"version\":1"
says 'the end' '"built":2,"event":"end","exit":0,"failed":0'
events client-a
are 'nothing to do' 'current end' 0
says 'which version' '"adapter":"text-a","documents":5,"event":"current","samples":10,"set_aside":false,"version":1'

printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
events --why client-a
are '--why' 'why end' 0
says 'the change' '{"change":"new","document":"ferry.md","place":null,"samples":1}'
says 'where it starts' '"learn":1,"reason":"usable","taken":true,"version":1}'
check_not 'nothing is built' test -e adapters/text-a/v2

printf '{"instruction": "Broken", "output": 1}\n' >clients/a/proposals/rows.jsonl
settle
events client-a
are 'an error is an event' 'error end' 1
says 'of a kind, with its words' '"event":"error","kind":"input","message":"clients/a/proposals/rows.jsonl:1: output: must be text'
check 'and words on standard error' grep -q 'rows.jsonl' "$scratch/errors"
events -k client-a
are 'with -k it is of one adapter' 'failed end' 1
check 'and words on standard error too' grep -q 'rows.jsonl' "$scratch/errors"
events no-such-name
are 'a wrong name: exit status 2' 'error end' 2
says 'its kind' '"kind":"usage"'
printf 'lorabuild: 1\nbase: {writer: models/tiny}\nadapters:\n  x: {base: writer, epoch: 1}\n' >wrong.yaml
events -f wrong.yaml
are 'a wrong rule file: exit status 2' 'error end' 2
says 'with the whole report' "unknown key 'epoch'"

# Interrupted.
rm clients/a/proposals/rows.jsonl
sed -i 's/proposals-%, rank: 4, steps: 12/proposals-%, rank: 4, steps: 4000/' lorabuild.yaml
"$lorabuild" --json client-a >"$scratch/json" 2>&1 &
pid=$!
tries=0
while ! grep -q '"progress"' "$scratch/json" && [ $tries -lt 300 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
kill -INT "$pid"
wait "$pid"
check 'Ctrl-C: exit status 130' test $? = 130
out=$(cat "$scratch/json")
says 'it says so' '"event":"stopped","kind":"interrupted"'
says 'and ends' '"event":"end","exit":130'
finish
