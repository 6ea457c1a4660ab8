#!/bin/sh
# The first thing that a person types: first, in a few lines, what is needed most.
. "$(dirname "$0")/lib.sh"

run --help
check '--help succeeds' [ "$rc" -eq 0 ]
for word in NAME status draft loss; do
    check "$word is among the first lines" sh -c 'head -n 12 "$1" | grep -q -w -e "$2"' - "$scratch/out" "$word"
done
check 'no line is wider than a terminal' sh -c '! grep -q ".\{81\}" "$1"' - "$scratch/out"

"$lorabuild" --help >"$scratch/stdout" 2>"$scratch/stderr"
check 'help is an answer: it goes to standard output' [ ! -s "$scratch/stderr" ]

run --version
check '--version succeeds' [ "$rc" -eq 0 ]
says 'and names the program' lorabuild

run --no-such-option
check 'an unknown option is wrong usage' [ "$rc" -eq 2 ]
says 'and is named' no-such-option
check 'nothing was written' [ -z "$(ls -A)" ]

finish
