#!/bin/sh
# A base model that changes while it is being trained on ends the build with a sentence.
. "$(dirname "$0")/lib.sh"
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_sigbus=0" # as without the sanitizer
small_project
run city
sed -i 's/proposals-%, rank: 4, steps: 12/proposals-%, rank: 4, steps: 400/' lorabuild.yaml
cp models/tiny/model.safetensors "$scratch/whole"

for damage in cut overwritten; do
    "$lorabuild" client-a >"$scratch/out" 2>&1 &
    pid=$!
    tries=0
    while ! ls -d .lorabuild/clients/a/keep/attempts/text-a/*/step-*[0-9] >/dev/null 2>&1 && [ $tries -lt 300 ]; do
        sleep 0.02
        tries=$((tries + 1))
    done
    if [ $damage = cut ]; then
        truncate -s 4096 models/tiny/model.safetensors
    else
        dd if=/dev/zero of=models/tiny/model.safetensors bs=4096 seek=2 count=1 conv=notrunc 2>/dev/null
    fi
    wait "$pid"
    rc=$?
    out=$(normalise <"$scratch/out")
    check "T43: a base model $damage while it trains: exit status 1" test "$rc" = 1
    check 'a sentence says so' sh -c 'printf "%s\n" "$1" | grep -q -e shorter -e changed' - "$out"
    says_not 'no signal is shown' 'signal'
    check_not 'no version is made of it' test -e adapters/text-a/v1
    rm -rf .lorabuild/clients/a/keep/attempts
    cp "$scratch/whole" models/tiny/model.safetensors
done
finish
