"""Our logits on a real quantised model against transformers on the same, dequantised, weights.

The tool is $LORABUILD_TOOLS/logits (default build/default/tools), the model
$LORABUILD_CACHE/models/SmolLM2-135M-Instruct.Q4_1.gguf.
"""
import os
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

CACHE = os.environ.get("LORABUILD_CACHE", os.path.expanduser("~/.cache/lorabuild"))
TOOLS = os.environ.get("LORABUILD_TOOLS", "build/default/tools")
MODEL = os.path.join(CACHE, "models", "SmolLM2-135M-Instruct.Q4_1.gguf")
NAMES = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
         "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
         "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm",
         "ffn_norm": "post_attention_layernorm"}
TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def field(reader, key):
    return reader.fields[key].contents()


def unpermute(w, heads):
    return w.reshape(heads, w.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(w.shape)


def hugging_face_name(name):
    name = name[:-len(".weight")]
    if name in TOP:
        return TOP[name] + ".weight"
    _, layer, part = name.split(".")
    return f"model.layers.{layer}.{NAMES[part]}.weight"


def load(path):
    r = gguf.GGUFReader(path)
    heads, kv = field(r, "llama.attention.head_count"), field(r, "llama.attention.head_count_kv")
    weights = {}
    for t in r.tensors:
        w = gguf.quants.dequantize(t.data, t.tensor_type)
        if ".attn_q." in t.name:
            w = unpermute(w, heads)
        if ".attn_k." in t.name:
            w = unpermute(w, kv)
        weights[hugging_face_name(t.name)] = torch.from_numpy(np.array(w, dtype=np.float32))
    config = LlamaConfig(
        vocab_size=weights["model.embed_tokens.weight"].shape[0],
        hidden_size=field(r, "llama.embedding_length"),
        intermediate_size=field(r, "llama.feed_forward_length"),
        num_hidden_layers=field(r, "llama.block_count"), num_attention_heads=heads,
        num_key_value_heads=kv, rms_norm_eps=field(r, "llama.attention.layer_norm_rms_epsilon"),
        rope_theta=field(r, "llama.rope.freq_base"), tie_word_embeddings="lm_head.weight" not in weights,
        max_position_embeddings=field(r, "llama.context_length"))
    m = LlamaForCausalLM(config).float()
    missing, unexpected = m.load_state_dict(weights, strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    m.tie_weights()
    assert abs(m.config.rope_parameters["rope_theta"] - field(r, "llama.rope.freq_base")) < 1e-3
    return m.eval()


def ours(ids, vocabulary):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "logits")
        subprocess.run([os.path.join(TOOLS, "logits"), MODEL, out], check=True,
                       input=" ".join(map(str, ids)).encode())
        return np.fromfile(out, dtype=np.float32).reshape(len(ids), vocabulary)


def test_logits():
    m = load(MODEL)
    ids = np.random.default_rng(3).integers(0, m.config.vocab_size, 200)
    with torch.no_grad():
        theirs = m(input_ids=torch.from_numpy(ids)[None]).logits[0].numpy()
    off = np.abs(ours(ids.tolist(), m.config.vocab_size) - theirs).max()
    print(f"largest difference {off:.2e}, largest logit {np.abs(theirs).max():.1f}")
    assert off <= 2e-3


if __name__ == "__main__":
    test_logits()
    sys.exit(0)
