#!/bin/sh
# noop: a build with nothing to do over 100,000 sample files (100 folders of 1,000), ours beside
# ninja's and make's on the same files, in one run. Arguments: the built tests/bench/noop.c, and
# FOLDERS and FILES where the default is too much. One JSON line each.
set -eu
noop=$1 folders=${2:-100} files=${3:-1000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
"$noop" "$work/tree" make "$folders" "$files"
sleep 2.1 # younger files are read each time
"$noop" "$work/tree" scan "$work/store" 9

# Each of the others: one output that depends on every file, built once, then asked again.
cd "$work"
find tree -type f | LC_ALL=C sort >list
best() { # NAME COMMAND…: the least of 5 runs
    name=$1
    shift
    if ! command -v "$1" >/dev/null; then
        printf '{"tool": "%s", "missing": true}\n' "$name"
        return
    fi
    "$@" >/dev/null
    for run in 1 2 3 4 5; do
        begin=$(date +%s%N)
        "$@" >/dev/null
        echo $(($(date +%s%N) - begin))
    done | sort -n | head -n 1 | awk -v name="$name" \
        '{printf "{\"tool\": \"%s\", \"noop_best_s\": %.4f}\n", name, $1 / 1e9}'
}
{
    echo 'out-make: \'
    sed 's/$/ \\/' list
    printf '\n\ttouch $@\n'
} >Makefile.list
{
    printf 'rule r\n  command = touch $out\nbuild out-ninja: r $\n'
    sed 's/$/ $/' list
    echo
} >build.ninja
make -rR -f Makefile.list out-make >/dev/null
best make make -rRq -f Makefile.list out-make
best ninja ninja -f build.ninja
