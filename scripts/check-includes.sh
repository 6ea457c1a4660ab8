#!/bin/sh
# Fails if a file includes from a folder below its own in the list of docs/rooms (DESIGN 8).
# usage: check-includes.sh ROOM... (from the lowest to the highest)
rooms="$*"
rank() {
    n=0
    for room in $rooms; do
        n=$((n + 1))
        if [ "$room" = "$1" ]; then echo $n; return; fi
    done
    echo 0
}
bad=0
for room in $rooms; do
    mine=$(rank "$room")
    for file in "$room"/*.[ch] "$room"/cpu/*.[ch] "$room"/cuda/*.cu; do
        [ -f "$file" ] || continue
        grep -n '^#include "' "$file" | while IFS=: read -r line text; do
            path=${text#*\"}
            path=${path%%\"*}
            other=${path%/*}
            case $other in */cpu | */cuda) other=${other%/*} ;; esac
            theirs=$(rank "$other")
            if [ "$theirs" = 0 ]; then
                echo "$file:$line: '$path' is in no room; include from the repository's root"
            elif [ "$theirs" -gt "$mine" ]; then
                echo "$file:$line: $room may not include from $other, which stands above it"
            fi
        done
    done
done > "${TMPDIR:-/tmp}/lorabuild-includes.$$"
cat "${TMPDIR:-/tmp}/lorabuild-includes.$$"
[ -s "${TMPDIR:-/tmp}/lorabuild-includes.$$" ] && bad=1
rm -f "${TMPDIR:-/tmp}/lorabuild-includes.$$"
exit $bad
