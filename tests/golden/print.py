#!/usr/bin/env python3
"""Writes print.txt: how PyTorch prints tensors.  Run where torch is installed:
    python3 -I tests/golden/print.py > tests/golden/print.txt
Each case is Lua code that builds a tensor, printed options first, and PyTorch's text for the same tensor:
    == lua expression
    text
The tests read the file; they never run this script."""
import math
import torch

inf, nan = math.inf, math.nan


def lua(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(lua(v) for v in value) + "}"
    if isinstance(value, float):
        if math.isnan(value):
            return "0/0"
        if math.isinf(value):
            return "1/0" if value > 0 else "-1/0"
    if value == -(2**63):
        return "math.mininteger"  # the literal would be a float in Lua
    return repr(value)


def case(value, dtype=None):
    option = f', {{dtype = "{str(dtype)[6:]}"}}' if dtype else ""
    print(f"== torch.tensor({lua(value)}{option})")
    print(torch.tensor(value, dtype=dtype))


def code(text, tensor):
    print("== " + text)
    print(tensor)


F = torch.float32
case(3)
case(-2.5)
case(True)
case(3.141592653589793, torch.float64)
case(1e10)
case(1e-7)
case(0.0)
case(-0.0)
case(nan)
case(inf)
case(-inf)
case([])
case([], torch.int64)
case([[]])
case([[], [], []], torch.int64)
case([1, 2, 3])
case([-1, 20, -300])
case([True, False])
case([[True], [False]])
case([1.0, 2.5, -3.25])
case([1.0, 2.0, 3.0])
case([1.0, nan, inf, -inf])
case([0.5, nan, inf, -inf])
case([nan, nan])
case([inf, 0.0])
case([0.0, 0.0])
case([0.0, -0.0, 0.5])
case([1e-5, 1.0, 2.0])
case([1e-4, 0.1])
case([9.99e-5, 0.1])
case([1.0, 1000.0])
case([1.0, 1001.0])
case([1.0, 100000.0])
case([1000.5, 1.0])
case([0.001, 1.0])
case([0.000999, 1.0])
case([1e8, 1e8 + 8])
case([2e8])
case([99999999.0], torch.float64)
case([123456.789, 1.5], torch.float64)
case([1e300, -1e-300], torch.float64)
case([1e-45])
case([1e20, nan, 0.0])
case([1.5, inf, 1e-6])
case([[1, -20], [300, 4]])
case([[0.1, 0.22], [-3.333, 40.0]])
case([1.0, 2.5], torch.bfloat16)
case([1.1, 2.2, 3.3], torch.bfloat16)
case([1.1, 2.2, 3.3], torch.float16)
case([65504.0, 6e-8], torch.float16)
case([1, 255], torch.uint8)
case([-128, 127], torch.int8)
case([1, 2], torch.int32)
case([1, 2], torch.int16)
case([2**62, -(2**63)])
case([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])
case([[[[1.5]]], [[[2.5]]]])
code("torch.arange(12):view(2, 2, 3)", torch.arange(12).view(2, 2, 3))
code("torch.arange(16):view(2, 2, 2, 2)", torch.arange(16).view(2, 2, 2, 2))
code("torch.arange(100)", torch.arange(100))
code("torch.arange(30) / 7", torch.arange(30) / 7)
code("torch.arange(1000)", torch.arange(1000))
code("torch.arange(1001)", torch.arange(1001))
code("torch.arange(10000):view(100, 100)", torch.arange(10000).view(100, 100))
code("torch.arange(2000):float() / 3", torch.arange(2000).float() / 3)
code("torch.arange(3000):view(3, 1000)", torch.arange(3000).view(3, 1000))
code("torch.arange(3000):view(1000, 3)", torch.arange(3000).view(1000, 3))
code("torch.arange(4000):view(10, 20, 20)", torch.arange(4000).view(10, 20, 20))
code("torch.arange(2401):view(7, 7, 7, 7)", torch.arange(2401).view(7, 7, 7, 7))
code("torch.arange(2401):view(7, 7, 7, 7):transpose(0, 3)", torch.arange(2401).view(7, 7, 7, 7).transpose(0, 3))
code("(torch.arange(1500) - 750):view(2, 750):to('bf16')", (torch.arange(1500) - 750).view(2, 750).to(torch.bfloat16))
code("torch.arange(1200):remainder(2):eq(0)", torch.arange(1200).remainder(2).eq(0))
code("torch.zeros(0, 3)", torch.zeros(0, 3))
code("torch.zeros({0, 3}, {dtype = 'i64'})", torch.zeros(0, 3, dtype=torch.int64))
code("torch.zeros(0, {dtype = 'i64'})", torch.zeros(0, dtype=torch.int64))
code("torch.zeros(2, 3, {requires_grad = true})", torch.zeros(2, 3, requires_grad=True))
code("torch.ones(3, {requires_grad = true}) * 2", torch.ones(3, requires_grad=True) * 2)
code("(torch.ones(3, 3, {requires_grad = true}) * 2.5):sum()", (torch.ones(3, 3, requires_grad=True) * 2.5).sum())
code("(torch.ones(2, {requires_grad = true}):double() * 1.5)", torch.ones(2, requires_grad=True).double() * 1.5)
code("torch.ones(8, {dtype = 'f64', requires_grad = true}) * 0.123",
     torch.ones(8, dtype=torch.float64, requires_grad=True) * 0.123)
code("torch.ones(7, {dtype = 'f64', requires_grad = true}) * 0.123",
     torch.ones(7, dtype=torch.float64, requires_grad=True) * 0.123)
code("torch.ones(6, {dtype = 'f64', requires_grad = true}) * 0.123",
     torch.ones(6, dtype=torch.float64, requires_grad=True) * 0.123)
code("torch.ones(2, 3, {device = 'meta'})", torch.ones(2, 3, device="meta"))
code("torch.ones(3, {device = 'meta', dtype = 'i64'})", torch.ones(3, device="meta", dtype=torch.int64))
code("torch.ones({}, {device = 'meta', dtype = 'bf16'})", torch.ones((), device="meta", dtype=torch.bfloat16))
for options in ({"precision": 2}, {"threshold": 5}, {"edgeitems": 1, "threshold": 5}, {"linewidth": 30},
                {"sci_mode": True}, {"sci_mode": False}, {"profile": "short"}, {"profile": "full"}):
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options)
    text = ", ".join(f"{k} = {lua(v) if not isinstance(v, str) else repr(v)}" for k, v in options.items())
    n = 2000 if "profile" not in options or options["profile"] == "short" else 1100
    code(f"{{{text}}} torch.arange({n}) / 8", torch.arange(n) / 8)
    code(f"{{{text}}} torch.arange(24):view(2, 3, 4) * 1.0001", torch.arange(24).view(2, 3, 4) * 1.0001)
