#!/usr/bin/env python3
"""Our training against PyTorch + PEFT, on the tiny Llama and on the real SmolLM2 (dequantised):

- logits of the base, and of the base with our adapter;
- from the same initial weights and the same batches: every LoRA gradient of the first step, and
  the losses of ten AdamW steps;
- the same losses with frozen products in bf16;
- PeftModel.from_pretrained loads what we wrote, without a missing or unexpected key.
"""
import json
import pathlib
import tempfile
import warnings

import numpy
import peft
import torch
from safetensors.torch import load_file

import reference
from reference import Checks, engine, save_json

STEPS = 10


def make_job(vocabulary, windows, length, generator):
    """Random tokens; the last third of each window is learned, and two windows are shorter."""
    job = {"windows": [], "steps": [], "rates": [], "micro": 2, "weight_decay": 0.01,
           "max_grad_norm": 1.0}
    for i in range(windows):
        n = length if i % 3 else length // 2 + 1
        ids = torch.randint(0, vocabulary, (n,), generator=generator).tolist()
        job["windows"].append({"ids": ids, "learned": [int(k >= n // 3) for k in range(n)]})
    for s in range(STEPS):
        order = torch.randperm(windows, generator=generator).tolist()
        job["steps"].append(order[: 3 if s % 4 == 1 else 2])
        job["rates"].append(2e-3 * min(1.0, (s + 1) / 3))
    return job


def window_loss_sum(model, window):
    ids = torch.tensor([window["ids"]])
    losses = torch.nn.functional.cross_entropy(model(input_ids=ids).logits[0, :-1], ids[0, 1:],
                                               reduction="none")
    return (losses * torch.tensor(window["learned"][1:])).sum()


def train_with_peft(model, job):
    parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(parameters.values(), betas=(0.9, 0.999), eps=1e-8,
                                  weight_decay=job["weight_decay"])
    losses, gradients = [], None
    for which, rate in zip(job["steps"], job["rates"]):
        windows = [job["windows"][i] for i in which]
        total = sum(sum(w["learned"][1:]) for w in windows)
        optimizer.zero_grad()
        loss = 0
        for w in windows:  # one by one: what packing has to equal
            part = window_loss_sum(model, w) / total
            part.backward()
            loss += part.item()
        gradients = gradients or {n: p.grad.clone() for n, p in parameters.items()}
        torch.nn.utils.clip_grad_norm_(parameters.values(), job["max_grad_norm"])
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        losses.append(loss)
    return losses, gradients


def short(name):
    return name.replace("base_model.model.", "", 1).replace(".default", "")


def load_strictly(check, base, folder, trainable):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = peft.PeftModel.from_pretrained(base, folder, is_trainable=trainable)
    said = [str(w.message) for w in caught if "key" in str(w.message).lower()]
    check("PEFT loads our adapter without missing or unexpected keys", not said, " ".join(said))
    ours = load_file(pathlib.Path(folder) / "adapter_model.safetensors")
    theirs = {n.replace(".default", ""): p for n, p in model.named_parameters() if "lora_" in n}
    same = ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)
    check("its keys and numbers are those of the file", same, f"{len(ours)} tensors")
    return model.eval()


def compare_gradients(check, ours, theirs, label):
    worst, where, zeros = 1.0, "", 0
    for name, wanted in theirs.items():
        got = ours[short(name)].double().flatten()
        wanted = wanted.double().flatten()
        if not wanted.any():  # A's, while B is zero
            zeros += 1
            if got.any():
                worst, where = -1.0, name
            continue
        cosine = (torch.dot(got, wanted) / (got.norm() * wanted.norm())).item()
        if cosine < worst:
            worst, where = cosine, name
    check(f"{label}: gradients of the first step, cosine >= 0.9999",
          worst >= 0.9999 and ours.keys() == {short(n) for n in theirs},
          f"worst {worst:.7f} {short(where)}, {len(theirs)} tensors, {zeros} zero in both")


def compare_logits(check, model_path, adapter, model, ids, scratch, label):
    engine("logits", model_path, adapter, save_json(scratch / "ids.json", ids),
           scratch / "logits.f32")
    ours = numpy.fromfile(scratch / "logits.f32", dtype=numpy.float32)
    with torch.no_grad():
        theirs = model(input_ids=torch.tensor([ids])).logits[0].numpy()
    worst = float(numpy.abs(ours.reshape(theirs.shape) - theirs).max())
    check(f"{label}: logits within 2e-3", worst <= 2e-3, f"worst {worst:.2e}")


def compare_run(check, model_path, base, start, job, scratch, label):
    out = scratch / "run"
    losses = json.loads(engine("train", model_path, start, save_json(scratch / "job.json", job),
                               out))
    model = load_strictly(check, base, start, True)
    model.train()
    wanted, gradients = train_with_peft(model, job)
    compare_gradients(check, load_file(out / "gradients.safetensors"), gradients, label)
    worst = max(abs(a - b) / b for a, b in zip(losses, wanted))
    check(f"{label}: losses of {STEPS} steps within 1e-4", len(losses) == STEPS and worst <= 1e-4,
          f"worst {worst:.2e}, {wanted[0]:.4f} to {wanted[-1]:.4f}")
    base = model.unload()
    return out / "adapter", base


def compare_bf16(check, model_path, base, start, job, scratch, label):
    """Frozen products in bf16: near PEFT's losses in f32, and no further than torch's autocast."""
    job = dict(job, steps=job["steps"][:5], rates=job["rates"][:5])
    losses = json.loads(engine("train", model_path, start, save_json(scratch / "job.json", job),
                               scratch / "bf16", environment={"ENGINE_COMPUTE": "bf16"}))
    wanted, theirs = [], []
    for autocast, into in ((False, wanted), (True, theirs)):
        model = peft.PeftModel.from_pretrained(base, start, is_trainable=True)
        model.train()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            into.extend(train_with_peft(model, job)[0])
        base = model.unload()

    def away(values):
        return max(abs(a - b) / b for a, b in zip(values, wanted))

    check(f"{label}: bf16 losses within 1% of f32's, no further than twice autocast's",
          away(losses) <= 0.01 and away(losses) <= 2 * away(theirs),
          f"ours {away(losses):.1e} away, torch's autocast {away(theirs):.1e}")
    return base


def compare_model(check, label, model_path, base, job, rank):
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        ids = job["windows"][1]["ids"]
        compare_logits(check, model_path, "-", base, ids, scratch, f"{label}, base")
        engine("fresh", model_path, rank, 42, scratch / "fresh")
        trained, base = compare_run(check, model_path, base, scratch / "fresh", job, scratch,
                                    f"{label}, fresh")
        model = load_strictly(check, base, trained, False)
        compare_logits(check, model_path, trained, model, ids, scratch, f"{label}, our adapter")
        with torch.no_grad(), model.disable_adapter():
            apart = (model(input_ids=torch.tensor([ids])).logits[0]).numpy()
        ours = numpy.fromfile(scratch / "logits.f32", dtype=numpy.float32).reshape(apart.shape)
        moved = float(numpy.abs(ours - apart).max())
        check(f"{label}: the adapter has an effect", moved > 0.05, f"moves logits by {moved:.2f}")
        base = model.unload()
        base = compare_bf16(check, model_path, base, scratch / "fresh", job, scratch, label)
        job = dict(job, steps=job["steps"][:1], rates=job["rates"][:1])
        continue_from(check, model_path, base, trained, job, scratch, f"{label}, continued")


def continue_from(check, model_path, base, start, job, scratch, label):
    """B is not zero any more: now A has gradients too."""
    engine("train", model_path, start, save_json(scratch / "job.json", job), scratch / "more")
    model = load_strictly(check, base, start, True)
    model.train()
    _, gradients = train_with_peft(model, job)
    compare_gradients(check, load_file(scratch / "more/gradients.safetensors"), gradients, label)


def main():
    check = Checks()
    generator = torch.Generator().manual_seed(1)
    base = reference.llama_from_folder(reference.TINY)
    compare_model(check, "tiny Llama", reference.TINY, base,
                  make_job(base.config.vocab_size, 6, 24, generator), 4)
    if reference.SMOL.exists():
        base = reference.llama_from_gguf(reference.SMOL)
        compare_model(check, "SmolLM2", reference.SMOL, base,
                      make_job(base.config.vocab_size, 5, 32, generator), 16)
    else:
        check(f"the real model is at {reference.SMOL}", False)
    check.end()


if __name__ == "__main__":
    main()
