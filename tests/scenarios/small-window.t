#!/bin/sh
# What is longer than the window is never cut silently.
. "$(dirname "$0")/lib.sh"
small_project
rm clients/a/proposals/*
long() { awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "%sword%d", i ? " " : "", i % 97 }'; }
printf '{"instruction": "Say much.", "output": "%s"}\n' "$(long 100)" >clients/a/proposals/answer.jsonl
printf '{"instruction": "%s", "output": "Short."}\n' "$(long 100)" >>clients/a/proposals/answer.jsonl
{ printf '{"messages": ['
  for turn in 1 2 3 4 5 6 7 8; do
      printf '{"role": "user", "content": "%s"}, {"role": "assistant", "content": "Answer %d."}' "$(long 9)" $turn
      [ $turn = 8 ] || printf ', '
  done
  printf ']}\n'; } >>clients/a/proposals/answer.jsonl
printf '# Book\n\n%s\n' "$(long 900)" >clients/a/proposals/book.md
settle
run client-a
says 'T11: an answer longer than the window is named' 'answer.jsonl:1: not learned: 503 tokens, a window has 256'
says 'so is a request' 'answer.jsonl:2: not learned: 500 tokens, a window has 256'
says 'a long conversation loses whole turns, oldest first, and it is said' 'answer.jsonl:3: 5 oldest turns are left out'
says_not 'a long passage is learned whole, window after window' 'book.md:'
check 'the build goes on' test "$rc" = 0
sed -i '1!d' clients/a/proposals/answer.jsonl
rm clients/a/proposals/book.md
settle
run -B client-a
check 'T11: where nothing is left to learn, nothing is built' test "$rc" = 1
says 'and it is said why' 'none of its samples can be learned'
check_not 'no version' test -e adapters/text-a/v2
finish
