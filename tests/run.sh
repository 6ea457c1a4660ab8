#!/bin/sh
# run.sh [STEP…]: all tests that need neither the real model nor Python: unit tests, scenarios,
# then both again under other compilers and checkers. Installs what is missing (Debian 12).
#
#   units      build with gcc; tests/unit, by cmocka
#   scenarios  tests/scenarios, by prove
#   histories  25 random histories of a project (tests/histories)
#   check      `make check`: order of includes, formatting
#   clang      everything compiles without a warning with clang too
#   asan       units and scenarios under address and undefined-behaviour sanitizers
#   valgrind   the short units under valgrind (thousands of damaged files are left to asan)
#   tsan       the units that run threads, under the thread sanitizer
#
# All steps are tried, whatever failed before; the exit status is 1 if one failed.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
export LC_ALL=C.UTF-8
jobs=$(nproc)
sanitize='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
short_rooms='common formats rules plan'
thread_rooms='common tensor'

units() {
    make -s -j "$jobs" CFLAGS='-O3 -g -Werror' all units &&
        make -s test-units CFLAGS='-O3 -g -Werror'
}

scenarios() {
    LORABUILD=${1:-$root/build/default/lorabuild} prove --timer tests/scenarios
}

histories() {
    make -s -j "$jobs" CFLAGS='-O3 -g -Werror' histories
}

check() {
    make -s check
}

clang() {
    make -s -j "$jobs" CC=clang BUILD=build/clang CFLAGS='-O1 -g -Werror' all units
}

asan() {
    ASAN_OPTIONS=detect_leaks=1:abort_on_error=0
    UBSAN_OPTIONS=print_stacktrace=1
    export ASAN_OPTIONS UBSAN_OPTIONS
    set -- BUILD=build/asan CFLAGS='-O1 -g -Werror' SANITIZE="$sanitize"
    make -s -j "$jobs" "$@" all units && make -s test-units "$@" &&
        scenarios "$root/build/asan/lorabuild"
}

# The programs of the rooms named after the build folder, one a line.
programs() {
    build=$1
    shift
    for room in "$@"; do
        for source in tests/unit/"$room"/*_test.c; do
            [ ! -f "$source" ] || printf '%s\n' "$build/unit/$room/$(basename "$source" .c)"
        done
    done
}

each() { # RUNNER… < programs
    while read -r program; do
        echo "$program"
        "$@" "$program" </dev/null || return 1
    done
}

valgrind_units() {
    # shellcheck disable=SC2086
    set -- $(programs build/default $short_rooms | grep -vE '/(damage|mutate)_test$')
    make -s -j "$jobs" CFLAGS='-O3 -g -Werror' "$@" && printf '%s\n' "$@" |
        each valgrind -q --suppressions=tests/valgrind.supp --error-exitcode=9 --leak-check=full --child-silent-after-fork=yes
}

# libgomp is not instrumented: our own threads and the reference kernels are tested.
tsan() {
    # shellcheck disable=SC2086
    set -- $(programs build/tsan $thread_rooms)
    make -s -j "$jobs" BUILD=build/tsan THREADS=pthreads CFLAGS='-O1 -g -Werror' \
        SANITIZE=-fsanitize=thread "$@" && printf '%s\n' "$@" | each env TSAN_OPTIONS=halt_on_error=1
}

step() {
    started=$(date +%s)
    printf '== %s\n' "$1"
    case $1 in
    units | scenarios | histories | check | clang | asan | tsan) "$1" </dev/null ;;
    valgrind) valgrind_units ;;
    *) echo "unknown step '$1'" && false ;;
    esac
    result=$?
    [ "$result" -eq 0 ] || failed="$failed $1"
    printf '== %s: %s after %d s\n' "$1" "$([ "$result" -eq 0 ] && echo passed || echo FAILED)" \
        $(($(date +%s) - started))
}

sh scripts/setup.sh tests build || exit 1
failed=
[ $# -gt 0 ] || set -- units scenarios histories check clang asan valgrind tsan
for name in "$@"; do
    step "$name"
done
[ -z "$failed" ] || {
    echo "Failed:$failed"
    exit 1
}
echo 'All passed.'
