#!/bin/sh
# New samples continue the version in use, and only they are learned.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle

run --why client-a
expect 'why names the document and the start' 0 <<'OUT'
text-a would become v2, about TIME:
  + ferry.md           new: 1 sample
Unchanged: 10 samples, recipe, writer, city v1.

Where it could start:
  v1        yes   all its 10 samples are still wanted; 1 to learn      <- taken
  city v1   yes   11 to learn, about TIME
Rule: of those that may be continued, the one with the least to learn.
OUT
check_not 'why builds nothing' test -e adapters/text-a/v2

run -n client-a
says 'a dry run announces the update' 'text-a v2 from v1: 1 new sample, about'
check_not 'a dry run builds nothing' test -e adapters/text-a/v2

run client-a
expect 'v2 learns what is new' 0 <<'OUT'
Plan      text-a v2 from v1: 1 new sample, about TIME (in full: TIME)
          CPU: needs 0.1 of SIZE GB free

text-a    read      1 new document, 1 sample: ferry.md  TIME
          train     10 steps  TIME
          check     too few documents to hold any out
          v2        ready, in use: adapters/text-a/v2  TIME total
OUT
check 'v2 is in use' test "$(readlink adapters/text-a/current)" = v2
check 'its manifest names the ancestor' grep -q '"ancestor": 1' adapters/text-a/v2/manifest.json
check 'v1 still stands' test -f adapters/text-a/v1/adapter_model.safetensors

rm clients/a/proposals/ferry.md
run client-a
says 'B23: with the old documents back, v1 is used again' 'text-a v1, built before'
check 'without a step of training' test "$(readlink adapters/text-a/current)" = v1
check_not 'and without a new version' test -e adapters/text-a/v3
finish
