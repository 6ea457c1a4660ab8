#!/bin/sh
# Two lorabuilds of different projects share one machine: neither takes what the other was granted.
. "$(dirname "$0")/lib.sh"
small_project
mkdir -p clients/b/proposals
printf '# Proposal\n\n## Risks\n\nThe kiosk of b may be late.\n' >clients/b/proposals/one.md
settle
run city
cp -Rp . "$scratch/other"

# until WORDS COMMAND…: waits for the command to succeed.
until_true() {
    tries=0
    while ! "$@" >/dev/null 2>&1 && [ $tries -lt 300 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
}
account=$TMPDIR/lorabuild-$(id -u)
granted() { # PROCESS: has it got what it asked for?
    grep -l "^$1 " "$account"/*.job | xargs grep -q '^granted'
}
begin_long() { # in the other project, on all processors
    (cd "$scratch/other" && sed -i 's/steps: 12/steps: 9000/' lorabuild.yaml && exec "$lorabuild" -q city) &
    long=$!
    until_true granted "$long"
}
begin_waiting() {
    rm -f "$scratch/waiting"
    "$lorabuild" text-a >"$scratch/waiting" 2>&1 &
    waiting=$!
    until_true grep wait "$scratch/waiting"
}

for signal in INT KILL; do
    rm -rf adapters/text-a .lorabuild/clients
    begin_long
    begin_waiting
    kill -s $signal "$long"
    wait "$long"
    wait "$waiting"
    check "SIG$signal ends the first: the second goes on" test $? = 0
    out=$(sed -E "s/process $long\) uses [0-9]+/process LONG) uses ALL/" "$scratch/waiting" | normalise)
    says 'it has said for what it waits, and for whom' \
        '          wait      for processors: city (process LONG) uses ALL'
    check 'and built' test -f adapters/text-a/v1/manifest.json
done
check_not 'nothing is left of either' sh -c 'ls "$TMPDIR"/lorabuild-*/*.job 2>/dev/null'

# Somebody holds more memory than there is.
command -v flock >/dev/null || { finish; }
rm -rf adapters/text-a .lorabuild/clients
printf '%d large\ngranted 100000000000000 1 0\n' $$ >"$account/00000001.job"
(exec 9<>"$account/00000001.job" && flock 9 && exec sleep 60) &
holder=$!
until_true sh -c "! flock -n '$account/00000001.job' true"
begin_waiting
check 'too little memory is waited for' kill -0 "$waiting"
out=$(sed -E "s/process $$\)/process SHELL)/; s/for [0-9]+ MB/for SIZE/" "$scratch/waiting" | normalise)
says 'with numbers' '          wait      for SIZE of memory, 0 kB are free'
says 'and who holds how much' '                    large (process SHELL) holds 100 TB'
kill -INT "$waiting"
wait "$waiting"
check 'Ctrl-C ends the waiting: exit status 130' test $? = 130
out=$(normalise <"$scratch/waiting")
says 'nothing is lost' 'text-a    stopped before the first step; nothing is lost'
begin_waiting
kill "$holder"
wait "$holder" 2>/dev/null
wait "$waiting"
check 'once that has ended, the build goes on' test $? = 0
check_not 'what its holder left there is gone' test -e "$account/00000001.job"

# What can never fit is refused at once.
rm -rf adapters/text-a .lorabuild/clients
run --memory 50M text-a
check 'too little for ever: exit status 1' test "$rc" = 1
says 'with numbers' 'training needs at least 0.1 GB'

# Within one lorabuild: as many threads as are shared, and no more.
threads() {
    "$lorabuild" --json "$@" | sed -n 's/.*"event":"trained".*"threads":\([0-9]*\).*/\1/p' | tr '\n' ' '
}
rm -rf adapters/text-* .lorabuild/clients
check 'one at a time has all threads' test "$(threads --threads 2 text-a text-b)" = '2 2 '
rm -rf adapters/text-* .lorabuild/clients
check 'two at once share them' test "$(threads --threads 2 -j2 text-a text-b)" = '1 1 '
rm -rf adapters/text-* .lorabuild/clients
check 'one alone with -j2 has all' test "$(threads --threads 2 -j2 text-a)" = '2 '
rm -rf adapters/text-* .lorabuild/clients
check 'with one thread they take turns' test "$(threads --threads 1 -j2 text-a text-b)" = '1 1 '
finish
