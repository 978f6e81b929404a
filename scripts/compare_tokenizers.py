"""The two halves of compare-tokenizers that are Python: the strings, and the check among the peers.

usage: compare_tokenizers.py make WORK N SEED NAME|DIR...   WORK/INDEX.path and WORK/INDEX.in, a JSON string per line
       compare_tokenizers.py check WORK                     WORK/INDEX.FLAG.out against Hugging Face's ids
"""
import base64
import json
import pathlib
import random
import shutil
import sys

shared = pathlib.Path(__file__).resolve().parent.parent.parent / "shared"

WORDS = """the of and I'm you've he'll IT'S don'T 'S ſ's naïve résumé Ångström ﬁne ｆｕｌｌ x² ½ ③ Ⅳ 一二三 〇 ٣٤٥ १२३ 1234567
3.14 0x1F http://a.b/c?d=e#f a@b.c foo_bar fooBar HTTPServer __init__ e\u0301 \u0301 \u1100\u1161\u11a8 각 가 が か\u3099
नमस्ते สวัสดี العَرَبِيَّة עִבְרִית 你好 こんにちは カタカナ 안녕하세요 Привет Ёлка ΑΣ ς ß ẞ İ ı Ǆ ǆ 👩‍👩‍👧‍👦 🇩🇪🇫🇷 👍🏽 ☺️ \U00013940 \U00010d4a \U0001e900
\u200b \u200d \ufeff \u180e \u00a0 \u3000 \u2028 \u2029 \u0085 \u001c \x00 \x04 \x7f \ufffd \u00ad \U000e0061 \ue000 \u0378
... !!!!!! ??!? -- — – “q” «g» ‚ ¿¡ $5 €6 £ + < = > ^ ` | ~ \\ / {}[]() #1 %20 &amp; * § ¶ †""".split()
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
          r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPACES = [" ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n ", "\u00a0", "\u3000", "\u2003", "\x0b", "\x0c", "\x85"]


def strings(rng, n, special):
    blocks = [(0x20, 0x7e), (0, 0x20), (0x80, 0x24f), (0x250, 0x6ff), (0x900, 0xdff), (0xe00, 0x11ff), (0x2000, 0x2bff),
              (0x3000, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xf900, 0xffff), (0x10000, 0x1ffff), (0, 0x10ffff)]

    def char():
        while True:
            low, high = rng.choice(blocks)
            code = rng.randint(low, high)
            if not 0xd800 <= code <= 0xdfff:
                return chr(code)

    def part():
        kind = rng.random()
        if kind < 0.40:
            return rng.choice(WORDS)
        if kind < 0.65:
            return rng.choice(SPACES)
        if kind < 0.75:
            return "".join(char() for _ in range(rng.randint(1, 6)))
        if kind < 0.85:
            return "".join(rng.choice("aeiou st'nrl.,0123456789AB\n") for _ in range(rng.randint(1, 12)))
        if kind < 0.92 and special:
            return rng.choice(special)
        return rng.choice(WORDS + SPACES) * rng.randint(2, 30)

    yield ""
    for c in ["a", " ", "\n", "1", "!", "é", "中", "\u0301", "👍", "ab", " a", "\r\n"]:
        yield c * 1000
    for _ in range(n):
        yield "".join(part() for _ in range(rng.randint(1, 14)))


def write_tekken(work):
    """A tekken.json of Llama 3's ranks; its special tokens."""
    ranks = [line.split()[0] for line in open(shared / "tokenizers/llama-3/original/tokenizer.model", encoding="ascii")]
    special = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[IMG]"]
    (work / "tekken").mkdir()
    (work / "tekken/tekken.json").write_text(json.dumps({
        "config": {"pattern": TEKKEN, "num_vocab_tokens": len(ranks), "default_vocab_size": 100000, "default_num_special_tokens": 1000,
                   "version": "v11"},
        "vocab": [{"rank": i, "token_bytes": r, "token_str": None} for i, r in enumerate(ranks)],
        "special_tokens": [{"rank": i, "token_str": t, "is_control": True} for i, t in enumerate(special)]}))
    return [*special, "<SPECIAL_77>"]


def read_tekken(path):
    """As transformers makes a tokenizer of it, and with <s> in front, as mistral-common has it."""
    from tokenizers import processors
    from transformers.integrations.mistral import MistralConverter

    tekken = json.loads(path.read_text())
    n, n_special = (tekken["config"][key] for key in ("default_vocab_size", "default_num_special_tokens"))
    special = [t["token_str"] for t in tekken["special_tokens"]]
    special += [f"<SPECIAL_{i}>" for i in range(len(special), n_special)]
    vocab = {text: i for i, text in enumerate(special)}
    vocab |= {base64.b64decode(t["token_bytes"]): t["rank"] for t in tekken["vocab"][:n - n_special]}
    made = MistralConverter(vocab=vocab, additional_special_tokens=special, pattern=tekken["config"]["pattern"]).converted()
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", special.index("<s>"))])
    return made


def special_tokens(path):
    return [t["content"] for t in json.loads(path.read_text())["added_tokens"]]


def make(work, n, seed, names):
    given = [pathlib.Path(x) for x in names if pathlib.Path(x, "tokenizer.json").is_file()]
    names = [x for x in names if pathlib.Path(x) not in given]
    paths = sorted(p for p in [*shared.glob("models/*/tokenizer.json"), *shared.glob("tokenizers/*/tokenizer.json")]
                   if any(x in str(p) for x in names) or not names and not given)
    for path in given:  # the peers see them here
        shutil.copytree(path, work / path.name, ignore=lambda _, all: [n for n in all if n != "tokenizer.json"])
        paths.append(work / path.name / "tokenizer.json")
    chosen = [(path, special_tokens(path)) for path in paths]
    if "tekken" in names or not names and not given:
        chosen.append((work / "tekken/tekken.json", write_tekken(work)))
    for index, (path, special) in enumerate(chosen):
        (work / f"{index:02}.path").write_text(str(path))
        with open(work / f"{index:02}.in", "w", encoding="utf-8") as f:
            for text in strings(random.Random(seed + index), n, special):
                f.write(json.dumps(text) + "\n")


def check_one(reference, work, stem, flag, bad):
    reference.encode_special_tokens = flag == "no-parse-special"
    texts = [json.loads(line) for line in open(work / f"{stem}.in", encoding="utf-8")]
    ours = [json.loads(line) for line in open(work / f"{stem}.{flag}.out", encoding="utf-8")]
    if len(ours) != len(texts):
        bad.append(f"{len(ours)} answers to {len(texts)} strings")
    for text, got in zip(texts, ours):
        want = reference.encode(text, add_special_tokens=flag != "no-special").ids
        if got != want:
            bad.append(f"{flag} {text!r}\n    Hugging Face {want}\n    ours         {got}")
    return len(texts)


def check(work):
    from tokenizers import Tokenizer

    total = 0
    for path_file in sorted(work.glob("*.path")):
        path = pathlib.Path(path_file.read_text())
        reference = read_tekken(path) if path.name == "tekken.json" else Tokenizer.from_file(str(path))
        reference.no_truncation()
        reference.no_padding()
        bad = []
        n = sum(check_one(reference, work, path_file.stem, flag, bad) for flag in ("all", "no-special", "no-parse-special"))
        for line in bad[:3]:
            print(" ", line)
        print(f"{path.relative_to(shared if path.is_relative_to(shared) else work)}: {n} strings, {len(bad)} differences", flush=True)
        total += len(bad)
    print(f"{total} differences in all")
    return 1 if total else 0


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
    else:
        sys.exit(check(pathlib.Path(sys.argv[2])))
