"""A Llama in PyTorch that trains on the weights and tokens of one file; package bench/training drives it.

    python3 llama.py FILE THREADS

FILE is a safetensors file: parameters by their Hugging Face names, "tokens" [batches, rows, length], and the
configurations of the model and of the optimizer as metadata. On standard input every line asks for one step on the
next batch; the answer is a line of JSON, {"seconds": …, "loss": …}, the first line before any: what computes.
"""
import json
import struct
import sys
import time

import numpy
import torch
import torch.nn.functional as F


def read(path):
    """The tensors and the metadata of a safetensors file."""
    types = {"F32": "<f4", "I32": "<i4"}
    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(n))
        data = f.read()
    meta = header.pop("__metadata__")
    tensors = {}
    for name, t in header.items():
        begin, end = t["data_offsets"]
        values = numpy.frombuffer(data[begin:end], types[t["dtype"]]).reshape(t["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors, {k: json.loads(v) for k, v in meta.items()}


class Llama:
    """RMSNorm, rotary embeddings in Hugging Face's halves, SwiGLU, tied head. What shares an input is one product."""

    def __init__(self, config, weights, length):
        self.heads, self.eps = config["num_attention_heads"], config["rms_norm_eps"]
        assert config["num_key_value_heads"] == self.heads and config["tie_word_embeddings"]
        self.decayed, self.others = [], []

        def parameter(*names):
            p = torch.cat([weights[n] for n in names]) if len(names) > 1 else weights[names[0]]
            p.requires_grad_()
            (self.decayed if p.dim() > 1 else self.others).append(p)
            return p

        self.embed = parameter("model.embed_tokens.weight")
        self.norm = parameter("model.norm.weight")
        self.blocks = []
        for i in range(config["num_hidden_layers"]):
            at = "model.layers.%d." % i
            self.blocks.append((
                parameter(at + "input_layernorm.weight"),
                parameter(*[at + "self_attn.%s_proj.weight" % n for n in "qkv"]),
                parameter(at + "self_attn.o_proj.weight"),
                parameter(at + "post_attention_layernorm.weight"),
                parameter(at + "mlp.gate_proj.weight", at + "mlp.up_proj.weight"),
                parameter(at + "mlp.down_proj.weight")))
        self.dim = config["hidden_size"] // self.heads
        frequencies = config["rope_theta"] ** -(torch.arange(0, self.dim, 2, dtype=torch.float64) / self.dim)
        angles = torch.outer(torch.arange(length, dtype=torch.float64), frequencies)
        self.cos, self.sin = angles.cos().float(), angles.sin().float()
        self.mask = torch.full((1, length, length), float("-inf")).triu(1)

    def rms(self, x, w):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * w

    def rope(self, x):
        a, b = x.chunk(2, -1)
        return torch.cat((a * self.cos - b * self.sin, b * self.cos + a * self.sin), -1)

    def loss(self, ids):
        """The mean negative log-likelihood of all tokens but the first of a row."""
        x = F.embedding(ids, self.embed)
        rows, length, hidden = x.shape
        mask = self.mask.expand(rows * self.heads, length, length)
        for n1, qkv, o, n2, gate_up, down in self.blocks:
            q, k, v = F.linear(self.rms(x, n1), qkv).view(rows, length, 3, self.heads, self.dim).permute(2, 0, 3, 1, 4)
            q, k = self.rope(q).flatten(0, 1), self.rope(k).flatten(0, 1)
            p = torch.softmax(torch.baddbmm(mask, q, k.transpose(1, 2), alpha=self.dim ** -0.5), -1)
            y = torch.bmm(p, v.reshape(rows * self.heads, length, self.dim))
            y = y.view(rows, self.heads, length, self.dim).transpose(1, 2).reshape(rows, length, hidden)
            x = x + F.linear(y, o)
            gate, up = F.linear(self.rms(x, n2), gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, down)
        logits = F.linear(self.rms(x, self.norm), self.embed)
        targets = F.pad(ids[:, 1:], (0, 1), value=-100)  # the last row of logits predicts nothing
        return F.cross_entropy(logits.view(rows * length, -1), targets.reshape(-1))


def libraries():
    """The BLAS libraries of the process."""
    try:
        with open("/proc/self/maps") as f:
            return sorted({line.split()[-1] for line in f if "blas" in line.lower()})
    except OSError:
        return []


def main():
    path, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    tensors, meta = read(path)
    batches = tensors.pop("tokens").long()
    model = Llama(meta["config"], tensors, batches.shape[2])
    o = meta["optim"]
    optimizer = torch.optim.AdamW(
        [{"params": model.decayed, "weight_decay": o["weight_decay"]}, {"params": model.others, "weight_decay": 0.0}],
        lr=o["lr"], betas=(o["beta1"], o["beta2"]), eps=o["eps"])
    parameters = model.decayed + model.others
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(), "blas": libraries()}), flush=True)
    for step, _ in enumerate(sys.stdin):
        start = time.perf_counter()
        loss = model.loss(batches[step % len(batches)])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, o["clip_norm"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        print(json.dumps({"seconds": time.perf_counter() - start, "loss": loss.item()}), flush=True)


main()
