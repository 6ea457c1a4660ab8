#!/bin/sh
# metadata.csv may come back from any spreadsheet: nothing is trained again, no words are lost.
. "$(dirname "$0")/lib.sh"
small_project
table=clients/a/proposals/metadata.csv
printf '# 消防方案\n\n## 风险\n\n水压不足。\n' >clients/a/proposals/消防.md
settle
run caption client-a
sed -i '/4.1 The bus/s/,"Write[^,]*,/,请说明“公交”的风险,/' "$table"
settle
cp "$table" "$scratch/table"
run client-a
check 'built' test "$rc" = 0
mkdir "$scratch/saved"
plain=$scratch/plain
tail -c +4 "$scratch/table" >"$plain"

# saved WORDS: the table as it was just saved gives what was built, and is not written over
saved() {
    settle
    cp "$table" "$scratch/saved/now"
    run client-a
    says "$1" 'v1 is current'
    check "$1: not written over" cmp -s "$table" "$scratch/saved/now"
}
iconv -f UTF-8 -t GB18030 "$plain" >"$table"
saved 'in GB18030, as WPS saves'
{ printf '\377\376'; iconv -f UTF-8 -t UTF-16LE "$plain"; } >"$table"
saved 'in UTF-16'
cp "$plain" "$table"
saved 'in UTF-8 without a mark'

# The same rows as other programs write them: every cell in quotes, CRLF, another separator.
sed -E -e 's/(^|,)([^",]+)/\1"\2"/g' -e 's/$/\r/' "$plain" >"$table"
saved 'all cells in quotes, CRLF'
sed -e 's/,/;/g' -e 's/$/\r/' "$plain" >"$table"
saved 'with semicolons'
tr , '\t' <"$plain" >"$table"
saved 'with tabs'
{ head -n 1 "$plain"; tail -n +2 "$plain" | sort -r; } >"$table"
saved 'sorted otherwise'

# When it has to be written, it is UTF-8 with a mark again, in the order that the user gave it.
iconv -f UTF-8 -t GB18030 "$table" >"$scratch/gb" && cp "$scratch/gb" "$table"
first=$(sed -n 2p "$scratch/saved/now")
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
run caption client-a
says 'a new text gets its row' '11 from headings, 1 new; 1 yours'
check 'in UTF-8 with a mark' test "$(head -c 3 "$table" | od -An -tx1)" = ' ef bb bf'
check 'the order stays' test "$(sed -n 2p "$table")" = "$first"
check 'and so do the words' grep -q '请说明“公交”的风险' "$table"

printf 'filename,prompt\n"bus.md,x\n' >"$table"
settle
run caption client-a
check 'a table that cannot be read stops' test "$rc" = 1
says 'with its name' 'metadata.csv'
check 'and is left as it is' test "$(head -n 1 "$table")" = filename,prompt
cp "$scratch/table" "$table"

# A folder that cannot be written: the table stands in the client's own.
[ "$(id -u)" = 0 ] || finish
command -v setpriv >/dev/null || finish
chmod 755 "$scratch"
rm -rf .lorabuild adapters "$table"
settle
chown -R 65534:65534 . && chown 0:0 clients/a/proposals && chmod 555 clients/a/proposals
setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$lorabuild" || finish
as_other() {
    setpriv --reuid 65534 --regid 65534 --clear-groups "$lorabuild" "$@" >"$scratch/out" 2>&1
    rc=$?
    out=$(normalise <"$scratch/out")
}
as_other caption client-a
says 'a folder that may not be written to' '12 from headings, 12 new'
says 'has its table beside it' 'clients/a/proposals-a.metadata.csv'
check 'there it is' test -s clients/a/proposals-a.metadata.csv
check_not 'and nothing in the folder' test -e clients/a/proposals/metadata.csv
rm -rf .lorabuild
as_other caption client-a
says 'it survives the loss of .lorabuild' '12 from headings, none new'
finish
