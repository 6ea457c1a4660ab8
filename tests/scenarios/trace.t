#!/bin/sh
# --trace FILE: where the time went, in the form that chrome://tracing and Perfetto load.
. "$(dirname "$0")/lib.sh"
small_project
run --trace where.json client-a
check 'the build ends as ever' test "$rc" = 0
says 'with the same words' 'text-a    read'
one_array() {
    [ "$(head -c 1 where.json)" = '[' ] && [ "$(tail -c 2 where.json)" = ']' ]
}
check 'it is one JSON array' one_array
tr '{' '\n' <where.json >lines
spans() { # NAME: of the process itself, or of its children
    grep '"ph":"X"' lines | grep -c "\"name\":\"$1\""
}
for what in scan read cut plan measure open train write commit pack; do
    check "$what is there" test "$(spans $what)" -gt 0
done
# Every complete event has its five members, in whole microseconds from the beginning.
whole() {
    [ "$(grep -c '"ph":"X"' lines)" = \
        "$(grep -c -E '"cat":"[^"]*","dur":[0-9]+,"name":"[^"]*","ph":"X","pid":[0-9]+,"tid":[0-9]+,"ts":[0-9]+' lines)" ]
}
check 'all events are whole' whole
check 'parent and children are told apart' test "$(grep -c process_name lines)" -gt 3
run --trace where.json client-a
check 'a run with nothing to do has one too' test "$(tr '{' '\n' <where.json | grep -c '"scan"')" -gt 0
run --trace none/where.json client-a
check 'a trace that cannot be written: exit status 1' test "$rc" = 1
says 'is named' 'none/where.json'
finish
