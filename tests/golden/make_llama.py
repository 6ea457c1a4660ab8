"""Makes tests/golden/llama/: a tiny random Llama in every form that we read, and what
transformers and PEFT compute with it. usage: make_llama.py [FOLDER]   (PyTorch's CPU numbers, seed 0)

hf/            Hugging Face folder, f32, untied head        tied/    tied head, bf16
f16/           hf's weights in f16                           model.gguf  hf's weights, F32, with
                                                             q and k permuted as llama.cpp does
expected.safetensors: ids (two sequences of 13 and 8), logits.NAME (21, vocabulary), and of one
LoRA step on hf/: every A and B, dA and dB, and the loss.
"""
import json
import os
import sys

import gguf
import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "llama")
SHAPE = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
             rms_norm_eps=1e-5)
LENGTHS = (13, 8)


def model(dtype=torch.float32, **more):
    torch.manual_seed(0)
    config = LlamaConfig(**SHAPE, **more)
    m = LlamaForCausalLM(config)
    for p in m.parameters():
        p.data.normal_(0, 0.15 if p.dim() == 2 else 0.3)
        if p.dim() == 1:
            p.data.add_(1)
    return m.to(dtype)


def save(m, name):
    m.save_pretrained(os.path.join(out, name), safe_serialization=True)
    generation = os.path.join(out, name, "generation_config.json")
    if os.path.exists(generation):
        os.remove(generation)


def logits(m, ids):
    with torch.no_grad():
        return torch.cat([m(input_ids=part[None]).logits[0] for part in torch.split(ids, LENGTHS)])


def permute(w, heads):
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


GGUF_NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
              "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
              "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
              "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}


def gguf_name(name):
    fixed = {"model.embed_tokens.weight": "token_embd.weight", "lm_head.weight": "output.weight",
             "model.norm.weight": "output_norm.weight"}
    if name in fixed:
        return fixed[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{GGUF_NAMES[rest[:-len('.weight')]]}.weight"


def write_gguf(m, path):
    c = m.config
    w = gguf.GGUFWriter(path, "llama")
    w.add_context_length(c.max_position_embeddings)
    w.add_embedding_length(c.hidden_size)
    w.add_block_count(c.num_hidden_layers)
    w.add_feed_forward_length(c.intermediate_size)
    w.add_head_count(c.num_attention_heads)
    w.add_head_count_kv(c.num_key_value_heads)
    w.add_rope_freq_base(10000.0)
    w.add_rope_dimension_count(c.hidden_size // c.num_attention_heads)
    w.add_layer_norm_rms_eps(c.rms_norm_eps)
    w.add_vocab_size(c.vocab_size)
    for name, tensor in m.state_dict().items():
        data = tensor.float().numpy()
        if "q_proj" in name:
            data = permute(data, c.num_attention_heads)
        if "k_proj" in name:
            data = permute(data, c.num_key_value_heads)
        w.add_tensor(gguf_name(name), np.ascontiguousarray(data))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def lora_step(m, ids, expected):
    """Loss of all next tokens within each sequence, weight 1, summed; and its gradients."""
    torch.manual_seed(1)
    p = get_peft_model(m, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear",
                                     task_type="CAUSAL_LM"))
    for name, weight in p.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(0, 0.1)
    loss = 0
    for part in torch.split(ids, LENGTHS):
        z = p(input_ids=part[None]).logits[0]
        loss = loss + torch.nn.functional.cross_entropy(z[:-1], part[1:], reduction="sum")
    loss.backward()
    expected["loss"] = loss.detach().double().reshape(1).float()
    for name, weight in p.named_parameters():
        if weight.requires_grad:
            short = name.replace("base_model.model.", "").replace(".default.weight", "")
            expected[short] = weight.detach().clone()
            expected["grad." + short] = weight.grad.clone()
    with torch.no_grad():
        expected["logits.lora"] = logits(p, ids)


def main():
    os.makedirs(out, exist_ok=True)
    ids = torch.randint(0, SHAPE["vocab_size"], (sum(LENGTHS),),
                        generator=torch.Generator().manual_seed(2))
    expected = {"ids": ids.float()}
    f32, tied = model(), model(torch.bfloat16, tie_word_embeddings=True)
    save(f32, "hf")
    save(tied, "tied")
    save(model(torch.float16), "f16")
    expected["logits.hf"] = logits(f32, ids)
    for name in ("tied", "f16"):  # from the file: .to() also rounds the rotary frequencies
        again = LlamaForCausalLM.from_pretrained(os.path.join(out, name), dtype=torch.float32)
        expected["logits." + name] = logits(again, ids)
    write_gguf(f32, os.path.join(out, "model.gguf"))
    lora_step(f32, ids, expected)
    save_file({k: v.contiguous() for k, v in expected.items()},
              os.path.join(out, "expected.safetensors"))
    for folder, _, files in os.walk(out):
        for name in files:
            os.chmod(os.path.join(folder, name), 0o644)
    print(json.dumps({k: list(v.shape) for k, v in expected.items() if "layers" not in k}))


main()
