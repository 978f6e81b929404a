"""The parts of compare-unicode, both among the peers.

usage: compare_unicode.py make WORK EVERY    WORK/in, a JSON string per line (every so many characters), and
                                             WORK/NAME/tokenizer.json
       compare_unicode.py check WORK         WORK/NAME/ids against Hugging Face's
"""
import json
import pathlib
import sys
import unicodedata

SHARED = pathlib.Path(__file__).resolve().parent.parent.parent / "shared"

NORMALIZERS = {
    "nfc": {"type": "NFC"},
    "nfd": {"type": "NFD"},
    "nfkc": {"type": "NFKC"},
    "nfkd": {"type": "NFKD"},
    "lowercase": {"type": "Lowercase"},
    "strip": {"type": "Strip", "strip_left": True, "strip_right": True},
    "strip-accents": {"type": "StripAccents"},
    "nmt": {"type": "Nmt"},
    "nfkd-accents": {"type": "Sequence", "normalizers": [{"type": "NFKD"}, {"type": "Lowercase"}, {"type": "StripAccents"}]},
    "replace": {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": "_"},
    "bert": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
    "bert-clean": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": False, "strip_accents": False,
                   "lowercase": False},
    "bert-accents": {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": False, "strip_accents": True,
                     "lowercase": False},
}
EXPRESSIONS = {
    "gpt-2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama-3": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "o200k": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
             r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
             r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "deepseek": r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "word": r"\w+",
    "digit": r"\d",
    "space": r"\s",
    "upper": r"\p{Lu}",
    "case": r"(?i)[k-t]",
    "dot": r"a.",
}
SPLITTERS = {
    "whitespace": {"type": "Whitespace"},
    "whitespace-split": {"type": "WhitespaceSplit"},
    "punctuation": {"type": "Punctuation", "behavior": "Isolated"},
    "digits": {"type": "Digits", "individual_digits": True},
    "bert-pieces": {"type": "BertPreTokenizer"},
    "scripts": {"type": "UnicodeScripts"},
    "byte-level": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    **{name: {"type": "Split", "pattern": {"Regex": text}, "behavior": "Isolated", "invert": False}
       for name, text in EXPRESSIONS.items()},
}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def letters():
    """GPT-2's letter of each byte."""
    plain = [b for b in range(256) if 0x21 <= b <= 0x7e or 0xa1 <= b <= 0xac or b >= 0xae]
    other = iter(range(256, 512))
    return {b: chr(b if b in plain else next(other)) for b in range(256)}


def tokenizer(normalizer=None, splitter=None, added=(), model=None):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": list(added), "normalizer": normalizer,
            "pre_tokenizer": splitter, "post_processor": None, "decoder": None, "model": model}


def texts(every):
    for code in range(0x110000):
        c, few = chr(code), unicodedata.category(chr(code)) in ("Co", "Cn")
        if 0xd800 <= code <= 0xdfff or code % (1009 if few else every):
            continue
        yield from (c, f"a{c}a", f"{c}1 {c} .{c}", f"e\u0301{c}\u0323\u0301a", f"{c}<x>{c}<y>{c}")
        if unicodedata.decomposition(c):
            yield unicodedata.normalize("NFD", c)
            yield unicodedata.normalize("NFKD", c) + "\u0301\u0323"


def make(work, every):
    # what a text becomes, byte by byte; and where it is cut: whatever is no word of one character is unknown
    spell = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": False, "byte_fallback": False, "vocab": {letter: byte for byte, letter in letters().items()},
             "merges": []}
    cut = {"type": "WordLevel", "unk_token": "?", "vocab": {t: i for i, t in enumerate(["?", "a", "1", ".", " ", "e", "aa"])}}
    added = [{"id": 256 + i, "content": text, "special": False, "normalized": False, "single_word": i == 1, "lstrip": i == 0,
              "rstrip": i == 0} for i, text in enumerate(["<x>", "<y>"])]
    t5 = json.loads((SHARED / "tokenizers/t5-small/tokenizer.json").read_text(encoding="utf-8"))
    made = {name: tokenizer(n, BYTES, model=spell) for name, n in NORMALIZERS.items()}
    made["precompiled"] = tokenizer(t5["normalizer"], BYTES, model=spell)
    made |= {name: tokenizer(None, s, model=cut) for name, s in SPLITTERS.items()}
    made["added"] = tokenizer(None, BYTES, added, spell)
    for name, description in made.items():
        (work / name).mkdir()
        (work / name / "tokenizer.json").write_text(json.dumps(description), encoding="utf-8")
    with open(work / "in", "w", encoding="utf-8") as f:
        f.writelines(json.dumps(text) + "\n" for text in texts(every))


def check(work):
    from tokenizers import Tokenizer

    given, n_bad = [json.loads(line) for line in open(work / "in", encoding="utf-8")], 0
    for path in sorted(work.glob("*/tokenizer.json")):
        reference = Tokenizer.from_file(str(path))
        want = reference.encode_batch_fast(given, add_special_tokens=False)
        with open(path.parent / "ids", encoding="utf-8") as f:
            bad = [text for text, w, got in zip(given, want, f, strict=True) if w.ids != json.loads(got)]
        print(f"{path.parent.name}: {len(given)} strings, {len(bad)} differences", flush=True)
        for text in bad[:5]:
            print(f"  {text.encode('unicode_escape').decode()}")
        n_bad += len(bad)
    print(f"{n_bad} differences in all")
    return 1 if n_bad else 0


work = pathlib.Path(sys.argv[2])
if sys.argv[1] == "make":
    make(work, int(sys.argv[3]))
else:
    sys.exit(check(work))
