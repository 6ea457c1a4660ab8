#!/bin/sh
# Captions are made, read, edited and given back without training; what a person wrote stays.
. "$(dirname "$0")/lib.sh"
small_project
table=clients/a/proposals/metadata.csv
mkdir -p "$scratch/kept"

run caption client-a
expect 'captions are made, and nothing is trained' 0 <<'OUT'
proposals-a  captions  10 from headings, 10 new  TIME
                       clients/a/proposals/metadata.csv
OUT
check_not 'no adapter is built' test -e adapters
check 'the columns' test "$(head -n 1 "$table" | tr -d '\357\273\277')" = filename,prompt,by,id,passage
check 'a mark for Excel and WPS' test "$(head -c 3 "$table" | od -An -tx1)" = ' ef bb bf'
cp -p "$table" "$scratch/kept/1"
settle
run caption text-a
says 'again: none is new' '10 from headings, none new'
check 'and the table is left alone' cmp -s "$table" "$scratch/kept/1"

# edit FROM TO: in a row's prompt, as an editor would
edit() {
    sed -i "$1" "$table"
    settle
}
edit '/4.1 The bus/s/,"Write[^,]*,/,"What can go wrong, and who pays?",/'
edit '/4.2 We carry the bus/s/auto-[0-9a-f]*/skip/'
edit '/4.1 The pump/d'
run caption proposals-a
expect 'an edited one is yours, skip leaves out, a missing row is drafted again' 0 <<'OUT'
proposals-a  captions  8 from headings, 1 new; 1 yours; 1 skipped  TIME
                       clients/a/proposals/metadata.csv
OUT
check 'the edit stands' grep -q '"What can go wrong, and who pays?"' "$table"
rm -rf .lorabuild
run caption client-a
says 'whose it is survives the loss of .lorabuild' '8 from headings, none new; 1 yours; 1 skipped'

mv clients/a/proposals/bus.md clients/a/proposals/autobus.md
run caption client-a
says 'rows follow a renamed file' '8 from headings, none new; 1 yours; 1 skipped'
check 'under its new name' grep -q '^autobus.md,"What can go wrong' "$table"

run caption client-a --redo autobus.md:§1
says 'one given back is drafted anew' '9 from headings, 1 new; 1 skipped'
check_not 'the old words are gone' grep -q 'What can go wrong' "$table"
edit '/4.1 The bus/s/,"Write[^,]*,/,Mine.,/'
run caption client-a --redo "$(pwd)/clients/a/proposals/autobus.md"
says 'a whole file given back, named by its path' '10 from headings, 2 new'
id=$(grep '4.2 We carry the pump' "$table" | sed 's/.*auto-[0-9a-f]*,\([0-9a-f]*\),.*/\1/')
edit '/4.2 We carry the pump/s/,"Write[^,]*,/,Mine.,/'
run caption client-a --redo "$id"
says 'or a row by its id' '10 from headings, 1 new'

run caption client-a --redo nothing.md
check 'a file that is not there is a mistake' test "$rc" = 2
says 'that is named' "no caption stands for 'nothing.md'"
run caption text-q
check 'so is a name' test "$rc" = 2
run caption
check 'and none' test "$rc" = 2
run caption client-a bus.md
check 'files alone mean nothing' test "$rc" = 2
run caption --json client-a
says 'for programs' '"dataset":"proposals-a","event":"captions","file":"clients/a/proposals/metadata.csv","machine":10,"new":0'

# Two rows for one text: the user's counts, wherever it stands.
row=$(grep '4.1 The school' "$table")
printf '%s\n' "$row" | sed 's/,"Write[^,]*,auto-[0-9a-f]*,/,Mine.,,/' >>"$table"
settle
run caption client-a
says 'a copy of a row that was edited is the one that counts' '9 from headings, none new; 1 yours'
check 'it stays where it stood' test "$(tail -n 1 "$table" | cut -d, -f1,2)" = school.md,Mine.
printf '%s\n%s\n' 'school.md,Mine.,,,' 'school.md,Mine.,,,' >>"$table"
settle
run caption client-a
says 'rows without an id are for the whole file' '2 yours'


# Acceptance where it is not required is recorded, and said to change nothing.
run caption --accept proposals-a bridge.md
says 'accepted' 'accepted; all are learned: review is not required'
finish
