#!/bin/sh
# use goes back to an earlier version, moves a link and a record, and nothing else.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
printf '# Proposal for a ferry\n\n## Risks\n\n5.1 The ferry may sink.\n' >clients/a/proposals/ferry.md
settle
run client-a
printf '# Proposal for a tram\n\n## Risks\n\n6.1 The tram may rust.\n' >clients/a/proposals/tram.md
settle
run client-a
check 'three versions' test "$(cat adapters/text-a/CURRENT)" = v3
echo 'shown to the client' >adapters/text-a/v3/notes.txt
sed -i 's/"lora_alpha": *[0-9.]*/"lora_alpha": 1000/' adapters/text-a/v3/adapter_config.json
everything() {
    find adapters/text-a -type f ! -name CURRENT ! -name chosen -exec sha256sum {} + | sort
}
before=$(everything)

run use text-a
check 'a version must be named' test "$rc" = 2
says 'and how is said' 'lorabuild use text-a@v1, or @latest'
run use text-a@v7
expect 'one that is not there is refused' 1 <<'OUT'
text-a has no v7; see lorabuild log text-a
OUT
run use client-a@v2
expect 'v2 is in use' 0 <<'OUT'
text-a    v2 is in use; v3 is set aside. Back: lorabuild use text-a@latest
OUT
check 'the link says so' test "$(readlink adapters/text-a/current)" = v2
check 'and CURRENT' test "$(cat adapters/text-a/CURRENT)" = v2
check 'B23: nothing else was moved' test "$before" = "$(everything)"

run client-a
says 'a run with nothing to do leaves it so' 'v2 is in use'
check 'v2' test "$(readlink adapters/text-a/current)" = v2
run status
says 'status tells it' 'chosen with `use`'
says 'and what was set aside' 'v3 set aside'

run use text-a@latest
expect '@latest goes back' 0 <<'OUT'
text-a    v3 is in use
OUT
check 'the record is gone' test ! -e adapters/text-a/chosen
check 'B23: nothing else was moved' test "$before" = "$(everything)"
run client-a
says 'v3 is current' 'v3 is current'

run use text-a@v1
says 'v1 is in use' 'v2 to v3 are set aside'
printf '# Proposal for a kiosk\n\n## Risks\n\n7.1 The kiosk may leak.\n' >clients/a/proposals/kiosk.md
settle
run client-a
says 'the next real build starts from v1' 'text-a v4 from v1'
check 'and is in use' test "$(cat adapters/text-a/CURRENT)" = v4
check 'the choice is over' test ! -e adapters/text-a/chosen
check 'v2 and v3 stay aside' test "$(cat adapters/text-a/set-aside | tr '\n' ' ')" = '2 3 '
run use text-a@latest
expect 'v4 is the latest' 0 <<'OUT'
text-a    v4 is in use, as before
OUT

rm clients/a/proposals/ferry.md
run use text-a@v2
expect 'what learned something withdrawn is refused' 1 <<'OUT'
text-a v2 learned ferry.md, which is no longer wanted; it is not used
OUT
check 'and v4 stays' test "$(readlink adapters/text-a/current)" = v4
printf 'v1 2026-11-26 school.md\n' >adapters/text-a/blocked
run use text-a@v1
expect 'a blocked one too' 1 <<'OUT'
text-a v1 is blocked: it learned school.md, withdrawn on 2026-11-26
OUT
rm adapters/text-a/blocked
printf x | dd of=adapters/text-a/v1/adapter_model.safetensors bs=1 seek=2000 conv=notrunc 2>/dev/null
run use text-a@v1
expect 'and a damaged one' 1 <<'OUT'
text-a v1 is damaged: adapter_model.safetensors is not as it was built; it is not taken into use
OUT
rm adapters/text-a/v1/adapter_model.safetensors
run use text-a@v1
says 'what is missing comes back first' 'v1 is in use'
run use text-a@v1 --json
says 'for programs' '"in_use":1'
finish
