#!/bin/sh
# A document's name may hold any byte; it never decides what is learned.
. "$(dirname "$0")/lib.sh"
small_project
documents=clients/a/proposals
rm $documents/*
newline='two
lines.txt'
invalid=$(printf 'inv\377lid \300\257.txt')
longest=$(printf '%0251d.txt' 0)
chinese=$(printf '地铁%.0s' 1 2 3 4 5 6 7 8 9 10).txt
number=0
for name in ' spaces  here .txt' "$newline" "$invalid" "$longest" "$chinese" '-n.txt' 'quote"back\slash.txt' \
            "tab	and$(printf '\033')escape.txt" "$(printf 'u\314\210ber.txt')" 'percent%s%n.txt' '#.txt' 'a:b=c.txt' '{x}.txt'; do
    number=$((number + 1))
    echo "Lamp $number is lit." >"$documents/$name" || echo "# cannot make $name"
done
settle
run client-a
says 'all are learned' "$number documents, $number samples"
run client-a
says 'and then nothing is to be done' "v1 is current: $number documents, $number samples"
sed -i 's/lit/out/' "$documents/$invalid" "$documents/$newline" "$documents/$longest" "$documents/$chinese"
settle
run --why client-a
says 'edits are told: invalid UTF-8 is shown by its bytes' '~ inv\xfflid \xc0\xaf.txt'
says 'a line break is shown, not made' '~ two\x0alines.txt'
says 'Chinese is' '~ 地铁地铁'
check 'nothing raw reaches the terminal' sh -c '! grep -q "$(printf "\\377")" "$0"' "$scratch/out"
run client-a
says 'and learned' 'v2'
rm "$documents/$invalid"
settle
run --why client-a
says 'so is what is gone' '- inv\xfflid \xc0\xaf.txt'
run client-a
check 'and unlearned' test "$rc" = 0
run --json status client-a
check 'JSON is told in UTF-8' sh -c 'iconv -f UTF-8 -t UTF-8 "$0" >/dev/null 2>&1' "$scratch/out"
run diff text-a@v1 @v2
check 'diff' test "$rc" = 0
run verify text-a
check 'verify' test "$rc" = 0
run show text-a
check 'show' test "$rc" = 0
run log text-a
check 'log' test "$rc" = 0
printf 'spreadsheet' >"$documents/$(printf 'b\377d.xlsx')"
run client-a
check 'a name of a file that is not read likewise' test "$rc" = 0
finish
