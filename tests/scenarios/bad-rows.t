#!/bin/sh
# Bad rows of a .jsonl are all listed, with place and field, and nothing is built from the rest.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
cat >clients/a/proposals/rows.jsonl <<'JSONL'
{"instruction": "One?", "output": "One."}
{"instruction": "Two?", "output": 42}
{"instruction": "Three?", "output": ["a", "b"]}
{"instruction": "Four?", "output": null}
{"instruction": "Five?", "output": {"x": 1}}
{"instruction": "Six?", "output": true}
{"instruction": "Seven?", "output": "7", "output": "seven"}
{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}, {"role": "assistant", "content": "Good day."}]}
{"instruction": "Nine?", "output": "Nine."
JSONL
settle
run client-a
check 'T05: bad rows end the build with exit status 1' test "$rc" = 1
for line in 2 3 4 5 6 7 9; do
    says "row $line is listed" "clients/a/proposals/rows.jsonl:$line:"
done
says 'with field and what was found' 'clients/a/proposals/rows.jsonl:2: output: must be text, found a whole number'
says_not 'a good row is not' 'rows.jsonl:1:'
says_not 'nor one whose text comes in parts' 'rows.jsonl:8'
check_not 'nothing is built' test -e adapters/text-a/v2
check 'v1 is in use' test "$(readlink adapters/text-a/current)" = v1

sed -i -e '2,7d' -e '9d' clients/a/proposals/rows.jsonl
settle
run client-a
says 'the good rows alone are learned' '1 new document, 2 samples: rows.jsonl'
finish
