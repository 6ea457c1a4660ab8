#!/usr/bin/env python3
"""Our log-probabilities against llama.cpp's, over 200 tokens of running text:

- on an F32 GGUF of the real SmolLM2, within 1e-3 on average;
- on the Q4_1 file ours lie no further from the F32 ones than llama.cpp's do, plus 0.02
  (llama.cpp quantises activations, we do not).
"""
import json
import pathlib
import tempfile

import xllamacpp

import reference
from reference import Checks, engine, save_json

COUNT = 200
TEXT = """The contractor builds a network of air quality sensors on the lamp posts of the old town.
Each post reports once a minute to the control room, where the figures of the last day can be seen
on a map. The city keeps the data and decides who may read them. Work is done in three stages. In
the first, thirty posts are fitted and measured against the station at the market place; in the
second, the remaining districts follow; in the third, the traffic lights at the ring road begin to
use the figures. A stage ends when both sides have signed its report. If a post fails, it is
replaced within two working days, at no cost to the city. The main risks are late delivery of the
radio modules, which the contractor meets by ordering them before the contract begins, and winter
weather, for which two weeks of reserve are planned. Payment follows the stages: a third when the
first report is signed, a third with the second, and the rest after ninety days of operation
without a fault of the first class."""


def start_server(path):
    p = xllamacpp.CommonParams()
    p.model.path = str(path)
    p.n_ctx = 512
    p.n_parallel = 1
    p.warmup = False
    p.verbosity = -1
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1  # more wait for each other, spinning
    p.cache_type_k = p.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    p.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return xllamacpp.Server(p)


def next_logprob(server, prefix, token):
    """The sampler is forced to `token`; the log-probability told is of the logits before that."""
    answer = server.handle_completions(
        {"prompt": prefix, "n_predict": 1, "temperature": 0, "n_probs": 1, "cache_prompt": True,
         "logit_bias": [[token, 10000.0]]})
    said = answer["choices"][0]["logprobs"]["content"][0]
    assert said["id"] == token, said
    return said["logprob"]


def llamacpp(path, ids):
    server = start_server(path)
    return [next_logprob(server, ids[:i], ids[i]) for i in range(1, len(ids))]


def ours(path, ids, scratch):
    return json.loads(engine("logprobs", path, "-", save_json(scratch / "ids.json", ids)))[1:]


def distance(a, b):
    return sum(abs(x - y) for x, y in zip(a, b)) / len(a)


def main():
    check = Checks()
    full = reference.f32_gguf()
    ids = json.loads(engine("encode", reference.SMOL, TEXT))[: COUNT + 1]
    check(f"the text has {COUNT + 1} tokens", len(ids) == COUNT + 1, str(len(ids)))
    theirs_full, theirs_small = llamacpp(full, ids), llamacpp(reference.SMOL, ids)
    with tempfile.TemporaryDirectory() as folder:
        ours_full = ours(full, ids, pathlib.Path(folder))
        ours_small = ours(reference.SMOL, ids, pathlib.Path(folder))
    d = distance(ours_full, theirs_full)
    check("F32 file: mean difference <= 1e-3", d <= 1e-3, f"{d:.2e}")
    d, reached = distance(ours_small, theirs_full), distance(theirs_small, theirs_full)
    check("Q4_1 file: no further from F32 than llama.cpp, plus 0.02", d <= reached + 0.02,
          f"ours {d:.2e}, llama.cpp's {reached:.2e}")
    check.end()


if __name__ == "__main__":
    main()
