"""Makes tests/golden/ops.json: what PyTorch answers where rules, not arithmetic, decide.

    python tests/golden/ops.py

Written with PyTorch 2.9.1 on a CPU.  Result dtypes of every pair of operands, shapes of matmul, slices with
steps, which views are possible, orders with ties and NaN, conversions between dtypes.
"""

import itertools
import json
import math
import os

import torch

SHORT = {
    "f64": torch.float64, "f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16,
    "i64": torch.int64, "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8,
    "bool": torch.bool,
}
NAME = {dtype: name for name, dtype in SHORT.items()}


def plain(value):
    """What JSON can hold: infinities and NaN as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def promotion():
    """Row per dtype of the left operand: 1-d with 1-d, 1-d with 0-d, then with an integer, a float, a boolean."""
    rows = []
    for a in SHORT:
        x = torch.ones(2, dtype=SHORT[a])
        pairs = [NAME[torch.result_type(x, torch.ones(2, dtype=SHORT[b]))] for b in SHORT]
        zero_d = [NAME[torch.result_type(x, torch.ones((), dtype=SHORT[b]))] for b in SHORT]
        numbers = [NAME[torch.result_type(x, n)] for n in (3, 2.5, True)]
        quotient = [NAME[torch.div(x, torch.ones(2, dtype=SHORT[b])).dtype] for b in SHORT]
        rows.append({"dtype": a, "pairs": pairs, "zero_d": zero_d, "numbers": numbers, "quotient": quotient})
    return {"order": list(SHORT), "rows": rows}


def matmul():
    shapes = [(), (3,), (4,), (2, 3), (3, 4), (4, 3), (1, 3), (3, 1), (0, 3), (3, 0), (5, 2, 3), (5, 3, 4), (1, 3, 2),
              (2, 5, 3, 4), (2, 1, 4, 3), (5, 0, 3), (0, 3, 4)]
    rows = []
    for a, b in itertools.product(shapes, shapes):
        try:
            shape = list(torch.matmul(torch.ones(a), torch.ones(b)).shape)
        except RuntimeError:
            shape = False
        rows.append([list(a), list(b), shape])
    return rows


def slices():
    bounds = [None, -100, -7, -3, -1, 0, 2, 6, 7, 100]
    x = list(range(7))
    rows = []
    for start, stop, step in itertools.product(bounds, bounds, (1, 2, 3, 8)):
        rows.append([False if start is None else start, False if stop is None else stop, step,
                     torch.tensor(x)[start:stop:step].tolist()])
    return rows


def step(x, name, numbers):
    if name == "slice":
        dim, start, stop, every = numbers
        return x[(slice(None),) * dim + (slice(start, stop, every),)]
    return getattr(x, name)(*numbers)


def views():
    """How a view is made from arange, the shape asked for, and whether PyTorch shows it so without a copy."""
    recipes = [
        (24, []), (24, [["view", [4, 6]]]), (24, [["view", [6, 4]], ["transpose", [0, 1]]]),
        (48, [["view", [4, 12]], ["slice", [1, 0, 6, 1]], ["view", [4, 3, 2]]]),
        (24, [["view", [2, 4, 3]], ["transpose", [1, 2]]]), (24, [["view", [4, 6]], ["unsqueeze", [1]]]),
        (48, [["slice", [0, 0, 48, 2]]]), (6, [["view", [1, 6]], ["expand", [4, 6]]]), (4, [["view", [4, 1]], ["expand", [4, 6]]]),
        (48, [["view", [4, 12]], ["slice", [1, 0, 12, 2]]]), (1, [["expand", [24]]]), (24, [["view", [2, 3, 4]], ["permute", [2, 0, 1]]]),
        (24, [["view", [1, 24]], ["transpose", [0, 1]]]), (0, [["view", [2, 0, 3]]]), (1, [["view", []]]),
    ]
    targets = [[24], [4, 6], [6, 4], [2, 2, 6], [4, 2, 3], [8, 3], [1, 24, 1], [2, 12], [4, 3, 2], [0], [3, 0], [1], []]
    rows = []
    for (n, steps), target in itertools.product(recipes, targets):
        x = torch.arange(n)
        for name, numbers in steps:
            x = step(x, name, numbers) if numbers or name != "view" else x.view(())
        if x.numel() != torch.empty(target).numel():
            continue
        try:
            possible = x.view(target) is not None
        except RuntimeError:
            possible = False
        rows.append([n, steps, target, possible])
    return rows


def orders():
    lines = [
        [2.0, 1.0, 2.0, 0.0, 1.0, 2.0, -1.0, 0.0],
        [float("nan"), 1.0, float("inf"), -1.0, float("nan"), float("-inf"), 0.0],
        [0.0, -0.0, 0.0, -0.0],
        [3.0] * 5,
        [float(i * 7919 % 101 % 13) for i in range(150)],
    ]
    rows = []
    for line in lines:
        x = torch.tensor(line)
        row = {"x": line}
        for key, descending in (("up", False), ("down", True)):
            values, indices = x.sort(stable=True, descending=descending)
            row[key] = indices.tolist()
        k = min(4, len(line))
        row["top"] = torch.topk(x, k).values.tolist()
        row["bottom"] = torch.topk(x, k, largest=False).values.tolist()
        rows.append(row)
    return rows


def conversions():
    values = [0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, 1.00390625, 1.01171875, 3.14159265, 65504.0, 65519.0, 65520.0, 1e-7,
              6.1e-5, 3.4e38, 1e39, 100.75, -100.75]
    whole = [0, 1, -1, 127, -128, 100, 42]
    rows = []
    for a, b in itertools.product(SHORT, SHORT):
        x = torch.tensor(values, dtype=torch.float64) if SHORT[a].is_floating_point else torch.tensor(whole)
        if SHORT[a].is_floating_point and not SHORT[b].is_floating_point:
            x = x[x.abs() < 120]  # outside the range the result is anyone's
        if SHORT[a].is_floating_point and SHORT[b] == torch.uint8:
            x = x[x >= 0]
        if not SHORT[a].is_floating_point and not SHORT[a].is_signed:
            x = x[x >= 0]
        start = x.to(SHORT[a])
        end = start.to(SHORT[b])
        rows.append({"from": a, "to": b, "x": start.tolist(), "y": end.tolist()})
    return rows


def gradients():
    """d(x.to(narrow) * w).sum()/dx: the gradient is rounded to the narrow dtype and comes back in x's."""
    rows = []
    for a, b in itertools.product(("f64", "f32", "bf16", "f16"), repeat=2):
        x = torch.tensor([0.1, -2.3, 77.7], dtype=SHORT[a], requires_grad=True)
        w = torch.tensor([1.2345678, -0.333333333, 1e-3], dtype=torch.float64).to(SHORT[b])
        (x.to(SHORT[b]) * w).sum().backward()
        rows.append({"from": a, "to": b, "grad": x.grad.tolist()})
    return rows


def main():
    parts = {"promotion": promotion(), "matmul": matmul(), "slices": slices(), "views": views(), "orders": orders(),
             "conversions": conversions(), "gradients": gradients()}
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ops.json")
    lines = [f"{json.dumps(name)}: {json.dumps(plain(part), separators=(',', ':'))}" for name, part in parts.items()]
    with open(path, "w", encoding="ascii") as out:
        out.write("{" + ",\n".join(lines) + "}\n")


if __name__ == "__main__":
    main()
