#!/usr/bin/env python3
"""GGUF's quantised types against llama.cpp, gguf-py and PyTorch.

1. Random blocks, a million numbers of each type: our expansion has the bits of ggml's own
   dequantize_row_… and of gguf-py's (of a NaN the payload is left open).
2. A small model made of the real SmolLM2's weights (two layers, 512 wide, 4,096 tokens), which
   ggml itself quantises to each type, and as Q4_K_M mixes types. Our log-probabilities on it are
   those of llama.cpp on the same numbers in an F32 file (mean difference <= 1e-4; on the quantised
   file llama.cpp itself is 0.06 to 0.2 away, for it quantises activations), our logits those of
   transformers on the weights that gguf-py expands (<= 1e-3).
"""
import ctypes
import json
import pathlib
import subprocess
import tempfile

import gguf
import numpy
import torch
import xllamacpp.xllamacpp as xllamacpp
from gguf import GGMLQuantizationType as Type

import reference
from llamacpp_test import TEXT, distance, llamacpp, ours
from reference import Checks, engine, save_json

TYPES = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL",
         "IQ4_XS", "MXFP4"]
# What a Q4_K_M file mixes: parts of tensors' names, by the first that fits.
MIXED = [("token_embd", "Q6_K"), ("attn_v", "Q6_K"), ("ffn_down", "Q6_K"), ("attn_k", "Q5_K"),
         ("", "Q4_K")]
LAYERS, WIDTH, HEADS, KV, VOCABULARY, COUNT = 2, 512, 8, 2, 4096, 60

ggml = ctypes.CDLL(xllamacpp.__file__)
ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
ggml.ggml_quantize_chunk.argtypes = ([ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
                                     + [ctypes.c_int64] * 3 + [ctypes.c_void_p])


def ggml_expands(name, data):
    size, width = gguf.GGML_QUANT_SIZES[Type[name]]
    numbers = numpy.empty(data.size // width * size, numpy.float32)
    row = getattr(ggml, "dequantize_row_" + name.lower().replace("_k", "_K"))
    row.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    row(data.ctypes.data, numbers.ctypes.data, numbers.size)
    return numbers


def ggml_quantises(name, numbers):
    numbers = numpy.ascontiguousarray(numbers, numpy.float32)
    size, width = gguf.GGML_QUANT_SIZES[Type[name]]
    rows, cols = numbers.shape
    data = numpy.empty((rows, cols // size * width), numpy.uint8)
    ggml.ggml_quantize_chunk(Type[name].value, numbers.ctypes.data, data.ctypes.data, 0, rows, cols,
                             None)
    return data


def write_gguf(path, tensors, fields=()):
    """tensors: name -> (type's name, data)."""
    w = gguf.GGUFWriter(path, "llama")
    for f in fields:
        w.add_key_value(*f)
    for name, (kind, data) in tensors.items():
        w.add_tensor(name, data, raw_dtype=Type[kind])
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def expanded_by_us(path, scratch):
    out = scratch / "numbers"
    subprocess.run([reference.TOOLS / "expand", path, out], check=True)
    return numpy.fromfile(out, numpy.float32)


def same(a, b):
    return a.size == b.size and bool(((a.view(numpy.uint32) == b.view(numpy.uint32))
                                      | (numpy.isnan(a) & numpy.isnan(b))).all())


def compare_random_blocks(check, scratch):
    numpy.seterr(all="ignore")
    rng = numpy.random.default_rng(6)
    for name in TYPES:
        size, width = gguf.GGML_QUANT_SIZES[Type[name]]
        data = rng.integers(0, 256, (1024, 1024 // size * width), numpy.uint8)
        write_gguf(scratch / "random.gguf", {"a": (name, data)})
        got = expanded_by_us(scratch / "random.gguf", scratch)
        check(f"{name}: a million numbers as ggml and gguf-py expand them",
              same(got, ggml_expands(name, data))
              and same(got, gguf.quants.dequantize(data, Type[name]).ravel()))


# ---- a small model of real weights ----

def cut(name, w):
    """Of the real tensor what the small one takes."""
    heads = {"attn_q": HEADS * 64, "attn_k": KV * 64, "attn_v": KV * 64}
    part = name.split(".")[-2]
    if part == "token_embd":
        return w[:VOCABULARY, :WIDTH]
    if part == "ffn_down":
        return w[:WIDTH]
    if w.ndim == 1:
        return w[:WIDTH]
    return w[:heads.get(part, WIDTH if part == "attn_output" else w.shape[0]), :WIDTH]


def small_model():
    """Its metadata, and its tensors in f32."""
    reader = gguf.GGUFReader(reference.SMOL)
    changed = {"llama.block_count": LAYERS, "llama.embedding_length": WIDTH,
               "llama.attention.head_count": HEADS, "llama.attention.head_count_kv": KV,
               "llama.vocab_size": VOCABULARY}
    fields = []
    for f in reader.fields.values():
        if f.name.startswith("GGUF.") or f.name == "general.architecture":
            continue
        value = changed.get(f.name, f.contents())
        if f.name in ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type"):
            value = value[:VOCABULARY]
        element = f.types[1] if f.types[0] == gguf.GGUFValueType.ARRAY else None
        fields.append((f.name, value, f.types[0], element))
    known = set(reference.field(reader, "tokenizer.ggml.tokens")[:VOCABULARY])
    for i, f in enumerate(fields):
        if f[0] == "tokenizer.ggml.merges":
            fields[i] = (f[0], [m for m in f[1] if m.replace(" ", "") in known], f[2], f[3])
    tensors = {}
    for t in reader.tensors:
        if not t.name.startswith("blk.") or int(t.name.split(".")[1]) < LAYERS:
            w = gguf.quants.dequantize(t.data, t.tensor_type).astype(numpy.float32)
            tensors[t.name] = numpy.ascontiguousarray(cut(t.name, w))
    return fields, tensors


def quantised(tensors, kind_of):
    """As write_gguf() takes them: matrices quantised, vectors in F32."""
    out = {}
    for name, w in tensors.items():
        kind = kind_of(name) if w.ndim == 2 else "F32"
        out[name] = (kind, w if kind == "F32" else ggml_quantises(kind, w))
    return out


def full(tensors):
    return {name: ("F32", gguf.quants.dequantize(data, Type[kind]).astype(numpy.float32))
            for name, (kind, data) in tensors.items()}


def compare_model(check, what, fields, tensors, scratch):
    small, wide = scratch / "small.gguf", scratch / "wide.gguf"
    write_gguf(small, tensors, fields)
    write_gguf(wide, full(tensors), fields)
    ids = json.loads(engine("encode", small, TEXT))[:COUNT + 1]
    d = distance(ours(small, ids, scratch), llamacpp(wide, ids))
    check(f"{what}: log-probabilities of llama.cpp on the same numbers", d <= 1e-4, f"{d:.1e}")
    engine("logits", small, "-", save_json(scratch / "ids.json", ids), scratch / "logits")
    got = numpy.fromfile(scratch / "logits", numpy.float32).reshape(len(ids), VOCABULARY)
    with torch.no_grad():
        theirs = reference.llama_from_gguf(small)(input_ids=torch.tensor([ids])).logits[0].numpy()
    d = numpy.abs(got - theirs).max()
    check(f"{what}: logits of transformers", d <= 1e-3,
          f"{d:.1e}, largest {numpy.abs(theirs).max():.1f}")


def main():
    check = Checks()
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        compare_random_blocks(check, scratch)
        fields, tensors = small_model()
        for name in TYPES:
            compare_model(check, name, fields, quantised(tensors, lambda _, n=name: n), scratch)
        mixed = quantised(tensors, lambda name: next(t for part, t in MIXED if part in name))
        compare_model(check, "as Q4_K_M", fields, mixed, scratch)
    check.end()


if __name__ == "__main__":
    main()
