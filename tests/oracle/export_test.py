#!/usr/bin/env python3
"""What `lorabuild export` writes, loaded by the real PEFT over the real transformers model:

- PeftModel.from_pretrained takes the folder without a missing or unexpected key, and nothing but
  A and B pairs is in it;
- its log-probabilities are ours, and differ from the base's (an adapter without effect fails);
- alone/ stacked over the exported domain adapter gives the same as the joint one;
- an archive unpacks to the same bytes; a lineage exported, imported elsewhere and exported again
  there too.
"""
import filecmp
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import warnings

import peft
import torch
from safetensors import safe_open

import reference
from reference import Checks, engine, save_json

MODEL = reference.ROOT / "tests/golden/tiny-llama"
RULES = """lorabuild: 1
clients: clients/%/
shared: [corpus/, models/]
base: {writer: models/tiny}
adapters:
  city: {base: writer, data: corpus/, rank: 4, steps: 12, learning_rate: 1e-2, precision: f32}
  text-%: {from: city, data: clients/%/, rank: 5, steps: 12, learning_rate: 1e-2, precision: f32}
"""


def make_project(folder):
    for name in ("models", "corpus", "clients/a"):
        (folder / name).mkdir(parents=True)
    shutil.copytree(MODEL, folder / "models/tiny")
    (folder / "lorabuild.yaml").write_text(RULES)
    (folder / "corpus/lamps.txt").write_text("A pole bears one lamp.\nA lamp lights one street.\n")
    (folder / "clients/a/bus.txt").write_text("The bus may be late.\nWe carry the bus.\n")
    for path in folder.rglob("*.txt"):
        os.utime(path, (1e9, 1e9))


def lorabuild(folder, *arguments):
    done = subprocess.run([str(reference.PROGRAM), "-C", str(folder), *map(str, arguments)],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit(f"lorabuild {arguments}: {done.stdout}{done.stderr}")


def logprobs(model, ids):
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return torch.tensor([logits[i - 1, ids[i]] for i in range(1, len(ids))])


def load(folder):
    """PEFT warns of keys that it misses; here that is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        return peft.PeftModel.from_pretrained(reference.llama_from_folder(MODEL), folder).eval()


def same_tree(a, b):
    names = sorted(str(p.relative_to(a)) for p in a.rglob("*") if p.is_file())
    others = sorted(str(p.relative_to(b)) for p in b.rglob("*") if p.is_file())
    return names == others and not filecmp.cmpfiles(a, b, names, shallow=False)[1]


def check_peft(check, scratch, ids):
    base = logprobs(reference.llama_from_folder(MODEL), ids)
    for name in ("city", "text-a"):
        folder = scratch / "served" / name
        with safe_open(folder / "adapter_model.safetensors", "pt") as f:
            strange = [k for k in f.keys() if not k.endswith((".lora_A.weight", ".lora_B.weight"))]
        check(f"{name}: A and B pairs alone", not strange, strange)
        theirs = logprobs(load(folder), ids)
        ours = torch.tensor(json.loads(engine(
            "logprobs", MODEL, folder, save_json(scratch / "ids.json", ids)))[1:])
        check(f"{name}: PEFT's log-probabilities are ours", (ours - theirs).abs().max() < 1e-4,
              f"{(ours - theirs).abs().max():.1e}")
        check(f"{name}: the adapter has an effect", (base - theirs).abs().max() > 1e-3,
              f"{(base - theirs).abs().max():.1e}")
    stacked = load(scratch / "served/city")
    stacked.load_adapter(scratch / "served/text-a/alone", "client")
    stacked.base_model.set_adapter(["default", "client"])
    far = (logprobs(stacked, ids) - theirs).abs().max()
    check("alone/ over the domain's is the joint one", far < 1e-4, f"{far:.1e}")


def main():
    check = Checks()
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        for part in ("here", "there", "served"):
            (scratch / part).mkdir()
        here, there, served = scratch / "here", scratch / "there", scratch / "served"
        make_project(here)
        make_project(there)
        lorabuild(here, "text-a")
        lorabuild(here, "export", "city", "-o", served / "city")
        lorabuild(here, "export", "text-a", "-o", served / "text-a")
        ids = json.loads(engine("encode", MODEL, "The bus may be late. A lamp lights the bus."))
        check_peft(check, scratch, ids)

        lorabuild(here, "export", "text-a", "-o", served / "a.tar.zst")
        subprocess.run(["tar", "--zstd", "-xf", served / "a.tar.zst", "-C", served], check=True)
        check("the archive holds the same", same_tree(served / "text-a-v1", served / "text-a"))
        lorabuild(here, "export", "text-a", "--to", "lineage", "-o", served / "b.tar.zst")
        lorabuild(there, "import", served / "b.tar.zst")
        lorabuild(there, "export", "text-a", "-o", served / "again")
        check("so does a lineage that was imported", same_tree(served / "again", served / "text-a"))
        lorabuild(there, "export", "text-a", "--to", "lineage", "-o", served / "c.tar.zst")
        check("and exported again, the same archive",
              filecmp.cmp(served / "b.tar.zst", served / "c.tar.zst", shallow=False))
    check.end()


if __name__ == "__main__":
    main()
