#!/usr/bin/env python3
"""Makes tests/golden/formats/ with the real libraries: gguf, safetensors, peft, Python's codecs.

Usage: make_formats.py [folder]      (default: formats/ beside this file)
Needs gguf, safetensors, numpy, torch, transformers, peft. The output does not depend on the time.
"""
import json
import os
import shutil
import sys

import numpy as np
import torch
from gguf import GGMLQuantizationType as Q, GGUFWriter, GGUFValueType as V
from gguf.quants import dequantize, quantize
from safetensors.torch import save_file

HERE = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                                          "formats")


def path(name):
    full = os.path.join(HERE, name)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    return full


def make_gguf():
    """tiny.gguf: a value of every kind and a tensor of every type that we read; tiny.f32: what
    gguf-py expands each tensor to, in the order of the file."""
    rng = np.random.default_rng(4)
    w = GGUFWriter(path("tiny.gguf"), "llama")
    w.add_custom_alignment(64)
    w.add_key_value("test.u8", 200, V.UINT8)
    w.add_key_value("test.i8", -100, V.INT8)
    w.add_key_value("test.u16", 60000, V.UINT16)
    w.add_key_value("test.i16", -30000, V.INT16)
    w.add_key_value("test.u32", 4000000000, V.UINT32)
    w.add_key_value("test.i32", -2000000000, V.INT32)
    w.add_key_value("test.u64", 2**63, V.UINT64)
    w.add_key_value("test.i64", -(2**63), V.INT64)
    w.add_key_value("test.f32", 1e-5, V.FLOAT32)
    w.add_key_value("test.f64", 0.1, V.FLOAT64)
    w.add_key_value("test.yes", True, V.BOOL)
    w.add_key_value("test.text", "城市", V.STRING)
    w.add_array("test.texts", ["a", "Ġb", ""])
    w.add_array("test.ints", [1, -2, 3])
    w.add_array("test.floats", [0.5, -1.25])
    w.add_array("test.truths", [True, False, True])
    expected = []
    for name, kind, shape in [("f32", Q.F32, (2, 3, 5)), ("f16", Q.F16, (3, 7)),
                              ("bf16", Q.BF16, (3, 7)), ("q8_0", Q.Q8_0, (2, 64)),
                              ("q4_0", Q.Q4_0, (2, 64)), ("q4_1", Q.Q4_1, (2, 96))]:
        x = (rng.standard_normal(shape) * 3).astype(np.float32)
        data = quantize(x, kind)
        w.add_tensor(name, data, raw_dtype=kind)
        expected.append(dequantize(data, kind).astype("<f4").tobytes())
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    with open(path("tiny.f32"), "wb") as f:
        f.write(b"".join(expected))


def make_safetensors():
    """tiny.safetensors, and a folder of two shards with their index."""
    save_file({"b": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4,
               "a.half": torch.tensor([1.5, -0.25, 65504.0], dtype=torch.float16),
               "a.bf": torch.tensor([[1.0], [-3.0]], dtype=torch.bfloat16),
               "scalar": torch.tensor(2.5),
               "empty": torch.zeros(0, 4),
               "positions": torch.arange(4)},
              path("tiny.safetensors"), metadata={"name": "城"})
    from transformers import LlamaConfig, LlamaForCausalLM
    torch.manual_seed(4)
    c = LlamaConfig(vocab_size=24, hidden_size=8, intermediate_size=16, num_hidden_layers=2,
                    num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=32)
    m = LlamaForCausalLM(c).to(torch.bfloat16)
    folder = path("sharded/x")[:-2]
    m.save_pretrained(folder, max_shard_size="3KB")
    return c


def make_adapter(c):
    """An adapter that PEFT wrote."""
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaForCausalLM
    torch.manual_seed(5)
    m = get_peft_model(LlamaForCausalLM(c), LoraConfig(
        r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM"))
    g = torch.Generator().manual_seed(6)
    for name, p in m.named_parameters():
        if "lora_" in name:
            p.data = torch.randn(p.shape, generator=g)
    m.peft_config["default"].base_model_name_or_path = "tiny"
    folder = path("adapter/x")[:-2]
    m.save_pretrained(folder)
    with open(path("adapter/adapter_config.json")) as f:
        config = json.load(f)
    config["target_modules"].sort()  # a set: its order is chance
    with open(path("adapter/adapter_config.json"), "w") as f:
        json.dump(config, f, indent=2, sort_keys=True)
    for extra in os.listdir(folder):
        if not extra.startswith("adapter_"):
            os.remove(os.path.join(folder, extra))


TEXTS = {
    "gb18030": "智慧城市项目建议书。\n本章说明总体架构、里程碑与风险，字体“仿宋”，价格3000元。\n",
    "big5": "智慧城市專案建議書。\n本章說明整體架構、里程碑與風險，由資訊處負責審查，並於每月提出報告。\n"
            "本案之驗收分為三個階段，各階段應繳交成果報告書，經審查通過後始得請款。\n",
    "shift_jis": "スマートシティの提案書です。\n本章では全体の構成、日程とリスクについて説明します。\n"
                 "受け入れ検査は三つの段階に分かれ、それぞれ報告書を提出するものとします。\n",
    "euc_kr": "스마트 시티 제안서입니다.\n이 장에서는 전체 구조와 일정 및 위험을 설명합니다.\n"
              "검수는 세 단계로 나뉘며 각 단계마다 보고서를 제출해야 합니다.\n",
    "cp1252": "The client’s tender – “phase two” – costs 3 000 €.\nCafé, naïve, Zürich.\n",
}


def make_texts():
    for name, text in TEXTS.items():
        with open(path(f"text/{name}.txt"), "wb") as f:
            f.write(text.encode(name))
        with open(path(f"text/{name}.utf8"), "wb") as f:
            f.write(text.encode())


if __name__ == "__main__":
    shutil.rmtree(HERE, ignore_errors=True)
    make_gguf()
    make_adapter(make_safetensors())
    make_texts()
    for folder, _, names in os.walk(HERE):
        for name in names:
            os.chmod(os.path.join(folder, name), 0o644)
