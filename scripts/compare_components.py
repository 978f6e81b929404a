"""Random tokenizer.json files, made of every component at random, for compare-components.

usage: compare_components.py make WORK N SEED     WORK/INDEX.json and WORK/INDEX.in, a JSON string per line (among the peers:
                                                  only what the reference reads is kept)
       compare_components.py ours WORK PROGRAM    WORK/INDEX.FLAG.out, a JSON list of ids per line, and WORK/INDEX.text: what
                                                  the ids of the first lines decode to, NUL between them
       compare_components.py check WORK           against Hugging Face's
"""
import base64
import json
import pathlib
import random
import struct
import subprocess
import sys

import compare_tokenizers

META = "\u2581"
WORDS = ["hello", "hell", "low", "world", "word", "the", "then", "a", "ab", "abc", "n't", "'s", "don't", "1", "12", "123", "é", "ée",
         "中文", "中", "привет", "при", "!", "!!", "...", "-", "_", "foo_bar", "I", "III", "ǆ", "ſ", "ß", "İ", "ไทย", "👍", "\u0301",
         "<", "<x", ">", "tok", "token", "|", "<pad>", "##", "</w>", "\n", "\t", " ", "  ", META, META + "the", META + "a", "e\u0301"]
TEXTS = WORDS + ["Hello World", "naïve", "fooBar 12 abc", " .", " ,", " ' ", " n't", " do not", "<x>", "<s>", "</s>", "tok<x>", "AB",
                 "カタカナ", "ひらがなー漢字", "αβγ", "\u3000", "\u00a0", "\u200d", "\x00", "\x7f", "\ufffd", "½", "Ⅳ", "٣٤", "ﬁ", "각"]


def byte_letters(text):
    table, extra = {}, 0
    for b in range(256):
        if 0x21 <= b <= 0x7e or 0xa1 <= b <= 0xac or b >= 0xae:
            table[b] = chr(b)
        else:
            table[b] = chr(256 + extra)
            extra += 1
    return "".join(table[b] for b in text.encode())


def bpe(rng, letters):
    prefix = rng.choice([None, None, None, "##"])
    suffix = rng.choice([None, None, None, "</w>"])
    vocab, merges = {}, []

    def token(word, i, j):
        return (prefix if prefix and i else "") + word[i:j] + (suffix if suffix and j == len(word) else "")

    def build(word, i, j):
        text = token(word, i, j)
        if text in vocab:
            return text
        if j - i > 1:
            cut = rng.randint(i + 1, j - 1)
            left, right = build(word, i, cut), build(word, cut, j)
            merges.append([left, right])
        vocab.setdefault(text, len(vocab))
        return text

    if rng.random() < 0.5:
        vocab["<unk>"] = 0
    for word in rng.sample(WORDS, 40):
        word = byte_letters(word) if letters else word
        build(word, 0, len(word))
    fallback = rng.random() < 0.3
    if fallback:
        for b in range(256):
            if b < 250 or rng.random() < 0.7:
                vocab.setdefault(f"<0x{b:02X}>", len(vocab))
    pairs = [m for m in merges if not any(" " in t for t in m)] if rng.random() < 0.5 else merges
    if pairs is not merges:
        pairs = [" ".join(m) for m in pairs]
    return {"type": "BPE", "dropout": None, "unk_token": "<unk>" if "<unk>" in vocab else None,
            "continuing_subword_prefix": prefix, "end_of_word_suffix": suffix, "fuse_unk": rng.random() < 0.5,
            "byte_fallback": fallback, "ignore_merges": rng.random() < 0.3, "vocab": vocab, "merges": pairs}


def unigram(rng, letters):
    words = ["<unk>"] + [w for w in dict.fromkeys(byte_letters(w) if letters else w for w in WORDS)]
    fallback = rng.random() < 0.3
    if fallback:
        words += [f"<0x{b:02X}>" for b in range(256)]
    return {"type": "Unigram", "unk_id": 0, "byte_fallback": fallback,
            "vocab": [[w, 0.0 if w == "<unk>" else -rng.choice([1, 1.5, 2, 3, rng.random() * 8])] for w in words]}


def wordpiece(rng, letters):
    words = ["[UNK]"] + [byte_letters(w) if letters else w for w in WORDS]
    words += ["##" + w for w in words[1:]]
    return {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": rng.choice([100, 5]), "vocab": {w: i for i, w in enumerate(dict.fromkeys(words))}}


def wordlevel(rng, letters):
    words = ["<unk>"] + [byte_letters(w) if letters else w for w in WORDS]
    return {"type": "WordLevel", "unk_token": "<unk>", "vocab": {w: i for i, w in enumerate(dict.fromkeys(words))}}


def pattern(rng, empty=True):
    """What to look for; empty: perhaps what matches nothing."""
    return rng.choice([{"String": s} for s in (" ", "a", "ab", "l", META, "!")] +
                      [{"Regex": s} for s in (r"\s+", r"\p{L}+", r"\w+|[^\w\s]", r"[aeiou]", r"\d{1,3}", r"(?i:hello)|'s", r"\p{N}",
                                              r" ?[^\s\p{L}\p{N}]+", r"\s+(?!\S)|\s+", r"^.", r"[^\r\n]")] +
                      ([{"Regex": s} for s in (r"$", r"(?=l)", r"x*")] if empty else []))


def charsmap():
    """Two replacements in the layout of Darts-clone: A to b, é to e."""
    units = [0] * 0x800
    units[0] = 0x100 << 10
    units[0x100 ^ 0x41] = 0x41 | 1 << 8 | ((0x100 ^ 0x41) ^ 0x400) << 10
    units[0x400] = 1 << 31
    units[0x100 ^ 0xc3] = 0xc3 | ((0x100 ^ 0xc3) ^ 0x500) << 10
    units[0x500 ^ 0xa9] = 0xa9 | 1 << 8 | ((0x500 ^ 0xa9) ^ 0x600) << 10
    units[0x600] = 1 << 31 | 2
    return base64.b64encode(struct.pack("<I2048I", 8192, *units) + b"b\0e\0").decode()


def flag(rng):
    return rng.random() < 0.5


def normalizer(rng):
    return rng.choice([
        lambda: {"type": rng.choice(["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt"])},
        lambda: {"type": "Strip", "strip_left": flag(rng), "strip_right": flag(rng)},
        # the reference keeps account of where a text put in for nothing comes from, and now and then ids depend on that
        lambda: {"type": "Replace", "pattern": pattern(rng, False), "content": rng.choice(["", " ", "b", META, "ab"])},
        lambda: {"type": "Prepend", "prepend": rng.choice([META, "a", " "])},
        lambda: {"type": "BertNormalizer", "clean_text": flag(rng), "handle_chinese_chars": flag(rng),
                 "strip_accents": rng.choice([None, True, False]), "lowercase": flag(rng)},
        lambda: {"type": "Precompiled", "precompiled_charsmap": charsmap()},
        lambda: {"type": "Sequence", "normalizers": [normalizer(rng) for _ in range(rng.randint(0, 2))]},
    ])()


def splitter(rng):
    behavior = rng.choice(["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"])
    return rng.choice([
        lambda: {"type": "Split", "pattern": pattern(rng), "behavior": behavior, "invert": flag(rng)},
        lambda: {"type": "Split", "pattern": pattern(rng), "behavior": behavior, "invert": flag(rng)},
        lambda: {"type": "Metaspace", "replacement": META, "prepend_scheme": rng.choice(["always", "first", "never"]), "split": flag(rng)},
        lambda: {"type": "FixedLength", "length": rng.choice([1, 2, 5, 30])},
        lambda: {"type": "Digits", "individual_digits": flag(rng)},
        lambda: {"type": "Punctuation", "behavior": behavior},
        lambda: {"type": rng.choice(["Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts"])},
        lambda: {"type": "CharDelimiterSplit", "delimiter": rng.choice([" ", "l", "中"])},
        lambda: {"type": "Sequence", "pretokenizers": [splitter(rng) for _ in range(rng.randint(1, 2))]},
    ])()


def decoder(rng):
    return rng.choice([
        lambda: {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        lambda: {"type": "Metaspace", "replacement": META, "prepend_scheme": rng.choice(["always", "first", "never"]), "split": True},
        lambda: {"type": "WordPiece", "prefix": "##", "cleanup": flag(rng)},
        lambda: {"type": "BPEDecoder", "suffix": "</w>"},
        lambda: {"type": "CTC", "pad_token": rng.choice(["<pad>", "a"]), "word_delimiter_token": "|", "cleanup": flag(rng)},
        lambda: {"type": rng.choice(["Fuse", "ByteFallback"])},
        lambda: {"type": "Strip", "content": rng.choice([" ", "a", META]), "start": rng.randint(0, 2), "stop": rng.randint(0, 2)},
        lambda: {"type": "Replace", "pattern": pattern(rng), "content": rng.choice(["", " ", "é"])},
        lambda: {"type": "Sequence", "decoders": [decoder(rng) for _ in range(rng.randint(1, 3))]},
    ])()


def processor(rng, n):
    def special(text):
        return {"SpecialToken": {"id": text, "type_id": 0}}

    single = [special("<s>")] * rng.randint(0, 2) + [{"Sequence": {"id": "A", "type_id": 0}}] + [special("</s>")] * rng.randint(0, 2)
    tokens = {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in (("<s>", n), ("</s>", n + 1))}
    pair = [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}]
    around = rng.choice([
        {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens},
        {"type": "BertProcessing", "sep": ["</s>", n + 1], "cls": ["<s>", n]},
        {"type": "RobertaProcessing", "sep": ["</s>", n + 1], "cls": ["<s>", n], "trim_offsets": flag(rng), "add_prefix_space": True}])
    level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": flag(rng), "use_regex": True}
    return rng.choice([None, around, around, level, {"type": "Sequence", "processors": [level, around]}])


def describe(rng):
    letters = rng.random() < 0.35
    model = rng.choice([bpe, bpe, bpe, unigram, wordpiece, wordlevel])(rng, letters)
    steps = [splitter(rng) for _ in range(rng.randint(0, 2))]
    if letters:
        steps.append({"type": "ByteLevel", "add_prefix_space": flag(rng), "trim_offsets": True, "use_regex": flag(rng)})
        if rng.random() < 0.15:
            steps.append(splitter(rng))
    n = len(model["vocab"])
    added = [{"id": n + i, "content": text, "special": i < 2 or flag(rng), "normalized": flag(rng), "lstrip": flag(rng) and flag(rng),
              "rstrip": flag(rng) and flag(rng), "single_word": rng.random() < 0.2}
             for i, text in enumerate(["<s>", "</s>", "<x>", "tok<x>", "WORLD", " é", "foo_"][:rng.randint(2, 7)])]
    if rng.random() < 0.1:
        added.append({"id": 0, "content": "hello" if "hello" in model["vocab"] else "<unk>", "special": False, "normalized": True,
                      "lstrip": False, "rstrip": False, "single_word": False})
    norms = [normalizer(rng) for _ in range(rng.choice([0, 0, 1, 1, 2, 3]))]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
            "normalizer": {"type": "Sequence", "normalizers": norms} if norms else None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps} if steps else None,
            "post_processor": processor(rng, n), "decoder": rng.choice([None, decoder(rng), decoder(rng)]), "model": model}


def make(work, n, seed):
    from tokenizers import Tokenizer

    index = refused = alike = 0
    rng = random.Random(seed)
    while index < n:
        text = json.dumps(describe(rng))
        try:
            tokenizer = Tokenizer.from_str(text)
            added = [t.content for t in tokenizer.get_added_tokens_decoder().values()]
            seen = {tokenizer.normalizer.normalize_str(t) if tokenizer.normalizer else t for t in added}
        except BaseException:  # its panics too
            refused += 1
            continue
        if len(seen) < len(added):  # which of two that are normalized to one text is found is chance
            alike += 1
            continue
        (work / f"{index:04}.json").write_text(text)
        with open(work / f"{index:04}.in", "w") as f:
            for _ in range(40):
                f.write(json.dumps("".join(rng.choice(TEXTS + [" "] * 20) for _ in range(rng.randint(0, 12)))) + "\n")
            for line in compare_tokenizers.strings(rng, 8, ["<s>", "</s>", "<x>"]):
                f.write(json.dumps(line[:400]) + "\n")
        index += 1
    print(f"{n} tokenizers; {refused} more that the reference does not read, {alike} with tokens that become one")


N_DECODED = 12


def ours(work, program):
    for path in sorted(work.glob("*.json")):
        stem = path.with_suffix("")
        for name in ("all", "no-special", "no-parse-special"):
            # one process per line where the reference may refuse a line: what is left out is an empty line
            with open(f"{stem}.in", "rb") as f:
                run = subprocess.run([program, "--batch", *([] if name == "all" else ["--" + name]), str(path)], stdin=f,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            pathlib.Path(f"{stem}.{name}.out").write_bytes(run.stdout + run.stderr)
        lines = pathlib.Path(f"{stem}.all.out").read_text(errors="replace").splitlines()[:N_DECODED]
        decoded = [subprocess.run([program, "--decode", line, str(path)], stdout=subprocess.PIPE).stdout[:-1]
                   for line in lines if line.startswith("[")]
        pathlib.Path(f"{stem}.text").write_bytes(b"\0".join(base64.b64encode(d) for d in decoded))


def reference_ids(tokenizer, text, flag):
    tokenizer.encode_special_tokens = flag == "no-parse-special"
    return tokenizer.encode(text, add_special_tokens=flag != "no-special").ids


def check_one(path):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    stem = path.with_suffix("")
    texts = [json.loads(line) for line in open(f"{stem}.in")]
    bad, n = [], 0
    for flag in ("all", "no-special", "no-parse-special"):
        lines = open(f"{stem}.{flag}.out", errors="replace").read().splitlines()
        for text, line in zip(texts, lines + ["nothing"] * len(texts)):
            try:
                want = reference_ids(tokenizer, text, flag)
            except Exception as error:
                if line.startswith("["):
                    bad.append(f"{flag} {text!r}: the reference refuses: {str(error)[:100]}; ours {line[:100]}")
                break  # ours stops at the first text that it refuses
            except BaseException:  # a panic: its own slip
                continue
            n += 1
            if line != json.dumps(want, separators=(",", ":")):
                bad.append(f"{flag} {text!r}\n    reference {want}\n    ours      {line[:300]}")
    decoded = pathlib.Path(f"{stem}.text").read_bytes().split(b"\0")
    tokenizer.encode_special_tokens = False
    for text, got in zip(texts[:N_DECODED], decoded):
        try:
            ids = tokenizer.encode(text).ids
        except Exception:
            break
        except BaseException:
            continue
        try:
            want = tokenizer.decode(ids, skip_special_tokens=False)
        except BaseException:  # a panic again
            continue
        n += 1
        if base64.b64decode(got).decode(errors="replace") != want:
            bad.append(f"decoding {ids}\n    reference {want!r}\n    ours      {base64.b64decode(got).decode(errors='replace')!r}")
    return n, bad


def check(work):
    total = n_bad = shown = 0
    for path in sorted(work.glob("*.json")):
        n, bad = check_one(path)
        total += n
        n_bad += len(bad)
        if bad and shown < 12:
            shown += 1
            steps = json.loads(path.read_text())
            del steps["model"]["vocab"]
            steps["model"].pop("merges", None)
            print(f"{path.name}: {len(bad)} differences; {json.dumps(steps, ensure_ascii=False)[:1500]}\n  {bad[0]}", flush=True)
    print(f"{total} results, {n_bad} differences")
    return 1 if n_bad else 0


if __name__ == "__main__":
    work = pathlib.Path(sys.argv[2])
    if sys.argv[1] == "make":
        make(work, int(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1] == "ours":
        ours(work, sys.argv[3])
    else:
        sys.exit(check(work))
