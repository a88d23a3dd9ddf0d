"""A decoder in float64 on NumPy, and the golden numbers of a checkpoint.

    python3 decoder.py DIR [DIR ...]          compare DIR/golden.json with what this decoder says
    python3 decoder.py --write SEED N DIR ...  write DIR/golden.json for N random ids

It reads config.json and *.safetensors by itself and shares nothing with the Go program: it is
written from the published classes (Llama, Mistral, Qwen2, Qwen3, Qwen3-MoE), a row of a whole
matrix at a time, with every sum in float64 and no thought of speed.
"""
import glob
import json
import math
import os
import sys

import numpy as np

# What the config classes take for fields that are absent.
SHARED = dict(hidden_act="silu", rms_norm_eps=1e-6, tie_word_embeddings=False, attention_bias=False, mlp_bias=False,
              head_dim=None, num_key_value_heads=None, sliding_window=None, use_sliding_window=False,
              max_window_layers=28, layer_types=None, rope_theta=10000.0, rope_scaling=None, rope_parameters=None)
DEFAULTS = {
    "llama": dict(SHARED, max_position_embeddings=2048),
    "mistral": dict(SHARED, num_key_value_heads=8, sliding_window=4096, max_position_embeddings=131072),
    "qwen2": dict(SHARED, num_key_value_heads=32, sliding_window=4096, max_position_embeddings=32768),
    "qwen3": dict(SHARED, num_key_value_heads=32, head_dim=128, sliding_window=4096, max_position_embeddings=32768),
    "qwen3_moe": dict(SHARED, num_key_value_heads=4, sliding_window=4096, max_position_embeddings=32768,
                      norm_topk_prob=False, decoder_sparse_step=1, mlp_only_layers=[], num_experts=128,
                      num_experts_per_tok=8),
}


def read_config(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8-sig") as f:
        said = json.load(f)
    return dict(DEFAULTS[said["model_type"]], **said)


def sparse(c, layer):
    """Returns whether a layer is a mixture of experts."""
    return "num_experts" in c and layer not in c["mlp_only_layers"] and (layer + 1) % c["decoder_sparse_step"] == 0


def read_tensors(folder):
    """Returns all tensors of a folder's safetensors files in float64, by name."""
    tensors = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.safetensors"))):
        with open(path, "rb") as f:
            raw = f.read()
        size = int.from_bytes(raw[:8], "little")
        for name, t in json.loads(raw[8:8 + size]).items():
            if name == "__metadata__":
                continue
            start, end = t["data_offsets"]
            data = raw[8 + size + start:8 + size + end]
            if t["dtype"] == "BF16":  # the upper half of a float32
                v = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
            else:
                v = np.frombuffer(data, {"F16": "<f2", "F32": "<f4", "F64": "<f8"}[t["dtype"]])
            tensors[name] = v.astype(np.float64).reshape(t["shape"])
    return tensors


def rope_of(c, dim):
    """Returns the angular frequencies [dim/2] and the factor on cosine and sine."""
    block = dict(c["rope_parameters"] or {}, **(c["rope_scaling"] or {}))
    theta = block.get("rope_theta", c["rope_theta"])
    freq = theta ** (-np.arange(0, dim, 2) / dim)
    kind = block.get("rope_type", block.get("type", "default"))
    factor = block.get("factor")
    old = block.get("original_max_position_embeddings") or c.get("original_max_position_embeddings") or \
        c["max_position_embeddings"]
    if kind == "default":
        return freq, 1.0
    if kind == "linear":
        return freq / factor, 1.0
    if kind == "llama3":
        low, high = block["low_freq_factor"], block["high_freq_factor"]
        out = []
        for f in freq:
            wavelength = 2 * math.pi / f
            if wavelength < old / high:
                out.append(f)
            elif wavelength > old / low:
                out.append(f / factor)
            else:
                s = (old / wavelength - low) / (high - low)
                out.append((1 - s) * f / factor + s * f)
        return np.array(out), 1.0
    if kind != "yarn":
        raise ValueError("rope_type " + kind)

    def dimension(turns):
        return dim * math.log(old / (turns * 2 * math.pi)) / (2 * math.log(theta))

    first, last = dimension(block.get("beta_fast") or 32), dimension(block.get("beta_slow") or 1)
    if block.get("truncate", True):
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, dim - 1)
    if first == last:
        last += 0.001
    ramp = np.clip((np.arange(dim // 2) - first) / (last - first), 0, 1)
    scale = block.get("attention_factor")
    if scale is None:
        def m(s):
            return 0.1 * s * math.log(factor) + 1 if factor > 1 else 1.0
        both = block.get("mscale") and block.get("mscale_all_dim")
        scale = m(block["mscale"]) / m(block["mscale_all_dim"]) if both else m(1)
    return freq * (1 - ramp) + freq / factor * ramp, scale


def window_of(c, layer):
    """Returns how many keys a row of the layer sees, or None for all."""
    kind, window = c["model_type"], c["sliding_window"]
    if kind == "llama" or window is None:
        return None
    if kind == "mistral":
        return window
    if not c["use_sliding_window"]:
        return None
    if c["layer_types"]:
        return window if c["layer_types"][layer] == "sliding_attention" else None
    return window if layer >= c["max_window_layers"] else None


class Decoder:
    def __init__(self, folder):
        self.c, self.t = read_config(folder), read_tensors(folder)
        c = self.c
        self.heads = c["num_attention_heads"]
        self.kv = c["num_key_value_heads"] or self.heads
        self.dim = c["head_dim"] or c["hidden_size"] // self.heads
        if c["hidden_act"] not in ("silu", "swish"):
            raise ValueError("hidden_act " + c["hidden_act"])

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.c["rms_norm_eps"]) * self.t[name + ".weight"]

    def linear(self, x, name):
        y = x @ self.t[name + ".weight"].T
        return y + self.t[name + ".bias"] if name + ".bias" in self.t else y

    def attention(self, x, layer):
        n, at = len(x), "model.layers.%d.self_attn." % layer
        q = self.linear(x, at + "q_proj").reshape(n, self.heads, self.dim)
        k = self.linear(x, at + "k_proj").reshape(n, self.kv, self.dim)
        v = self.linear(x, at + "v_proj").reshape(n, self.kv, self.dim)
        if at + "q_norm.weight" in self.t:
            q, k = self.norm(q, at + "q_norm"), self.norm(k, at + "k_norm")
        freq, scale = rope_of(self.c, self.dim)
        angle = np.arange(n)[:, None, None] * freq
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale

        def rotate(y):
            a, b = y[..., :self.dim // 2], y[..., self.dim // 2:]
            return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

        q, k = rotate(q), rotate(k)
        row, col = np.arange(n)[:, None], np.arange(n)[None, :]
        seen = col <= row
        window = window_of(self.c, layer)
        if window is not None:
            seen = seen & (row - col < window)
        out = np.empty((n, self.heads, self.dim))
        for h in range(self.heads):
            g = h * self.kv // self.heads
            z = np.where(seen, q[:, h] @ k[:, g].T / math.sqrt(self.dim), -np.inf)
            p = np.exp(z - z.max(-1, keepdims=True))
            out[:, h] = p / p.sum(-1, keepdims=True) @ v[:, g]
        return self.linear(out.reshape(n, -1), at + "o_proj")

    def swiglu(self, x, at):
        gate = self.linear(x, at + "gate_proj")
        return self.linear(gate / (1 + np.exp(-gate)) * self.linear(x, at + "up_proj"), at + "down_proj")

    def mlp(self, x, layer):
        c, at = self.c, "model.layers.%d.mlp." % layer
        if not sparse(c, layer):
            return self.swiglu(x, at)
        z = self.linear(x, at + "gate")
        p = np.exp(z - z.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        out = np.zeros_like(x)
        for i, row in enumerate(x):
            best = np.argsort(-p[i], kind="stable")[:c["num_experts_per_tok"]]
            weights = p[i][best]
            if c["norm_topk_prob"]:
                weights = weights / weights.sum()
            for e, w in zip(best, weights):
                out[i] += w * self.swiglu(row[None], at + "experts.%d." % e)[0]
        return out

    def logits(self, ids):
        x = self.t["model.embed_tokens.weight"][np.array(ids)]
        for layer in range(self.c["num_hidden_layers"]):
            at = "model.layers.%d." % layer
            x = x + self.attention(self.norm(x, at + "input_layernorm"), layer)
            x = x + self.mlp(self.norm(x, at + "post_attention_layernorm"), layer)
        x = self.norm(x, "model.norm")
        tied = self.c["tie_word_embeddings"] or "lm_head.weight" not in self.t
        return x @ self.t["model.embed_tokens.weight" if tied else "lm_head.weight"].T

    def golden(self, ids):
        z = self.logits(ids)
        top = z.max(-1, keepdims=True)
        logp = z - top - np.log(np.exp(z - top).sum(-1, keepdims=True))
        return dict(ids=[int(i) for i in ids],
                    logprob_of_next=[float(logp[i, ids[i + 1]]) for i in range(len(ids) - 1)],
                    argmax=[int(i) for i in z.argmax(-1)], last_logits=[float(v) for v in z[-1]], precision="float64")


def compare(folder, decoder=None):
    """Compares the golden numbers in a folder with those of a decoder, that of the folder itself if none is given."""
    with open(os.path.join(folder, "golden.json")) as f:
        want = json.load(f)
    got = (decoder or Decoder(folder)).golden(want.get("ids") or want["greedy_ids"])
    worst = max(abs(a - b) for a, b in zip(got["logprob_of_next"], want["logprob_of_next"]))
    same = got["argmax"] == want["argmax"] if "argmax" in want else got["argmax"][:-1] == want["greedy_ids"][1:]
    print("%s: log-probabilities differ by %.1e at most, the most likely tokens %s" %
          (folder, worst, "are the same" if same else "DIFFER"))
    return same and worst < 1e-5  # goldens may be rounded


def write(folder, seed, n):
    decoder = Decoder(folder)
    ids = np.random.RandomState(seed).randint(0, decoder.c["vocab_size"], n)
    with open(os.path.join(folder, "golden.json"), "w") as f:
        json.dump(decoder.golden([int(i) for i in ids]), f)


if __name__ == "__main__":
    if sys.argv[1] == "--write":
        for name in sys.argv[4:]:
            write(name, int(sys.argv[2]), int(sys.argv[3]))
    elif not all([compare(name) for name in sys.argv[1:]]):
        sys.exit(1)
