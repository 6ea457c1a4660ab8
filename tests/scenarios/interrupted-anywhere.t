#!/bin/sh
# Ctrl-C or kill -9 at one exact place after another of an update (strace sends the signal as the
# place is reached): a version is in use at every moment, and the same command ends the same way.
. "$(dirname "$0")/lib.sh"
needs_trace
strace -f -o /dev/null -e trace=rename -e inject=rename:signal=SIGCONT:when=1 true 2>/dev/null ||
    skip_all 'this strace cannot send signals'
small_project
run client-a
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
cp -Rp . "$scratch/before"
run client-a
contents() {
    cat "$1"/adapter_model.safetensors "$1"/manifest.json "$1"/samples | sha256sum
}
first=$(contents adapters/text-a/v1)
second=$(contents adapters/text-a/v2)

# at PLACE SIGNAL STRACE-OPTIONS…
at() {
    at_place=$1 at_signal=$2
    shift 2
    find . -mindepth 1 -maxdepth 1 -exec rm -rf {} +
    cp -Rp "$scratch/before/." .
    strace -f -o "$scratch/trace" "$@" "$lorabuild" -q client-a >"$scratch/out" 2>&1
    at_rc=$?
    grep -q -e "$at_signal" "$scratch/trace" || return 1 # no such place any more
    at_now=$(contents adapters/text-a/current 2>/dev/null)
    [ "$at_now" = "$first" ] || [ "$at_now" = "$second" ] ||
        report 1 "$at_place, $at_signal: no whole version is in use"
    # A child alone that is told to stop when all is learned has nothing left to stop.
    if [ "$at_signal" = SIGINT ] && [ "$at_rc" != 130 ] && [ "$at_rc $at_now" != "0 $second" ]; then
        report 1 "$at_place, SIGINT: exit status $at_rc, not 130"
        comment <"$scratch/out"
    fi
    [ ! -d adapters/text-a/v2 ] || [ "$(contents adapters/text-a/v2)" = "$second" ] ||
        report 1 "$at_place, $at_signal: half a version is named v2"
    run client-a
    { [ "$rc" = 0 ] && [ "$(readlink adapters/text-a/current)" = v2 ] &&
        [ "$(cat adapters/text-a/CURRENT)" = v2 ] && [ "$(contents adapters/text-a/v2)" = "$second" ] &&
        [ ! -e adapters/text-a/v3 ] && ls adapters/text-a/*-v2.tar.zst >/dev/null; } || {
        report 1 "$at_place, $at_signal: the same command does not end in the same v2"
        printf '%s\n' "$out" | comment
    }
}

ferry=$PWD/clients/a/proposals/ferry.md
for signal in SIGINT SIGKILL; do
    failed=$tap_failed
    at 'while reading' $signal -P "$ferry" -e trace=openat,openat2 -e "inject=openat,openat2:signal=$signal:when=1"
    check "B15: $signal while reading" test "$tap_failed" = "$failed"
    failed=$tap_failed
    at 'before the version has its name' $signal -e trace=renameat2 -e "inject=renameat2:signal=$signal:when=1"
    check "B15: $signal before the version has its name" test "$tap_failed" = "$failed"
    failed=$tap_failed
    at 'between name and link' $signal -e trace=symlink -e "inject=symlink:signal=$signal:when=1"
    check "B15: $signal between the version's name and the link to it" test "$tap_failed" = "$failed"
    # Every other name that is given: seals, captions, saves, records, CURRENT, link, archive.
    failed=$tap_failed
    place=1
    while at "rename $place" $signal -e trace=rename -e "inject=rename:signal=$signal:when=$place" && [ $place -lt 20 ]; do
        place=$((place + 1))
    done
    check "B15: $signal at each of $((place - 1)) renames" test "$tap_failed" = "$failed"
    check 'there were some, the archive among them' test "$place" -gt 6
done
finish
