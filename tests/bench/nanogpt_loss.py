"""The loss of a nanoGPT checkpoint on the whole validation part, in windows of its block size one after the other.

usage: nanogpt_loss.py NANOGPT CHECKPOINT VAL_BIN.  Prints: loss.
"""
import sys

import torch

sys.path.insert(0, sys.argv[1])
from model import GPT, GPTConfig

saved = torch.load(sys.argv[2], map_location="cpu", weights_only=False)
model = GPT(GPTConfig(**saved["model_args"]))
model.load_state_dict(saved["model"])
model.eval()

T = saved["model_args"]["block_size"]
tokens = torch.from_file(sys.argv[3], dtype=torch.uint16, size=__import__("os").path.getsize(sys.argv[3]) // 2).long()
windows = (len(tokens) - 1) // T
x, y = tokens[:windows * T].view(windows, T), tokens[1:windows * T + 1].view(windows, T)
with torch.no_grad():
    total = sum(model(a, b)[1].item() * len(a) for a, b in zip(x.split(64), y.split(64)))
print(total / windows)
