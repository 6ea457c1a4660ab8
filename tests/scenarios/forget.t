#!/bin/sh
# A withdrawn document is erased with a receipt, and refused when it comes back.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
ferry() {
    printf '# Proposal for a ferry\n\n## Tides\n\n4.1 The ferry may be late.\n\n4.2 We carry the bus.\n' \
        >clients/a/proposals/交通报价.md
    settle
}
ferry
run client-a

run forget text-a 交通报价.md
expect 'a document that is still there is not forgotten' 1 <<'OUT'
交通报价.md is still in clients/a/proposals. Delete it there, run lorabuild text-a, which makes a version that never saw it, and then forget it.
OUT
rm clients/a/proposals/交通报价.md
run forget text-a 交通报价.md
expect 'nor while a version that learned it is in use' 1 <<'OUT'
text-a v2 learned it and is in use. First run: lorabuild text-a
which makes a version that never saw it; then forget it.
OUT
run text-a
run forget text-a nix.md
expect 'a name that nobody knows' 1 <<'OUT'
nothing that is kept names 'nix.md'. Documents that are gone: 交通报价.md
OUT
run forget text-a
says 'without a document: usage' 'which document? lorabuild forget NAME FILE'
check 'exit status 2' test "$rc" = 2

printf '2026-11-25 /srv/vllm/text-a peft\n' >adapters/text-a/exported
printf 'no\n' | "$lorabuild" forget text-a 交通报价.md >"$scratch/out" 2>&1
rc=$?
out=$(normalise <"$scratch/out")
expect 'another answer than the name erases nothing' 1 <<'OUT'
Erase     v2, 1 archive, text and captions: SIZE
Stays     1 of 2 samples: bus.md has the same text
Beyond us /srv/vllm/text-a (exported 25 Nov), backups, snapshots
Type text-a to erase: nothing was erased; scripts say --yes text-a
OUT
check 'v2 is still there' test -f adapters/text-a/v2/manifest.json
run forget --yes text-b text-a 交通报价.md
says 'neither does another name behind --yes' '--yes text-b is not text-a; nothing was erased'

printf 'text-a\n' | "$lorabuild" forget text-a clients/a/proposals/交通报价.md >"$scratch/out" 2>&1
rc=$?
out=$(normalise <"$scratch/out")
expect 'the name typed erases; the path may be typed in full' 0 <<'OUT'
Erase     v2, 1 archive, text and captions: SIZE
Stays     1 of 2 samples: bus.md has the same text
Beyond us /srv/vllm/text-a (exported 25 Nov), backups, snapshots
Type text-a to erase: Receipt   adapters/text-a/forgotten/TODAY.html
OUT
check_not 'v2 is gone' test -e adapters/text-a/v2
check 'its line in the history is empty' grep -q '^v2 .* 0\{32\} 0\{64\}$' adapters/text-a/history
receipt=$(echo adapters/text-a/forgotten/*.html)
check 'the receipt says what was erased' grep -q 'text-a v2 (built' "$receipt"
check 'and what is beyond us' grep -q '/srv/vllm/text-a (exported 25 Nov)' "$receipt"
check_not 'and names no document' grep -q -e '交通' -e ferry -e bus "$receipt"
check_not 'nothing pending is left' test -e adapters/text-a/forgotten/pending
run text-a
says 'nothing is to be built' 'v1 is current'

# It comes back.
ferry
run text-a
expect 'a forgotten document is refused' 1 <<'OUT'
text-a: 交通报价.md was forgotten on TODAY and is back in clients/a/proposals.
Take it out; or, to learn it again: lorabuild forget --undo text-a '交通报价.md'
OUT
mv clients/a/proposals/交通报价.md clients/a/proposals/other.md
printf '\nMore.\n' >>clients/a/proposals/other.md
settle
run text-a
expect 'and so is one of its texts under another name' 1 <<'OUT'
text-a: §1 of other.md in clients/a/proposals stood in a document that was forgotten on TODAY.
Take it out; or, to learn it again: lorabuild forget --undo text-a 'other.md'
OUT
run forget --undo text-a nix.md
says 'undo of an unknown name' "no document like 'nix.md' was forgotten"
run forget --undo text-a other.md
expect 'undo' 0 <<'OUT'
text-a    other.md may be learned again; the next build does
OUT
run text-a
says 'no number is given twice' 'v3        ready, in use'

# A withdrawal in the domain: what stands on it goes too.
rm corpus/water.md
run forget city water.md
expect 'all that is in use must be clean' 1 <<'OUT'
city v1, text-a v3 learned it and is in use. First run: lorabuild city text-a
which makes a version that never saw it; then forget it.
OUT
run city text-a
run forget city --yes city water.md
expect 'versions that stand on an erased one go with it' 0 <<'OUT'
Erase     city v1, text-a v1, v3, 3 archives, text and captions: SIZE
Beyond us /srv/vllm/text-a (exported 25 Nov), backups, snapshots
Receipt   adapters/city/forgotten/TODAY.html
OUT
check 'the clean one stays' test -f adapters/text-a/v4/manifest.json
run client-a
says 'and is current' 'v4 is current'

# All of them.
rm clients/a/proposals/*.md
run forget --all --yes text-a --json text-a
check 'for programs' test "$rc" = 0
says 'what is erased' '"event":"erase"'
says 'and where the receipt is' '"receipt":"adapters/text-a/forgotten/TODAY-2.html"'
check_not 'no version is left' test -e adapters/text-a/v4
check_not 'none is in use' test -e adapters/text-a/CURRENT
printf '# Proposal for a zoo\n\n## Risks\n\nLions.\n' >clients/a/proposals/zoo.md
settle
run text-a
says 'a heading that stood in a forgotten document is no secret' 'v5        ready, in use'

# Names may hold anything.
odd=$(printf "it's a\nname.md")
printf '# Proposal for a yurt\n\n## Felt\n\nYurts.\n' >"clients/a/proposals/$odd"
settle
run text-a
rm "clients/a/proposals/$odd"
run text-a
run forget --yes text-a text-a "$odd"
check 'a name with a newline' test "$rc" = 0
says 'is forgotten like any other' 'Erase     v6'
printf '# Proposal for a yurt\n\n## Felt\n\nYurts.\n' >"clients/a/proposals/$odd"
settle
run text-a
says 'and refused' "it's a\\x0aname.md was forgotten on TODAY"
finish
