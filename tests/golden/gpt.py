"""Makes tests/golden/gpt_*.safetensors: the GPT of the founding notebook, computed by PyTorch.

    python tests/golden/gpt.py

Written with PyTorch 2.9.1 on a CPU, float32.  Each file holds one configuration: parameters, tokens (some
targets are -1), logits, losses, every parameter gradient, and twenty steps of AdamW + Muon: losses, and of
each parameter afterwards the sum and the sum of squares in float64.
"""

import json
import math
import os
import struct

import torch
import torch.nn as nn
import torch.nn.functional as F

STEPS = 20
# name: (hidden_dim, n_layers, n_heads, mlp_ratio, vocab_size, sequence_len), batch, length
CONFIGS = {
    "a": ((48, 2, 3, 2, 97, 16), 1, 7),
    "b": ((48, 3, 3, 3, 211, 33), 2, 33),
    "c": ((40, 2, 1, 5, 97, 9), 3, 7),
    "d": ((36, 2, 6, 3, 211, 40), 2, 33),
    "e": ((64, 1, 2, 4, 61, 200), 1, 129),
}


def norm(x):
    return F.rms_norm(x, (x.size(-1),))


def rotate(x, cos, sin):
    half = x.shape[3] // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos + b * sin, b * cos - a * sin], 3)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        for name in ("key", "query", "value", "proj"):
            setattr(self, name, nn.Linear(width, width, bias=False))

    def forward(self, x, cos, sin):
        B, T, C = x.shape
        q, k, v = (layer(x).view(B, T, self.heads, -1) for layer in (self.query, self.key, self.value))
        q, k = norm(rotate(q, cos, sin)), norm(rotate(k, cos, sin))
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(B, T, C))


class FeedForward(nn.Module):
    def __init__(self, width, ratio):
        super().__init__()
        self.proj_up = nn.Linear(width, width * ratio, bias=False)
        self.proj_down = nn.Linear(width * ratio, width, bias=False)

    def forward(self, x):
        return self.proj_down(F.relu(self.proj_up(x)).square())


class Block(nn.Module):
    def __init__(self, width, heads, ratio):
        super().__init__()
        self.attn = Attention(width, heads)
        self.ff = FeedForward(width, ratio)

    def forward(self, x, cos, sin):
        x = x + self.attn(norm(x), cos, sin)
        return x + self.ff(norm(x))


class GPT(nn.Module):
    def __init__(self, width, layers, heads, ratio, vocab, length):
        super().__init__()
        self.token_embedding = nn.Embedding(vocab, width)
        self.blocks = nn.ModuleList(Block(width, heads, ratio) for _ in range(layers))
        self.lm_head = nn.Linear(width, vocab, bias=False)
        self.lm_head.weight = self.token_embedding.weight
        head_dim = width // heads
        frequency = 1.0 / (10000 ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim))
        angle = torch.outer(torch.arange(10 * length, dtype=torch.float32), frequency)
        self.cos = angle.cos().bfloat16()[None, :, None, :]
        self.sin = angle.sin().bfloat16()[None, :, None, :]

    def forward(self, idx, targets=None, reduction="mean"):
        T = idx.shape[1]
        x = norm(self.token_embedding(idx))
        for block in self.blocks:
            x = block(x, self.cos[:, :T], self.sin[:, :T])
        logits = 15 * torch.tanh(self.lm_head(norm(x)).float() / 15)
        if targets is None:
            return logits
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1,
                               reduction=reduction)


def orthogonalise(g, steps=5):
    """Newton-Schulz of the Muon post (kellerjordan.github.io/posts/muon), in float32."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.T if g.size(0) > g.size(1) else g
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        A = x @ x.T
        x = a * x + (b * A + c * A @ A) @ x
    return x.T if g.size(0) > g.size(1) else x


def muon_step(params, buffers, lr, momentum):
    for p in params:
        m = buffers.setdefault(p, torch.zeros_like(p))
        m.lerp_(p.grad, 1 - momentum)
        update = orthogonalise(p.grad.lerp(m, momentum))
        p.add_(update, alpha=-lr * max(1, p.size(0) / p.size(1)) ** 0.5)


def train(model, idx, targets, embedding_lr, matrix_lr):
    matrices = list(model.blocks.parameters())
    adamw = torch.optim.AdamW([model.token_embedding.weight], lr=embedding_lr, betas=(0.8, 0.95),
                              eps=1e-10, weight_decay=0.01)
    buffers, curve = {}, []
    for _ in range(STEPS):
        loss = model(idx, targets)
        curve.append(loss.item())
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            adamw.step()
            muon_step(matrices, buffers, matrix_lr, 0.95)
    return curve


def save(path, tensors, metadata):
    """The safetensors layout, so that this script needs nothing but PyTorch."""
    types = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64"}
    header, blobs, offset = {"__metadata__": metadata}, [], 0
    for name, t in tensors.items():
        blob = bytes(t.detach().contiguous().flatten().view(torch.uint8).tolist())
        header[name] = {"dtype": types[t.dtype], "shape": list(t.shape),
                        "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def make(name, config, batch, length, embedding_lr=0.02, matrix_lr=0.02):
    width, _, _, _, vocab, _ = config
    torch.manual_seed(sum(map(ord, name)))
    model = GPT(*config)
    with torch.no_grad():
        for p in model.parameters():  # the notebook's std, projections too, so that every gradient is felt
            out, fan_in = p.shape
            p.normal_(0, min(1, math.sqrt(out / fan_in)) / math.sqrt(fan_in))
    idx = torch.randint(0, vocab, (batch, length))
    targets = torch.randint(0, vocab, (batch, length))
    targets[torch.rand(batch, length) < 0.2] = -1
    tensors = {"param." + n: p.detach().clone() for n, p in model.named_parameters()}
    tensors |= {"idx": idx, "targets": targets, "logits": model(idx),
                "loss_none": model(idx, targets, "none"), "loss_sum": model(idx, targets, "sum")}
    loss = model(idx, targets)
    loss.backward()
    tensors["loss_mean"] = loss
    tensors |= {"grad." + n: p.grad.clone() for n, p in model.named_parameters()}
    curve = train(model, idx, targets, embedding_lr, matrix_lr)
    tensors["curve"] = torch.tensor(curve, dtype=torch.float64)
    for n, p in model.named_parameters():
        wide = p.detach().double()
        tensors["trained." + n] = torch.stack([wide.sum(), wide.square().sum()])
    fields = ("hidden_dim", "n_layers", "n_heads", "mlp_ratio", "vocab_size", "sequence_len")
    metadata = {f: str(v) for f, v in zip(fields, config)}
    metadata |= {"embedding_lr": str(embedding_lr), "matrix_lr": str(matrix_lr),
                 "torch": torch.__version__}
    folder = os.path.dirname(os.path.abspath(__file__))
    save(os.path.join(folder, f"gpt_{name}.safetensors"), tensors, metadata)
    print(name, [round(x, 4) for x in curve[::5]], round(curve[-1], 4))


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, (config, batch, length) in CONFIGS.items():
        make(name, config, batch, length)
