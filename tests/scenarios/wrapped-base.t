#!/bin/sh
# A base model inside a wrapper (pictures and text) is refused: an adapter would not fit it.
. "$(dirname "$0")/lib.sh"
small_project
sed -i 's/LlamaForCausalLM/LlavaForConditionalGeneration/' models/tiny/config.json
run client-a
check 'T33: a ConditionalGeneration class is refused' test "$rc" = 1
says 'by its name' 'LlavaForConditionalGeneration'
check_not 'nothing is built' test -e adapters/city/v1
finish
