#!/usr/bin/env python3
"""Makes tests/golden/quants/: a tensor of every block type that we read, and what gguf-py expands
each to. gguf-py quantises a few of them only, so blocks are random bytes: every quant and every
packed scale occurs. Three of six rows have ordinary f16 scales; the others one that is infinite,
one that is no number, one that is negative and subnormal (MXFP4: the exponents 255, 1 and 0).

Usage: make_quants.py [folder]      (default: quants/ beside this file)
Needs gguf, numpy. The output does not depend on the time.
"""
import os
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Q, GGUFWriter
from gguf.quants import dequantize

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


def main():
    here = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "quants")
    os.makedirs(here, exist_ok=True)
    np.seterr(all="ignore")
    rng = np.random.default_rng(6)
    w = GGUFWriter(os.path.join(here, "quants.gguf"), "llama")
    expected = b""
    for name in [*SCALES, "MXFP4"]:
        data = blocks(name, rng)
        w.add_tensor(name.lower(), data, raw_dtype=Q[name])
        expected += dequantize(data, Q[name]).astype("<f4").tobytes()
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    with open(os.path.join(here, "quants.f32"), "wb") as f:
        f.write(expected)


if __name__ == "__main__":
    main()
