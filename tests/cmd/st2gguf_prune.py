#!/usr/bin/env python3
"""--prune-layers: which tensors are left, under which names, with which bytes; keys that count or list layers; importance.

usage: st2gguf_prune.py ST2GGUF MODEL ROOT
"""
import json
import os
import random
import struct
import sys
import tempfile

import expect
from expect import check, read

PROGRAM, MODEL, ROOT = (os.path.abspath(a) for a in sys.argv[1:4])
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import sparse_header


def run(*args, status=0):
    return expect.run(PROGRAM, *args, status=status)


def contents(path):
    """{tensor: its bytes}"""
    raw = read(path)
    tensors = json.loads(run("--dry-run", "--json", "--quiet", path, "-o", "no.gguf").stdout)["tensors"]
    return {t["name"]: raw[t["offset"]:t["offset"] + t["bytes"]] for t in tensors}


def pruned(tensors, gone):
    """The same without these layers."""
    out = {}
    for name, data in tensors.items():
        parts = name.split(".")
        if parts[0] == "blk" and int(parts[1]) in gone:
            continue
        if parts[0] == "blk":
            parts[1] = str(int(parts[1]) - sum(g < int(parts[1]) for g in gone))
        out[".".join(parts)] = data
    return out


def write_imatrix(path, names):
    rng = random.Random(5)
    with open(path, "wb") as f:
        f.write(struct.pack("<i", len(names)))
        for name in names:
            n = 512 if "ffn_down" in name else 256
            f.write(struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", 1, n))
            f.write(struct.pack("<%df" % n, *(rng.expovariate(1) ** 3 for _ in range(n))))


def layers():
    """A directory and a GGUF, with importance of the whole model: each layer that is left has the bytes that it had."""
    run("--quiet", MODEL, "-o", "source.gguf")
    names = [n for n in contents("source.gguf") if n.startswith("blk.") and "norm" not in n]
    write_imatrix("whole.dat", names)
    kind = ["--quiet", "--quant", "Q4_K", "--pure", "--imatrix", "whole.dat"]
    run(*kind, "source.gguf", "-o", "whole.gguf")
    whole = contents("whole.gguf")
    for gone in ([0], [3], [1, 2], [0, 2], [0, 1, 3]):
        text = ",".join(map(str, reversed(gone + gone[:1])))
        run(*kind, "--strict", "--prune-layers", text, "source.gguf", "-o", "less.gguf")
        check(text, contents("less.gguf") == pruned(whole, gone))
        check(text + ": block_count", sparse_header.key("llama.block_count", "u32", 4 - len(gone)) in read("less.gguf"))
        run(*kind, "--strict", "--prune-layers", text, MODEL, "-o", "directory.gguf")
        check(text + ": of a directory", read("directory.gguf") == read("less.gguf"))
        os.unlink("less.gguf")
        os.unlink("directory.gguf")
    run(*kind, "--split-max-tensors", "9", "source.gguf", "-o", "parts.gguf")
    run("--quiet", "--keep-split", "--prune-layers", "1", "parts-00001-of-00005.gguf", "-o", "fewer.gguf")
    check("parts", contents("fewer-00001-of-00005.gguf").keys() == pruned(whole, [1]).keys())
    done = run("--json", "--quiet", "--prune-layers", "2", "--verify", "source.gguf", "-o", "checked.gguf")
    check("verify", json.loads(done.stdout)["verify"]["departures"] == 0)


KEYS = (
    ("general.architecture", "str", "lfm2"), ("lfm2.block_count", "u32", 6), ("lfm2.embedding_length", "u32", 32),
    ("lfm2.attention.head_count", "u32", 4), ("lfm2.attention.head_count_kv", "u32", [1, 0, 2, 0, 3, 0]),
    ("lfm2.attention.sliding_window_pattern", "bool", [True, True, False, False, True, False]),
    ("lfm2.rope.dimension_sections", "i32", [1, 2, 3, 4, 5, 6]), ("lfm2.rope.freq_base", "f32", 1.5),
    ("lfm2.leading_dense_block_count", "u32", 3), ("lfm2.nextn_predict_layers", "u32", 2),
    ("xielu.alpha_n", "f32", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), ("other.list", "u32", [0, 1, 2, 3, 4, 5]))


def keys():
    """Layers 1, 4 and 5 go: one of three dense ones, both for multi-token prediction."""
    tensors = [{"name": "token_embd.weight", "shape": [4, 32], "type": "F32"}]
    tensors += [{"name": "blk.%d.ffn_up.weight" % i, "shape": [i + 1, 32], "type": "F32"} for i in range(6)]
    sparse_header.write("keys.gguf", [sparse_header.key(*k) for k in KEYS], tensors)
    run("--quiet", "--prune-layers", "5,1,4", "keys.gguf", "-o", "fewer.gguf", "--force")
    want = {"lfm2.block_count": 3, "lfm2.attention.head_count_kv": [1, 2, 0], "lfm2.leading_dense_block_count": 2,
            "lfm2.attention.sliding_window_pattern": [True, False, False], "lfm2.nextn_predict_layers": 0,
            "xielu.alpha_n": [0.0, 2.0, 3.0]}
    raw, expected = read("fewer.gguf"), [sparse_header.key(n, k, want.get(n, v)) for n, k, v in KEYS]
    check("keys", raw[24:].startswith(b"".join(expected)))
    plan = json.loads(run("--dry-run", "--json", "--quiet", "fewer.gguf", "-o", "no.gguf").stdout)
    check("shapes", [(t["name"], t["shape"][0]) for t in plan["tensors"]] ==
          [("token_embd.weight", 4), ("blk.0.ffn_up.weight", 1), ("blk.1.ffn_up.weight", 3), ("blk.2.ffn_up.weight", 4)])
    sparse_header.write("keys.gguf", [sparse_header.key(*k) for k in KEYS[:5]] +
                        [sparse_header.key("lfm2.attention.sliding_window_pattern", "u32", 3)], tensors)
    check("a note", "every n-th layer" in run("--prune-layers", "0", "keys.gguf", "-o", "n.gguf").stderr)
    sparse_header.write("keys.gguf", [sparse_header.key(*k) for k in KEYS[:1]], tensors)
    check("no count", "has 0" in run("--prune-layers", "0", "keys.gguf", "-o", "n.gguf", "--force", status=2).stderr)


def refused():
    for text, message in (("", "no list"), ("x", "no list"), ("1,", "no list"), (",1", "no list"), ("1 2", "no list"),
                          ("0-2", "no list"), ("-1", "no list"), ("99999999999999999999", "no list"), ("2147483647", "no list"),
                          ("4", "no layer 4 "), ("1,2147483646", "no layer 2147483646 "), ("0,1,2,3", "no layer would be left")):
        check(text, message in run("--prune-layers", text, MODEL, "-o", "bad.gguf", status=2).stderr)
    check("lora", "--lora" in run("--prune-layers", "1", "--lora", "x", MODEL, "-o", "bad.gguf", status=2).stderr)
    check("nothing written", not os.path.exists("bad.gguf"))


def main():
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        for test in (layers, keys, refused):
            test()
        os.chdir("/")
    expect.tell()


main()
