#!/usr/bin/env python3
"""Writes libinfer/unicode_old.c: what parts of Hugging Face's library do not know yet.

BertNormalizer, StripAccents and Punctuation use tables of older versions of Unicode than the expressions do. What is
listed are the characters that Unicode 16.0 counts as punctuation, marks or format characters and they do not, found by
asking the library. And which characters UnicodeScripts keeps together: classes of its scripts. Run among the peers: ../shared/peers/run python3 scripts/gen-unicode-old.py > libinfer/unicode_old.c
"""
import unicodedata

from tokenizers import normalizers, pre_tokenizers

punctuation = pre_tokenizers.Punctuation()
strip = normalizers.StripAccents()
bert = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)

ASKED = {
    "uni_old_punctuation": (lambda c: c[0] == "P", lambda s: len(punctuation.pre_tokenize_str("a" + s + "a")) == 3),
    "uni_old_bert_accent": (lambda c: c == "Mn", lambda s: bert.normalize_str("a" + s) in ("a", unicodedata.normalize("NFD", "a"))),
    "uni_old_accent": (lambda c: c[0] == "M", lambda s: strip.normalize_str("a" + s) == "a"),
    "uni_old_control": (lambda c: c == "Cf", lambda s: clean.normalize_str("a" + s + "b") == "ab"),
}

print("/* Made by scripts/gen-unicode-old.py from the answers of Hugging Face's library. Do not edit. */")
print('#include "unicode.h"')
for name, (counts, answer) in ASKED.items():
    ranges = []
    for code in range(0x110000):
        if 0xd800 <= code <= 0xdfff or not counts(unicodedata.category(chr(code))) or answer(chr(code)):
            continue
        if ranges and ranges[-1][1] + 1 == code:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    print(f"\nconst struct uni_range {name}[] = {{")
    for i in range(0, len(ranges), 6):
        print("\t" + " ".join(f"{{ 0x{a:x}, 0x{b:x} }}," for a, b in ranges[i:i + 6]))
    print("\t{ UINT32_MAX, UINT32_MAX },\n};")


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
