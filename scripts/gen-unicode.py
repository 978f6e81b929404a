#!/usr/bin/env python3
"""Writes libinfer/unicode_data.c: the general category of every code point, Unicode 16.0, as runs, and of
the lowest one by one; and the lower case of characters.

Hugging Face's expressions mean Unicode 16.0, whatever version the system's libraries have. Needs a Python whose
unicodedata is of that version (3.14, or the module unicodedata2 of version 16).

usage: scripts/gen-unicode.py > libinfer/unicode_data.c
"""
import sys

try:
    import unicodedata2 as unicodedata
except ImportError:
    import unicodedata

if unicodedata.unidata_version != "16.0.0":
    sys.exit(f"unicodedata is of Unicode {unicodedata.unidata_version}, not 16.0.0: pip install unicodedata2==16.0.0")

# The order of enum uni_cat in unicode.h.
CATEGORIES = ("Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn").split()
LOW = 0x800  # UNI_LOW there

runs = []
last = None
for code in range(0x110000):
    category = CATEGORIES.index(unicodedata.category(chr(code)))
    if category != last:
        runs.append(code << 5 | category)
        last = category

print("/* Made by scripts/gen-unicode.py from the Unicode Character Database, version 16.0. Do not edit. */")
print('#include "unicode.h"\n')
print("/* First code point of a run << 5 | its category (enum uni_cat). */")
print("const uint32_t uni_runs[] = {")
for i in range(0, len(runs), 12):
    print("\t" + " ".join(f"0x{r:x}," for r in runs[i:i + 12]))
print("};\n")
print(f"const uint32_t uni_n_runs = {len(runs)};\n")
print("const uint8_t uni_low[UNI_LOW] = {")
for i in range(0, LOW, 32):
    print("\t" + " ".join(f"{CATEGORIES.index(unicodedata.category(chr(code)))}," for code in range(i, i + 32)))
print("};")

# Characters at steps of 1 or 2 whose lower cases are as far from them: [first, last, step, distance].
cases = []
for code in range(0x80, 0x110000):
    lower = chr(code).lower()
    if len(lower) != 1 or lower == chr(code):
        continue  # U+0130 alone has a longer one
    distance = ord(lower) - code
    if cases and cases[-1][3] == distance and code - cases[-1][1] in ((1, 2) if cases[-1][0] == cases[-1][1] else (cases[-1][2],)):
        cases[-1][1:3] = code, code - cases[-1][1]
    else:
        cases.append([code, code, 1, distance])
print("\n/* First, last, step, distance of the lower case; ascending. */\nconst struct uni_case uni_lower[] = {")
for i in range(0, len(cases), 5):
    print("\t" + " ".join(f"{{ 0x{a:x}, 0x{b:x}, {step}, {d} }}," for a, b, step, d in cases[i:i + 5]))
print(f"}};\nconst uint32_t uni_n_lower = {len(cases)};")
