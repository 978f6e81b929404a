#!/usr/bin/env python3
"""Writes the small files in testdata/, good and bad, and the README that says what is special in each.

usage: scripts/gen-testdata.py            write them
       scripts/gen-testdata.py --check    compare what is there with what would be written; status 1 if it differs

A format is a function that yields (path below testdata, bytes, one line). Names say the verdict: good-*, bad-*,
unsupported-*. Standard library only, and nothing of the project: the files are an independent view of the formats.
"""
import pathlib
import struct
import sys

from testdata_safetensors import safetensors
from testdata_torch import torch

TESTDATA = pathlib.Path(__file__).resolve().parent.parent / "testdata"

HEADER = """\
Files for the tests. All but models/ are written by scripts/gen-testdata.py, which also writes this list.

good-*          must be read
bad-*           must be refused as malformed
unsupported-*   well formed, but of a kind that is refused in plain words

models/llama            a tiny trained Llama with tokenizer and goldens by transformers (see its golden/)
quantized/*             a corner of it quantized by each scheme, and digests of the decoded values (scripts/compare_sources.py)
fuzz/TARGET/*           inputs that fuzz/fuzz_TARGET.c replays: each once found something, or reaches further than others
"""


class Gguf:
    """A GGUF under construction, right or wrong. Source: ggml's docs/gguf.md."""

    def __init__(self, version=3, big=False, tensors=None, kvs=None):
        self.order = ">" if big else "<"
        self.version, self.kv, self.infos, self.data, self.align = version, [], [], b"", 32
        self.tensors, self.kvs = tensors, kvs  # counts to claim instead of the true ones

    def num(self, code, *values):
        return struct.pack(self.order + code * len(values), *values)

    def length(self, n):
        return self.num("I" if self.version == 1 else "Q", n)

    def text(self, s):
        s = s if isinstance(s, bytes) else s.encode()
        return self.length(len(s)) + s

    def key(self, key, kind, value):
        """value: bytes, or a number for the scalar types"""
        codes = "BbHhIif?  Qqd"
        if not isinstance(value, bytes):
            value = self.num(codes[kind], value)
        self.kv.append(self.text(key) + self.num("I", kind) + value)
        return self

    def array(self, kind, items):
        return self.num("I", kind) + self.length(len(items)) + b"".join(items)

    def tensor(self, name, dims, kind, data, off=None, at=None):
        """dims innermost first; off: the offset to claim; at: where the contents really go"""
        if at is None:
            at = -len(self.data) % self.align + len(self.data)
        self.data = self.data.ljust(at, b"\0") + data
        self.infos.append(self.text(name) + self.num("I", len(dims)) + b"".join(self.length(d) for d in dims)
                          + self.num("I", kind) + self.num("Q", at if off is None else off))
        return self

    def bytes(self):
        count = lambda claimed, true: self.length(len(true) if claimed is None else claimed)
        head = (b"GGUF" + self.num("I", self.version) + count(self.tensors, self.infos) + count(self.kvs, self.kv)
                + b"".join(self.kv) + b"".join(self.infos))
        if not self.data:
            return head
        data = self.data + b"\0" * (-len(self.data) % self.align)
        return head + b"\0" * (-len(head) % self.align) + data


def floats(g, n):
    return g.num("f", *(0.5 * i for i in range(n)))


def gguf_good():
    for version, big in [(1, False), (2, False), (3, False), (1, True), (3, True)]:
        g = Gguf(version, big)
        g.key("general.architecture", 8, g.text("llama")).key("a.count", 4, 7).key("a.ratio", 6, 0.25)
        g.key("a.words", 9, g.array(8, [g.text("one"), g.text("two")]))
        g.tensor("m.weight", [4, 3], 0, floats(g, 12)).tensor("h.weight", [8], 1, g.num("H", *range(0x3c00, 0x3c08)))
        yield (f"good-v{version}{'-big-endian' if big else ''}", g.bytes(),
               f"version {version}, {'big' if big else 'little'} endian: keys, F32 [3, 4], F16 [8]")
    g = Gguf()
    for kind, value in enumerate([255, -1, 65535, -1, 2**32 - 1, -1, 1.5, True, None, None, 2**64 - 1, -1, -2.5]):
        if value is not None:
            g.key(f"type.{kind}", kind, value)
    g.key("type.8", 8, g.text("grün\n\u2581")).key("array.empty", 9, g.array(4, []))
    g.key("array.bool", 9, g.array(7, [b"\1", b"\0"])).key("array.u64", 9, g.array(10, [g.num("Q", 2**63)]))
    g.key("array.array", 9, g.array(9, [g.array(3, [g.num("h", -7)]), g.array(8, [g.text("deep")])]))
    yield "good-all-values", g.bytes(), "a key of each type, an array in an array; no tensors"
    g = Gguf()
    g.align = 64
    g.key("general.alignment", 4, 64).tensor("a", [3], 0, floats(g, 3)).tensor("b", [3], 0, floats(g, 3))
    yield "good-alignment-64", g.bytes(), "general.alignment 64"
    g = Gguf()
    g.tensor("late", [2], 0, floats(g, 2), at=96)
    g.infos.append(g.text("early") + g.num("I", 1) + g.length(2) + g.num("I", 0) + g.num("Q", 32))
    yield "good-order-and-gap", g.bytes(), "contents in another order than announced, with gaps: allowed, but not by llama.cpp"
    g = Gguf()
    g.tensor("scalar", [], 0, floats(g, 1)).tensor("nothing", [32, 0], 8, b"").tensor("last", [1], 0, floats(g, 1))
    yield "good-scalar-and-empty", g.bytes()[:-28], "no dimensions; a dimension of 0; the last tensor without its padding"
    g = Gguf()
    g.tensor("q8", [32], 8, b"\0\x3c" + bytes(range(32))).tensor("q4k", [256], 12, b"\0\x3c\0\x38" + bytes(140))
    yield "good-quantized", g.bytes(), "a block of Q8_0, a block of Q4_K"
    yield "good-llama", llama_gguf(), "a Llama of one layer with a vocabulary of 12, for fuzz_run"
    for no in range(3):
        g = Gguf()
        g.key("split.no", 2, no).key("split.count", 2, 3).key("split.tensors.count", 5, 3)
        g.tensor("abc"[no], [4], 0, floats(g, 4))
        yield f"good-split-0000{no + 1}-of-00003", g.bytes(), f"part {no + 1} of a model of three tensors"


def llama_gguf():
    """A Llama of one layer, width 4, two heads over one, and a SentencePiece vocabulary of 12: it runs."""
    g = Gguf()
    words = ["<unk>", "<s>", "</s>", "<0x61>", "\u2581", "a", "b", "ab", "\u2581a", "c", "bc", "abc"]
    g.key("general.architecture", 8, g.text("llama"))
    for key, n in [("context_length", 16), ("embedding_length", 4), ("block_count", 1), ("feed_forward_length", 4),
                   ("attention.head_count", 2), ("attention.head_count_kv", 1), ("rope.dimension_count", 2),
                   ("vocab_size", len(words))]:
        g.key("llama." + key, 4, n)
    g.key("llama.attention.layer_norm_rms_epsilon", 6, 1e-5).key("llama.rope.freq_base", 6, 10000.0)
    g.key("tokenizer.ggml.model", 8, g.text("llama")).key("tokenizer.ggml.pre", 8, g.text("default"))
    g.key("tokenizer.ggml.tokens", 9, g.array(8, [g.text(w) for w in words]))
    g.key("tokenizer.ggml.scores", 9, g.array(6, [g.num("f", -i) for i in range(len(words))]))
    g.key("tokenizer.ggml.token_type", 9, g.array(5, [g.num("i", t) for t in [2, 3, 3, 6] + [1] * 8]))
    g.key("tokenizer.ggml.bos_token_id", 4, 1).key("tokenizer.ggml.eos_token_id", 4, 2)
    for name, dims in [("token_embd", [4, 12]), ("output_norm", [4])] + [("blk.0." + n, d) for n, d in [
            ("attn_norm", [4]), ("attn_q", [4, 4]), ("attn_k", [4, 2]), ("attn_v", [4, 2]), ("attn_output", [4, 4]),
            ("ffn_norm", [4]), ("ffn_gate", [4, 4]), ("ffn_up", [4, 4]), ("ffn_down", [4, 4])]]:
        n = dims[0] * (dims[1] if len(dims) > 1 else 1)
        g.tensor(name + ".weight", dims, 0, g.num("f", *((i * 7 % 11 - 5) / 8 for i in range(n))))
    return g.bytes()


def gguf_bad():
    yield "bad-magic-only", b"GGUF", "four bytes"
    yield "bad-tensor-count", Gguf(tensors=2**61).bytes(), "2^61 tensors: times the size of anything it wraps"
    yield "bad-kv-count", Gguf(kvs=2**64 - 1).bytes(), "-1 keys"
    g = Gguf()
    yield "bad-key-empty", g.key("", 4, 1).bytes(), "an empty key"
    yield "bad-key-twice", Gguf().key("k", 4, 1).key("k", 4, 1).bytes(), "the same key twice"
    yield "bad-string-length", Gguf().key("k", 8, struct.pack("<Q", 2**64 - 1)).bytes(), "a string of 2^64-1 bytes"
    yield "bad-array-length", Gguf().key("k", 9, struct.pack("<IQ", 10, 2**61 + 1) + bytes(8)).bytes(), \
        "2^61+1 elements of 8 bytes: the product wraps to 8"
    deep = struct.pack("<IQ", 9, 1) * 40 + struct.pack("<IQ", 0, 0)
    yield "bad-array-depth", Gguf().key("k", 9, deep).bytes(), "arrays in arrays, 41 deep"
    yield "bad-bool", Gguf().key("k", 7, b"\2").bytes(), "a truth value of 2"
    yield "bad-alignment-0", Gguf().key("general.alignment", 4, 0).bytes(), "general.alignment 0"
    yield "bad-alignment-type", Gguf().key("general.alignment", 8, g.text("32")).bytes(), "general.alignment as a string"
    yield "bad-dims-wrap", Gguf().tensor("t", [2**63 - 1, 2], 24, bytes(32)).bytes(), "2^63-1 x 2 bytes"
    yield "bad-dims-5", Gguf().tensor("t", [1] * 5, 0, bytes(4)).bytes(), "five dimensions"
    yield "bad-part-of-block", Gguf().tensor("t", [48], 8, bytes(64)).bytes(), "48 elements in blocks of 32"
    yield "bad-offset-end", Gguf().tensor("t", [16], 0, bytes(32)).bytes(), "contents reach past the end of the file"
    yield "bad-offset-wrap", Gguf().tensor("t", [8], 0, bytes(32), off=2**64 - 32).bytes(), "an offset of -32"
    yield "bad-offset-unaligned", Gguf().tensor("t", [4], 0, bytes(64), off=16).bytes(), "an offset of 16, alignment 32"
    yield "bad-overlap", Gguf().tensor("a", [8], 0, bytes(32)).tensor("b", [8], 0, bytes(32), off=0).bytes(), \
        "two tensors at the same place"
    yield "bad-name-twice", Gguf().tensor("a", [1], 0, bytes(4)).tensor("a", [1], 0, bytes(4)).bytes(), "a name twice"
    yield "bad-name-long", Gguf().tensor("n" * 65, [1], 0, bytes(4)).bytes(), "a name of 65 bytes"
    g = Gguf().key("split.no", 2, 1).key("split.count", 2, 2).tensor("a", [1], 0, bytes(4))
    yield "bad-split-second", g.bytes(), "the second part of a split model, alone"
    yield "unsupported-version-4", Gguf(version=4).bytes(), "version 4"
    yield "unsupported-type-removed", Gguf().tensor("t", [32], 4, bytes(32)).bytes(), "type 4, once Q4_2"
    yield "unsupported-type-fork", Gguf().tensor("t", [256], 139, bytes(256)).bytes(), "type 139, of a fork"


def gguf():
    for make in gguf_good, gguf_bad:
        for name, data, line in make():
            yield f"gguf/{name}.gguf", data, line


FORMATS = [gguf, safetensors, torch]


def main():
    files, lines = {}, []
    for make in FORMATS:
        for path, data, line in make():
            assert len(data) <= 4096 and path not in files, path
            files[path] = data
            lines.append(f"{path:<44} {line}")
    files["README"] = (HEADER + "\n" + "\n".join(lines) + "\n").encode()
    if "--check" in sys.argv[1:]:
        wrong = [p for p, data in files.items() if not (TESTDATA / p).is_file() or (TESTDATA / p).read_bytes() != data]
        print("\n".join(f"testdata/{p} is not what scripts/gen-testdata.py writes" for p in wrong))
        sys.exit(1 if wrong else 0)
    for path, data in files.items():
        (TESTDATA / path).parent.mkdir(parents=True, exist_ok=True)
        (TESTDATA / path).write_bytes(data)
    print(f"{len(files)} files")


main()
