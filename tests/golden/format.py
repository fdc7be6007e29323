#!/usr/bin/env python3
"""Writes format.txt: what Python's format() makes of values and specifications, one tab-separated case per line:
    python3 -I tests/golden/format.py > tests/golden/format.txt
"""
VALUES = [0, 1, -1, 7, 42, 999, 1000, -1234567, 285212672, 2**53 + 1, -(2**63) + 1, 0.0, -0.0, 1.0, -1.5, 0.1, 1 / 3, 2.5,
          3.5, 1e-05, 123456.789, 1e15, 1e16, 1e22, 1.7976931348623157e308, 5e-324, 99.995, 0.00012345, 1234567.891,
          float("inf"), float("-inf"), float("nan"), "", "a", "token_embedding.weight", "∝1/√", "日本語"]
NUMERIC = ["", "d", "5d", "<5d", "^9", ">9", "+", " ", "+d", "05d", "+08,", ",", "_", "12,", "<12,", "012,", "x", "X", "#x",
           "o", "b", "#b", "_b", "_x", "08b", "e", ".2e", ".0e", "E", "f", ".0f", ".1f", ".4f", ".6f", ",.2f", "_.3f",
           "12.4f", "<12.4f", "^12.4f", "+.3f", " .3f", "012.3f", "015,.1f", "g", ".3g", ".10g", "G", "%", ".1%", "8.2%",
           ".1", ".3", ".6", ".12", "10.3", "*^12", "*<12.2f", "→>12", "=+9", "0=9", "x^9", "n"]
TEXT = ["", "s", "5", "<5", ">5", "^5", "<30", ">30", "^30", "*^30", ".1", ".3", "5.2", "<8.4s", "→^9"]


def main():
    for value in VALUES:
        for spec in TEXT if isinstance(value, str) else NUMERIC:
            try:
                text = format(value, spec)
            except ValueError:
                continue
            kind = {int: "i", float: "f", str: "s"}[type(value)]
            print(kind, value, spec, text, sep="\t")


main()
