#!/bin/sh
# draft writes with an adapter; temperature 0 writes the same each time.
. "$(dirname "$0")/lib.sh"
small_project
run draft client-a hello
says 'an adapter that was never built says how to build it' 'lorabuild text-a'
check 'with exit status 1' test "$rc" = 1
run client-a
run draft client-a --raw --temperature 0 --max-tokens 12 hello
first=$out
check 'it writes' test -n "$first"
run draft client-a --raw --temperature 0 --max-tokens 12 hello
check 'the same again' test "$out" = "$first"
printf 'hello' >"$scratch/request"
"$lorabuild" draft client-a --raw --temperature 0 --max-tokens 12 <"$scratch/request" >"$scratch/out"
check 'the request may come on standard input' test "$(cat "$scratch/out")" = "$first"
run draft text-a@v1 --raw --temperature 0 --max-tokens 12 hello
check 'a version may be named' test "$out" = "$first"
run draft text-a@v7 hello
says 'a version that is not there is named' 'has no v7'
run draft client-a --seed 1 --temperature 2 --max-tokens 12 hello
one=$out
run draft client-a --seed 2 --temperature 2 --max-tokens 12 hello
check 'another seed, another text' test "$out" != "$one"
run draft client-a --base --max-tokens 3 hello
check 'the base alone writes too' test "$rc" = 0
finish
