"""GGUFs whose data is a hole in the file: enough for programs that only plan.

What a header of a full-size model holds is known without its weights: the keys from `st2gguf --vocab-only`, the tensors from
`st2gguf --dry-run --json` of a config.json. ../shared/scripts/sparse_gguf.py makes such files too, of fewer architectures.
"""
import struct

ALIGN = 32
FIXED = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes of a key's value, by its type
STRING, ARRAY = 8, 9
VALUES = {"u32": (4, "I"), "i32": (5, "i"), "f32": (6, "f"), "bool": (7, "?")}  # number in GGUF, for struct
TYPES = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q8_0": (8, 32, 34), "I32": (26, 1, 4), "BF16": (30, 1, 2)}  # number, block, its bytes


def skip(raw, at, kind):
    """Where the value at `at` ends."""
    if kind == STRING:
        return at + 8 + struct.unpack_from("<Q", raw, at)[0]
    if kind != ARRAY:
        return at + FIXED[kind]
    of, n = struct.unpack_from("<IQ", raw, at)
    at += 12
    if of in FIXED:
        return at + n * FIXED[of]
    for _ in range(n):
        at = skip(raw, at, of)
    return at


def keys_of(path):
    """The keys with their values as they stand in the file, but for the tokenizer's."""
    raw = open(path, "rb").read()
    n, = struct.unpack_from("<Q", raw, 16)
    at, keys = 24, []
    for _ in range(n):
        begin, at = at, skip(raw, at, STRING)
        name = raw[begin + 8:at]
        at = skip(raw, at + 4, struct.unpack_from("<I", raw, at)[0])
        if not name.startswith(b"tokenizer."):
            keys.append(raw[begin:at])
    return keys


def text(s):
    return struct.pack("<Q", len(s.encode())) + s.encode()


def key(name, kind, value):
    """A key as it stands in a file. kind: "str" or one of VALUES; of a list of such there is an array."""
    if kind == "str":
        return text(name) + struct.pack("<I", STRING) + text(value)
    number, letter = VALUES[kind]
    if isinstance(value, list):
        return text(name) + struct.pack("<IIQ%d%s" % (len(value), letter), ARRAY, number, len(value), *value)
    return text(name) + struct.pack("<I" + letter, number, value)


def write(out, keys, tensors):
    """keys: as they stand in the file; tensors: [{name, shape (innermost last), type}]."""
    head, at = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys), 0
    for t in tensors:
        number, block, n = TYPES[t["type"]]
        head += text(t["name"]) + struct.pack("<I%dQIQ" % len(t["shape"]), len(t["shape"]), *reversed(t["shape"]), number, at)
        for d in t["shape"]:
            n *= d
        at += -(-(n // block) // ALIGN) * ALIGN
    with open(out, "wb") as f:
        f.write(head)
        f.truncate(-(-len(head) // ALIGN) * ALIGN + at)
