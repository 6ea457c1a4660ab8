#!/bin/sh
# After a forget no byte of the document is left in stores, outputs and captions: not its text, not
# its name, not a digest of either, raw or inside an archive.
. "$(dirname "$0")/lib.sh"
traces=$(dirname "$lorabuild")/tools/traces
[ -x "$traces" ] || (cd "$root" && make -s "build/default/tools/traces") >/dev/null 2>&1
[ -x "$traces" ] || traces=$root/build/default/tools/traces
check 'the searching program is there' test -x "$traces"
small_project
run client-a

# Two states of one document; its second text stands elsewhere too, and is no secret.
doc=clients/a/proposals/quagga-zettel.md
mkdir "$scratch/kept"
cat >"$doc" <<'MD'
# Proposal for a quagga enclosure

## Xylophonic zemblanity of the enclosure

The quagga sesquipedalian shall be kept behind a floccinaucinihilipilification of nine metres.

4.2 We carry the bus.
MD
settle
cp "$doc" "$scratch/kept/quagga-zettel.md"
sleep 2.1 # until the store trusts the file's dates
run client-a
mkdir "$scratch/kept/later"
sed -i 's/nine metres/eleven borborygmic furlongs/' "$doc"
settle
cp "$doc" "$scratch/kept/later/quagga-zettel.md"
run client-a
sed -i 's/^\(quagga-zettel.md,\)[^,]*/\1Ululate about the quagga/' clients/a/proposals/metadata.csv
run client-a
says 'four versions, three of which saw it' 'v4        ready'

# A training under way that saw it.
printf '# More\n\nMore of the same.\n' >clients/a/proposals/more.md
sed -i 's/from: city, data: proposals-%, rank: 4, steps: 12/from: city, data: proposals-%, rank: 4, steps: 4000/' lorabuild.yaml
settle
content=$(awk 'FNR == NR {clean[$1]} FNR < NR && NF == 3 && !($1 in clean) {print $1; exit}' \
    adapters/text-a/v1/samples adapters/text-a/v4/samples)
tries=0
while ! grep -q -r "$content" .lorabuild/clients/a/keep/attempts 2>/dev/null && [ $tries -lt 20 ]; do
    timeout -s INT 2 "$lorabuild" -q client-a >/dev/null 2>&1
    tries=$((tries + 1))
done
check 'a checkpoint is left' test -n "$(ls -d .lorabuild/clients/a/keep/attempts/text-a/*/step-* 2>/dev/null)"
sed -i 's/steps: 4000/steps: 12/' lorabuild.yaml
rm clients/a/proposals/more.md "$doc"
run client-a
says 'the version in use is clean' 'v1        ready, in use'

# The digests that the exposed versions hold and v1 does not: contents and ids.
digests() {
    awk 'NF == 3 && length($1) == 32 {print $1; print $2} NF == 1 && length($1) == 32' "$@" | sort -u
}
digests adapters/text-a/v1/samples >"$scratch/clean"
digests adapters/text-a/v[234]/samples | comm -23 - "$scratch/clean" | sed 's/^/--digest /' >"$scratch/only"
check 'there are such digests' test -s "$scratch/only"
search() { # FOLDER…: everything but what stands in other documents too
    # shellcheck disable=SC2046
    "$traces" --model models/tiny --document "$scratch/forgotten/quagga-zettel.md" \
        --document "$scratch/forgotten/later/quagga-zettel.md" $(cat "$scratch/only") \
        --word quagga --word sesquipedalian --word borborygmic --word Ululate --word quagga-zettel "$@"
}
mkdir -p "$scratch/forgotten/later"
sed '/carry the bus/d' "$scratch/kept/quagga-zettel.md" >"$scratch/forgotten/quagga-zettel.md"
sed '/carry the bus/d' "$scratch/kept/later/quagga-zettel.md" >"$scratch/forgotten/later/quagga-zettel.md"
for state in . later; do
    for file in "$scratch/kept/$state/quagga-zettel.md"; do
        printf -- '--digest %s\n' "$(sha256sum "$file" | cut -d ' ' -f 1)" >>"$scratch/only"
    done
done
# The digests of the files as they were, as their seals are named.
for seal in .lorabuild/clients/a/keep/seals/*/*; do
    if grep -q quagga "$seal"; then
        basename "$seal" | sed 's/-.*//; s/^/--digest /' >>"$scratch/only"
    fi
done

# The search can fail: it finds all of it before, and every kind where it is planted.
search --plant "$scratch/planted" >/dev/null
search "$scratch/planted" >"$scratch/seen"
for kind in utf-8 utf-16le utf-16be name name-utf-16le name-utf-16be ids-16 ids-32 source source-hex \
    source-plain source-plain-hex source-sha256 source-sha256-hex content content-hex sample-sha256 \
    sample-sha256-hex digest digest-hex; do
    check "planted $kind is found" grep -q "^$kind .*raw/$kind\$" "$scratch/seen"
    check "and in an archive" grep -q "^$kind .*all.tar.zst!\$" "$scratch/seen"
done
search adapters .lorabuild clients/a >"$scratch/before"
for place in cache/data.mdb keep/data.mdb keep/datasets/ keep/seals/ keep/attempts/ \
    adapters/text-a/v3/samples adapters/text-a/v3/report.html 'v3.tar.zst!' metadata.csv; do
    check "before, it is found in $place" grep -q -F "$place" "$scratch/before"
done

run forget --yes client-a client-a "$doc"
expect 'forget' 0 <<'OUT'
Erase     v2, v3, v4, 1 checkpoint, 3 archives, text and captions: SIZE
Stays     1 of 3 samples: bus.md has the same text
Beyond us backups, snapshots
Receipt   adapters/text-a/forgotten/TODAY.html
OUT
search adapters .lorabuild clients/a >"$scratch/after"
check 'afterwards no byte of it is left' test ! -s "$scratch/after"
comment <"$scratch/after"
run client-a
says 'the version in use is still current' 'v1 is current'
run status
search adapters .lorabuild clients/a >"$scratch/after"
check 'nor after another run' test ! -s "$scratch/after"
check 'the shared text is still learned' grep -q 'We carry the bus' -r .lorabuild/clients/a/keep/seals
finish
