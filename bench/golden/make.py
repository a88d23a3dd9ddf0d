"""Makes the tiny checkpoints whose golden numbers are of decoder.py.

    python3 make.py DIR

writes a folder per row of MODELS into DIR (tensor/fixture/testdata/tiny has them). The same rows
give the same bytes.
"""
import json
import os
import sys

import numpy as np

import decoder

COMMON = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
              vocab_size=160, rms_norm_eps=1e-5, hidden_act="silu", max_position_embeddings=512,
              tie_word_embeddings=False, bos_token_id=0, eos_token_id=1)

# Name, type of the tensors, fields over COMMON (None: left out; "null": null), tokens scored.
MODELS = [
    ("llama2", "F32", dict(model_type="llama", num_key_value_heads=None, pretraining_tp=1, rope_scaling="null",
                           max_position_embeddings=None), 80),
    ("llama-biases", "F16", dict(model_type="llama", attention_bias=True, mlp_bias=True, head_dim=4), 64),
    ("llama-head100", "BF16", dict(model_type="llama", num_attention_heads=2, num_key_value_heads=1, head_dim=100), 64),
    ("llama-linear", "BF16", dict(model_type="llama", rope_scaling=dict(type="linear", factor=4.0),
                                  tie_word_embeddings=True), 96),
    ("llama-yarn", "F32", dict(
        model_type="llama", max_position_embeddings=256, num_hidden_layers=1, head_dim=16,
        rope_parameters=dict(rope_theta=10000.0, rope_type="yarn", factor=4.0, original_max_position_embeddings=64,
                             beta_fast=2, beta_slow=0.25, mscale=0.707, mscale_all_dim=1.5)), 150),
    ("mistral", "BF16", dict(model_type="mistral", sliding_window=10, num_hidden_layers=3), 80),
    ("qwen2-window", "F32", dict(model_type="qwen2", head_dim=None, use_sliding_window=True, sliding_window=12,
                                 max_window_layers=1, num_hidden_layers=3, rope_theta=1000000.0), 80),
    ("qwen2-yarn-untruncated", "BF16", dict(
        model_type="qwen2", head_dim=16, max_position_embeddings=160, rope_theta=1000000.0,
        rope_scaling=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=40, beta_fast=8,
                          truncate=False)), 150),
    ("qwen3-window", "BF16", dict(
        model_type="qwen3", head_dim=10, attention_bias=True, use_sliding_window=True, sliding_window=9,
        num_hidden_layers=3, layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters=dict(rope_theta=1000000.0, rope_type="default")), 72),
    ("qwen3-moe-mixed", "BF16", dict(
        model_type="qwen3_moe", head_dim=8, attention_bias=True, num_hidden_layers=5, decoder_sparse_step=2,
        mlp_only_layers=[0, 3], num_experts=6, num_experts_per_tok=2, moe_intermediate_size=20), 72),
    ("qwen3-moe-fine", "F32", dict(
        model_type="qwen3_moe", head_dim=6, num_experts=40, num_experts_per_tok=7, moe_intermediate_size=10,
        norm_topk_prob=True, tie_word_embeddings=True), 72),
]

CLASSES = dict(llama="LlamaForCausalLM", mistral="MistralForCausalLM", qwen2="Qwen2ForCausalLM",
               qwen3="Qwen3ForCausalLM", qwen3_moe="Qwen3MoeForCausalLM")
TYPES = dict(F32="float32", F16="float16", BF16="bfloat16")


def shapes(c):
    """Returns the shapes of all tensors of a configuration, by name."""
    h, heads = c["hidden_size"], c["num_attention_heads"]
    kv, kind = c["num_key_value_heads"] or heads, c["model_type"]
    dim = c["head_dim"] or h // heads
    out = {"model.embed_tokens.weight": (c["vocab_size"], h)}
    for layer in range(c["num_hidden_layers"]):
        at = "model.layers.%d." % layer
        out[at + "input_layernorm.weight"] = out[at + "post_attention_layernorm.weight"] = (h,)
        mlps = [("mlp", c["intermediate_size"])]
        if decoder.sparse(c, layer):
            out[at + "mlp.gate.weight"] = (c["num_experts"], h)
            mlps = [("mlp.experts.%d" % e, c["moe_intermediate_size"]) for e in range(c["num_experts"])]
        for mlp, ff in mlps:
            for name, rows, cols in (("gate_proj", ff, h), ("up_proj", ff, h), ("down_proj", h, ff)):
                out[at + mlp + "." + name + ".weight"] = (rows, cols)
                if c["mlp_bias"]:
                    out[at + mlp + "." + name + ".bias"] = (rows,)
        for name, rows, cols, biased in (
                ("self_attn.q_proj", heads * dim, h, kind == "qwen2" or c["attention_bias"]),
                ("self_attn.k_proj", kv * dim, h, kind == "qwen2" or c["attention_bias"]),
                ("self_attn.v_proj", kv * dim, h, kind == "qwen2" or c["attention_bias"]),
                ("self_attn.o_proj", h, heads * dim, c["attention_bias"])):
            out[at + name + ".weight"] = (rows, cols)
            if biased:
                out[at + name + ".bias"] = (rows,)
        if kind in ("qwen3", "qwen3_moe"):
            out[at + "self_attn.q_norm.weight"] = out[at + "self_attn.k_norm.weight"] = (dim,)
    out["model.norm.weight"] = (h,)
    if not c["tie_word_embeddings"]:
        out["lm_head.weight"] = (c["vocab_size"], h)
    return out


def stored(v, dtype):
    """Returns the bytes of v in a type, rounded to the nearest."""
    if dtype != "BF16":
        return v.astype({"F16": "<f2", "F32": "<f4"}[dtype]).tobytes()
    bits = v.astype("<f4").view("<u4")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()


def write_tensors(path, tensors, dtype):
    """Writes a safetensors file of tensors by name, in their order."""
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, v in tensors.items():
        raw = stored(v, dtype)
        header[name] = dict(dtype=dtype, shape=list(v.shape), data_offsets=[len(body), len(body) + len(raw)])
        body += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + body)


def save(folder, c, dtype, seed):
    random = np.random.RandomState(seed)
    tensors = {}
    for name, shape in sorted(shapes(c).items()):
        v = random.standard_normal(shape)
        if "norm" in name:
            v = 1 + 0.3 * v
        elif name.endswith(".bias"):
            v = 0.5 * v
        elif "embed" not in name:  # queries and keys large enough that attention chooses
            v = v * (2.5 if "q_proj" in name or "k_proj" in name or "head" in name else 1.2) / shape[-1] ** 0.5
        tensors[name] = v
    write_tensors(os.path.join(folder, "model.safetensors"), tensors, dtype)


def make(top):
    for i, (name, dtype, fields, n) in enumerate(MODELS):
        folder = os.path.join(top, name)
        os.makedirs(folder, exist_ok=True)
        said = dict(COMMON, architectures=[CLASSES[fields["model_type"]]], torch_dtype=TYPES[dtype])
        said.update(fields)
        said = {k: None if v == "null" else v for k, v in said.items() if v is not None}
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(said, f, indent=1)
        save(folder, decoder.read_config(folder), dtype, i)
        decoder.write(folder, i, n)


if __name__ == "__main__":
    make(sys.argv[1])
