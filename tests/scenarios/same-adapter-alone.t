#!/bin/sh
# An adapter depends on its own rule alone: neighbours, their order and accidents do not matter.
. "$(dirname "$0")/lib.sh"
small_project
mkdir -p clients/b/proposals clients/c/proposals
printf '# Proposal\n\n## Risks\n\nThe kiosk of b may be late.\n' >clients/b/proposals/one.md
printf '{"instruction": "Broken", "output": 1}\n' >clients/c/proposals/rows.jsonl
settle
run city
cp -Rp . "$scratch/start"
run text-a
wanted=$(cat adapters/text-a/v1/* 2>/dev/null | sha256sum)

again() {
    rm -rf adapters .lorabuild lorabuild.yaml
    cp -Rp "$scratch/start/." .
}
same() {
    check "T29: $1: the same bytes" test "$(cat adapters/text-a/v1/* 2>/dev/null | sha256sum)" = "$wanted"
}
again
run -j2 text-a text-b
same 'beside another'
again
run -k text-c text-a
check 'a failure is said' test "$rc" = 1
run -k text-a
same 'after a failed run'
again
sed -i 's/  text-%: {from: city, data: proposals-%, rank: 4/  text-%: {rank: 4, data: proposals-%, from: city/' lorabuild.yaml
run text-b text-a
same 'keys and names in another order'
again
sed -i 's/rank: 4, steps: 12/rank: 4, targets: [v_proj, q_proj], steps: 12/' lorabuild.yaml
run text-a
cp -R adapters/text-a/v1 "$scratch/listed"
again
sed -i 's/rank: 4, steps: 12/rank: 4, targets: [q_proj, v_proj], steps: 12/' lorabuild.yaml
run text-a
check 'T29: targets in another order: the same bytes' diff -r adapters/text-a/v1 "$scratch/listed"
finish
