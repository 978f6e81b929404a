"""The parts of bench-load.

usage: bench_load.py files WORK MB          WORK/NAME/tokenizer.json, each of at least so many MB
       bench_load.py ours WORK PROGRAM      WORK/ours.json
       bench_load.py theirs WORK            prints both; exit status 1 if ids differ
"""
import json
import pathlib
import random
import subprocess
import sys
import time

SOURCES = pathlib.Path(__file__).resolve().parent.parent.parent / "shared/tokenizers"
WORD, REPEATS = "Shakespeare", 5
# tokenizer, merges as pairs, how it is written, what it is called
SPELLINGS = [
    ("llama-3", False, {"indent": 2, "ensure_ascii": True}, "escapes"),
    ("llama-3", True, {"indent": 1, "ensure_ascii": False}, "pairs"),
    ("qwen2", False, {"indent": 2, "ensure_ascii": False}, "strings"),
    ("qwen2", True, {"indent": 2, "ensure_ascii": False}, "pairs"),
    ("t5-small", False, {"indent": 2, "ensure_ascii": False}, "Unigram"),
    ("bert-base-uncased", False, {"indent": 2, "ensure_ascii": False}, "WordPiece"),
]


def set_merges(model, pairs):
    if "merges" in model:
        merges = [m if isinstance(m, list) else m.split(" ") for m in model["merges"]]
        model["merges"] = merges if pairs else [" ".join(m) for m in merges]


def grow(tokenizer, texts, pairs, n, rng):
    """About n tokens more, of two texts each, and for BPE the merges that make them."""
    model = tokenizer["model"]
    if isinstance(model["vocab"], list):
        for _ in range(n):
            piece = "".join(rng.choice("abcdefghijklmnop") for _ in range(9))
            model["vocab"].append([piece, -rng.uniform(9, 16)])
        return
    vocab = model["vocab"]
    next_id = 1 + max(max(vocab.values()), *(t["id"] for t in tokenizer["added_tokens"]))
    for _ in range(n):
        a, b = rng.choice(texts), rng.choice(texts)
        if a + b not in vocab:
            vocab[a + b] = next_id
            next_id += 1
            if "merges" in model:
                model["merges"].append([a, b] if pairs else a + " " + b)


def files(work, mb):
    for name, pairs, how, what in SPELLINGS:
        rng = random.Random(1)
        tokenizer = json.loads((SOURCES / name / "tokenizer.json").read_text(encoding="utf-8"))
        set_merges(tokenizer["model"], pairs)
        texts = [t for t in tokenizer["model"]["vocab"] if isinstance(t, str) and t.isalpha()]
        out = work / f"{name} {what}"
        out.mkdir()
        while len(text := json.dumps(tokenizer, **how).encode()) < mb * 1e6:
            grow(tokenizer, texts, pairs, 4000, rng)
        (out / "tokenizer.json").write_bytes(text)


def least(action):
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = action()
        times.append(time.perf_counter() - start)
    return min(times), result


def ours(work, program):
    got = {}
    for path in sorted(work.glob("*/tokenizer.json")):
        run = [program, "--json", "--no-special", path.parent, WORD]
        seconds, done = least(lambda: subprocess.run(run, stdout=subprocess.PIPE, check=True))
        got[path.parent.name] = seconds, [t["id"] for t in json.loads(done.stdout)["tokens"]]
    (work / "ours.json").write_text(json.dumps(got))


def theirs(work):
    from tokenizers import Tokenizer

    bad = 0
    for name, (own, ids) in json.loads((work / "ours.json").read_text()).items():
        path = work / name / "tokenizer.json"
        seconds, tokenizer = least(lambda: Tokenizer.from_file(str(path)))
        same = tokenizer.encode(WORD, add_special_tokens=False).ids == ids
        bad += not same
        print(f"{name:28} {path.stat().st_size / 1e6:5.1f} MB  ours {own:5.2f} s  theirs {seconds:5.2f} s  "
              f"{seconds / own:4.1f} times{'' if same else '  ids DIFFER'}", flush=True)
    return 1 if bad else 0


work = pathlib.Path(sys.argv[2])
if sys.argv[1] == "files":
    files(work, float(sys.argv[3]))
elif sys.argv[1] == "ours":
    ours(work, sys.argv[3])
else:
    sys.exit(theirs(work))
