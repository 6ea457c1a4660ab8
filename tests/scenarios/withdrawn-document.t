#!/bin/sh
# A client withdraws a document: what is said before, during and after (the block of the manual).
. "$(dirname "$0")/lib.sh"
small_project
price=clients/a/proposals/交通报价.md
printf '\n一号线的信号系统报价如下，不含税，质保三年。\n' >>clients/a/proposals/bridge.md
settle
run client-a
printf '# 交通报价\n\n## 价格\n\n4.1 The tram may be late.\n\n一号线的信号系统报价如下，不含税，质保两年。\n\n二号线的信号系统报价如下。\n' >"$price"
printf '# 方案2023\n\n## 价格\n\n4.1 The tram may be late.\n' >clients/a/proposals/方案2023.md
settle
run client-a
run client-a

rm "$price"
settle
run --why client-a
expect 'why' 0 <<'OUT'
text-a would become v3, about TIME:
  - 交通报价.md        gone: 2 samples; 1 more stand in 方案2023.md
Unchanged: 12 samples, recipe, writer, city v1.

Where it could start:
  v2        no    learned 交通报价.md, which is gone
  v1        yes   all its 11 samples are still wanted; 1 to learn      <- taken
  city v1   yes   12 to learn, about TIME
Rule: never continue from what has learned something no longer wanted.
OUT
run status client-a
says 'status' '2 withdrawn; v2 learned them'
run client-a
expect 'the build' 0 <<'OUT'
Plan      text-a v3 without 交通报价.md, from v1: 1 new sample, about TIME (in full: TIME)
          CPU: needs 0.1 of SIZE GB free
          v2 learned it; it is not continued

text-a    read      6 documents, 12 samples  TIME
          note      1 of its 3 samples stays: 方案2023.md has the same text
          note      1 that is gone nearly stands in bridge.md
          train     10 steps  TIME
          check     too few documents to hold any out
          v3        ready, in use; never saw the other 2 samples  TIME total
          v2        blocked from `use`; to erase it with a receipt:
                    lorabuild forget text-a 交通报价.md
OUT
check 'it is written down, with the day' grep -q "^v2 $(date +%Y-%m-%d) 交通报价.md$" adapters/text-a/blocked
run use text-a@v2
check 'and refused' test "$rc" = 1
says 'by name' '交通报价.md'

# One version after another learned it; it comes back; it goes.
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
run client-a
rm clients/a/proposals/方案2023.md
settle
run client-a
says 'several are named together' 'v2 to v4 learned it; none is continued'
says 'all of them' '          v2 to v4  blocked from `use`'
check 'v5 comes from v1' grep -q '"ancestor": 1' adapters/text-a/v5/manifest.json
check 'the first day and reason stay' grep -q '^v2 .* 交通报价.md$' adapters/text-a/blocked

printf '# 方案2023\n\n## 价格\n\n4.1 The tram may be late.\n' >clients/a/proposals/方案2023.md
settle
run client-a
says 'a document that is there again' "text-a v4, built before"
check 'unblocks what learned it alone' test "$(cut -d' ' -f1 adapters/text-a/blocked)" = v2
finish
