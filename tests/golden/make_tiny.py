"""Makes tests/golden/tiny-llama/: a chat model small enough for scenario tests to train in a second.

A byte-level BPE vocabulary of 512 trained on the text below, with SmolLM2's special tokens and
chat template, and a random Llama of two layers. Needs torch, transformers and tokenizers.
usage: make_tiny.py FOLDER MODEL.gguf (the SmolLM2 GGUF, whose chat template is taken)
"""
import json
import sys
from pathlib import Path

import torch
from gguf import GGUFReader
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
reader = GGUFReader(sys.argv[2])
template = reader.fields["tokenizer.chat_template"].contents()

words = """the city platform connects sensors with the traffic centre and the water works
a proposal names scope risk milestone evidence gate stewardship and the works we carry you carry
write the section of a passage for parking lighting energy data model security operations
""".split()
lines = [" ".join(words[i % len(words)] for i in range(k, k + 12)) for k in range(0, 300, 7)]

tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True),
     pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
tokenizer.decoder = decoders.ByteLevel()
tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
    vocab_size=512, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]))
tokenizer.save(str(out / "tokenizer.json"))
(out / "tokenizer_config.json").write_text(json.dumps(
    {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "chat_template": template,
     "tokenizer_class": "PreTrainedTokenizerFast"}, indent=1, sort_keys=True) + "\n")

torch.manual_seed(7)
config = LlamaConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                     num_attention_heads=4, num_key_value_heads=2,
                     vocab_size=tokenizer.get_vocab_size(), tie_word_embeddings=True,
                     max_position_embeddings=512, bos_token_id=1, eos_token_id=2)
model = LlamaForCausalLM(config)
model.save_pretrained(out, safe_serialization=True)
(out / "generation_config.json").unlink(missing_ok=True)
