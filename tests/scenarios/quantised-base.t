#!/bin/sh
# A GGUF base that mixes all quantised types is trained on as it lies; a type that is lacking is named.
. "$(dirname "$0")/lib.sh"
mixed=$tests/golden/quants/mixed.gguf
mkdir models
cp "$mixed" models/mixed.gguf
run init
says 'init finds it' 'Model     models/mixed.gguf'
rm -r ./*
small_project
rm -r models/tiny
cp "$mixed" models/mixed.gguf
sed -i 's#models/tiny#models/mixed.gguf#' lorabuild.yaml
settle
cp -Rp . "$scratch/two"
run doctor
says 'doctor finds it fit' 'models/mixed.gguf: llama, 0.0 GB'
run --threads 1 client-a
check 'it is trained on' test "$rc" = 0
check 'and untouched' cmp -s models/mixed.gguf "$mixed"
(cd "$scratch/two" && "$lorabuild" --threads 2 --memory 110M -q client-a)
check 'the same bits with two threads and little memory' \
    diff -r adapters/text-a/v1 "$scratch/two/adapters/text-a/v1"
run draft text-a --raw --max-tokens 4 'The bus'
check 'it drafts' test "$rc" = 0
mkdir ../srv
run export text-a -o ../srv/text-a
check 'it is exported as any other' test -f ../srv/text-a/adapter_model.safetensors
run client-a
says 'and nothing is left to do' 'v1 is current'

# retype TENSOR OCTAL: behind a tensor's name stand its dimensions (12 + 8 bytes for two) and type.
retype() {
    at=$(grep -abo "$1" models/mixed.gguf | head -n 1 | cut -d: -f1)
    # shellcheck disable=SC2059
    printf "\\$2" | dd of=models/mixed.gguf bs=1 conv=notrunc seek=$((at + ${#1} + 20)) 2>/dev/null
    settle
}

retype blk.1.ffn_up.weight 020
run client-a
check 'a type that cannot be read fails' test "$rc" = 1
says 'and is named with its tensor' "tensor 'blk.1.ffn_up.weight' is IQ2_XXS, which cannot be read here"
says 'and with those that can' 'Q4_K, Q5_K, Q6_K, IQ4_NL, IQ4_XS, MXFP4'
run doctor
says 'doctor says the same' 'is IQ2_XXS, which cannot be read here'
retype blk.1.ffn_up.weight 014
run client-a
says 'rows that are no whole blocks are an error too' \
    "tensor 'blk.1.ffn_up.weight' is Q4_K, in blocks of 256 numbers, but has rows of 32"
check 'what was built stays' test -f adapters/text-a/v1/adapter_model.safetensors
rm lorabuild.yaml
run init
says 'and init passes it over' 'Not used  models/mixed.gguf:'
finish
