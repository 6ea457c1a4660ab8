#!/usr/bin/env python3
"""Makes tests/golden/quants/ with gguf-py and ggml.

quants.gguf, quants.f32: a tensor of every block type that we read, and what gguf-py expands each
to. Blocks are random bytes, so that every quant and every packed scale occurs. Three of six rows
have ordinary f16 scales; the others one that is infinite, one that is no number, one that is
negative and subnormal (MXFP4: the exponents 255, 1 and 0).

mixed.gguf: a chat model small enough for scenario tests, with the tokenizer of tiny-llama and
every type somewhere in it, quantised by ggml.

Usage: make_quants.py [folder]      (default: quants/ beside this file)
Needs gguf, numpy, xllamacpp. The output does not depend on the time.
"""
import ctypes
import json
import os
import sys

import numpy as np
import xllamacpp.xllamacpp as xllamacpp
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Q, GGUFWriter
from gguf.quants import dequantize, quantize

ROW = 256  # numbers
# Where the f16 scale and, where there is one, the f16 minimum of a block stand.
SCALES = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
          "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
          "IQ4_NL": [0], "IQ4_XS": [0]}
ODD = [0x7C00, 0xFE01, 0x8003]
ODD_EXPONENTS = [255, 1, 0]


def blocks(name, rng):
    size, width = GGML_QUANT_SIZES[Q[name]]
    data = rng.integers(0, 256, (6, ROW // size, width), dtype=np.uint8)
    for row in range(6):
        for block in data[row]:
            if name == "MXFP4":
                block[0] = rng.integers(110, 130) if row < 3 else ODD_EXPONENTS[row - 3]
            for at in SCALES.get(name, []):
                scale = rng.normal(0, 0.01) if row < 3 else 0
                half = np.array([scale], np.float16).view(np.uint16)
                if row >= 3:
                    half[0] = ODD[row - 3]
                block[at:at + 2] = half.view(np.uint8)
    return data.reshape(6, -1)


def make_blocks(here):
    np.seterr(all="ignore")
    rng = np.random.default_rng(6)
    w = GGUFWriter(os.path.join(here, "quants.gguf"), "llama")
    expected = b""
    for name in [*SCALES, "MXFP4"]:
        data = blocks(name, rng)
        w.add_tensor(name.lower(), data, raw_dtype=Q[name])
        expected += dequantize(data, Q[name]).astype("<f4").tobytes()
    finish(w)
    with open(os.path.join(here, "quants.f32"), "wb") as f:
        f.write(expected)


def finish(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


# ---- mixed.gguf ----

# Only attn_output and ffn_down have rows of 256, which the K types and IQ4_XS need.
WIDTH, HEAD, HEADS, FEED_FORWARD, LAYERS = 32, 64, 4, 256, 3
SHAPES = {"attn_q": (HEADS * HEAD, WIDTH), "attn_k": (HEAD, WIDTH), "attn_v": (HEAD, WIDTH),
          "attn_output": (WIDTH, HEADS * HEAD), "ffn_gate": (FEED_FORWARD, WIDTH),
          "ffn_up": (FEED_FORWARD, WIDTH), "ffn_down": (WIDTH, FEED_FORWARD)}
LAYER_TYPES = [
    {"attn_q": "Q5_0", "attn_k": "Q5_1", "attn_v": "Q8_0", "attn_output": "Q4_K",
     "ffn_gate": "IQ4_NL", "ffn_up": "MXFP4", "ffn_down": "Q6_K"},
    {"attn_q": "Q4_0", "attn_k": "F16", "attn_v": "BF16", "attn_output": "Q5_K",
     "ffn_gate": "Q5_1", "ffn_up": "Q5_0", "ffn_down": "Q2_K"},
    {"attn_q": "IQ4_NL", "attn_k": "Q4_1", "attn_v": "Q8_0", "attn_output": "IQ4_XS",
     "ffn_gate": "Q4_1", "ffn_up": "Q4_0", "ffn_down": "Q3_K"},
]


def quantise(name, x):
    if name in ("F16", "BF16"):
        return quantize(x, Q[name])
    ggml = ctypes.CDLL(xllamacpp.__file__)
    ggml.ggml_quantize_chunk.argtypes = ([ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
                                         + [ctypes.c_int64] * 3 + [ctypes.c_void_p])
    size, width = GGML_QUANT_SIZES[Q[name]]
    data = np.empty((x.shape[0], x.shape[1] // size * width), np.uint8)
    ggml.ggml_quantize_chunk(Q[name].value, x.ctypes.data, data.ctypes.data, 0, *x.shape, None)
    return data


def add_tokenizer(w):
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tiny-llama")
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as f:
        model = json.load(f)["model"]
    with open(os.path.join(folder, "tokenizer_config.json"), encoding="utf-8") as f:
        template = json.load(f)["chat_template"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("smollm")
    w.add_token_list(tokens)
    w.add_token_types([3 if t.startswith("<|") else 1 for t in tokens])
    w.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in model["merges"]])
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    w.add_add_bos_token(False)
    w.add_chat_template(template)
    return len(tokens)


def make_mixed(here):
    rng = np.random.default_rng(8)
    w = GGUFWriter(os.path.join(here, "mixed.gguf"), "llama")
    vocabulary = add_tokenizer(w)
    w.add_context_length(512)
    w.add_embedding_length(WIDTH)
    w.add_block_count(LAYERS)
    w.add_feed_forward_length(FEED_FORWARD)
    w.add_head_count(HEADS)
    w.add_head_count_kv(1)
    w.add_key_length(HEAD)
    w.add_value_length(HEAD)
    w.add_rope_freq_base(10000.0)
    w.add_rope_dimension_count(HEAD)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_vocab_size(vocabulary)

    def add(name, kind, shape):
        x = (rng.standard_normal(shape) * 0.05).astype(np.float32)
        w.add_tensor(name, quantise(kind, x), raw_dtype=Q[kind])

    add("token_embd.weight", "IQ4_NL", (vocabulary, WIDTH))
    for layer, kinds in enumerate(LAYER_TYPES):
        for part in ("attn_norm", "ffn_norm"):
            w.add_tensor(f"blk.{layer}.{part}.weight", np.ones(WIDTH, np.float32))
        for part, shape in SHAPES.items():
            add(f"blk.{layer}.{part}.weight", kinds[part], shape)
    w.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    finish(w)


def main():
    here = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "quants")
    os.makedirs(here, exist_ok=True)
    make_blocks(here)
    make_mixed(here)


if __name__ == "__main__":
    main()
