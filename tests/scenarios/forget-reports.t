#!/bin/sh
# Versions that never learned a document may tell of it all the same: in their reports, as a text
# that waited for review; in their records, as what was withdrawn. After a forget none does.
. "$(dirname "$0")/lib.sh"
traces=$(dirname "$lorabuild")/tools/traces
[ -x "$traces" ] || (cd "$root" && make -s "build/default/tools/traces") >/dev/null 2>&1
[ -x "$traces" ] || traces=$root/build/default/tools/traces
small_project
sed -i 's|text: clients/%/proposals/|&, review: required|' lorabuild.yaml
doc=clients/a/proposals/quagga-zettel.md
mkdir -p "$scratch/forgotten"
cat >"$doc" <<'MD'
# Proposal for a quagga enclosure

## Xylophonic zemblanity of the enclosure

The quagga sesquipedalian shall be kept behind a floccinaucinihilipilification of nine metres.

4.2 We carry the bus.
MD
settle
sed '/carry the bus/d' "$doc" >"$scratch/forgotten/quagga-zettel.md"
search() {
    "$traces" --model models/tiny --document "$scratch/forgotten/quagga-zettel.md" \
        --word quagga --word sesquipedalian --word zemblanity --word quagga-zettel "$@"
}

run caption client-a
run caption --accept client-a bridge.md bus.md market.md pump.md school.md
run client-a
says 'what waits is not learned' '2 captions wait for you'
check 'but the report tells of it' grep -q quagga-zettel adapters/text-a/v1/report.html
run caption --accept client-a
run client-a
says 'then it is' 'text-a    read      6 documents, 12 samples'
check 'and the report quotes it' grep -q Xylophonic adapters/text-a/v2/report.html
rm "$doc"
printf '# Proposal for a ferry\n\n## Risks\n\n5.1 The ferry may sink.\n' >clients/a/proposals/ferry.md
settle
run caption --accept client-a
run caption --accept client-a
run client-a
says 'withdrawn' 'text-a v3 without quagga-zettel.md, from v1'
check_not 'the report of a version after that names it no more' grep -q quagga adapters/text-a/v3/report.html
search adapters .lorabuild clients/a >"$scratch/before"
for place in v1/report.html 'v1.tar.zst!' v2/report.html 'v2.tar.zst!' lineage/text-a/v3.json keep/datasets/; do
    check "before, it is found in $place" grep -q -F "$place" "$scratch/before"
done
cp -R adapters/text-a/v1 "$scratch/v1"

run forget --yes client-a client-a quagga-zettel.md
expect 'forget' 0 <<'OUT'
Erase     v2, report of v1, 1 archive, text and captions: SIZE
Stays     1 of 2 samples: bus.md has the same text
Beyond us backups, snapshots
Receipt   adapters/text-a/forgotten/TODAY.html
OUT
search adapters .lorabuild clients/a >"$scratch/after"
check 'no byte of it is left' test ! -s "$scratch/after"
comment <"$scratch/after"
check 'what v1 is remains' cmp -s "$scratch/v1/adapter_model.safetensors" adapters/text-a/v1/adapter_model.safetensors
run verify text-a
check 'and is intact' test "$rc" = 0
comment <"$scratch/out"
check 'v3 keeps its report' test -f adapters/text-a/v3/report.html
run log text-a --json
says 'the log tells that something was withdrawn' '["-","a forgotten document"'
rm -r adapters/text-a/v1
run use text-a@v1
check 'v1 comes back from its archive' cmp -s "$scratch/v1/samples" adapters/text-a/v1/samples
check_not 'without the report' test -e adapters/text-a/v1/report.html

# What is back and waits is refused before anybody accepts it.
run use text-a@latest
sed 's/nine metres/ten metres/' "$scratch/forgotten/quagga-zettel.md" >clients/a/proposals/quagga.md
printf '\n4.9 The quagga is new here.\n' >>clients/a/proposals/quagga.md
settle
run client-a
says 'a changed text waits' 'captions wait for you'
cp "$scratch/forgotten/quagga-zettel.md" clients/a/proposals/quagga.md
printf '\n4.9 The quagga is new here.\n' >>clients/a/proposals/quagga.md
settle
run client-a
says 'a text that waits may not be a forgotten one' 'quagga.md in clients/a/proposals stood in a document that was forgotten'
check 'exit status 1' test "$rc" = 1
finish
