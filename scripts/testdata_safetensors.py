"""safetensors files for gen-testdata.py: (name, bytes, one line)."""
import json
import struct


def file(header, data=b"", length=None, pad=True):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    if pad:
        text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def info(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


F4 = struct.pack("<4f", 0, 1, 2, 3)
TYPES = [("BOOL", 1), ("U8", 1), ("I8", 1), ("F8_E5M2", 1), ("F8_E4M3", 1), ("F8_E8M0", 1), ("F8_E4M3FNUZ", 1),
         ("F8_E5M2FNUZ", 1), ("I16", 2), ("U16", 2), ("F16", 2), ("BF16", 2), ("I32", 4), ("U32", 4), ("F32", 4),
         ("C64", 8), ("F64", 8), ("I64", 8), ("U64", 8)]


def good():
    yield "good-plain", file({"__metadata__": {"format": "pt"}, "a.weight": info("F32", [2, 2], 0, 16)}, F4), \
        "F32 [2, 2] and metadata"
    header, data = {}, b""
    for name, size in TYPES:
        header[name] = info(name, [3], len(data), len(data) + 3 * size)
        data += bytes(range(3 * size)) if name != "BOOL" else b"\0\1\1"
    for name, shape, n in ("F4", [2, 3], 3), ("F6_E2M3", [2, 2], 3), ("F6_E3M2", [4], 3):
        header[name] = info(name, shape, len(data), len(data) + n)
        data += bytes(range(n))
    yield "good-types", file(header, data), "every type of safetensors 0.8; those of 4 and 6 bits run across rows"
    yield "good-nothing", file(b"{}"), "no tensors"
    yield "good-spaces", file(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}' + b" " * 100, b"x"), \
        "a header that ends in many spaces"
    yield "good-scalar-and-empty", file({"s": info("F32", [], 0, 4), "e": info("F32", [0, 5], 4, 4)}, F4[:4]), \
        "a scalar; a dimension of 0"
    yield "good-order", file({"late": info("U8", [2], 2, 4), "early": info("U8", [2], 0, 2)}, b"abcd"), \
        "contents in another order than the header's"
    yield "good-escapes", file(b'{"\\u0000\\n\\ud83d\\ude00\\u007f\\"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x"), \
        "a name of NUL, newline, emoji, DEL and quote, all escaped"


def bad_header():
    one = info("F32", [2, 2], 0, 16)
    yield "bad-length-past-end", file({"a": one}, F4, length=4096), "a header longer than the file"
    yield "bad-length-huge", file({"a": one}, F4, length=2**63), "a header of 2^63 bytes"
    yield "bad-header-cut", file(b'{"a":', pad=False), "JSON that ends early"
    yield "bad-deep", file(b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}"), "arrays in arrays, 1000 deep"
    yield "bad-utf8", file(b'{"\xff":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x"), "a name that is not UTF-8"
    yield "bad-metadata-number", file({"__metadata__": {"n": 1}, "a": one}, F4), "a number as metadata"
    yield "bad-metadata-nested", file({"__metadata__": {"n": {}}, "a": one}, F4), "an object as metadata"
    yield "bad-metadata-twice", file(b'{"__metadata__":{},"__metadata__":{}}'), "__metadata__ twice"
    yield "bad-name-twice", file(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
                                 b'"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', b"xy"), "a tensor twice"
    yield "bad-key-twice", file(b'{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', b"x"), \
        "a tensor with two types"
    yield "bad-no-dtype", file({"a": {"shape": [1], "data_offsets": [0, 1]}}, b"x"), "a tensor without a type"
    yield "bad-tensor-array", file({"a": [1]}), "a tensor that is an array"
    yield "bad-three-offsets", file({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1, 1]}}, b"x"), "three offsets"


def bad_numbers():
    yield "bad-hole", file({"a": info("U8", [1], 0, 1), "b": info("U8", [1], 2, 3)}, b"xyz"), "a byte of no tensor between two"
    yield "bad-hole-first", file({"a": info("U8", [1], 1, 2)}, b"xy"), "a byte of no tensor before the first"
    yield "bad-trailing", file({"a": info("U8", [1], 0, 1)}, b"xPK\3\4"), "bytes after the last tensor"
    yield "bad-overlap", file({"a": info("U8", [2], 0, 2), "b": info("U8", [2], 1, 3)}, b"xyz"), "two tensors overlap"
    yield "bad-same-place", file({"a": info("U8", [2], 0, 2), "b": info("U8", [2], 0, 2)}, b"xy"), "two tensors at one place"
    yield "bad-past-end", file({"a": info("U8", [8], 0, 8)}, b"xyz"), "a tensor that reaches past the end"
    yield "bad-past-end-wrap", file({"a": info("U8", [8], 2**64 - 9, 2**64 - 1)}, b"x" * 8), "offsets near 2^64"
    yield "bad-backwards", file({"a": info("U8", [1], 1, 0)}, b"x"), "an end before the beginning"
    yield "bad-size", file({"a": info("F32", [3], 0, 16)}, F4), "a shape that does not fit the offsets"
    yield "bad-shape-wrap", file({"a": info("F32", [2**62, 4], 0, 0)}), "2^62 x 4 floats: the product wraps to 0"
    yield "bad-shape-negative", file({"a": info("U8", [-1], 0, 1)}, b"x"), "a dimension of -1"
    yield "bad-shape-float", file({"a": info("U8", [1.0], 0, 1)}, b"x"), "a dimension of 1.0"
    yield "bad-shape-text", file({"a": info("U8", ["1"], 0, 1)}, b"x"), "a dimension in quotes"
    yield "bad-shape-2-64", file(b'{"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,1]}}', b"x"), \
        "a dimension of 2^64"
    yield "bad-offset-exponent", file(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1e0]}}', b"x"), "an offset of 1e0"
    yield "bad-half-byte", file({"a": info("F4", [3], 0, 2)}, b"xy"), "three elements of four bits"
    yield "unsupported-type", file({"a": info("F128", [1], 0, 16)}, F4), "a type that nobody knows"
    yield "unsupported-rank", file({"a": info("U8", [1] * 9, 0, 1)}, b"x"), "nine dimensions"
    yield "unsupported-space-first", file(b' {"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x"), \
        "a space before the brace, which the specification forbids"


def safetensors():
    for make in good, bad_header, bad_numbers:
        for name, data, line in make():
            yield f"safetensors/{name}.safetensors", data, line
