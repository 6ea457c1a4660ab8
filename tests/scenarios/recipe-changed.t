#!/bin/sh
# Another recipe trains from the parent, and --why names each key.
. "$(dirname "$0")/lib.sh"
small_project
run client-a
sed -i 's/text-%: {from: city, data: proposals-%, rank: 4, steps: 12/text-%: {from: city, data: proposals-%, rank: 2, steps: 13/' lorabuild.yaml

run --why client-a
expect 'why names the keys' 0 <<'OUT'
text-a would become v2, about TIME:
  ~ rank               2, was 4
  ~ alpha              4.0, was 8.0
  ~ steps              13, was 12
Unchanged: 10 samples, writer, city v1.

Where it could start:
  v1        no    trained with another recipe
  city v1   yes   10 to learn, about TIME                               <- taken
Rule: another recipe is learned from the start.
OUT
run client-a
check 'v2 is trained in full' grep -q '"ancestor": 0' adapters/text-a/v2/manifest.json
run -B client-a
says '--rebuild trains although all is current' 'text-a v3'
check 'under the next number' test -d adapters/text-a/v3
check 'to the same weights' cmp -s adapters/text-a/v2/adapter_model.safetensors adapters/text-a/v3/adapter_model.safetensors
finish
