"""Makes tests/golden/gpt_variants.safetensors: GPTs with other settings than the notebook's, by PyTorch.

    python tests/golden/gpt_variants.py

Written with PyTorch 2.9.1 on a CPU, float32.  Names of tensors begin with that of the variant: its
parameters, tokens (some targets are -1), logits, mean loss, every parameter gradient, and the losses of
ten steps of AdamW; of one variant the same numbers under autocast to bfloat16 besides.  The settings are in
the metadata.
"""

import json
import os

import torch
import torch.nn as nn
import torch.nn.functional as F

from gpt import norm, rotate, save

STEPS = 10
DEFAULTS = {
    "hidden_dim": 24, "n_layers": 2, "n_heads": 4, "mlp_ratio": 3, "vocab_size": 53, "sequence_len": 19,
    "n_kv_heads": 4, "norm": "rms", "bias": False, "activation": "relu2", "position": "rope", "qk_norm": True,
    "softcap": 15.0, "tied": True, "embedding_norm": True,
}
PLAIN = {"norm": "layer", "position": "learned", "qk_norm": False, "softcap": 0.0, "embedding_norm": False,
         "mlp_ratio": 4}
VARIANTS = {
    "nanogpt": PLAIN | {"activation": "gelu", "bias": True},
    "nanogpt_nobias": PLAIN | {"activation": "gelu"},
    "gpt2": PLAIN | {"activation": "gelu_tanh", "bias": True},
    "llama": {"n_kv_heads": 2, "activation": "silu", "qk_norm": False, "softcap": 0.0, "tied": False,
              "embedding_norm": False},
    "mixed": {"n_kv_heads": 1, "norm": "layer", "bias": True, "position": "learned", "tied": False,
              "n_heads": 3, "sequence_len": 30},
}
AUTOCAST = "nanogpt"
ACTIVATIONS = {
    "relu2": lambda x: F.relu(x).square(),
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
}


class LayerNorm(nn.Module):
    def __init__(self, width, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x):
        return F.layer_norm(x, (x.size(-1),), self.weight, self.bias, 1e-5)


def make_norm(c):
    return LayerNorm(c["hidden_dim"], c["bias"]) if c["norm"] == "layer" else norm


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c, width = c, c["hidden_dim"]
        self.head_dim = width // c["n_heads"]
        narrow = self.head_dim * c["n_kv_heads"]
        self.key = nn.Linear(width, narrow, bias=c["bias"])
        self.query = nn.Linear(width, width, bias=c["bias"])
        self.value = nn.Linear(width, narrow, bias=c["bias"])
        self.proj = nn.Linear(width, width, bias=c["bias"])

    def forward(self, x, tables):
        B, T, C = x.shape
        q, k, v = (layer(x).view(B, T, -1, self.head_dim) for layer in (self.query, self.key, self.value))
        if tables is not None:
            q, k = rotate(q, *tables), rotate(k, *tables)
        if self.c["qk_norm"]:
            q, k = norm(q), norm(k)
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.proj(y.transpose(1, 2).reshape(B, T, C))


class FeedForward(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.activation = ACTIVATIONS[c["activation"]]
        self.proj_up = nn.Linear(c["hidden_dim"], c["hidden_dim"] * c["mlp_ratio"], bias=c["bias"])
        self.proj_down = nn.Linear(c["hidden_dim"] * c["mlp_ratio"], c["hidden_dim"], bias=c["bias"])

    def forward(self, x):
        return self.proj_down(self.activation(self.proj_up(x)))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm1, self.attn, self.norm2, self.ff = make_norm(c), Attention(c), make_norm(c), FeedForward(c)

    def forward(self, x, tables):
        x = x + self.attn(self.norm1(x), tables)
        return x + self.ff(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c, width = c, c["hidden_dim"]
        self.token_embedding = nn.Embedding(c["vocab_size"], width)
        self.tables = None
        if c["position"] == "learned":
            self.position_embedding = nn.Embedding(c["sequence_len"], width)
        else:
            head_dim = width // c["n_heads"]
            frequency = 1.0 / (10000 ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim))
            angle = torch.outer(torch.arange(c["sequence_len"], dtype=torch.float32), frequency)
            self.tables = [t.bfloat16()[None, :, None, :] for t in (angle.cos(), angle.sin())]
        self.embedding_norm = make_norm(c) if c["embedding_norm"] else nn.Identity()
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["n_layers"]))
        self.norm_f = make_norm(c)
        self.lm_head = nn.Linear(width, c["vocab_size"], bias=False)
        if c["tied"]:
            self.lm_head.weight = self.token_embedding.weight

    def forward(self, idx, targets=None):
        T = idx.shape[1]
        x = self.token_embedding(idx)
        if self.tables is None:
            x = x + self.position_embedding(torch.arange(T))
        tables = self.tables and [t[:, :T] for t in self.tables]
        x = self.embedding_norm(x)
        for block in self.blocks:
            x = block(x, tables)
        logits = self.lm_head(self.norm_f(x))
        if self.c["softcap"]:
            logits = self.c["softcap"] * torch.tanh(logits / self.c["softcap"])
        if targets is None:
            return logits
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)


def draw(model, std=0.15):
    """Every parameter random, norms and biases too, so that every gradient is felt."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.normal_(1 if "norm" in name and name.endswith("weight") else 0, std)


def autocast(model, idx, targets):
    model.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, loss = model(idx).float(), model(idx, targets)
    loss.backward()
    made = {"autocast.grad." + n: p.grad.clone() for n, p in model.named_parameters()}
    return made | {"autocast.logits": logits, "autocast.loss": loss}


def make(name, settings):
    c = DEFAULTS | settings
    torch.manual_seed(sum(map(ord, name)))
    model = GPT(c)
    draw(model)
    idx = torch.randint(0, c["vocab_size"], (2, c["sequence_len"]))
    targets = torch.randint(0, c["vocab_size"], idx.shape)
    targets[torch.rand(idx.shape) < 0.2] = -1
    tensors = {"param." + n: p.detach().clone() for n, p in model.named_parameters()}
    loss = model(idx, targets)
    loss.backward()
    tensors |= {"idx": idx, "targets": targets, "logits": model(idx), "loss": loss}
    tensors |= {"grad." + n: p.grad.clone() for n, p in model.named_parameters()}
    if name == AUTOCAST:
        tensors |= autocast(model, idx, targets)
    adamw = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    curve = []
    for _ in range(STEPS):
        loss = model(idx, targets)
        curve.append(loss.item())
        adamw.zero_grad()
        loss.backward()
        adamw.step()
    tensors["curve"] = torch.tensor(curve, dtype=torch.float64)
    print(name, [round(x, 4) for x in curve[::3]])
    return {name + "." + key: t for key, t in tensors.items()}, c


if __name__ == "__main__":
    torch.set_num_threads(1)
    tensors, metadata = {}, {"torch": torch.__version__}
    for name, settings in VARIANTS.items():
        made, c = make(name, settings)
        tensors |= made
        metadata[name] = json.dumps(c)
    folder = os.path.dirname(os.path.abspath(__file__))
    save(os.path.join(folder, "gpt_variants.safetensors"), tensors, metadata)
