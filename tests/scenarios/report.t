#!/bin/sh
# Each version has a report.html: one quiet page, the same bytes whatever happens around it.
. "$(dirname "$0")/lib.sh"
small_project
printf '# 消防方案\n\n## 风险\n\n水压不足。\n' >clients/a/proposals/消防.md
printf 'x' >clients/a/proposals/报价.xlsx
printf '# Costs & <b>Prices</b>\n\n## Sums\n\nThe <i>pier</i> costs & pays.\n' >'clients/a/proposals/<b>&.md'
settle
run client-a
says 'the build says where it stands' 'Read it   adapters/text-a/v1/report.html'
report=adapters/text-a/v1/report.html
check 'it is there' test -s "$report"
check 'the manifest has its digest' grep -q "$(sha256sum "$report" | cut -d' ' -f1)" adapters/text-a/v1/manifest.json
zstd -dcq adapters/text-a/*-v1.tar.zst >"$scratch/tar"
check 'the archive holds it' sh -c "tar -tf '$scratch/tar' text-a-v1/report.html >/dev/null"

# has WORDS TEXT
has() {
    check "$1" grep -qF "$2" "$report"
}
has 'ready' '<b>Ready</b>'
has 'better or not' '<b>Not measured</b>'
has 'a document learned' '<td>bridge.md</td><td class="n">2</td><td class="n">2</td><td class="n">-</td>'
has 'Chinese is written as it is' '<td>消防.md</td>'
has 'names are no markup' '<td>&lt;b&gt;&amp;.md</td>'
has 'not learned, with the reason' '<td>报价.xlsx</td><td>spreadsheets are not read</td>'
has 'the base drafts' '<div class="who">tiny</div>'
has 'and the domain adapter' '<div class="who">city v1</div>'
has 'and this version' '<div class="draft own"><div class="who">text-a v1</div>'
has 'losses are drawn' '<svg viewBox='
has 'settings have their origin' '<td>rank</td><td>4</td><td>lorabuild.yaml:10</td>'
has 'or are defaults' '<td>seed</td><td>42</td><td>default</td>'
has 'digests of the files' "$(sha256sum adapters/text-a/v1/samples | cut -d' ' -f1)"
has 'it prints on A4' '@page{size:A4'
has 'nothing in it may load or run' "content=\"default-src 'none'; style-src 'unsafe-inline'\""
has 'it has colours for a dark screen' 'prefers-color-scheme:dark'
check_not 'no script' grep -qi '<script' "$report"
check_not 'nothing from elsewhere' grep -qE '(src|href|url|@import)[=(]' "$report"
check_not 'no path of this machine' grep -qF "$scratch" "$report"
check_not 'no text is markup' grep -qE '<i>|<b>Prices' "$report"

printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
run client-a
report=adapters/text-a/v2/report.html
has 'an update drafts with the version before' '<div class="who">text-a v1</div>'
check_not 'not with the domain adapter' grep -qF '<div class="who">city v1</div>' "$report"
has 'and tells what is new' '<td>new, or their text was edited</td><td class="n">1</td>'
has 'document by document' '<td>ferry.md</td><td class="n">1</td><td class="n">1</td>'

rm clients/a/proposals/bus.md
run client-a
report=adapters/text-a/v3/report.html
has 'what was withdrawn is counted' 'had no part in this training</td><td class="n">2</td>'
has 'who learned it drafts nothing' 'It learned texts that this version did not, so nothing is drafted with it.'
check_not 'its name is nowhere' grep -qE 'bus\.md|for a bus' "$report"

# Deleted, it comes back; changed, the version stays usable.
cp "$report" "$scratch/report"
rm "$report"
run client-a
check 'deleted, it comes back from the archive' cmp -s "$report" "$scratch/report"
printf 'mine' >"$report"
printf '# Proposal for a tram\n\n## Risks\n\n4.1 The tram may be late.\n' >clients/a/proposals/tram.md
settle
run client-a
says 'written over by somebody, its version is continued all the same' 'text-a v4 from v3'
check 'and left as it is' test "$(cat "$report")" = mine

# What it drafts may be said, or that there shall be none.
sed -i '/^  text-%:/s/rank: 4/rank: 4, report: [How late is the bus?, 需要多久？]/' lorabuild.yaml
run --why client-a
says 'another request is no reason to train' 'v4 is current'
rm -rf adapters/text-a
run client-a
report=adapters/text-a/v1/report.html
has 'the rule file may name the requests' '<div class="request">How late is the bus?</div>'
has 'in any language' '<div class="request">需要多久？</div>'
check 'and no others are drafted' test "$(grep -c 'class="request"' "$report")" = 2
sed -i '/^  text-%:/s/report: \[[^]]*\]/report: none/' lorabuild.yaml
rm -rf adapters/text-a
run client-a
check_not 'report: none makes none' test -e "$report"
says_not 'and none is named' 'Read it'
sed -i '/^  text-%:/s/, report: none//' lorabuild.yaml

# Stopped while it is made, or killed: the same bytes in the end.
rm -rf adapters/text-a .lorabuild
cp -Rp . "$scratch/other"
run client-a
for after in 0.05 0.1 0.2 0.3 0.4 0.6; do
    (cd "$scratch/other" && timeout -s KILL "$after" "$lorabuild" client-a) >/dev/null 2>&1
done
(cd "$scratch/other" && "$lorabuild" -q client-a)
check 'killed and continued: the same bytes' cmp -s adapters/text-a/v1/report.html \
    "$scratch/other/adapters/text-a/v1/report.html"
finish
