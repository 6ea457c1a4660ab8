#!/bin/sh
# With -k the others go on after a failure; who was left out is told, and why.
. "$(dirname "$0")/lib.sh"
small_project
mkdir -p clients/b/proposals clients/c/proposals
printf '# Proposal\n\n## Risks\n\nThe kiosk of b may be late.\n' >clients/b/proposals/one.md
printf '{"instruction": "Broken", "output": 1}\n' >clients/c/proposals/rows.jsonl
settle
run city

run text-c text-b
check 'without -k the first failure ends all' test "$rc" = 1
check_not 'nothing is built' test -e adapters/text-b/v1

run -k text-c text-b text-a
check 'with -k the exit status is 1 all the same' test "$rc" = 1
says 'the failure is told' 'text-c: clients/c/proposals/rows.jsonl:1: output: must be text'
says 'the others are built' 'text-b    read      1 document, 1 sample'
says 'and a line sums up' '2 built, 1 failed (text-c)'
check 'so they are' test -f adapters/text-a/v1/manifest.json -a -f adapters/text-b/v1/manifest.json
run -k text-a text-b
check 'with nothing failing it is 0' test "$rc" = 0
says_not 'and nothing is summed up' 'built,'

# What stands on what failed is left out, and says so.
printf '{"instruction": "Broken", "output": 1}\n' >corpus/rows.jsonl
sed -i 's/^adapters:/adapters:\n  alone: {base: writer, data: clients\/b\/proposals\/, rank: 4, steps: 12, max_length: 256}/' lorabuild.yaml
settle
run -k text-b city alone
check 'a failing parent: exit status 1' test "$rc" = 1
says 'what stands on it is skipped' 'text-b    skipped   stands on city, which failed'
says 'the rest goes on' 'alone'
says 'and a line sums up' '1 built, 1 failed (city), 1 not built (text-b)'
run -k -n text-b alone
check '-n -k says the same: exit status 1' test "$rc" = 1
says 'of what stands on it' 'skipped   stands on city, which failed'

# A failure in training, not in planning.
rm corpus/rows.jsonl
rm -rf adapters/text-a .lorabuild/clients/a/keep/attempts adapters/alone
mkdir -p adapters/text-a
mkdir -p adapters/text-a/CURRENT/taken # where the record of what is in use would go
run -k text-a alone
check 'a failing commit: exit status 1' test "$rc" = 1
says 'it is told' 'adapters/text-a/CURRENT'
says 'the other is built' '1 built, 1 failed (text-a)'

# Without -k those behind it are not begun, and say so.
rm -rf adapters/text-* .lorabuild/clients/*/keep/attempts
mkdir -p adapters/text-a/CURRENT/taken
run text-a text-b
check 'without -k: exit status 1' test "$rc" = 1
says 'the next is not begun' 'text-b    skipped   not begun, because text-a failed; -k goes on with the others'
says 'and a line sums up' '0 built, 1 failed (text-a), 1 not built (text-b)'
finish
