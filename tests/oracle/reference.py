"""What the oracle tests share: our tools, and the real model as PyTorch and llama.cpp see it."""
import json
import os
import pathlib
import subprocess
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # do not fight with others for the processors

import gguf
import numpy
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
TINY = ROOT / "tests/golden/train"
CACHE = pathlib.Path(os.environ.get("LORABUILD_CACHE", pathlib.Path.home() / ".cache/lorabuild"))
PROGRAM = pathlib.Path(os.environ.get("LORABUILD", ROOT / "build/default/lorabuild"))
TOOLS = pathlib.Path(os.environ.get("LORABUILD_TOOLS", PROGRAM.parent / "tools"))
SMOL = CACHE / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 2)))


def engine(*arguments, environment=None):
    """Standard output of our tool, as text."""
    done = subprocess.run([str(TOOLS / "engine"), *map(str, arguments)], capture_output=True,
                          env={**os.environ, **(environment or {})})
    if done.returncode:
        raise SystemExit("engine " + arguments[0] + ": " + done.stderr.decode(errors="replace"))
    return done.stdout.decode()


class Checks:
    """Prints each check; exits 1 at the end if one failed."""

    def __init__(self):
        self.failed = 0

    def __call__(self, what, ok, figure=""):
        print(f"{'ok    ' if ok else 'FAILED'}  {what}  {figure}", flush=True)
        self.failed += not ok

    def end(self):
        sys.exit(f"{self.failed} checks failed" if self.failed else 0)


# ---- the GGUF model as transformers' LlamaForCausalLM ----

def rows_to_hugging_face(w, heads):
    """GGUF's Llama pairs neighbouring rows for RoPE, Hugging Face the halves of a head."""
    return w.reshape(heads, -1, 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


GGUF_NAMES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


def hugging_face_name(name):
    top = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight":
           "model.norm.weight", "output.weight": "lm_head.weight"}
    if name in top:
        return top[name]
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{GGUF_NAMES[part]}.weight"


def field(reader, key):
    return reader.fields[key].contents()


def llama_from_gguf(path):
    r = gguf.GGUFReader(path)
    heads, kv = field(r, "llama.attention.head_count"), field(r, "llama.attention.head_count_kv")
    tensors = {}
    for t in r.tensors:
        w = gguf.quants.dequantize(t.data, t.tensor_type).astype(numpy.float32)
        if "attn_q." in t.name or "attn_k." in t.name:
            w = rows_to_hugging_face(w, heads if "attn_q." in t.name else kv)
        tensors[hugging_face_name(t.name)] = torch.from_numpy(numpy.ascontiguousarray(w))
    tied = "lm_head.weight" not in tensors
    if tied:
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
    config = transformers.LlamaConfig(
        vocab_size=tensors["lm_head.weight"].shape[0],
        hidden_size=field(r, "llama.embedding_length"),
        intermediate_size=field(r, "llama.feed_forward_length"),
        num_hidden_layers=field(r, "llama.block_count"), num_attention_heads=heads,
        num_key_value_heads=kv, max_position_embeddings=field(r, "llama.context_length"),
        rope_theta=field(r, "llama.rope.freq_base"),
        rope_parameters={"rope_type": "default", "rope_theta": field(r, "llama.rope.freq_base")},
        rms_norm_eps=field(r, "llama.attention.layer_norm_rms_epsilon"), tie_word_embeddings=tied)
    config._attn_implementation = "eager"
    model = transformers.LlamaForCausalLM(config)
    missing, unexpected = model.load_state_dict(tensors, strict=False, assign=True)
    assert not missing and not unexpected, (missing, unexpected)
    return model.float().eval()


def llama_from_folder(path):
    return transformers.LlamaForCausalLM.from_pretrained(
        path, dtype=torch.float32, attn_implementation="eager").eval()


# ---- the same model as an F32 GGUF ----

def write_f32_gguf(source, target):
    """All of `source` with every tensor in f32, written by gguf-py."""
    r = gguf.GGUFReader(source)
    temporary = target.with_suffix(".tmp")
    w = gguf.GGUFWriter(temporary, field(r, "general.architecture"))
    for f in r.fields.values():
        if f.name.startswith("GGUF.") or f.name == "general.architecture":
            continue
        value = gguf.LlamaFileType.ALL_F32 if f.name == "general.file_type" else f.contents()
        element = f.types[1] if f.types[0] == gguf.GGUFValueType.ARRAY else None
        w.add_key_value(f.name, value, f.types[0], element)
    for t in r.tensors:
        w.add_tensor(t.name, numpy.ascontiguousarray(
            gguf.quants.dequantize(t.data, t.tensor_type).astype(numpy.float32)))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    temporary.rename(target)


def f32_gguf():
    target = CACHE / "models/SmolLM2-135M-Instruct.F32.gguf"
    if not target.exists():
        write_f32_gguf(SMOL, target)
    return target


# ---- text ----

def byte_of():
    """Byte-level BPE's printable stand-ins, back to bytes (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(b): b for b in plain}
    others = [b for b in range(256) if b not in plain]
    table.update({chr(256 + i): b for i, b in enumerate(others)})
    return table


def decode(tokens, ids):
    table = byte_of()
    return bytes(table[c] for i in ids for c in tokens[i]).decode(errors="ignore")


def save_json(path, value):
    path.write_text(json.dumps(value))
    return path
