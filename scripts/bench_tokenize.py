"""The parts of bench-tokenize.

usage: bench_tokenize.py text WORK MB                WORK/text: a JSON string per line
       bench_tokenize.py ours WORK PROGRAM MODEL     WORK/ids and WORK/seconds
       bench_tokenize.py theirs WORK MODEL           prints both; exit status 1 if ids differ
"""
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import time

KINDS = {"prose": (0.45, (".md", ".txt", ".rst", ".html", ".pod", "copyright")),
         "code": (0.35, (".c", ".h", ".py", ".pm", ".pl", ".json", ".xml")),
         "translations": (0.20, (".mo",))}
ROOTS = [str(pathlib.Path(__file__).resolve().parent.parent), "/usr/share", "/usr/lib/python3", "/usr/include"]


def read(path):
    """The text of a file; of a compiled catalogue, what follows its header."""
    with open(path, "rb") as f:
        text = f.read(300_000).decode("utf-8", "ignore")
    if path.endswith(".mo"):
        text = text[max(text.find("Project-Id-Version"), 0):].replace("\0", "\n")
    return "".join(c for c in text if c in "\n\t" or ord(c) >= 32)


def documents(rng, want_bytes):
    found = {kind: [] for kind in KINDS}
    for root in ROOTS:
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                for kind, (_, ends) in KINDS.items():
                    if name.endswith(ends) and os.path.isfile(path) and not os.path.islink(path):
                        found[kind].append(path)
    for kind, (share, _) in KINDS.items():
        paths, n = sorted(found[kind]), 0
        rng.shuffle(paths)
        while paths and n < share * want_bytes:
            for path in paths:
                text = read(path)
                while text and n < share * want_bytes:
                    part, text = text[:rng.choice((4000, 16000, 64000))], text[64000:]
                    n += len(part.encode())
                    yield part


def make_text(work, mb):
    rng = random.Random(1)
    parts = list(documents(rng, mb * 1e6))
    rng.shuffle(parts)
    with open(work / "text", "w", encoding="utf-8") as f:
        for part in parts:
            f.write(json.dumps(part, ensure_ascii=False) + "\n")


def ours(work, program, model):
    with open(work / "text", "rb") as f, open(work / "ids", "wb") as out:
        subprocess.run([program, "--batch", "--no-special", model], stdin=f, stdout=out, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    (work / "seconds").write_text(str(used.ru_utime + used.ru_stime))


def theirs(work, model):
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(model + "/tokenizer.json")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    seconds, n_bytes, n_bad = 0.0, 0, 0
    with open(work / "text", encoding="utf-8") as f, open(work / "ids", encoding="utf-8") as ids:
        for line, got in zip(f, ids):
            text = json.loads(line)
            start = time.process_time()
            want = tokenizer.encode(text, add_special_tokens=False).ids
            seconds += time.process_time() - start
            n_bytes += len(text.encode())
            n_bad += want != json.loads(got)
    own = float((work / "seconds").read_text())
    print(f"{os.path.basename(model):20} {n_bytes / 1e6:6.1f} MB  ours {own:6.2f} s ({n_bytes / own / 1e6:5.1f} MB/s)  theirs "
          f"{seconds:6.2f} s ({n_bytes / seconds / 1e6:5.2f} MB/s)  {seconds / own:4.1f} times  {n_bad} differ", flush=True)
    return 1 if n_bad else 0


work = pathlib.Path(sys.argv[2])
if sys.argv[1] == "text":
    make_text(work, float(sys.argv[3]))
elif sys.argv[1] == "ours":
    ours(work, sys.argv[3], sys.argv[4])
else:
    sys.exit(theirs(work, sys.argv[3]))
