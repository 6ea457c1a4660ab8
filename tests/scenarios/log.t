#!/bin/sh
# log tells the versions of an adapter, newest first, without opening what they learned.
. "$(dirname "$0")/lib.sh"
small_project
run log text-a
expect 'nothing was built' 0 <<'OUT'
text-a has not been built yet; run: lorabuild text-a
OUT
run client-a
printf '# Proposal for a ferry\n\n## Risks\n\n5.1 The ferry may sink.\n' >'clients/a/proposals/地铁方案.md'
settle
run client-a
rm clients/a/proposals/pump.md
run client-a
this_year=$(date +%Y)
sed -i -E "s/ $this_year-[0-9-]{5} [0-9:]{8} / $this_year-11-24 10:31:05 /" adapters/text-a/history
printf 'v2 %s-11-26 pump.md\nv1 %s-11-26 pump.md\n' "$this_year" "$this_year" >adapters/text-a/blocked
run log text-a
expect 'the whole of it' 0 <<'OUT'
     version  built         from     samples  change                   held-out
  *  v3       24 Nov 10:31  city v1        9  - pump.md                       -
     v2       24 Nov 10:31  v1            11  + 地铁方案.md                   -
     v1       24 Nov 10:31  city v1       10  5 documents                     -
* in use.  v2, v1 blocked: they learned pump.md, withdrawn 26 Nov.
OUT
rm adapters/text-a/blocked
needs_trace
trace log text-a
check_not 'no list of samples is opened' grep -q 'samples$' "$scratch/opened"
check_not 'and no store' grep -q 'data\.mdb' "$scratch/opened"
rm -r .lorabuild
run log text-a
expect 'without .lorabuild the manifests tell what they know' 0 <<'OUT'
     version  built         from     samples  change                   held-out
  *  v3       24 Nov 10:31  city v1        9  5 documents                     -
     v2       24 Nov 10:31  v1            11  + 1 sample                      -
     v1       24 Nov 10:31  city v1       10  5 documents                     -
* in use.
OUT
run log text-a --json
says 'for programs' '"adapter":"text-a"'
run log
says 'without a name all adapters' 'city'
finish
