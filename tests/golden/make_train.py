#!/usr/bin/env python3
"""Makes tests/golden/train/: a tiny random Llama with a tokenizer, an adapter to continue, windows
of tokens, and what PyTorch + PEFT make of them in f64: the first step's gradients, the losses of
ten AdamW steps and the weights after them.

    python tests/golden/make_train.py          (needs torch, transformers, peft, tokenizers)
"""
import json
import pathlib

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).resolve().parent / "train"
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
STEPS = 10
TEXT = """The contractor delivers the sensor network in three stages. Each stage ends with a
written acceptance. Risks are listed by number, with an owner and a date for each of them. The
city keeps all of the data; the contractor keeps none. Milestone 1: 30 posts stand and report.
Milestone 2: the control room shows every post on one map. \u00e4\u00f6\u00fc \u667a\u6167\u57ce\u5e02 \U0001F6A6"""


def make_tokenizer():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True),
         pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    t.train_from_iterator([TEXT], trainer)
    t.save(str(HERE / "tokenizer.json"))
    (HERE / "tokenizer_config.json").write_text(json.dumps(
        {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "add_bos_token": False},
        indent=1) + "\n")
    return t


def make_windows(vocabulary):
    windows = []
    for length in [12, 5, 9, 16, 7, 11, 3]:
        ids = torch.randint(3, vocabulary, (length,)).tolist()
        learned = [int(torch.rand(1).item() < 0.8) for _ in ids]
        learned[0], learned[-1] = 0, 1
        windows.append({"ids": ids, "learned": learned})
    return windows


def window_loss_sum(model, window):
    ids = torch.tensor([window["ids"]])
    logits = model(input_ids=ids).logits[0, :-1]
    losses = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")
    return (losses * torch.tensor(window["learned"][1:], dtype=losses.dtype)).sum()


def named(model, what):
    """{"model.layers.0.self_attn.q_proj.lora_A.weight": tensor}, as files name them."""
    return {n.replace("base_model.model.", "", 1).replace(".default", ""): what(p).float().contiguous()
            for n, p in model.named_parameters() if p.requires_grad}


def main():
    torch.manual_seed(20261125)
    HERE.mkdir(exist_ok=True)
    vocabulary = make_tokenizer().get_vocab_size()
    base = LlamaForCausalLM(LlamaConfig(
        vocab_size=vocabulary, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=400,
        rope_theta=10000.0, rms_norm_eps=1e-5, tie_word_embeddings=False, bos_token_id=0,
        eos_token_id=0, initializer_range=0.25))
    with torch.no_grad():
        for n, p in base.named_parameters():
            if "norm" in n:
                p.uniform_(0.5, 1.5)
    base.config.dtype = torch.float32
    base.save_pretrained(HERE)
    (HERE / "generation_config.json").unlink(missing_ok=True)

    model = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS,
                                            task_type="CAUSAL_LM"))
    with torch.no_grad():
        for n, p in model.named_parameters():
            if "lora_B" in n:
                p.normal_(0, 0.1)
    model.save_pretrained(HERE / "adapter")
    (HERE / "adapter" / "README.md").unlink(missing_ok=True)
    config = json.loads((HERE / "adapter/adapter_config.json").read_text())
    config["target_modules"].sort()  # PEFT writes a set, in any order
    (HERE / "adapter/adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")

    model = model.double()
    windows = make_windows(vocabulary)
    steps = [torch.randperm(len(windows))[:4 if s % 3 else 3].tolist() for s in range(STEPS)]
    rates = [1e-2 * (s + 1) / 4 if s < 4 else 1e-2 for s in range(STEPS)]
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    losses, gradients, norms = [], None, []
    for which, rate in zip(steps, rates):
        total = sum(sum(windows[i]["learned"][1:]) for i in which)
        optimizer.zero_grad()
        loss = sum(window_loss_sum(model, windows[i]) for i in which) / total
        loss.backward()
        gradients = gradients or named(model, lambda p: p.grad)
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, 1.0).item())
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        losses.append(loss.item())
    save_file(gradients, HERE / "gradients.safetensors", {"format": "pt"})
    save_file(named(model, lambda p: p.detach()), HERE / "weights.safetensors", {"format": "pt"})
    (HERE / "expected.json").write_text(json.dumps(
        {"windows": windows, "steps": steps, "rates": rates, "losses": losses, "norms": norms,
         "micro": 2, "weight_decay": 0.01, "max_grad_norm": 1.0}) + "\n")
    for path in HERE.rglob("*.safetensors"):
        path.chmod(0o644)
    print("losses", losses, "norms", norms)


if __name__ == "__main__":
    main()
