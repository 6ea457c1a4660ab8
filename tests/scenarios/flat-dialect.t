#!/bin/sh
# The seed's flat configuration runs as it is: one adapter named by output_dir.
. "$(dirname "$0")/lib.sh"
small_project
rm -r lorabuild.yaml
mkdir -p configs train_data
printf 'A pole bears one lamp.\nA lamp lights one street.\n' >train_data/a.txt
cat >configs/client_doc_lora.yaml <<'YAML'
task_type: text-generation
base_model: models/tiny
train_data_dir: train_data
lora_rank: 4
lora_alpha: 8
batch_size: 2
epochs: 2
learning_rate: 0.0001
output_dir: output/client_doc
save_steps: 100
YAML
settle
run --config configs/client_doc_lora.yaml
check 'it builds' test "$rc" = 0
says 'an adapter named by the last part of output_dir' 'client_doc'
check 'its versions stand in output_dir' test -f output/client_doc/v1/adapter_model.safetensors
check "the current one's files also at its top" cmp -s output/client_doc/v1/adapter_model.safetensors output/client_doc/adapter_model.safetensors
run -f configs/client_doc_lora.yaml
says 'the second run does nothing' 'v1 is current'
sed -i 's/text-generation/text-to-image/' configs/client_doc_lora.yaml
run -f configs/client_doc_lora.yaml client_doc
says 'pictures are named as not built yet' 'pictures'
check 'with exit status 1' test "$rc" = 1
finish
