#!/bin/sh
# precision: bf16 trains on every processor, and a lineage that began in bf16 goes on in it.
. "$(dirname "$0")/lib.sh"
small_project
sed -i 's/steps: 12, max_length: 256, precision: f32}$/steps: 12, max_length: 256, precision: bf16}/' lorabuild.yaml

compute() { # FOLDER: the type that a version was computed in
    sed -n 's/.*"compute": "\([a-z0-9]*\)".*/\1/p' "$1/manifest.json"
}

cp -Rp . "$scratch/two"
run
check 'it builds' [ "$rc" -eq 0 ]
check 'the version says how it was computed' [ "$(compute adapters/text-a/v1)" = bf16 ]
(cd "$scratch/two" && "$lorabuild" -q --threads 1)
check 'the same input gives the same bits' diff -r adapters/text-a/v1 "$scratch/two/adapters/text-a/v1"

sed -i 's/precision: bf16/precision: auto/' lorabuild.yaml
run --rebuild text-a
check 'auto keeps the type of the first version' [ "$(compute adapters/text-a/v2)" = bf16 ]

finish
