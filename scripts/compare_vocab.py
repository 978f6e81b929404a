"""The half of compare-vocab that runs among the peers: GGUFs to read, and llama.cpp's ids for each string.

usage: compare_vocab.py make WORK SHARED PRE...    WORK/NAME.gguf for kinds of vocabulary that st2gguf does not write, and
                                                   GPT-2's vocabulary under each name of a pre-tokenizer
       compare_vocab.py strings WORK N SEED        WORK/NAME.in for each WORK/NAME.gguf, a JSON string per line
       compare_vocab.py check WORK                 WORK/NAME.FLAG.out against llama.cpp's ids
"""
import base64
import ctypes
import glob
import json
import pathlib
import random
import re
import sys
import unicodedata

import compare_tokenizers


# llama.cpp's tables are those of Unicode 15.1: blocks and characters that are new in 16.0
NEW = re.compile("[\u0897\u1b4e\u1b4f\u1b7f\u1c89\u1c8a\u2427-\u2429\u31e4\u31e5\ua7cb-\ua7cd\ua7da-\ua7dc\U000105c0-\U000105ff"
                 "\U00010d40-\U00010d8f\U00010ec2-\U00010ec4\U00010efc\U00011380-\U000113ff\U000116d0-\U000116ff"
                 "\U00011bc0-\U00011bff\U00011f5a\U00013460-\U000143ff\U00016100-\U0001613f\U00016d40-\U00016d7f"
                 "\U0001cc00-\U0001cebf\U0001e5d0-\U0001e5ff\U0001f8b2-\U0001f8c1\U0001fa89\U0001fa8f\U0001fabe"
                 "\U0001fac6\U0001fadc\U0001fadf\U0001fae9\U0001fbcb-\U0001fbef]")
# of the script Han, but in none of the blocks that llama.cpp has for it
OTHER_HAN = re.compile("[\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3038-\u303b\U00016fe2-\U00016ff1\U00030000-\U000323af]")
WIDE_SPACE = re.compile("[^\\S\\x00-\\x7f]")


def known(name, text):
    """True for what llama.cpp does otherwise than the model and we do not follow (docs/differences.md)."""
    if NEW.search(text):
        return True
    if name == "pre-tiny_aya":  # \\b between a digit and a letter
        return bool(re.search("[^\\W\\d]", text))
    if name == "pre-kimi-k2" and OTHER_HAN.search(text):
        return True
    if name.startswith(("pre-deepseek", "pre-afmoe")):  # a space of Unicode in a class of characters, or before a digit
        return bool(WIDE_SPACE.search(text))
    return name == "qwen2" and unicodedata.normalize("NFC", text) != text  # the key is ours


class Params(ctypes.Structure):
    """llama_model_params, passed by value: more room than it has in any version."""
    _fields_ = [("bytes", ctypes.c_uint8 * 256)]


class Llama:
    """The vocabulary of a GGUF in llama.cpp. Only vocab_only is set among its parameters: the first of the booleans, which
    stand behind the pointers; use_extra_bufts, the third, is the only one that is on."""

    def __init__(self, path):
        lib = self.lib = ctypes.CDLL(sorted(glob.glob("/usr/lib/*/libllama.so*"))[0])
        lib.llama_model_default_params.restype = Params
        lib.llama_model_load_from_file.restype = ctypes.c_void_p
        lib.llama_model_load_from_file.argtypes = [ctypes.c_char_p, Params]
        lib.llama_model_get_vocab.restype = ctypes.c_void_p
        lib.llama_model_get_vocab.argtypes = [ctypes.c_void_p]
        lib.llama_tokenize.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32,
                                       ctypes.c_bool, ctypes.c_bool]
        lib.llama_model_free.argtypes = [ctypes.c_void_p]
        self.quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
        lib.llama_log_set(self.quiet, None)
        params = lib.llama_model_default_params()
        assert bytes(params.bytes[72:75]) == b"\0\0\1", "llama_model_params has changed"
        params.bytes[72] = 1
        self.model = lib.llama_model_load_from_file(str(path).encode(), params)
        if not self.model:
            raise RuntimeError(f"llama.cpp cannot load {path}")
        self.vocab = lib.llama_model_get_vocab(self.model)

    def close(self):
        self.lib.llama_model_free(self.model)

    def ids(self, text, add_special, parse_special):
        data = text.encode()
        room = 2 * len(data) + 8
        out = (ctypes.c_int32 * room)()
        n = self.lib.llama_tokenize(self.vocab, data, len(data), out, room, add_special, parse_special)
        return out[:n]


def write(path, model, tokens, types, scores=None, merges=None, pre=None, keys=()):
    import gguf

    w = gguf.GGUFWriter(str(path), "llama")
    w.add_tokenizer_model(model)
    w.add_token_list(tokens)
    w.add_token_types(types)
    if scores:
        w.add_token_scores(scores)
    if merges:
        w.add_token_merges(merges)
    if pre:
        w.add_tokenizer_pre(pre)
    for add, value in keys:
        getattr(w, add)(value)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.close()


def make_bert(work, shared):
    tokens, types = [], []
    for text in (shared / "bert-base-uncased/vocab.txt").read_text(encoding="utf-8").splitlines():
        control = text.startswith("[") and text.endswith("]") and len(text) > 2
        tokens.append(text if control else text[2:] if text.startswith("##") else "\u2581" + text)
        types.append(3 if control else 1)
    for name, lower in (("bert", True), ("bert-cased", False)):
        write(work / f"{name}.gguf", "bert", tokens, types, keys=[
            ("add_bos_token_id", 101), ("add_sep_token_id", 102), ("add_unk_token_id", 100), ("add_normalizer_lowercase", lower)])


def make_t5(work, shared):
    tokenizer = json.loads((shared / "t5-small/tokenizer.json").read_text(encoding="utf-8"))
    vocab = tokenizer["model"]["vocab"]
    special = {t["content"] for t in tokenizer["added_tokens"]}
    steps = tokenizer["normalizer"]
    charsmap = next(s["precompiled_charsmap"] for s in steps.get("normalizers", [steps]) if "precompiled_charsmap" in s)
    types = [2 if t == "<unk>" else 3 if t in special else 1 for t, _ in vocab]
    for name, prefix, merge in (("t5", True, True), ("t5-plain", False, False), ("t5-prefix", True, False)):
        write(work / f"{name}.gguf", "t5", [t for t, _ in vocab], types, [s for _, s in vocab], keys=[
            ("add_add_space_prefix", prefix), ("add_remove_extra_whitespaces", merge),
            ("add_precompiled_charsmap", base64.b64decode(charsmap)), ("add_unk_token_id", 2), ("add_eos_token_id", 1)])


def make_gemma4(work, shared):
    """Gemma 4's way with Llama 2's pieces, to which lines are added."""
    model = json.loads((shared / "llama-2/tokenizer.json").read_text(encoding="utf-8"))["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get) + ["\n", "\n\n", "\n\n\n"]
    types = [2 if t == "<unk>" else 3 if t in ("<s>", "</s>") else 6 if t.startswith("<0x") else 1 for t in tokens]
    for pre in ("gemma4", "sarvam-moe"):
        write(work / f"{pre}.gguf", "gemma4" if pre == "gemma4" else "gpt2", tokens, types, merges=model["merges"], pre=pre,
              keys=[("add_bos_token_id", 1), ("add_eos_token_id", 2)])


def make_pres(work, shared, names):
    """A part of GPT-2's vocabulary under each name of a pre-tokenizer."""
    model = json.loads((shared / "gpt-2/tokenizer.json").read_text(encoding="utf-8"))["model"]
    merges = model["merges"][:6000]
    made = {m.replace(" ", "") for m in merges}
    tokens = [t for t in sorted(model["vocab"], key=model["vocab"].get) if len(t) == 1 or t in made] + ["<|endoftext|>"]
    end = len(tokens) - 1
    for name in names:
        write(work / f"pre-{name}.gguf", "gpt2", tokens, [1] * end + [3], merges=merges, pre=name,
              keys=[("add_bos_token_id", end), ("add_eos_token_id", end)])


def special_tokens(path):
    import gguf

    fields = gguf.GGUFReader(str(path)).fields
    types = fields["tokenizer.ggml.token_type"]
    tokens = fields["tokenizer.ggml.tokens"]
    return [bytes(tokens.parts[tokens.data[i]]).decode() for i, d in enumerate(types.data) if types.parts[d][0] in (2, 3, 4)]


def strings(work, n, seed):
    for index, path in enumerate(sorted(work.glob("*.gguf"))):
        with open(path.with_suffix(".in"), "w", encoding="utf-8") as f:
            for text in compare_tokenizers.strings(random.Random(seed + index), n, special_tokens(path)[:300]):
                f.write(json.dumps(text) + "\n")


def unsaid(llama, path, texts):
    """Where llama.cpp's ids are not the directory's, though the summary of the conversion did not say so."""
    summary = path.with_suffix(".summary")
    if not summary.exists():
        return []
    said = [n for n in json.loads(summary.read_text(encoding="utf-8"))["notes"] if "llama.cpp will differ" in n]
    ids = [json.loads(line) for line in open(path.with_suffix(".directory"), encoding="utf-8")]
    differ = [("beside the directory", text, want, got) for text, got in zip(texts, ids, strict=True)
              if not NEW.search(text) and (want := llama.ids(text, True, True)) != got]
    print(f"{path.stem}: {len(differ)} of {len(texts)} strings not as in the directory; said: {'; '.join(said) or 'nothing'}")
    return [] if said else differ


def check_one(path):
    llama = Llama(path)
    stem = path.with_suffix("")
    texts = [json.loads(line) for line in open(f"{stem}.in", encoding="utf-8")]
    bad, n_known = [], 0
    for flag, add, parse in (("all", True, True), ("no-special", False, True), ("no-parse-special", True, False)):
        with open(f"{stem}.{flag}.out", encoding="utf-8") as f:
            ours = [json.loads(line) for line in f]
        if len(ours) != len(texts):
            bad.append((flag, f"{len(ours)} answers to {len(texts)} strings", [], []))
            continue
        for text, got in zip(texts, ours):
            want = llama.ids(text, add, parse)
            n_known += got != want and known(path.stem, text)
            if got != want and not known(path.stem, text):
                bad.append((flag, text, want, got))
    bad += unsaid(llama, path, texts)
    llama.close()
    print(f"{path.stem}: {3 * len(texts)} strings, {len(bad)} differences, {n_known} known", flush=True)
    for flag, text, want, got in sorted(bad, key=lambda b: len(b[1]))[:3]:
        print(f"  {flag} {text!r}\n    llama.cpp {want}\n    ours      {got}")
    return len(bad)


def check(work):
    n = sum(check_one(p) for p in sorted(work.glob("*.gguf")) if p.with_suffix(".in").exists())
    print(f"{n} differences in all")
    return 1 if n else 0


if __name__ == "__main__":
    work = pathlib.Path(sys.argv[2])
    if sys.argv[1] == "make":
        shared = pathlib.Path(sys.argv[3])
        make_bert(work, shared)
        make_t5(work, shared)
        make_gemma4(work, shared)
        make_pres(work, shared, sys.argv[4:])
    elif sys.argv[1] == "strings":
        strings(work, int(sys.argv[3]), int(sys.argv[4]))
    else:
        sys.exit(check(work))
