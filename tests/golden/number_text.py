"""Writes numbers.txt: bits of doubles and Python's repr of them, for tests/core/text.c.

python3 tests/golden/number_text.py > tests/golden/numbers.txt
"""
import random
import struct

values = [0.1, 1 / 3, 1e16, 1e15, 9999999999999998.0, 123456789.0, 5e-324, 2.2250738585072014e-308,
          1.7976931348623157e308, 0.0001, 0.00001, 1e22, 1e23, 9007199254740993.0, 2.0**53, 1e-5,
          2**-24, 12345678901234567890.0, 0.3, 2.675, 1.005, 4.35, 9.5e-7, 8.41e21, 2.0**63, 9.5]
values += [2.0**e for e in range(-1074, 1024)]
values += [10.0**e for e in range(-323, 309)]
draw = random.Random(1)
values += [struct.unpack("d", struct.pack("Q", draw.getrandbits(63)))[0] for _ in range(700)]
values += [draw.random() * 10.0 ** draw.randint(-8, 18) for _ in range(500)]
values += [round(draw.random() * 100, draw.randint(0, 6)) for _ in range(300)]
values += [struct.unpack("d", struct.pack("Q", draw.getrandbits(draw.randint(1, 52))))[0]
           for _ in range(300)]  # subnormals
values += [struct.unpack("f", struct.pack("f", draw.gauss(0, 1)))[0] for _ in range(200)]
for x in values:
    if x == x and abs(x) != float("inf"):
        print("%016x %r" % (struct.unpack("Q", struct.pack("d", x))[0], x))
