#!/usr/bin/env python3
"""Output in several files: which tensors are in which, their keys, their names; all of them or none.

usage: st2gguf_split.py ST2GGUF GGUF_INSPECT MODEL
"""
import json
import os
import resource
import subprocess
import sys
import tempfile

import expect
from expect import check, read

PROGRAM, INSPECT, MODEL = (os.path.abspath(a) for a in sys.argv[1:4])


def run(*args, status=0, files=None):
    """files: how many may be open, and how many may be asked for."""
    limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, files)) if files else None
    return expect.run(PROGRAM, *args, status=status, preexec_fn=limit)


def n_tensors(path):
    """Of a model, all its parts."""
    done = subprocess.run([INSPECT, "--json", path], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["files"][0]["tensor_count"]


def clear():
    for name in os.listdir("."):
        if name != "whole.gguf":
            os.unlink(name)


def name(i, n, stem="out"):
    return "%s-%05d-of-%05d.gguf" % (stem, i + 1, n)


def plan(*args):
    return json.loads(run("--dry-run", "--json", "--quiet", *args).stdout)


def padded(t):
    return -(-t["bytes"] // 32) * 32


def by_tensors(tensors, n):
    return [tensors[i:i + n] for i in range(0, len(tensors), n)]


def by_bytes(tensors, limit):
    """A part ends before the tensor that would make it larger."""
    parts = [[]]
    for t in tensors:
        if parts[-1] and sum(map(padded, parts[-1])) + padded(t) > limit:
            parts.append([])
        parts[-1].append(t)
    return parts


def cut(args, parts, tensors):
    """These tensors are in these parts, and merged again they are the bytes of the whole."""
    what, n, whole = " ".join(args), len(parts), read("whole.gguf")
    planned = plan("--quant", "Q8_0", *args, MODEL, "-o", "out.gguf")
    run("--quiet", "--threads", "3", "--quant", "Q8_0", *args, MODEL, "-o", "out.gguf")
    check(what + ": names", sorted(os.listdir(".")) == [name(i, n) for i in range(n)] + ["whole.gguf"])
    check(what + ": plan", [(f["path"], f["tensor_count"], f["bytes"]) for f in planned["files"]] ==
          [(name(i, n), len(p), os.path.getsize(name(i, n))) for i, p in enumerate(parts)])
    check(what + ": tensors", [(t["name"], t["file"]) for t in planned["tensors"]] ==
          [(t["name"], i) for i, p in enumerate(parts) for t in p])
    for t, alone in zip(planned["tensors"], tensors):
        there = read(name(t["file"], n))[t["offset"]:t["offset"] + t["bytes"]]
        check("%s: contents of %s" % (what, t["name"]), there == whole[alone["offset"]:alone["offset"] + alone["bytes"]])
    first = [read(name(i, n)) for i in range(n)]
    run("--quiet", "--force", "--threads", "1", "--quant", "Q8_0", *args, MODEL, "-o", "out.gguf")
    check(what + ": threads", first == [read(name(i, n)) for i in range(n)])
    run("--quiet", name(0, n), "-o", "merged.gguf")
    check(what + ": merged", read("merged.gguf") == whole)
    clear()


def cuts():
    tensors = plan("--quant", "Q8_0", MODEL)["tensors"]
    cut(("--split-max-tensors", "9"), by_tensors(tensors, 9), tensors)
    cut(("--split-max-tensors", "1"), by_tensors(tensors, 1), tensors)
    cut(("--split-max-tensors", "13", "--no-tensor-first-split"), [[]] + by_tensors(tensors, 13), tensors)
    cut(("--split-max-size", "1M"), by_bytes(tensors, 1000000), tensors)
    cut(("--split-max-size", "1MiB"), by_bytes(tensors, 1 << 20), tensors)
    cut(("--split-max-size", "100000"), by_bytes(tensors, 100000), tensors) # some tensors are larger, and alone
    cut(("--split-max-size", "1M", "--no-tensor-first-split"), [[]] + by_bytes(tensors, 1000000), tensors)


def keys():
    run("--quiet", "--split-max-tensors", "20", MODEL, "-o", "out.gguf")
    for i in range(2):
        raw = read(name(i, 2))
        for key, value in (("split.no", b"\2\0\0\0" + bytes([i, 0])), ("split.count", b"\2\0\0\0\2\0"),
                           ("split.tensors.count", b"\5\0\0\0\x28\0\0\0")):
            check("%s of part %d" % (key, i), raw.count(len(key).to_bytes(8, "little") + key.encode() + value) == 1)
        check("keys of part %d" % i, (b"general.architecture" in raw) == (i == 0))
    clear()


def kept():
    """As the source is cut, under another name and in other types; a source in one file gives one."""
    run("--quiet", "--split-max-tensors", "9", MODEL, "-o", "src.gguf")
    run("--quiet", "--quant", "Q4_0", "--keep-split", name(0, 5, "src"), "-o", "small-00001-of-00007.gguf")
    got, want = (plan("--keep-split", name(0, 5, s))["tensors"] for s in ("small", "src"))
    check("kept", [(t["name"], t["file"]) for t in got] == [(t["name"], t["file"]) for t in want])
    check("smaller", all(os.path.getsize(name(i, 5, "small")) < os.path.getsize(name(i, 5, "src")) for i in range(5)))
    check("all there", n_tensors(name(0, 5, "small")) == 40)
    run("--quiet", "--keep-split", "whole.gguf", "-o", "again.gguf")
    check("one file", read("again.gguf") == read("whole.gguf"))
    check("for a GGUF", "--keep-split is for a GGUF" in run("--keep-split", MODEL, "-o", "no.gguf", status=2).stderr)
    clear()


def fits():
    """What is not more than one file has the plain name, and no keys of a part."""
    for args in (("--split-max-size", "1G"), ("--split-max-tensors", "40")):
        run("--quiet", "--quant", "Q8_0", *args, MODEL, "-o", "out.gguf")
        check(" ".join(args), sorted(os.listdir(".")) == ["out.gguf", "whole.gguf"] and read("out.gguf") == read("whole.gguf"))
        clear()
    check("no files in JSON", "files" not in plan("--split-max-size", "1G", MODEL))


def all_or_none():
    """One that exists, too many to open, a number that is none: no part is there."""
    open(name(2, 5), "w").close()
    done = run("--quiet", "--split-max-tensors", "9", MODEL, "-o", "out.gguf", status=2)
    check("names the part: " + done.stderr, "'%s'" % name(2, 5) in done.stderr or name(2, 5) + ": is there" in done.stderr)
    check("one is there", sorted(os.listdir(".")) == [name(2, 5), "whole.gguf"])
    run("--quiet", "--force", "--split-max-tensors", "9", MODEL, "-o", "out.gguf")
    check("forced", n_tensors(name(0, 5)) == 40)
    clear()
    run("--quiet", "--split-max-tensors", "1", MODEL, "-o", "out.gguf", status=4, files=(24, 24))
    check("too many open files", os.listdir(".") == ["whole.gguf"])
    run("--quiet", "--split-max-tensors", "1", MODEL, "-o", "out.gguf", files=(24, 400))
    check("as many as may be", os.path.exists(name(39, 40)))
    clear()
    run("--quiet", "--split-max-tensors", "9", "--quant", "F32", MODEL, "-o", "src.gguf")
    raw = bytearray(read(name(3, 5, "src")))
    raw[-4:] = b"\0\0\xc0\x7f"
    with open(name(3, 5, "src"), "wb") as f:
        f.write(raw)
    run("--quiet", "--quant", "Q8_0", "--keep-split", name(0, 5, "src"), "-o", "out.gguf", status=3)
    check("not a number", not [f for f in os.listdir(".") if "out" in f])
    clear()


def checked():
    """--verify reads the parts back before they have names, and writes what it found into the first."""
    done = run("--json", "--quiet", "--quant", "Q8_0", "--split-max-tensors", "9", "--verify", MODEL, "-o", "out.gguf")
    found = json.loads(done.stdout)
    check("verify", found["verify"]["departures"] == 0 and found["output"] == name(0, 5) and len(found["files"]) == 5)
    check("keys", b"verify.kld.mean" in read(name(0, 5)) and b"verify.kld.mean" not in read(name(1, 5)))
    clear()


def refused():
    for args, message in (
            (("--split-max-size", "0"), "is not a size"), (("--split-max-size", "2X"), "is not a size"),
            (("--split-max-size", "-1G"), "is not a size"), (("--split-max-size", "99999999999999G"), "is not a size"),
            (("--split-max-size", ""), "is not a size"), (("--split-max-tensors", "0"), "at least 1"),
            (("--split-max-size", "1G", "--split-max-tensors", "5"), "one of"),
            (("--keep-split", "--split-max-size", "1G"), "one of"), (("--no-tensor-first-split",), "needs --split-max"),
            (("--vocab-only", "--split-max-size", "1G"), "nothing to split")):
        check(" ".join(args), message in run(*args, MODEL, "-o", "out.gguf", status=2).stderr)
    check("nothing written", os.listdir(".") == ["whole.gguf"])


def main():
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        run("--quiet", "--quant", "Q8_0", MODEL, "-o", "whole.gguf")
        for test in (cuts, keys, kept, fits, all_or_none, checked, refused):
            test()
        os.chdir("/")
    expect.tell()


main()
