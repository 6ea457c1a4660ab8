#!/usr/bin/env python3
"""Our drafting against transformers' generate over PEFT: the same greedy text, for 40 tokens on
five prompts in f32, by the real SmolLM2 with an adapter that we trained."""
import json
import pathlib
import tempfile

import gguf
import peft
import torch

import reference
from reference import Checks, engine, save_json

PROMPTS = [
    "The city council has decided that",
    "Risks of the project:\n1.",
    "A sensor network consists of",
    "Dear Sir or Madam,\n\nwe thank you for",
    "# Delivery and acceptance\n\nThe contractor",
]
LESSON = ("The contractor shall deliver the sensor network in three stages. The city council shall "
          "accept each stage in writing. Risk R1: the posts arrive late. Milestone M1: thirty "
          "posts report to the control room. ")
TOKENS = 40


def train_adapter(scratch):
    """A few steps at a high rate: the drafts must differ from the base's."""
    ids = json.loads(engine("encode", reference.SMOL, LESSON))
    job = {"windows": [{"ids": ids, "learned": [1] * len(ids)}], "steps": [[0]] * 4,
           "rates": [2e-3] * 4, "micro": 1, "weight_decay": 0, "max_grad_norm": 1}
    engine("fresh", reference.SMOL, 8, 7, scratch / "fresh")
    engine("train", reference.SMOL, scratch / "fresh", save_json(scratch / "job.json", job),
           scratch / "run")
    return scratch / "run/adapter"


def generate(model, ids, end):
    with torch.no_grad():
        out = model.generate(torch.tensor([ids]), max_new_tokens=TOKENS, do_sample=False,
                             eos_token_id=end, pad_token_id=end)
    written = out[0, len(ids):].tolist()
    return written[: written.index(end)] if end in written else written


def main():
    check = Checks()
    reader = gguf.GGUFReader(reference.SMOL)
    tokens = reference.field(reader, "tokenizer.ggml.tokens")
    end = reference.field(reader, "tokenizer.ggml.eos_token_id")
    base = reference.llama_from_gguf(reference.SMOL)
    with tempfile.TemporaryDirectory() as folder:
        adapter = train_adapter(pathlib.Path(folder))
        model = peft.PeftModel.from_pretrained(base, adapter).eval()
        moved = False
        for prompt in PROMPTS:
            ids = json.loads(engine("encode", reference.SMOL, prompt))
            ours = engine("draft", reference.SMOL, adapter, TOKENS, prompt)
            theirs = reference.decode(tokens, generate(model, ids, end))
            check(f"greedy text after {prompt!r}", ours == theirs, repr(ours[:60]))
            if ours != theirs:
                print("   ours  ", repr(ours), "\n   theirs", repr(theirs))
            if prompt == PROMPTS[0]:
                moved = ours != engine("draft", reference.SMOL, "-", TOKENS, prompt)
        check("the adapter changes what is written", moved)
    check.end()


if __name__ == "__main__":
    main()
