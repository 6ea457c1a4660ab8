#!/usr/bin/env python3
"""The plan's memory against what a training process really held: on the real SmolLM2, whole and
with as little as it can run in. Peak memory must not exceed what was planned, and the plan must
not ask for more than twice of it; both amounts of memory give the same bytes."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import reference

PROGRAM = os.environ.get("LORABUILD", "build/default/lorabuild")
SLACK = 32 << 20
RULES = """lorabuild: 1
base: {writer: %s}
adapters:
  city: {base: writer, data: corpus/, rank: 8, steps: 2, batch_size: 2, max_length: 512, precision: f32}
"""
PASSAGE = "Section %d. The contractor shall deliver stage %d of the sensor network in writing. " * 24


def build(folder, *options):
    """The events of a build, by their name (the last of each)."""
    done = subprocess.run([pathlib.Path(PROGRAM).absolute(), "--json", *options], cwd=folder,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, "TMPDIR": str(folder)})
    if done.returncode:
        sys.exit(f"lorabuild {options}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return {event["event"]: event for event in map(json.loads, done.stdout.splitlines())}


def project(folder):
    (folder / "corpus").mkdir()
    (folder / "lorabuild.yaml").write_text(RULES % pathlib.Path(reference.SMOL).absolute())
    for i in range(8):
        (folder / f"corpus/{i}.md").write_text(f"# Part {i}\n\n" + PASSAGE % ((i,) * 48) + "\n")


def main():
    check = reference.Checks()
    digests = []
    for little in False, True:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            project(folder)
            options = []
            if little:
                plan = build(folder, "-n")["planned"]["adapters"][0]
                options = ["--memory", str(plan["memory_least_bytes"])]
            trained = build(folder, *options)["trained"]
            peak, planned = trained["memory_peak_bytes"], trained["memory_bytes"]
            words = "with the least memory" if little else "with all memory"
            figures = f"{peak / 1e9:.2f} GB held, {planned / 1e9:.2f} GB planned"
            check(f"{words}, no more is held than planned", peak <= planned + SLACK, figures)
            check(f"{words}, no more than twice of it is planned", peak >= planned / 2)
            weights = folder / "adapters/city/v1/adapter_model.safetensors"
            digests.append(hashlib.sha256(weights.read_bytes()).hexdigest())
    check("little memory gives the same bytes", digests[0] == digests[1])
    check.end()


if __name__ == "__main__":
    main()
