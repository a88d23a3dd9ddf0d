"""PyTorch beside the backend for GPUs, on the problems that bench/cuda lists.

    python3 peers.py version             what is installed; an error without PyTorch or a GPU
    python3 peers.py nvrtc               the path of the NVRTC that PyTorch brings
    cuda -step gemm -list | python3 peers.py measure RESULTS

Every line of input is a problem (problem.go says what it holds); a line for each engine is appended to RESULTS as
soon as it is there. Times are those of lab.go: the median of ten samples of at least 20 ms, by events, over random
numbers, with operands that rotate through more memory than the caches have. What an engine cannot do is a note.
"""
import glob
import json
import os
import statistics
import sys


def nvrtc():
    """Paths of libnvrtc in the packages beside PyTorch's."""
    for folder in sys.path:
        for path in sorted(glob.glob(os.path.join(folder, "nvidia", "**", "libnvrtc.so*"), recursive=True)):
            if "builtins" not in path and "alt" not in path:
                yield path


if sys.argv[1] == "nvrtc":
    print(next(nvrtc(), ""))
    sys.exit()

import torch
import torch.nn.functional as F
import torch.utils.checkpoint
from torch.nn.attention import SDPBackend, sdpa_kernel

SAMPLE, CACHES = 0.02, 256 << 20


def seconds(run):
    """The seconds of a call of run, which gets the number of the call."""
    call = 0

    def sample(n):
        nonlocal call
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(n):
            run(call)
            call += 1
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / 1e3

    sample(2)  # what is compiled at the first call
    n, t = 1, sample(1)
    while t < SAMPLE:
        n = max(n + 1, min(10 * n, int(1.2 * n * SAMPLE / max(t, 1e-6))))
        t = sample(n)
    return statistics.median(sample(n) / n for _ in range(10 if t < 0.2 else 3))


def random(*shape):
    return torch.rand(*shape, device="cuda", dtype=torch.bfloat16) - 0.5


def copies(size):
    return min(16, 1 + int(CACHES / size))


def copy(p):
    x, y = random(p["rows"], p["out"]), random(p["rows"], p["out"])
    yield "torch.copy_", lambda _: y.copy_(x)


def product(p):
    n, o, i = p["rows"], p["out"], p["in"]
    sets = [(random(n, i), random(o, i), random(n, o)) for _ in range(copies(p["bytes"]))]

    def run(call):
        x, w, y = sets[call % len(sets)]
        if p["form"] == "forward":
            torch.matmul(x, w.t(), out=y)
        elif p["form"] == "gradX":
            torch.matmul(y, w, out=x)
        else:
            torch.matmul(y.t(), x, out=w)

    yield "torch.matmul", run


def attention(p):
    """Every backend of scaled_dot_product_attention, and, backward, the deterministic mode of flash."""
    n, d = p["length"], p["dim"]
    q = random(1, p["heads"], n, d).requires_grad_()
    k, v = (random(1, p["kv_heads"], n, d).requires_grad_() for _ in range(2))
    group = p["heads"] // p["kv_heads"]
    # Not all backends know groups of heads: those read keys and values once for each head.
    for name, backend, grouped, deterministic in (
            ("flash", SDPBackend.FLASH_ATTENTION, True, False),
            ("flash, deterministic", SDPBackend.FLASH_ATTENTION, True, True),
            ("cuDNN", SDPBackend.CUDNN_ATTENTION, True, False),
            ("efficient", SDPBackend.EFFICIENT_ATTENTION, False, False)):
        if deterministic and p["form"] == "forward":
            continue

        def forward(backend=backend, grouped=grouped):
            keys, values = (k, v) if grouped else (k.repeat_interleave(group, 1), v.repeat_interleave(group, 1))
            with sdpa_kernel(backend):
                return F.scaled_dot_product_attention(q, keys, values, is_causal=True, enable_gqa=grouped)

        def run(_, forward=forward):
            with torch.no_grad():
                forward()

        if p["form"] == "backward":
            o = None

            def run(_, forward=forward, deterministic=deterministic):
                nonlocal o
                if o is None or o.shape != q.shape:
                    o = forward()
                torch.autograd.grad(o, (q, k, v), torch.ones_like(o), retain_graph=True)

        torch.use_deterministic_algorithms(deterministic, warn_only=True)
        yield name, run
        torch.use_deterministic_algorithms(False)


class Decoder(torch.nn.Module):
    """A decoder as Qwen2.5 has it: RMSNorm, rotary embeddings, SwiGLU, biases of q, k and v, a tied head."""

    def __init__(self, m, length):
        super().__init__()
        self.m, self.width = m, m["heads"] * m["dim"] + 2 * m["kv_heads"] * m["dim"]
        h = m["hidden"]

        def matrix(o, i, scale):
            return torch.nn.Parameter(torch.randn(o, i, device="cuda") * scale)

        def vector(n, value):
            return torch.nn.Parameter(torch.full((n,), value, device="cuda"))

        self.embed = matrix(m["vocab"], h, 0.02)
        self.norm = vector(h, 1.0)
        self.layers = torch.nn.ModuleList()
        for _ in range(m["layers"]):
            self.layers.append(torch.nn.ParameterDict({
                "n1": vector(h, 1.0), "qkv": matrix(self.width, h, h ** -0.5), "bias": vector(self.width, 0.0),
                "o": matrix(h, m["heads"] * m["dim"], h ** -0.5), "n2": vector(h, 1.0),
                "gate_up": matrix(2 * m["ff"], h, h ** -0.5), "down": matrix(h, m["ff"], m["ff"] ** -0.5)}))
        frequencies = 1e6 ** -(torch.arange(0, m["dim"], 2, dtype=torch.float64, device="cuda") / m["dim"])
        angles = torch.outer(torch.arange(length, dtype=torch.float64, device="cuda"), frequencies)
        self.cos, self.sin = angles.cos().float(), angles.sin().float()

    def rope(self, x):
        a, b = x.float().chunk(2, -1)
        cos, sin = self.cos[:x.shape[2]], self.sin[:x.shape[2]]
        return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).to(x.dtype)

    def block(self, x, w):
        m, (rows, n, h) = self.m, x.shape
        qkv = F.linear(F.rms_norm(x, (h,), w["n1"], 1e-6), w["qkv"], w["bias"])
        q, k, v = qkv.split([m["heads"] * m["dim"], m["kv_heads"] * m["dim"], m["kv_heads"] * m["dim"]], -1)
        q, k, v = (t.view(rows, n, -1, m["dim"]).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(self.rope(q), self.rope(k), v, is_causal=True, enable_gqa=True)
        x = x + F.linear(y.transpose(1, 2).reshape(rows, n, -1), w["o"])
        gate, up = F.linear(F.rms_norm(x, (h,), w["n2"], 1e-6), w["gate_up"]).chunk(2, -1)
        return x + F.linear(F.silu(gate) * up, w["down"])

    def forward(self, ids, first, coefficient):
        """Minus the sum of coefficient · log-probability of the tokens from place first on, in slices of the head."""
        x = F.embedding(ids, self.embed)
        for w in self.layers:
            x = torch.utils.checkpoint.checkpoint(self.block, x, w, use_reentrant=False)
        x = F.rms_norm(x, x.shape[-1:], self.norm, 1e-6)[:, first - 1:-1].reshape(-1, x.shape[-1])
        targets = ids[:, first:].reshape(-1)

        def head(rows, wanted):
            return F.cross_entropy(F.linear(rows, self.embed).float(), wanted, reduction="sum")

        loss = 0
        for rows, wanted in zip(x.split(4096), targets.split(4096)):
            loss = loss + torch.utils.checkpoint.checkpoint(head, rows, wanted, use_reentrant=False)
        return coefficient * loss


def training(p):
    """A step of a plain model: f32 parameters and moments under autocast to bf16, activations recomputed."""
    answers = p.get("answers", 0)
    length = p["prompt"] + p["answer"] if answers else p["length"]
    rows = answers or p["sequences"]
    model = Decoder(p["model"], length)
    ids = torch.randint(p["model"]["vocab"], (rows, length), device="cuda")
    first = p["prompt"] if answers else 1
    scored = rows * (length - first)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, betas=(0.9, 0.99), fused=True)

    def runner(forward):
        def run(_):
            for i in range(rows):  # one sequence at a time: each has its prompt
                with torch.autocast("cuda", torch.bfloat16):
                    loss = forward(ids[i:i + 1], first, (1 - 2 * (i % 2)) / scored)
                loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return run

    yield "PyTorch", runner(model)
    yield "torch.compile", runner(torch.compile(model, dynamic=False))


def nothing(p):
    return iter(())


KINDS = {"gemm": product, "attention": attention, "train": training, "update": training}


def measure(path):
    def keep(p, **more):
        with open(path, "a") as f:
            f.write(json.dumps({**p, **more}, ensure_ascii=False) + "\n")

    for line in sys.stdin:
        p = json.loads(line)
        kind = copy if p["case"] == "copy" else product if p["step"] == "ceilings" else KINDS.get(p["step"], nothing)
        for name, run in kind(p):
            try:
                torch.cuda.reset_peak_memory_stats()
                t = seconds(run)
                keep(p, engine=name, seconds=t, memory=torch.cuda.max_memory_allocated())
            except Exception as e:  # a backend that cannot, or no memory
                keep(p, engine=name, note="%s: %s" % (type(e).__name__, str(e).strip().split("\n")[0][:200]))
            torch.cuda.empty_cache()


if sys.argv[1] == "version":
    if not torch.cuda.is_available():
        sys.exit("PyTorch %s finds no GPU" % torch.__version__)
    cudnn = torch.backends.cudnn.version()
    print("Python %s, PyTorch %s, CUDA %s, cuDNN %s, %s" % (sys.version.split()[0], torch.__version__,
                                                            torch.version.cuda, cudnn, torch.cuda.get_device_name()))
else:
    measure(sys.argv[2])
