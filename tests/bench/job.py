"""One benchmark job in PyTorch, the peer of job.lua.  Prints: seconds peak_bytes check.

usage: job.py JOB [eager|compile|loop|processes]
JOB: one of those of bench.lua.  The model is the founding notebook's GPT: parameter-free RMSNorm, half-split RoPE
with bf16 tables, QK-norm after RoPE, relu^2, tied head, softcap 15.
"""
import multiprocessing
import resource
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


def norm(x):
    return F.rms_norm(x, (x.size(-1),))


def rotate(x, cos, sin):
    d = x.shape[3] // 2
    a, b = x[..., :d], x[..., d:]
    return torch.cat([a * cos + b * sin, a * (-sin) + b * cos], 3).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.head_dim = c["heads"], c["width"] // c["heads"]
        self.kv_heads = c.get("kv_heads", self.heads)
        narrow = self.kv_heads * self.head_dim
        self.key, self.query, self.value, self.proj = (nn.Linear(c["width"], out, bias=False)
                                                       for out in (narrow, c["width"], narrow, c["width"]))

    def forward(self, x, cos, sin):
        B, T, C = x.size()
        k, q, v = (f(x).view(B, T, -1, self.head_dim) for f in (self.key, self.query, self.value))
        q, k = norm(rotate(q, cos, sin)), norm(rotate(k, cos, sin))
        y = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True,
                                           **({"enable_gqa": True} if self.kv_heads < self.heads else {}))
        return self.proj(y.transpose(1, 2).contiguous().view(B, T, C))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.attn = Attention(c)
        self.up = nn.Linear(c["width"], 3 * c["width"], bias=False)
        self.down = nn.Linear(3 * c["width"], c["width"], bias=False)

    def forward(self, x, cos, sin):
        x = x + self.attn(norm(x), cos, sin)
        return x + self.down(F.relu(self.up(norm(x))).square())


class GPT(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.table = nn.Embedding(c["vocab"], c["width"])
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["layers"]))
        self.head = nn.Linear(c["width"], c["vocab"], bias=False)
        self.head.weight = self.table.weight
        self.c = c
        self.rotary()

    def rotary(self):
        d = self.c["width"] // self.c["heads"]
        t = torch.outer(torch.arange(10 * self.c["length"], dtype=torch.float32),
                        1.0 / 10000 ** (torch.arange(0, d, 2, dtype=torch.float32) / d))
        self.cos, self.sin = (f.bfloat16()[None, :, None, :] for f in (t.cos(), t.sin()))

    def init_weights(self):
        for m in self.modules():
            if isinstance(m, nn.Linear):
                out, fan = m.weight.shape
                nn.init.normal_(m.weight, 0.0, min(1.0, (out / fan) ** 0.5) / fan ** 0.5)
            elif isinstance(m, nn.Embedding):
                nn.init.normal_(m.weight)
        for b in self.blocks:
            nn.init.zeros_(b.down.weight)
            nn.init.zeros_(b.attn.proj.weight)
        self.rotary()

    def forward(self, idx, targets=None):
        T = idx.shape[1]
        cos, sin = self.cos[:, :T], self.sin[:, :T]
        x = norm(self.table(idx))
        for b in self.blocks:
            x = b(x, cos, sin)
        logits = 15 * torch.tanh(self.head(norm(x)).float() / 15)
        if targets is None:
            return logits
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)


def newton_schulz(g, dtype, steps=5):
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.to(dtype)
    if g.size(0) > g.size(1):
        x = x.T
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        A = x @ x.T
        x = a * x + (b * A + c * A @ A) @ x
    return (x.T if g.size(0) > g.size(1) else x).to(g.dtype)


@torch.no_grad()
def muon(params, state, dtype, lr=0.02, momentum=0.95):
    for p in params:
        buf = state.setdefault(p, torch.zeros_like(p))
        buf.lerp_(p.grad, 1 - momentum)
        p.add_(newton_schulz(p.grad.lerp(buf, momentum), dtype), alpha=-lr * max(1, p.size(0) / p.size(1)) ** 0.5)


FULL = dict(width=1024, layers=24, heads=8, vocab=32768, length=1024)
S4 = dict(width=512, layers=11, heads=8, kv_heads=4, vocab=1024, length=1024)
SMALL = dict(width=256, layers=4, heads=2, vocab=1024, length=1024)


def tokens(vocab, length, shift):
    return ((torch.arange(length) * 7919 + shift) % vocab)[None]


def timed(run, warm, count):
    for _ in range(warm):
        run()
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def fill(model):
    """The same weights on both sides: element i of the n-th matrix is ((i * 40503 + n * 9973) mod 65536) / 65536 - 0.5, scaled."""
    with torch.no_grad():
        for n, p in enumerate(model.parameters()):
            flat, scale = p.view(-1), 3.4641 / p.size(1) ** 0.5
            for start in range(0, flat.numel(), 1 << 20):
                i = torch.arange(start, min(start + (1 << 20), flat.numel()))
                flat[start:start + (1 << 20)] = (((i * 40503 + n * 9973) % 65536) / 65536 - 0.5) * scale


def job_construct():
    start = time.perf_counter()
    GPT(FULL).init_weights()
    return time.perf_counter() - start, 0.0


def job_forward(wrap):
    model = GPT(FULL)
    fill(model)
    f, idx = wrap(model), tokens(FULL["vocab"], FULL["length"], 1)
    with torch.no_grad():
        check = f(idx)[0, -1].abs().mean().item()
        return timed(lambda: f(idx), 1, 3), check


def job_step(wrap, config, dtype, warm, count, autocast=False):
    model = GPT(config)
    fill(model)
    f = wrap(model)
    idx, targets = tokens(config["vocab"], config["length"], 1), tokens(config["vocab"], config["length"], 7920)
    matrices, state = list(model.blocks.parameters()), {}
    adamw = torch.optim.AdamW([model.table.weight], lr=0.02, betas=(0.8, 0.95), eps=1e-10, weight_decay=0.0, fused=True)
    losses = []

    def step():
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = f(idx, targets)
        loss.backward()
        adamw.step()
        muon(matrices, state, dtype)
        model.zero_grad(set_to_none=True)
        losses.append(loss.item())

    seconds = timed(step, warm, count)
    return seconds, losses[2]


def pattern(*shape):
    i = torch.arange(torch.Size(shape).numel())
    return (((i * 40503 % 65536) / 65536 - 0.5) * 2).view(shape)


def linear_job(M, N, K, dtype):
    x, w = pattern(M, K).to(dtype), pattern(N, K).to(dtype)
    return lambda: F.linear(x, w)


def attention_job(dtype):
    x = pattern(1, 8, 1024, 128).to(dtype)
    return lambda: F.scaled_dot_product_attention(x, x, x, is_causal=True)


def newton_schulz_job(dtype):
    g = pattern(1024, 1024)
    return lambda: newton_schulz(g, dtype)


CALLS = {
    "linear-f32": lambda: linear_job(1024, 1024, 1024, torch.float32),
    "linear-high": lambda: linear_job(1024, 1024, 1024, torch.float32),
    "linear-bf16": lambda: linear_job(1024, 1024, 1024, torch.bfloat16),
    "wide-bf16": lambda: linear_job(1024, 3072, 1024, torch.bfloat16),
    "tall-bf16": lambda: linear_job(4096, 512, 512, torch.bfloat16),
    "attention-f32": lambda: attention_job(torch.float32),
    "attention-bf16": lambda: attention_job(torch.bfloat16),
    "ns-f32": lambda: newton_schulz_job(torch.float32),
    "ns-bf16": lambda: newton_schulz_job(torch.bfloat16),
}


def job_call(job):
    if job == "linear-high":
        torch.set_float32_matmul_precision("high")
    with torch.no_grad():
        run = CALLS[job]()
        return timed(run, 5, 41), run().float().abs().mean().item()


def sweep_batches(steps):
    """Batches of 8 rows: squares, a quarter of them replaced by noise."""
    out = []
    for s in range(1, steps + 1):
        i = torch.arange(8 * 33) + s * 4099
        rows = torch.where(i * 40503 % 65536 < 16384, i * 7919 % 256, (i % 97) * (i % 97) % 251).view(8, 33)
        out.append((rows[:, :-1].contiguous(), rows[:, 1:].contiguous()))
    return out


def sweep_point(point, steps=80):
    width, lr = point
    model = GPT(dict(width=width, layers=2, heads=width // 32, vocab=256, length=32))
    fill(model)
    opt = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    losses = []
    for step, (x, y) in enumerate(SWEEP_DATA):
        opt.param_groups[0]["lr"] = lr * min(1, (step + 1) / 8, (steps - step) / 32)
        loss = model(x, y)
        loss.backward()
        opt.step()
        opt.zero_grad(set_to_none=True)
        losses.append(loss.item())
    return sum(losses[-8:]) / 8


def job_sweep(variant):
    """variant loop: one point after another on all cores; processes: one on each core, those that take longest first."""
    global SWEEP_DATA
    cores = torch.get_num_threads()
    start = time.perf_counter()
    SWEEP_DATA = sweep_batches(80)
    points = [(width, 2.0 ** k) for width in (32, 64, 128) for k in range(-11, -3)]
    if variant == "processes":
        torch.set_num_threads(1)
        with multiprocessing.get_context("fork").Pool(cores, torch.set_num_threads, (1,)) as pool:
            losses = pool.map(sweep_point, points[::-1], chunksize=1)[::-1]
    else:
        losses = [sweep_point(point) for point in points]
    return time.perf_counter() - start, ",".join(f"{loss:.6f}" for loss in losses)


STEPS = {
    "step-f32": (SMALL, torch.float32, 3, 9),
    "step-bf16": (SMALL, torch.bfloat16, 3, 9),
    "step-auto": (SMALL, torch.bfloat16, 3, 9, True),
    "s4-f32": (S4, torch.float32, 1, 4),
    "s4-auto": (S4, torch.bfloat16, 1, 4, True),
    "s2-f32": (FULL, torch.float32, 1, 2),
    "s2-auto": (FULL, torch.bfloat16, 1, 2, True),
}


def main():
    job, variant = sys.argv[1], (sys.argv[2:] or ["eager"])[0]
    torch.set_num_threads(len(__import__("os").sched_getaffinity(0)))
    torch.manual_seed(0)
    wrap = (lambda m: torch.compile(m, dynamic=False)) if variant == "compile" else (lambda m: m)
    if job == "import":
        seconds, check = 0.0, 0.0
    elif job == "construct":
        seconds, check = job_construct()
    elif job == "sweep":
        seconds, check = job_sweep(variant)
    elif job in CALLS:
        seconds, check = job_call(job)
    elif job == "forward":
        seconds, check = job_forward(wrap)
    else:
        seconds, check = job_step(wrap, *STEPS[job])
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, check)


main()
