#!/bin/sh
# verify --never-saw answers yes or no, down to the base, and names what was seen.
. "$(dirname "$0")/lib.sh"
small_project
printf '# Proposal for a pump\n\n## Risks\n\n4.1 The pump may be late.\n\n4.2 We carry the bus.\n' \
    >clients/a/proposals/pump.md
settle
run client-a
cp clients/a/proposals/pump.md clients/a/proposals/bridge.md "$scratch"
rm clients/a/proposals/pump.md
run client-a

run verify text-a@v1 --never-saw "$scratch/pump.md"
out=$(printf '%s' "$out" | sed "s#$scratch/##")
expect 'v1 saw it' 1 <<'OUT'
text-a v1 saw pump.md: 2 of its 2 samples and 1 of its headings
  §1    text-a v1  # Proposal for a pump
  §1    text-a v1  4.1 The pump may be late.
  §2    text-a v1  4.2 We carry the bus.
The same text stood in bus.md.
Its heading 'Risks' stands in other documents and is not counted.
Compared with 22 texts that had a part in city v1, text-a v1.
OUT
run verify text-a --never-saw "$scratch/pump.md"
out=$(printf '%s' "$out" | sed "s#$scratch/##")
expect 'v2 saw what another document says too' 1 <<'OUT'
text-a v2 saw pump.md: 1 of its 2 samples
  §2    text-a v2  4.2 We carry the bus.
The same text stood in bus.md.
Its heading 'Risks' stands in other documents and is not counted.
Compared with 20 texts that had a part in city v1, text-a v2.
OUT
printf '# Proposal for a canal\n\n## Risks\n\n9.1 The canal may dry.\n' >"$scratch/canal.md"
run verify text-a --never-saw "$scratch/canal.md"
out=$(printf '%s' "$out" | sed "s#$scratch/##")
expect 'and what it never saw' 0 <<'OUT'
text-a v2 never saw canal.md: its 1 sample had no part in it
Its heading 'Risks' stands in other documents and is not counted.
Compared with 20 texts that had a part in city v1, text-a v2.
OUT
run verify city --never-saw "$scratch/bridge.md"
check 'the domain never saw the client' test "$rc" = 0
run verify text-a --never-saw corpus/water.md
check 'the client saw what the domain saw' test "$rc" = 1
says 'through it' 'city v1  Pipes leak at night.'
run verify text-a@v1 --never-saw "$scratch/pump.md" --json
says 'for programs' '"never_saw":false'
check 'nothing of the file is left' test -z "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'lorabuild-*' -newer lorabuild.yaml -user "$(id -u)" -exec test -e {}/texts/000000/pump.md \; -print)"
finish
