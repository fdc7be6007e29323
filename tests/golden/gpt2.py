"""Makes tests/golden/gpt2/: a tiny random GPT-2 in Hugging Face's layout, and what it computes.

    pip install transformers==4.57.1
    python tests/golden/gpt2.py

model.safetensors has the names of the files on the hub (no prefix, with the mask buffers of old files);
config.json is theirs; expected.safetensors holds tokens, logits, and a greedy continuation.
"""

import json
import os

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from gpt import save

SIZES = {"n_layer": 2, "n_head": 3, "n_embd": 24, "n_positions": 32, "vocab_size": 61}


def main():
    torch.manual_seed(2)
    torch.set_num_threads(1)
    model = GPT2LMHeadModel(GPT2Config(**SIZES, bos_token_id=0, eos_token_id=0)).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.normal_(1 if "ln_" in name and name.endswith("weight") else 0, 0.2)
    idx = torch.randint(1, SIZES["vocab_size"], (2, 11))
    expected = {"idx": idx, "logits": model(idx).logits}
    expected["greedy"] = model.generate(idx, do_sample=False, max_new_tokens=20, eos_token_id=None, pad_token_id=0)
    tensors = {n.removeprefix("transformer."): t for n, t in model.state_dict().items() if n != "lm_head.weight"}
    for i in range(SIZES["n_layer"]):
        tensors[f"h.{i}.attn.bias"] = torch.ones(1, 1, 32, 32).tril()
        tensors[f"h.{i}.attn.masked_bias"] = torch.tensor(-1e4)
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gpt2")
    os.makedirs(folder, exist_ok=True)
    save(os.path.join(folder, "model.safetensors"), tensors, {"format": "pt"})
    save(os.path.join(folder, "expected.safetensors"), expected, {"torch": torch.__version__})
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(model.config.to_dict(), f, indent=1, sort_keys=True)
    print(expected["greedy"][0].tolist())


if __name__ == "__main__":
    main()
