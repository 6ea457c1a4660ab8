#!/bin/sh
# show gives every effective value with its origin, the files, and how to load them.
. "$(dirname "$0")/lib.sh"
small_project
cat >lorabuild.yaml <<'YAML'
lorabuild: 1
clients: clients/%/
shared: [corpus/, models/]
base: {writer: models/tiny}
x-common: &common {rank: 6, steps: 12, max_length: 256, precision: f32}
datasets:
  papers: {text: corpus/}
  proposals-%: {text: clients/%/proposals/}
adapters:
  city: {<<: *common, base: writer, data: papers}
  text-%:
    <<: *common
    from: city
    data: proposals-%
  text-a: {epochs: 3}
YAML
settle
run show text-a
says 'never built' 'text-a: never built'
says 'a value and its line' 'epochs         3                                 lorabuild.yaml:15'
says "B19: an alias's line is the origin" 'rank           6                                 lorabuild.yaml:12'
says 'a default' 'alpha          12                                default'
says 'the base' 'base           writer: models/tiny               lorabuild.yaml:4'
says 'the data' 'data           proposals-a: clients/a/proposals  lorabuild.yaml:8'
says 'the rank of the joint file' "exported rank  12 = 6 + city's 6, padded to 16"
says_not 'nothing to load yet' 'vLLM'
run text-a
run show text-a
says 'in use' 'text-a: v1 in use, adapters/text-a/v1'
says 'what it was built on' 'from           city, built on v1'
says 'its files' 'adapters/text-a/v1/alone/adapter_model.safetensors'
says 'vLLM' 'vllm serve models/tiny --enable-lora --max-lora-rank 16 --lora-modules text-a=adapters/text-a/current'
check 'the rank is right' grep -q '"r":16\|"r": 16' adapters/text-a/v1/adapter_config.json
run show --graph text
expect 'the graph as a tree' 0 <<'OUT'
writer                    models/tiny
  city v1                 corpus
    text-a v1             clients/a/proposals
OUT
run show --graph dot text-a
says 'for Graphviz' '    a0 -> a1;'
run show city --graph mermaid
expect 'what leads to one adapter, for Mermaid' 0 <<'OUT'
flowchart LR
    b0[["writer<br>models/tiny"]]
    d0[("corpus")]
    a0["city v1"]
    b0 --> a0
    d0 --> a0
OUT
run show --graph png
check 'another form is refused' test "$rc" = 2
run show text-a --json
says 'for programs' '["rank","6","lorabuild.yaml:12"]'
finish
