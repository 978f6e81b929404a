"""The half of compare-families that runs among the peers: tokenizers as the families of published models describe theirs, with
vocabularies trained on this project's own files, and the check of what came of them.

usage: compare_families.py make WORK N SEED    WORK/NAME/tokenizer.json, tokenizer_config.json, and WORK/NAME.in
       compare_families.py check WORK          WORK/NAME.WAY.FLAG.out and WORK/NAME.WAY.text against Hugging Face's
"""
import base64
import glob
import json
import pathlib
import random
import sys

import compare_components
import compare_tokenizers
import compare_vocab

META = "\u2581"
CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def cl(digits, letters=r"[^\r\n\p{L}\p{N}]?\p{L}+", rest=r" ?[^\s\p{L}\p{N}]+[\r\n]*", spaces=SPACES):
    return f"{CONTRACTIONS}|{letters}|{digits}|{rest}{spaces}"


def o200(digits, suffix=CONTRACTIONS + "?"):
    head = r"[^\r\n\p{L}\p{N}]?"
    return f"{head}{UPPER}*{LOWER}+{suffix}|{head}{UPPER}+{LOWER}*{suffix}|{digits}" + r"| ?[^\s\p{L}\p{N}]+[\r\n/]*" + SPACES


def split(regex, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": invert}


def literal(text, behavior="Isolated"):
    return {"type": "Split", "pattern": {"String": text}, "behavior": behavior, "invert": False}


def level(regex=True, space=False):
    return {"type": "ByteLevel", "add_prefix_space": space, "trim_offsets": True, "use_regex": regex}


def steps(*list_of):
    return {"type": "Sequence", "pretokenizers": list(list_of)}


def norms(*list_of):
    return {"type": "Sequence", "normalizers": list(list_of)}


def decoders(*list_of):
    return {"type": "Sequence", "decoders": list(list_of)}


def replace(old, new, kind="String"):
    return {"type": "Replace", "pattern": {kind: old}, "content": new}


def meta(scheme="always", parts=True):
    return {"type": "Metaspace", "replacement": META, "prepend_scheme": scheme, "split": parts}


def digits(each=True):
    return {"type": "Digits", "individual_digits": each}


NFC, NFKC, NFKD, NFD = ({"type": t} for t in ("NFC", "NFKC", "NFKD", "NFD"))
BYTES = level()
SPM_DECODER = decoders(replace(META, " "), {"type": "ByteFallback"}, {"type": "Fuse"},
                       {"type": "Strip", "content": " ", "start": 1, "stop": 0})
SPM_NORMS = norms({"type": "Prepend", "prepend": META}, replace(" ", META))
CHARSMAP = {"type": "Precompiled", "precompiled_charsmap": compare_components.charsmap()}
BERT = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
DEEPSEEK3 = (split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"),
             split("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
                   "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"), level(False))
BLOOM = " ?[^(\\s|[.,!?…。，、।۔،])]+"

# name: kind of model, normalizer, pre-tokenizer, decoder, what is put before and behind a text, other members of the model
FAMILIES = {
    "gpt2": ("bytes", None, BYTES, BYTES, "", "", {}),
    "opt": ("bytes", None, level(), BYTES, "<s>", "", {}),
    "roberta": ("bytes", None, level(), BYTES, "<s>", "</s>", {}),
    "gpt-neox": ("bytes", NFC, level(), BYTES, "", "", {}),
    "modernbert": ("bytes", NFC, level(), BYTES, "<s>", "</s>", {}),
    "llama3": ("bytes", None, steps(split(cl(r"\p{N}{1,3}")), level(False)), BYTES, "<s>", "", {"ignore_merges": True}),
    "phi4": ("bytes", None, steps(split(cl(r"\p{N}{1,3}"), "Removed", True), level(False)), BYTES, "", "", {}),
    "glm4": ("bytes", None, steps(split(cl(r"\p{N}{1,3}")), level(False)), BYTES, "", "", {"ignore_merges": False}),
    "olmo2": ("bytes", None, steps(split(cl(r"\p{N}{1,3}")), level(False)), BYTES, "", "", {}),
    "cl100k-possessive": ("bytes", None, steps(split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
                                                     r"|\s*[\r\n]|\s+(?!\S)|\s+"), level(False)), BYTES, "", "", {}),
    "ling": ("bytes", None, steps(split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*"
                                        r"|\s*[\r\n]|\s+(?!\S)|\s+"), level(False)), BYTES, "", "", {}),
    "qwen2": ("bytes", NFC, steps(split(cl(r"\p{N}")), level(False)), BYTES, "", "", {}),
    "qwen35": ("bytes", NFC, steps(split(cl(r"\p{N}", r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+", r" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*")),
                                   level(False)), BYTES, "", "", {}),
    "stablelm2": ("bytes", None, steps(split(cl(r"\p{N}")), level(False)), BYTES, "", "", {}),
    "gpt-oss": ("bytes", None, steps(split(o200(r"\p{N}{1,3}"), "Removed", True), level(False)), BYTES, "", "", {}),
    "llama4": ("bytes", None, steps(split(o200(r"\p{N}{1,3}")), level(False)), BYTES, "<s>", "", {}),
    "tekken": ("bytes", None, steps(split(o200(r"\p{N}", "")), level(False)), BYTES, "<s>", "", {"ignore_merges": True}),
    "tekken-merges": ("bytes", None, steps(split(o200(r"\p{N}", "")), level(False)), BYTES, "<s>", "", {"ignore_merges": False}),
    "deepseek3": ("bytes", norms(), steps(*DEEPSEEK3), BYTES, "<s>", "", {}),
    "deepseek-coder": ("bytes", norms(), steps(split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split("[一-龥ࠀ-一가-퟿]+"),
                                                digits(), level(False)), BYTES, "<s>", "", {}),
    "falcon": ("bytes", None, steps({"type": "Punctuation", "behavior": "Contiguous"}, level(), digits(False), split("[0-9][0-9][0-9]")),
               BYTES, "", "", {}),
    "falcon3": ("bytes", None, steps(split(cl(r"\p{N}{1,3}")), level(False)), BYTES, "", "", {"ignore_merges": True}),
    "bloom": ("bytes", None, steps(split(BLOOM), level(False)), BYTES, "", "", {}),
    "bloom-written": ("bytes", None, steps(split(" ?[^(\\s|.,!?…。，、।۔،)]+"), level(False)), BYTES, "", "", {}),
    "command-r": ("bytes", NFC, steps(digits(), level()), BYTES, "<s>", "", {}),
    "starcoder2": ("bytes", None, steps(digits(), level()), BYTES, "", "", {}),
    "smollm3": ("bytes", None, steps(split(cl(r"\p{N}{1,3}")), level(False)), BYTES, "", "", {}),
    "granite4": ("bytes", None, steps(split(cl(r"\p{N}{1,3}")), level(False)), BYTES, "", "", {"ignore_merges": False}),
    "exaone": ("bytes", None, steps(digits(), level()), BYTES, "", "", {}),
    "seed-oss": ("bytes", None, steps(split(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+"
                                            r"|\s*[\r\n]+|\s+(?!\S)|\s+"), level(False)), BYTES, "", "", {}),
    "minimax": ("bytes", None, steps(split(o200(r"\p{N}{1,3}")), level(False)), BYTES, "", "", {}),
    "nemotron-nano": ("bytes", None, steps(split(r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
                                                 r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}"
                                                 r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"), level(False)), BYTES, "<s>", "", {}),
    "whisper": ("bytes", None, level(), BYTES, "<s> </s>", "</s>", {}),
    "prefix-space": ("bytes", None, level(True, True), BYTES, "", "", {}),
    "llama2": ("pieces", SPM_NORMS, None, SPM_DECODER, "<s>", "", {}),
    "mistral3": ("pieces", None, meta("first", False), SPM_DECODER, "<s>", "", {}),
    "llama-always": ("pieces", None, meta("always", False), SPM_DECODER, "<s>", "", {}),
    "gemma3": ("pieces", replace(" ", META), literal(" ", "MergedWithPrevious"),
               decoders(replace(META, " "), {"type": "ByteFallback"}, {"type": "Fuse"}), "<s>", "", {}),
    "gemma4": ("ranks", replace(" ", META), literal(" ", "MergedWithPrevious"),
               decoders(replace(META, " "), {"type": "ByteFallback"}, {"type": "Fuse"}), "<s>", "", {}),
    "yi": ("pieces", norms(replace(" ", META)), None, decoders(replace(META, " "), {"type": "ByteFallback"}, {"type": "Fuse"}), "", "", {}),
    "t5": ("unigram", CHARSMAP, steps({"type": "WhitespaceSplit"}, meta()), meta(), "", "</s>", {}),
    "t5-v2": ("unigram", norms(CHARSMAP, {"type": "Strip", "strip_left": False, "strip_right": True}, replace(" {2,}", META, "Regex")),
              meta(), meta(), "", "</s>", {}),
    "xlm-r": ("unigram", CHARSMAP, steps({"type": "WhitespaceSplit"}, meta()), meta(), "<s>", "</s>", {}),
    "albert": ("unigram", norms(replace("``", "\""), replace("''", "\""), NFKD, {"type": "StripAccents"}, {"type": "Lowercase"}, CHARSMAP),
               steps({"type": "WhitespaceSplit"}, meta()), meta(), "<s>", "</s>", {}),
    "deberta3": ("unigram", norms({"type": "Strip", "strip_left": True, "strip_right": True}, CHARSMAP, replace(" {2,}", " ", "Regex")),
                 meta(), meta(), "<s>", "</s>", {}),
    "sp-unigram": ("unigram", norms({"type": "Nmt"}, NFKC, replace(" {2,}", " ", "Regex")), meta(), meta(), "", "", {}),
    "unigram-bytes": ("unigram", replace(" ", META), None, SPM_DECODER, "<s>", "", {"byte_fallback": True}),
    "bert": ("words", BERT, {"type": "BertPreTokenizer"}, {"type": "WordPiece", "prefix": "##", "cleanup": True}, "<s>", "</s>", {}),
    "bert-cased": ("words", {**BERT, "lowercase": False}, {"type": "BertPreTokenizer"},
                   {"type": "WordPiece", "prefix": "##", "cleanup": True}, "<s>", "</s>", {}),
    "clip": ("letters</w>", norms(NFC, replace("\\s+", " ", "Regex"), {"type": "Lowercase"}),
             steps(split(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", "Removed", True), level()), BYTES, "<s>", "</s>", {}),
    "openai-gpt": ("characters</w>", BERT, {"type": "BertPreTokenizer"}, {"type": "BPEDecoder", "suffix": "</w>"}, "", "", {}),
    "word-level": ("level", {"type": "Lowercase"}, {"type": "Whitespace"}, None, "<s>", "</s>", {}),
    "char-level": ("level-chars", None, literal("", "Isolated"), {"type": "Fuse"}, "", "", {}),
}
ADDED = [("<unk>", {}), ("<s>", {}), ("</s>", {}), ("<pad>", {}), ("<|im_start|>", {}), ("<|im_end|>", {}), ("<think>", {"special": False})]
# with flags that GGUF's keys have no place for
MORE = {"roberta": [("<mask>", {"lstrip": True})], "xlm-r": [("<mask>", {"lstrip": True, "special": True})], "t5": [("<extra_id_0>", {"rstrip": True})],
        "modernbert": [("   ", {"special": False, "normalized": True}), ("[MASK]", {"lstrip": True})],
        "gpt-neox": [("    ", {"special": False, "normalized": True}), ("        ", {"special": False, "normalized": True})],
        "gemma3": [("\n\n", {"special": False}), (META * 2, {"special": False}), (META * 3, {"special": False})]}


def written():
    here = pathlib.Path(__file__).resolve().parent.parent
    for path in sorted(glob.glob(str(here / "docs/*.md")) + glob.glob(str(here / "libinfer/tok_*.c"))):
        yield pathlib.Path(path).read_text(encoding="utf-8")


def texts():
    yield from written()
    for text in compare_tokenizers.strings(random.Random(99), 3000, []):
        yield text.replace("\0", "")  # which no token of a GGUF can hold


def trained(kind, normalizer, pre, n_vocab=1500):
    """The vocabulary, and merges or scores, of a model trained so."""
    from tokenizers import Tokenizer, models, trainers, pre_tokenizers, decoders as _

    described = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": normalizer,
                 "pre_tokenizer": pre, "post_processor": None, "decoder": None, "model": json.loads(Tokenizer(models.BPE()).to_str())["model"]}
    plain = kind in ("pieces", "ranks", "unigram")
    if plain:  # words, so that pieces do not reach across them
        described["pre_tokenizer"] = meta()
        described["normalizer"] = None
    t = Tokenizer.from_str(json.dumps(described))
    first = [a for a, _ in ADDED[:4]]
    if kind == "unigram":
        t.model = models.Unigram()
        trainer = trainers.UnigramTrainer(vocab_size=n_vocab, special_tokens=first, unk_token="<unk>", show_progress=False)
    elif kind == "words":
        t.model = models.WordPiece(unk_token="<unk>")
        trainer = trainers.WordPieceTrainer(vocab_size=n_vocab, special_tokens=first, show_progress=False)
    elif kind.startswith("level"):
        t.model = models.WordLevel(unk_token="<unk>")
        trainer = trainers.WordLevelTrainer(vocab_size=n_vocab, special_tokens=first, show_progress=False)
    elif kind in ("bytes", "letters</w>"):
        trainer = trainers.BpeTrainer(vocab_size=n_vocab, special_tokens=[], show_progress=False,
                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                      **({"end_of_word_suffix": "</w>"} if kind.endswith("</w>") else {}))
    else:
        trainer = trainers.BpeTrainer(vocab_size=n_vocab, special_tokens=first, show_progress=False, limit_alphabet=300,
                                      **({"end_of_word_suffix": "</w>"} if kind.endswith("</w>") else {}))
    t.train_from_iterator(texts() if kind != "unigram" else written(), trainer)
    return json.loads(t.to_str())["model"]


def with_bytes(model):
    """Bytes between the special tokens and the pieces, as SentencePiece has them."""
    order = sorted(model["vocab"], key=model["vocab"].get)
    order = order[:4] + [f"<0x{b:02X}>" for b in range(256)] + order[4:]
    model["vocab"] = {t: i for i, t in enumerate(order)}
    model.update(byte_fallback=True, fuse_unk=True, unk_token="<unk>")


def all_merges(model):
    """Every way to put a piece together, as transformers makes merges of SentencePiece's scores."""
    rank = {}
    for i, (a, b) in enumerate(model["merges"]):
        rank.setdefault(a + b, i)
    model["merges"] = [[p[:i], p[i:]] for p in sorted(rank, key=rank.get) for i in range(1, len(p))
                       if p[:i] in model["vocab"] and p[i:] in model["vocab"]]


def describe(name):
    kind, normalizer, pre, decoder, before, behind, extra = FAMILIES[name]
    model = trained(kind, normalizer, pre)
    if kind in ("pieces", "ranks"):
        with_bytes(model)
    if kind == "pieces":
        all_merges(model)
    if extra.get("byte_fallback"):
        model["vocab"] += [[f"<0x{b:02X}>", 0.0] for b in range(256)]
    model.update(extra)
    vocab = model["vocab"]
    known = dict(vocab) if isinstance(vocab, dict) else {t: i for i, (t, _) in enumerate(vocab)}
    added, n = [], len(known)
    for text, flags in ADDED + MORE.get(name, []):
        known_id = known.get(text)
        added.append({"id": n if known_id is None else known_id, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
                      "normalized": False, "special": True, **flags})
        n += known_id is None
    added.sort(key=lambda a: a["id"])
    ids = {a["content"]: a["id"] for a in added}
    special = lambda t: {"SpecialToken": {"id": t, "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    single = [*map(special, before.split()), text, *map(special, behind.split())]
    post = {"type": "TemplateProcessing", "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in {*before.split(), *behind.split()}}}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": normalizer, "pre_tokenizer": pre,
            "post_processor": post if len(single) > 1 else None, "decoder": decoder, "model": model}


def make(work, n, seed, names):
    for index, name in enumerate(FAMILIES):
        if names and name not in names:
            continue
        (work / name).mkdir(exist_ok=True)
        described = describe(name)
        (work / name / "tokenizer.json").write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")
        (work / name / "tokenizer_config.json").write_text(json.dumps({
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}))
        with open(work / f"{name}.in", "w", encoding="utf-8") as f:
            for text in compare_tokenizers.strings(random.Random(seed + index), n, [a for a, _ in ADDED + MORE.get(name, [])]):
                f.write(json.dumps(text) + "\n")


def check_one(path):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    lines = [json.loads(line) for line in open(f"{path}.in", encoding="utf-8")]
    bad, n = [], 0
    for way in ("directory", "gguf"):
        for flag in ("all", "no-special", "no-parse-special"):
            tokenizer.encode_special_tokens = flag == "no-parse-special"
            ours = pathlib.Path(f"{path}.{way}.{flag}.out").read_text(errors="replace").splitlines()
            if len(ours) != len(lines):
                bad.append(f"{way} {flag}: {len(ours)} answers to {len(lines)} strings {ours[-1:]}")
            for text, got in zip(lines, ours):
                try:
                    want = json.dumps(tokenizer.encode(text, add_special_tokens=flag != "no-special").ids, separators=(",", ":"))
                except BaseException:  # a panic: its own slip
                    continue
                n += 1
                if got != want:
                    bad.append(f"{way} {flag} {text[:200]!r}\n    reference {want[:300]}\n    ours      {got[:300]}")
    tokenizer.encode_special_tokens = False
    decoded = pathlib.Path(f"{path}.text").read_bytes().split(b"\0")[:-1]
    for text, got in zip(lines, decoded):
        try:
            want = tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False)
        except BaseException:
            continue
        n += 1
        if base64.b64decode(got).decode(errors="replace") != want:
            bad.append(f"decoding {text[:80]!r}\n    reference {want!r}\n    ours      {base64.b64decode(got).decode(errors='replace')!r}")
    llama = compare_vocab.Llama(f"{path}.gguf")
    bad += [f"{what} {text[:200]!r}\n    llama.cpp {want}\n    ours      {got}"
            for what, text, want, got in compare_vocab.unsaid(llama, path.with_suffix(".gguf"), lines)]
    llama.close()
    print(f"{path.name}: {n} results, {len(bad)} differences", flush=True)
    for line in bad[:2]:
        print("  " + line)
    return len(bad)


def check(work):
    n = sum(check_one(p.with_suffix("")) for p in sorted(work.glob("*.in")))
    print(f"{n} differences in all")
    return 1 if n else 0


work = pathlib.Path(sys.argv[2])
if sys.argv[1] == "make":
    make(work, int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
else:
    sys.exit(check(work))
