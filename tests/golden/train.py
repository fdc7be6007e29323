"""Makes tests/golden/train.json: fifty steps of nanoGPT's recipe on the GPT of gpt_a.safetensors, by PyTorch.

    python tests/golden/train.py

AdamW on two groups (decay on matrices only, which are all there is), cosine schedule with warm-up, clipping, two
micro-batches a step, and an average of the weights.  float32 and float64 on a CPU, PyTorch 2.9.1.
"""

import json
import math
import os

import torch
from gpt import CONFIGS, GPT

STEPS, B, T, V = 50, 4, 16, 97
PEAK, WARMUP, FINAL, CLIP, DECAY = 3e-3, 5, 0.1, 0.5, 0.9
FOLDER = os.path.dirname(os.path.abspath(__file__))


def parameters(path):
    """The tensors "param.*" of a safetensors file."""
    with open(path, "rb") as f:
        size = int.from_bytes(f.read(8), "little")
        header = json.loads(f.read(size))
        data = f.read()
    out = {}
    for name, entry in header.items():
        if name.startswith("param."):
            begin, end = entry["data_offsets"]
            flat = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32)
            out[name[len("param."):]] = flat.view(entry["shape"])
    return out


def batch(number):
    """Ids that a formula gives: the test has the same one."""
    k = torch.arange(B * (T + 1)).view(B, T + 1)
    ids = (k * k + 7 * number * k + 3 * number) % V
    return ids[:, :-1].contiguous(), ids[:, 1:].contiguous()


def multiplier(step):
    if step < WARMUP:
        return (step + 1) / WARMUP
    ratio = (step - WARMUP) / (STEPS - WARMUP)
    return FINAL + (1 - FINAL) * 0.5 * (1 + math.cos(math.pi * ratio))


def run(dtype):
    model = GPT(*CONFIGS["a"][0])
    model.load_state_dict(parameters(os.path.join(FOLDER, "gpt_a.safetensors")), strict=False)
    model.to(dtype)
    model.cos, model.sin = model.cos.to(dtype), model.sin.to(dtype)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK, betas=(0.9, 0.99), weight_decay=0.1)
    average = {n: p.detach().clone() for n, p in model.named_parameters()}
    curve = {"loss": [], "norm": []}
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = PEAK * multiplier(step)
        optimizer.zero_grad()
        total = 0.0
        for micro in range(2):
            loss = model(*batch(2 * step + micro)) / 2
            loss.backward()
            total += loss.item()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        curve["loss"].append(total)
        curve["norm"].append(norm.item())
        for n, p in model.named_parameters():
            average[n].lerp_(p.detach(), 1 - DECAY)
    for name, tensors in (("weights", dict(model.named_parameters())), ("average", average)):
        curve[name] = {n: [t.detach().double().sum().item(), t.detach().double().square().sum().item()]
                       for n, t in tensors.items()}
    return curve


if __name__ == "__main__":
    torch.set_num_threads(1)
    exact, single = run(torch.float64), run(torch.float32)
    for key in ("loss", "norm"):
        print(key, "f32 and f64 differ by", max(abs(a - b) for a, b in zip(exact[key], single[key])))
    print([round(x, 4) for x in single["loss"][::7]], max(single["norm"]))
    with open(os.path.join(FOLDER, "train.json"), "w") as f:
        json.dump({"torch": torch.__version__, **exact}, f, indent=1)
        f.write("\n")
