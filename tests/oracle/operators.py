"""operators.py: gptsh against PyTorch's own operator test data (torch.testing's op_db), an oracle while developing.

    python tests/oracle/operators.py ./gptsh [-v] [NAME ...]     # needs torch, numpy and expecttest from PyPI

Every sample call of every operator that gptsh has under its name is made in both, in ten dtypes, with the gradients in
float32 and float64, and so are the calls that PyTorch refuses.  A call is equal, refused by gptsh with a message (-v lists
these), or different: differences are printed and counted; docs/differences.md holds the reason of each that stays.
"""
import collections
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import warnings

import torch
from torch.testing._internal.common_methods_invocations import op_db

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
verbose = "-v" in sys.argv
words = [word for word in sys.argv[1:] if word != "-v"]
gptsh, wanted = words[0], set(words[1:])
DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.int64, torch.int32, torch.int16, torch.int8,
          torch.uint8, torch.bool]
NAMES = {torch.float32: "F32", torch.float64: "F64", torch.bfloat16: "BF16", torch.float16: "F16", torch.int64: "I64",
         torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}
BY_NAME = {name: dtype for dtype, name in NAMES.items()}
MOST = 60  # samples of one operator and dtype
RANDOM = {"multinomial", "bernoulli", "normal", "rand_like", "randn_like", "randint_like", "empty", "empty_like", "dropout",
          "randn", "rand", "randint", "randperm", "uniform", "empty_strided", "new_empty", "argsort"}


ORDERED = {"sort", "topk"}  # equal elements may come in any order


def is_random(case):
    return case.op.name.split(".")[-1] in RANDOM or case.sample.kwargs.get("dropout_p", 0) > 0


class Skip(Exception):
    """What has no form in Lua."""


def has(name):
    """The text that calls the operator in Lua, or None."""
    last = name.split(".")[-1]
    space = {"nn.functional." + last: "F." + last, last: "torch." + last}.get(name)
    return space if space and space in available else "method " + last if name == last and "t:" + last in available else None


def save(path, tensors):
    header, data, at = {}, [], 0
    for name, t in tensors.items():
        raw = t.detach().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes() if t.numel() else b""
        header[name] = {"dtype": NAMES[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + len(raw)]}
        data.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(data))


def load(path):
    with open(path, "rb") as file:
        raw = file.read()
    n = struct.unpack("<Q", raw[:8])[0]
    out = {}
    for name, entry in json.loads(raw[8:8 + n]).items():
        if name == "__metadata__":
            continue
        a, b = entry["data_offsets"]
        dtype = BY_NAME.get(entry["dtype"])
        flat = torch.frombuffer(bytearray(raw[8 + n + a:8 + n + b]), dtype=dtype) if b > a else torch.empty(0, dtype=dtype)
        out[name] = flat.reshape(entry["shape"])
    return out


class Case:
    """One call: its Lua text, its tensors, what PyTorch answers."""

    def __init__(self, key, op, sample, grad):
        self.key, self.op, self.sample, self.grad = key, op, sample, grad
        self.tensors, self.leaves = {}, []
        call = has(op.name)
        args = [sample.input, *sample.args]
        keywords = {k: v for k, v in sample.kwargs.items()}
        if op.name == "where":  # the data has the condition in second place
            args[:2] = args[1::-1]
        texts = [self.text(a) for a in args]
        if keywords:
            texts.append("{" + ", ".join(f'["{k}"] = {self.text(v)}' for k, v in keywords.items()) + "}")
        if call.startswith("method "):
            self.call = f'({texts[0]})["{call[7:]}"]({", ".join(texts[:1] + texts[1:])})'
        else:
            space, name = call.split(".")
            self.call = f'{space}["{name}"]({", ".join(texts)})'

    def text(self, value):
        if isinstance(value, torch.Tensor):
            if value.dtype not in NAMES or value.layout != torch.strided or value.dim() > 8:
                raise Skip
            name = f"{self.key}_{len(self.tensors)}"
            self.tensors[name] = value
            if self.grad and value.dtype.is_floating_point and value.requires_grad:
                self.leaves.append((f"L{len(self.leaves)}", name, value))
                return self.leaves[-1][0]
            return f'T["{name}"]'
        if value is None:
            return "nil"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value) if value >= 0 else f"({value})"
        if isinstance(value, float):
            if math.isnan(value):
                return "(0/0)"
            if math.isinf(value):
                return "math.huge" if value > 0 else "-math.huge"
            return f"({value!r})"
        if isinstance(value, str):
            return json.dumps(value)
        if isinstance(value, torch.dtype):
            if value not in NAMES:
                raise Skip
            return str(value)
        if isinstance(value, (list, tuple, torch.Size)):
            return "{" + ", ".join(self.text(v) for v in value) + "}"
        raise Skip

    def lua(self):
        head = "".join(f'local {local} = G("{name}"); ' for local, name, _ in self.leaves)
        if self.leaves:
            names = ", ".join(local for local, _, _ in self.leaves)
            return f'(function() {head}return {{function() return {self.call} end, leaves = {{{names}}}}} end)()'
        return f"{{function() return {self.call} end}}"


def flat(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in flat(item)]
    if isinstance(value, bool):
        return [torch.tensor(value)]
    if isinstance(value, (int, float)):
        return [torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else torch.int64)]
    return []


def answer(op, sample):
    return flat(op(sample.input, *sample.args, **sample.kwargs))


def close(got, want, scale=0.0):
    """None when equal within the tolerance of the dtype, else what differs; errors up to scale times the largest pass."""
    if tuple(got.shape) != tuple(want.shape):
        return f"shape {tuple(got.shape)}, expected {tuple(want.shape)}"
    if got.dtype != want.dtype:
        return f"{got.dtype}, expected {want.dtype}"
    if want.numel() == 0:
        return None
    if not want.dtype.is_floating_point:
        return None if torch.equal(got, want) else f"{got.flatten()[:4].tolist()}, expected {want.flatten()[:4].tolist()}"
    a, b = got.double(), want.double()
    rtol = {torch.float64: 1e-7, torch.float32: 1e-4, torch.float16: 5e-3, torch.bfloat16: 3e-2}[want.dtype]
    atol = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 5e-3, torch.bfloat16: 3e-2}[want.dtype]
    atol = max(atol, scale * float(b[b.isfinite()].abs().max() if bool(b.isfinite().any()) else 0))
    fine = torch.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
    if bool(fine.all()):
        return None
    at = (~fine).flatten().nonzero()[0].item()
    return f"{a.flatten()[at].item()!r}, expected {b.flatten()[at].item()!r} ({int((~fine).sum())} of {fine.numel()})"


def run(folder, cases):
    """{key.k: tensor}, {key: message} of gptsh."""
    tensors = {}
    for case in cases:
        tensors.update(case.tensors)
    tensors = {k: v.clone() for k, v in tensors.items()} or {"none": torch.zeros(1)}
    save(folder + "/in.safetensors", tensors)
    with open(folder + "/cases.lua", "w") as file:
        file.write("local cases = {}\n")
        for case in cases:
            file.write(f'cases["{case.key}"] = {case.lua()}\n')
        file.write("return cases\n")
    here = os.path.dirname(os.path.abspath(__file__))
    done = subprocess.run([gptsh, here + "/operators.lua", folder], capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr[-500:] + f" (exit status {done.returncode})"
    return load(folder + "/out.safetensors"), json.load(open(folder + "/out.json"))


def gradients(sample, outputs, leaves):
    total = None
    for y in outputs:
        if y.requires_grad:
            part = (y * torch.arange(1, y.numel() + 1).reshape(y.shape).to(y.dtype)).sum()
            total = part if total is None else total + part
    if total is None:
        return None
    found = torch.autograd.grad(total, [value for _, _, value in leaves], allow_unused=True)
    return [torch.zeros_like(v) if g is None else g for g, (_, _, v) in zip(found, leaves)]


def build(op, folder):
    cases, counts = [], collections.Counter()
    for dtype in DTYPES:
        if dtype not in op.dtypes:
            continue
        grads = [False] + ([True] if dtype in (torch.float32, torch.float64) and op.supports_autograd else [])
        for grad in grads:
            torch.manual_seed(0)
            for i, sample in enumerate(op.sample_inputs("cpu", dtype, requires_grad=grad)):
                if i >= MOST:
                    break
                try:
                    case = Case(f"{NAMES[dtype]}{'g' if grad else ''}{i}", op, sample, grad)
                    outputs = answer(op, sample)
                    case.want = [y.detach() for y in outputs]
                    case.want_grad = gradients(sample, outputs, case.leaves) if case.leaves else None
                    if case.leaves and case.want_grad is None:
                        continue
                    case.error = False
                    cases.append(case)
                except Skip:
                    counts["no form in Lua"] += 1
                except (RuntimeError, NotImplementedError, TypeError, ValueError, IndexError):
                    counts["skipped"] += 1
    if op.error_inputs_func:
        for i, item in enumerate(op.error_inputs("cpu")):
            try:
                case = Case(f"error{i}", op, item.sample_input, False)
                case.error, case.why = True, f"{item.error_regex}"
                cases.append(case)
            except (Skip, AttributeError):
                counts["no form in Lua"] += 1
    return cases, counts


def judge(case, results, texts):
    """equal, refused, or a text of the difference."""
    if case.error:
        return "equal" if case.key in texts else f"answered a call that PyTorch refuses ({case.why})"
    if case.key in texts:
        return "refused"
    for k, want in enumerate(case.want):
        got = results.get(f"{case.key}.{k}")
        if got is None:
            return f"result {k} of {len(case.want)} is missing"
        if is_random(case) or k == 1 and case.op.name in ORDERED:
            if tuple(got.shape) != tuple(want.shape) or got.dtype != want.dtype:
                return f"shape or dtype: {tuple(got.shape)} {got.dtype}, expected {tuple(want.shape)} {want.dtype}"
            continue
        bad = close(got, want)
        if bad:
            return bad
    if f"{case.key}.{len(case.want)}" in results:
        return "more results than PyTorch's"
    if case.leaves:
        if case.key + ".g" in texts:
            return "refused"
        for k, want in enumerate(case.want_grad):
            bad = None if is_random(case) else close(results[f"{case.key}.g{k}"], want, 1e-4)
            if bad:
                return f"gradient {k}: {bad}"
    return "equal"


def names():
    script = ('local doc = require "shell.doc" for _, s in ipairs(doc.sections()) do '
              'for _, n in ipairs(doc.names(s[2])) do print(s[1] .. n) end end')
    return set(subprocess.run([gptsh, "-e", script], capture_output=True, text=True).stdout.split())


available = names()
total = collections.Counter()
with tempfile.TemporaryDirectory() as folder:
    for op in op_db:
        if has(op.name) is None or wanted and op.name not in wanted:
            continue
        cases, counts = build(op, folder)
        results, texts = run(folder, cases) if cases else ({}, {})
        if results is None:
            print(f"{op.name}{'.' + op.variant_test_name if op.variant_test_name else ''}: gptsh failed: {texts}")
            total["failed"] += len(cases)
            continue
        seen = collections.Counter()
        for case in cases:
            verdict = judge(case, results, texts)
            counts[verdict if verdict in ("equal", "refused") else "different"] += 1
            label = f"{op.name}{'.' + op.variant_test_name if op.variant_test_name else ''} {case.key}"
            if verdict == "refused" and verbose:
                print(f"  refused {label}: {texts.get(case.key) or texts.get(case.key + '.g')}")
            elif verdict not in ("equal", "refused"):
                kind = verdict.split(",")[0][:24] + case.key.rstrip("0123456789")
                seen[kind] += 1
                if seen[kind] <= 2:
                    print(f"{label}: {case.call}: {verdict}")
        total.update(counts)
        total["operators"] += 1
print(dict(total))
sys.exit(1 if total["different"] or total["failed"] else 0)
