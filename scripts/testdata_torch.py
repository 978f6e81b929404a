"""PyTorch files for gen-testdata.py: (name, bytes, one line). Zips and pickles are put together byte by byte, because
most of them are wrong on purpose. Sources: PKWARE's APPNOTE.TXT, CPython's pickletools, torch/serialization.py."""
import binascii
import struct

F6 = struct.pack("<6f", 0, 1, 2, 3, 4, 5)


# Pickle: each function gives the bytes that put one value on the stack.

def glob(name, module="torch"):
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def text(s):
    return b"X" + struct.pack("<I", len(s.encode())) + s.encode()


def num(n):
    if 0 <= n < 256:
        return b"K" + bytes([n])
    if -2**31 <= n < 2**31:
        return b"J" + struct.pack("<i", n)
    length = n.bit_length() // 8 + 1
    return b"\x8a" + bytes([length]) + n.to_bytes(length, "little", signed=True)


def tup(*items):
    return b"(" + b"".join(items) + b"t"


def call(function, *args):
    return function + tup(*args) + b"R"


def storage(key="0", n=6, kind="FloatStorage", module="torch", view=None):
    fields = [text("storage"), glob(kind, module), text(key), text("cpu"), num(n)]
    return tup(*fields, *([] if view is None else [view])) + b"Q"


def tensor(store, off=0, size=(2, 3), stride=(3, 1), function="_rebuild_tensor_v2", more=b""):
    return call(glob(function, "torch._utils"), store, num(off), tup(*map(num, size)), tup(*map(num, stride)), b"\x89",
                call(glob("OrderedDict", "collections")), *([more] if more else []))


def table(*pairs):
    return b"}(" + b"".join(text(k) + v for k, v in pairs) + b"u"


def pickle(value, protocol=2):
    return b"\x80" + bytes([protocol]) + value + b"."


PLAIN = pickle(table(("a.weight", tensor(storage()))))


# Zip

class Zip:
    """`wrong` of an entry replaces fields: local_* in its local header, others in the directory."""

    def __init__(self):
        self.data, self.directory, self.n = b"", b"", 0
        self.entries = self.claimed = None

    def add(self, name, data, method=0, flags=0, crc=None, zip64=False, **wrong):
        name = name.encode() if isinstance(name, str) else name
        stored = wrong.get("stored", data)
        crc = binascii.crc32(data) if crc is None else crc
        at = wrong.get("at", len(self.data))
        sizes = [len(stored), wrong.get("size", len(data))]
        extra, small = b"", sizes
        if zip64:
            extra, small = struct.pack("<HHQQ", 1, 16, sizes[1], sizes[0]), [0xffffffff] * 2
        local_name = wrong.get("local_name", name)
        local = [crc, *small]
        if flags & 8:
            local = [0, 0, 0]
        local = [local[0], *wrong.get("local_sizes", local[1:])]
        self.data += b"PK\3\4" + struct.pack("<HHHHHIIIHH", 45, flags, method, 0, 33, *local, len(local_name), len(extra)) \
            + local_name + extra + stored
        if flags & 8:
            self.data += b"PK\7\x08" + struct.pack("<III", crc, *sizes)
        self.directory += b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", 45, 45, flags, method, 0, 33, crc, *small, len(name),
                                                  len(extra), 0, 0, 0, 0, at) + name + extra
        self.n += 1
        return self

    def bytes(self, end64=False, **wrong):
        n, size, off = wrong.get("n", self.n), len(self.directory), wrong.get("off", len(self.data))
        out = self.data + self.directory
        if end64:
            where = len(out)
            out += b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, n, n, size, wrong.get("off64", off))
            out += b"PK\6\7" + struct.pack("<IQI", 0, wrong.get("where", where), 1)
        return out + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, n, n, size, off, 0)


def archive(data_pkl=PLAIN, *storages, top="model", byteorder=b"little", **fields):
    z = Zip().add(f"{top}/data.pkl", data_pkl, **fields)
    if byteorder:
        z.add(f"{top}/byteorder", byteorder)
    for key, data in enumerate(storages or [F6]):
        z.add(f"{top}/data/{key}", data)
    return z.add(f"{top}/version", b"3\n")


def good():
    yield "good-zip", archive().bytes(), "F32 [2, 3]"
    yield "good-zip-as-torch", archive(flags=8 | 1 << 11).bytes(end64=True), \
        "a descriptor behind the pickle, a ZIP64 end record, as torch writes them"
    yield "good-zip64", archive(zip64=True).bytes(end64=True), "sizes in 64 bits"
    yield "good-old", archive(byteorder=None).bytes(), "no byteorder, as before torch 2.1"
    yield "good-big-endian", archive(PLAIN, struct.pack(">6f", *range(6)), byteorder=b"big").bytes(), "byteorder big"
    raw = b"\1" + struct.pack("<HH", len(PLAIN), len(PLAIN) ^ 0xffff) + PLAIN
    yield "good-deflated-pickle", archive(PLAIN, method=8, stored=raw).bytes(), "the pickle is compressed"
    yield "good-crc-0", archive(crc=0).bytes(), "no checksum for the pickle"
    views = table(("turned", tensor(storage(), 0, (3, 2), (1, 3))), ("part", tensor(storage(), 1, (2, 2), (3, 1))),
                  ("spread", tensor(storage(), 2, (4,), (0,))), ("scalar", tensor(storage(), 5, (), ())),
                  ("empty", tensor(storage(), 6, (0, 3), (3, 1))))
    yield "good-views", archive(pickle(views)).bytes(), "five views of one storage"
    fp8 = tensor(storage(n=24, kind="UntypedStorage", module="torch.storage"), 6, (4,), (1,), "_rebuild_tensor_v3",
                 glob("float8_e4m3fn"))
    yield "good-fp8", archive(pickle(table(("w", fp8)))).bytes(), "float8 in an untyped storage"
    par = call(glob("_rebuild_parameter", "torch._utils"), tensor(storage()), b"\x88", call(glob("OrderedDict", "collections")))
    wrapped = table(("epoch", num(3)), ("optimizer", table(("x", tensor(storage())))),
                    ("state_dict", table(("a", table(("b", par))), ("version", text("1")))))
    yield "good-wrapped", archive(pickle(wrapped)).bytes(), "a parameter in a dict in state_dict, beside other things"
    yield "good-protocol-4", archive(pickle(b"\x95" + struct.pack("<Q", 40) + table(("a", tensor(storage()))), 4)).bytes(), \
        "protocol 4, with a frame"


def bad_zip():
    whole = archive().bytes()
    yield "bad-cut", whole[:-10], "the end is missing"
    yield "bad-appended", whole + b"#!/bin/sh\n", "something behind the end record"
    yield "bad-prefixed", b"PK\3\4" + whole, "something before the first entry"
    yield "bad-two-ends", whole + b"PK\5\6" + bytes(18), "a second end record"
    yield "bad-zip64-disagree", archive().bytes(end64=True, off64=1), "two end records that contradict each other"
    yield "bad-zip64-locator", archive().bytes(end64=True, where=7), "a locator that points nowhere"
    yield "bad-count", archive().bytes(n=40), "more entries claimed than the directory holds"
    yield "bad-count-low", archive().bytes(n=2), "fewer entries claimed than the directory holds"
    yield "bad-directory-offset", archive().bytes(off=3), "a directory somewhere else"
    yield "bad-local-name", archive(local_name=b"model/data.txt").bytes(), "another name in the local header"
    yield "bad-local-size", archive(local_sizes=[1, 1]).bytes(), "other sizes in the local header"
    yield "bad-two-sizes", archive(size=9).bytes(), "stored as it is, with two sizes"
    inner = Zip().add("model/x", b"within")
    z = archive().add("model/y", inner.data)
    z.directory += Zip().add("model/x", b"within", at=len(z.data) - len(inner.data)).directory
    z.n += 1
    yield "bad-overlap", z.bytes(), "an entry within another"
    yield "bad-past-end", archive().add("model/x", F6, at=10**6).bytes(), "an entry beyond the file"
    yield "bad-crc", archive(crc=1).bytes(), "a wrong checksum for the pickle"
    yield "bad-deflate", archive(method=8, stored=b"\xff" * 40).bytes(), "compressed data that cannot be unpacked"
    bomb = b"\1" + struct.pack("<HH", 10, 10 ^ 0xffff) + bytes(10)
    yield "bad-bomb", archive(PLAIN, method=8, stored=bomb, size=2**31).bytes(), "a pickle of 2 GiB when unpacked"
    for label, name in ("dotdot", "model/../x"), ("absolute", "/x"), ("backslash", "model\\x"), ("nul", "model/x\0y"):
        yield f"bad-name-{label}", archive().add(name, b"").bytes(), f"an entry called {name!r}"
    yield "bad-name-twice", archive().add("model/data.pkl", PLAIN).bytes(), "two entries called data.pkl"
    yield "bad-two-folders", archive().add("other/data.pkl", PLAIN).bytes(), "entries in two folders"
    yield "bad-byteorder", archive(byteorder=b"middle").bytes(), "byteorder middle"
    yield "unsupported-encrypted", archive(flags=1).bytes(), "an encrypted entry"
    yield "unsupported-method", archive(method=14).bytes(), "compressed with LZMA"
    z = Zip().add("m/data.pkl", PLAIN).add("m/data/0", F6, method=8, stored=b"\1\x18\0\xe7\xff" + F6)
    yield "unsupported-deflated-storage", z.bytes(), "a compressed storage"
    yield "unsupported-no-pickle", Zip().add("m/x", b"").bytes(), "a zip of something else"
    yield "unsupported-empty", Zip().bytes(), "a zip of nothing"
    yield "unsupported-torchscript", archive().add("model/constants.pkl", b"").bytes(), "TorchScript"


def bad_pickle():
    evil = call(glob("system", "os"), text("id"))
    yield "bad-os-system", archive(pickle(evil)).bytes(), "os.system('id')"
    hidden = table(("a", tensor(storage())), ("b", evil))
    yield "bad-os-system-hidden", archive(pickle(hidden)).bytes(), "os.system('id') between tensors"
    yield "bad-broken-tail", archive(PLAIN[:-1] + b"\xff").bytes(), "tensors, then no opcode"
    yield "bad-second-pickle", archive(PLAIN + pickle(evil)).bytes(), "a second pickle behind the first"
    yield "bad-main-class", archive(pickle(call(glob("Net", "__main__")))).bytes(), "a whole module, not its state dict"
    loop = b"}q\0" + text("a") + tensor(storage()) + b"s" + text("again") + b"h\0s"
    yield "bad-loop", archive(pickle(loop)).bytes(), "a dict that holds itself"
    yield "bad-storage-short", archive(PLAIN, F6[:-4]).bytes(), "a storage of five elements instead of six"
    yield "bad-storage-long", archive(PLAIN, F6 + F6).bytes(), "a storage of twelve elements instead of six"
    yield "bad-storage-missing", archive(pickle(table(("a", tensor(storage("7")))))).bytes(), "a storage that is not there"
    yield "bad-storage-path", archive(pickle(table(("a", tensor(storage("../data/0")))))).bytes(), "a storage '../data/0'"
    for label, numbers in (("past", (0, (2, 3), (4, 1))), ("offset", (1, (2, 3), (3, 1))), ("offset-wrap", (2**63, (1,), (1,))),
                           ("wrap", (0, (2**32, 2**32), (2**32, 1))), ("negative", (5, (6,), (-1,))),
                           ("size-negative", (0, (-1,), (1,))), ("spread", (0, (2**40,), (0,))),
                           ("ranks", (0, (2, 3), (3,)))):
        yield f"bad-view-{label}", archive(pickle(table(("a", tensor(storage(), *numbers))))).bytes(), \
            f"offset, size, stride {numbers}"
    yield "unsupported-rank", archive(pickle(table(("a", tensor(storage(), 0, (1,) * 9, (1,) * 9))))).bytes(), "nine dimensions"
    for name in "_rebuild_qtensor", "_rebuild_sparse_tensor", "_rebuild_meta_tensor_no_storage":
        value = call(glob(name, "torch._utils"), num(0))
        yield f"unsupported{name.replace('_', '-')}", archive(pickle(table(("a", value)))).bytes(), f"a tensor by {name}"
    double = tensor(storage(n=1, kind="ComplexDoubleStorage"), 0, (1,), (1,))
    yield "unsupported-complex128", archive(pickle(table(("a", double)))).bytes(), "complex numbers of 16 bytes"
    yield "unsupported-no-tensor", archive(pickle(table(("a", num(1))))).bytes(), "a dict of numbers"
    yield "unsupported-inst", archive(b"(ios\nsystem\n.").bytes(), "opcode INST"


def legacy_file(keys, records, value=None, little=True, magic=0x1950a86a20f9469cfc6c, protocol=1001):
    system = table(("protocol_version", num(1001)), ("little_endian", b"\x88" if little else b"\x89"))
    value = table(("a.weight", tensor(storage("10", view=b"N")))) if value is None else value
    listed = b"](" + b"".join(map(text, keys)) + b"e"
    head = b"\x8a\x0a" + magic.to_bytes(10, "little")
    data = b"".join(struct.pack("<q", n) + raw for n, raw in records)
    return b"".join(map(pickle, (head, num(protocol), system, value, listed))) + data


def legacy():
    one = (6, F6)
    yield "good-legacy", legacy_file(["10"], [one]), "pre-zip: F32 [2, 3]"
    yield "good-legacy-big-endian", legacy_file(["10"], [(6, struct.pack(">6f", *range(6)))], little=False), "pre-zip, big endian"
    part = tensor(storage("10", view=tup(text("11"), num(2), num(4))), 1, (3,), (1,))
    yield "good-legacy-view", legacy_file(["10"], [one], table(("a", part))), "pre-zip: a tensor in a part of a storage"
    yield "bad-legacy-cut", legacy_file(["10"], [(6, F6[:-1])]), "pre-zip: the storage is cut"
    yield "bad-legacy-trailing", legacy_file(["10"], [one]) + b"x", "pre-zip: a byte behind the last storage"
    yield "bad-legacy-count", legacy_file(["10"], [(5, F6[:20])]), "pre-zip: five elements instead of six"
    yield "bad-legacy-count-negative", legacy_file(["10"], [(-1, F6)]), "pre-zip: -1 elements"
    yield "bad-legacy-twice", legacy_file(["10", "10"], [one, one]), "pre-zip: a storage twice"
    yield "bad-legacy-unknown", legacy_file(["10", "11"], [one, one]), "pre-zip: a storage that nothing refers to"
    yield "bad-legacy-missing", legacy_file([], []), "pre-zip: no storages"
    wide = tensor(storage("10", view=tup(text("11"), num(2), num(5))), 0, (1,), (1,))
    yield "bad-legacy-view", legacy_file(["10"], [one], table(("a", wide))), "pre-zip: a part that reaches beyond its storage"
    yield "bad-legacy-os-system", legacy_file(["10"], [one], call(glob("system", "os"), text("id"))), "pre-zip: os.system('id')"
    yield "bad-plain-os-system", pickle(call(glob("system", "posix"), text("id"))), "a pickle that runs a command"
    yield "unsupported-plain-pickle", pickle(table(("a", num(1)))), "a pickle of something else"
    yield "unsupported-legacy-protocol", legacy_file(["10"], [one], protocol=1000), "pre-zip: another protocol"
    yield "unsupported-tar", b"storages".ljust(257, b"\0") + b"ustar\x0000" + bytes(248), "a tar archive"
    yield "unsupported-7z", b"7z\xbc\xaf\x27\x1c" + bytes(26), "a 7-Zip archive"


def torch():
    for make in good, bad_zip, bad_pickle, legacy:
        for name, data, line in make():
            yield f"torch/{name}.pt", data, line
