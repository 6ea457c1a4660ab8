#!/bin/sh
# gc says what it frees, keeps what is in use, pinned, continued, and ages ever further apart.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
number=1
while [ $number -lt 6 ]; do
    number=$((number + 1))
    printf '# Proposal number %s\n\n## Risks\n\nKiosk %s may be late.\n' $number $number \
        >clients/a/proposals/n$number.md
    settle
    run client-a
done
check 'six versions' test -f adapters/text-a/v6/manifest.json
find .lorabuild -type f -exec touch -d '1 hour ago' {} + # what is young may be another's
run gc -n
expect 'what would be freed' 0 <<'OUT'
text-a    free      v1 to v3  SIZE
          keep      v4, v5, v6 (in use)

a         free      texts that nothing refers to: 3 files  SIZE

lorabuild gc would free SIZE
OUT
check '-n frees nothing' test -d adapters/text-a/v1

# What is pinned stays; what is being built is left alone.
sed -i 's/^groups:/  more-%: {from: text-%@v1, data: more-%, rank: 4, steps: 12, max_length: 256, precision: f32}\ngroups:/; s#^adapters:#  more-%: {text: clients/%/more/}\nadapters:#' lorabuild.yaml
mkdir clients/a/more
printf '# More\n\n## Risks\n\nMore of the same.\n' >clients/a/more/more.md
settle
run gc -n text-a
says 'a version that a rule names is pinned' 'keep      v1 (pinned), v4, v5, v6 (in use)'
run more-a
says 'the one built on it' 'more-a    read'
sed -i 's/@v1/@latest/' lorabuild.yaml
run gc -n text-a
says 'and a version that one in use was built on' 'v1 (pinned)'

# A withdrawal: the version that the next build starts from stays.
rm clients/a/proposals/n4.md
run gc -n text-a
says 'where the next build starts is kept' 'v3 (continued)'
run text-a
says 'it does start there' 'text-a v7 without n4.md, from v3'

# A training that was given up.
printf '# Given up\n\nGiven up.\n' >clients/a/proposals/up.md
sed -i 's/from: city, data: proposals-%, rank: 4, steps: 12/from: city, data: proposals-%, rank: 4, steps: 4000/' lorabuild.yaml
settle
timeout -s INT 2 "$lorabuild" -q text-a >/dev/null 2>&1
check 'a training under way' test -n "$(ls -d .lorabuild/clients/a/keep/attempts/text-a/*/)"
run gc -n text-a
says_not 'one that would be continued is kept' 'given up'
sed -i 's/steps: 4000/steps: 12/' lorabuild.yaml
rm clients/a/proposals/up.md
run gc -n text-a
says 'one that would not is freed' '1 training given up'

find .lorabuild -type f -exec touch -d '1 hour ago' {} +
before=$(ls .lorabuild/clients/a/keep/seals/*/* | wc -l)
run gc
says 'texts that nothing refers to' 'a         free      texts that nothing refers to'
says 'the sum' 'Freed SIZE'
check 'fewer seals' test "$(ls .lorabuild/clients/a/keep/seals/*/* | wc -l)" -lt "$before"
check_not 'v5 is gone' test -e adapters/text-a/v5
check_not 'and its archive' test -n "$(ls adapters/text-a/*-v5.tar.* 2>/dev/null)"
check 'its line in the history stays' grep -q '^v5 ' adapters/text-a/history
check_not 'no training is left' test -n "$(ls -d .lorabuild/clients/a/keep/attempts/text-a/*/ 2>/dev/null)"
run gc
expect 'a second time there is nothing' 0 <<'OUT'
There is nothing to free.
OUT
run client-a
says 'what is in use is still current' 'is current'
run gc --json
says 'for programs' '"event":"gc-done"'

# A build under way.
printf '# Slow\n\nSlow.\n' >clients/a/proposals/slow.md
sed -i 's/from: city, data: proposals-%, rank: 4, steps: 12/from: city, data: proposals-%, rank: 4, steps: 4000/' lorabuild.yaml
settle
"$lorabuild" -q text-a >/dev/null 2>&1 &
pid=$!
tries=0
while ! ls .lorabuild/clients/a/keep/attempts/text-a/*/ >/dev/null 2>&1 && [ $tries -lt 300 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
run gc -n
says 'what is being built is left alone' 'text-a    left      is being built (process '
kill -INT "$pid"
wait "$pid"
finish
