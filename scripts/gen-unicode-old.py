#!/usr/bin/env python3
"""Writes libinfer/unicode_old.c: where parts of Hugging Face's library have older tables of Unicode than the expressions.

BertNormalizer, StripAccents and Punctuation: the characters that Unicode 16.0 counts as punctuation, marks or format
characters and they do not yet, and those that they still count; found by asking the library. NFC and its kin, which know
Unicode 9.0: what they leave as it is and Unicode 16.0 does not. And which characters UnicodeScripts keeps together: classes
of its scripts.

Run among the peers: ../shared/peers/run python3 scripts/gen-unicode-old.py > libinfer/unicode_old.c
"""
import unicodedata

from tokenizers import normalizers, pre_tokenizers

punctuation = pre_tokenizers.Punctuation()
strip = normalizers.StripAccents()
bert = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)

ASKED = {
    "punctuation": (lambda c: c[0] == "P", lambda s: ord(s) >= 0x80 and len(punctuation.pre_tokenize_str("a" + s + "a")) == 3),
    "bert_accent": (lambda c: c == "Mn", lambda s: bert.normalize_str("a" + s) == "a"),
    "accent": (lambda c: c[0] == "M", lambda s: strip.normalize_str("a" + s) == "a"),
    "control": (lambda c: c[0] == "C", lambda s: clean.normalize_str("a" + s + "b") == "ab"),
}
CODES = [c for c in range(0x80, 0x110000) if unicodedata.category(chr(c)) not in ("Cs", "Co", "Cn")]


def print_ranges(name, codes):
    ranges = []
    for code in codes:
        if ranges and ranges[-1][1] + 1 == code:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    print(f"\n{name}[] = {{")
    for i in range(0, len(ranges), 6):
        print("\t" + " ".join(f"{{ 0x{a:x}, 0x{b:x} }}," for a, b in ranges[i:i + 6]))
    print("\t{ UINT32_MAX, UINT32_MAX },\n};")


def is_new(code):
    """Whether Unicode 16.0 decomposes or moves a character and the library does not."""
    char, order = chr(code), unicodedata.combining(chr(code))
    moved = "\u0301" + char if order == 1 else char + "\u0334"
    return any(normalizers.NFKD().normalize_str(s) != unicodedata.normalize("NFKD", s) for s in ([char, moved] if order else [char]))


def new_firsts():
    """The first characters of what Unicode 16.0 composes and the library does not."""
    for code in CODES:
        parts = unicodedata.decomposition(chr(code)).split()
        text = "".join(chr(int(p, 16)) for p in parts) if len(parts) == 2 and parts[0][0] != "<" else ""
        if text and unicodedata.normalize("NFC", text) == chr(code) != normalizers.NFC().normalize_str(text):
            yield ord(text[0])


print("/* Made by scripts/gen-unicode-old.py from the answers of Hugging Face's library. Do not edit. */")
print('#include "unicode.h"')
for name, (counts, answer) in ASKED.items():
    new = [(counts(unicodedata.category(chr(c))), answer(chr(c))) for c in CODES]
    print_ranges(f"static const struct uni_range new_{name}", [c for c, (now, then) in zip(CODES, new) if now and not then])
    print_ranges(f"static const struct uni_range gone_{name}", [c for c, (now, then) in zip(CODES, new) if then and not now])
    print(f"\nconst struct uni_old uni_old_{name} = {{ new_{name}, gone_{name} }};")
print_ranges("const struct uni_range uni_new_forms", sorted({*filter(is_new, CODES), *new_firsts()}))


def scripts():
    """Runs of characters that split alike: (first code point, class); class 0 goes with whatever is beside it."""
    splitter = pre_tokenizers.UnicodeScripts()
    chars = [chr(c) for c in range(0x110000) if not 0xd800 <= c <= 0xdfff]
    known = []  # a character of each class

    def together(text):
        return len(splitter.pre_tokenize_str(text)) == 1

    def class_of(char):
        if together("a" + char) and together("\u0430" + char):
            return 0
        for i, other in enumerate(known):
            if together(other + char):
                return i + 1
        known.append(char)
        return len(known)

    pieces = [0] + [start for _, (start, _) in splitter.pre_tokenize_str("".join(chars)) if start]
    runs = []
    for start, end in zip(pieces, pieces[1:] + [len(chars)]):
        in_piece = 0  # the class of all in a piece that have one
        for char in chars[start:end]:
            alone = together("a" + char) and together("\u0430" + char)
            in_piece = in_piece or (0 if alone else class_of(char))
            if not runs or runs[-1][1] != (0 if alone else in_piece):
                runs.append((ord(char), 0 if alone else in_piece))
    return runs


runs = scripts()
print("\n/* First code point << 8 | class of script; 0: goes with its neighbours. */\nconst uint32_t uni_scripts[] = {")
for i in range(0, len(runs), 10):
    print("\t" + " ".join(f"0x{code << 8 | kind:x}," for code, kind in runs[i:i + 10]))
print("};\nconst uint32_t uni_n_scripts = sizeof uni_scripts / sizeof *uni_scripts;")
