#!/bin/sh
# A rank that cannot be had is an error at its line, never passed over.
. "$(dirname "$0")/lib.sh"
small_project
cp lorabuild.yaml "$scratch/first.yaml"
sed -i 's/^groups:/  k: {continue: city, data: clients\/a\/proposals\/, rank: 32}\n&/' lorabuild.yaml
run k
says 'T31: another rank than that of what is continued: an error at its line' "lorabuild.yaml:11:57: 'k' has rank 32"
says 'with both ranks' "continues 'city', whose rank is 4"
check 'with exit status 2' test "$rc" = 2
cp "$scratch/first.yaml" lorabuild.yaml
run city
mkdir -p train_data
printf 'A pole bears one lamp.\n' >train_data/a.txt
cat >flat.yaml <<'YAML'
task_type: text-generation
base_model: models/tiny
train_data_dir: train_data
lora_rank: 8
lora_alpha: 8
init_lora_weights: adapters/city/v1
epochs: 2
output_dir: output/k
YAML
run -f flat.yaml
says 'T31: so in the flat dialect' "flat.yaml:4:12: rank 8, but 'adapters/city/v1' has rank 4"
check 'with exit status 2' test "$rc" = 2
sed -i 's/lora_rank: 8/lora_rank: 4/' flat.yaml
settle
run -f flat.yaml
check 'with its rank it is continued' test -f output/k/v1/adapter_model.safetensors
finish
