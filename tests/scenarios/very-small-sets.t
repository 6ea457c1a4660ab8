#!/bin/sh
# One sample, seven, ninety-one: the steps that a plan announces are the steps that are run.
. "$(dirname "$0")/lib.sh"
small_project
cat >lorabuild.yaml <<'YAML'
lorabuild: 1
base: {writer: models/tiny}
adapters:
  small: {base: writer, data: texts/, rank: 4, epochs: 10, batch_size: 10, warmup: 0.05, precision: f32}
YAML
mkdir texts
for count in 1 7 91; do
    rm -f texts/*
    awk -v n=$count 'BEGIN { for (i = 1; i <= n; i++) {
        printf "{\"instruction\": \"Number %d?\", \"output\": \"Lamp %d.\"}\n", i, i } }' >texts/all.jsonl
    settle
    for how in '-n -B' -B; do
        # shellcheck disable=SC2086
        run $how small
        steps=$(printf '%s\n' "$out" | sed -n 's/^.* train  *\([0-9]* steps\).*/\1/p')
        [ "$how" = -B ] || announced=$steps
    done
    check "T25: $count samples: the steps run are those announced" test "$steps" = "$announced"
    case $count in 91) wanted=100 ;; *) wanted=10 ;; esac
    check 'ten passes over all' test "$steps" = "$wanted steps"
    check 'all are learned' grep -q "\"learned\": $count," adapters/small/current/manifest.json
done
finish
