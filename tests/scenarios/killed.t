#!/bin/sh
# A run killed at any moment and started again ends in the same bytes.
. "$(dirname "$0")/lib.sh"
small_project
sed -i 's/steps: 12/steps: 60/' lorabuild.yaml
cp -Rp . "$scratch/whole"
(cd "$scratch/whole" && "$lorabuild" -q client-a)
wanted=$(cat "$scratch/whole/adapters/text-a/v1/adapter_model.safetensors" \
             "$scratch/whole/adapters/text-a/v1/manifest.json" "$scratch/whole/adapters/text-a/v1/samples" | sha256sum)

# The parent alone, and parent and child together, at many moments.
rounds=0
for delay in 0.02 0.05 0.1 0.15 0.2 0.3 0.4 0.5 0.7 0.9; do
    for whom in parent both; do
        rm -rf adapters .lorabuild
        setsid "$lorabuild" -q client-a >/dev/null 2>&1 &
        pid=$!
        sleep "$delay"
        if [ "$whom" = both ]; then kill -s KILL -- "-$pid" 2>/dev/null; else kill -9 "$pid" 2>/dev/null; fi
        wait "$pid" 2>/dev/null
        for version in adapters/*/v*; do
            [ -e "$version" ] && [ ! -f "$version/manifest.json" ] && report 1 "half a version after $delay s"
        done
        run client-a
        got=$(cat adapters/text-a/v1/adapter_model.safetensors adapters/text-a/v1/manifest.json \
                  adapters/text-a/v1/samples | sha256sum)
        rounds=$((rounds + 1))
        [ "$rc" -eq 0 ] && [ "$got" = "$wanted" ] || report 1 "other bytes after kill -9 of $whom at $delay s"
    done
done
check "all $rounds kills end in the same bytes" test "$tap_failed" = 0
finish
