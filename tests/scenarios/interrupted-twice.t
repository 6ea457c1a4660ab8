#!/bin/sh
# Ctrl-C twice, or kill -9 in an update: v1 is in use at every moment, and the same command goes on.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
cp -Rp . "$scratch/built"

# A version in use at every moment: looked for while everything else happens.
watch_current() {
    while [ -e "$scratch/watching" ]; do
        [ -e adapters/text-a/current/adapter_model.safetensors ] || echo gap >>"$scratch/gaps"
        sleep 0.005
    done
}

sed -i 's/proposals-%, rank: 4, steps: 12/proposals-%, rank: 4, steps: 4000/' lorabuild.yaml
touch "$scratch/watching"
watch_current &
watcher=$!
"$lorabuild" client-a >"$scratch/out" 2>&1 &
pid=$!
tries=0
while ! ls -d .lorabuild/clients/a/keep/attempts/text-a/*/step-*[0-9] >/dev/null 2>&1 && [ $tries -lt 300 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
kill -INT "$pid"
sleep 0.01
kill -INT "$pid"
wait "$pid"
check 'B15: Ctrl-C twice: exit status 130' test $? = 130
run -n client-a
says 'the same command continues' 'text-a v2, continued at step'
check 'v1 is in use' test "$(readlink adapters/text-a/current)" = v1
check_not 'there is no v2' test -e adapters/text-a/v2
rm "$scratch/watching"
wait "$watcher"

cp "$scratch/built/lorabuild.yaml" lorabuild.yaml
printf '# Proposal for a ferry\n\n## Risks\n\n4.1 The ferry may be late.\n' >clients/a/proposals/ferry.md
settle
cp -Rp adapters .lorabuild "$scratch/"
failed_before=$tap_failed
for delay in 0.05 0.1 0.15 0.2 0.25 0.3 0.4; do
    rm -rf adapters .lorabuild
    cp -Rp "$scratch/adapters" "$scratch/.lorabuild" .
    touch "$scratch/watching"
    watch_current &
    watcher=$!
    setsid "$lorabuild" -q client-a >/dev/null 2>&1 &
    pid=$!
    sleep "$delay"
    kill -s KILL -- "-$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    rm "$scratch/watching"
    wait "$watcher"
    run draft client-a --max-tokens 1 hello
    [ "$rc" = 0 ] || report 1 "the version in use does not load after $delay s"
    run client-a
    { [ "$rc" = 0 ] && [ "$(readlink adapters/text-a/current)" = v2 ] && ls adapters/text-a/*-v2.tar.zst >/dev/null; } ||
        report 1 "v2 is not whole after kill -9 at $delay s"
    [ ! -e adapters/text-a/v3 ] || report 1 "v2 was built twice after kill -9 at $delay s"
done
check 'B15: kill -9 at many moments of an update: v2 is whole' test "$tap_failed" = "$failed_before"
check_not 'a version was in use at every moment' test -s "$scratch/gaps"
finish
