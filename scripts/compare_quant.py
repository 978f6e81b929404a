"""Runs among the peers: compare_quant.py LIBQUANT_SHIM ci|full. See compare-quant."""
import ctypes
import glob
import os
import sys
import time

import numpy as np

# name, GGUF id, elements and bytes per block, share of ggml's error that a search close to the optimum leaves:
# plain, with importance (by a wide search within the format, normal rows)
TYPES = [
    ("Q4_0", 2, 32, 18, 0.886, 0.955), ("Q4_1", 3, 32, 20, 0.768, 0.930), ("Q5_0", 6, 32, 22, 0.876, 0.944),
    ("Q5_1", 7, 32, 24, 0.752, 0.906), ("Q8_0", 8, 32, 34, None, None), ("Q2_K", 10, 256, 84, 0.753, 0.887),
    ("Q3_K", 11, 256, 110, 0.904, 0.960), ("Q4_K", 12, 256, 144, 0.935, 0.921), ("Q5_K", 13, 256, 176, 0.857, 0.837),
    ("Q6_K", 14, 256, 210, 0.844, 0.815), ("IQ4_NL", 20, 32, 18, 0.925, 0.915), ("IQ4_XS", 23, 256, 136, 0.921, 0.907),
    ("IQ2_XXS", 16, 256, 66, 0.904, 0.838), ("IQ2_XS", 17, 256, 74, 0.898, 0.827), ("IQ2_S", 22, 256, 82, 0.812, 0.855),
    ("IQ3_XXS", 18, 256, 98, 0.672, 0.870), ("IQ3_S", 21, 256, 110, 0.602, 0.824), ("IQ1_S", 19, 256, 50, 0.832, 0.830),
    ("IQ1_M", 29, 256, 56, 0.498, 0.833), ("TQ1_0", 34, 256, 54, 0.290, 0.287), ("TQ2_0", 35, 256, 66, 0.290, 0.287),
    ("MXFP4", 39, 32, 17, 0.953, 0.938), ("NVFP4", 40, 64, 36, 0.744, 0.631), ("Q1_0", 41, 128, 18, 1.000, 0.988),
    ("Q2_0", 42, 64, 18, 0.240, 0.214),
]
DECODED = TYPES + [("F16", 1, 1, 2, None, None), ("BF16", 30, 1, 2, None, None)]
REFUSE = ("IQ2_XXS", "IQ2_XS", "IQ1_S")  # ggml has no importance of its own for these: they are given ones

floats = np.ctypeslib.ndpointer(np.float32, flags="C")
octets = np.ctypeslib.ndpointer(np.uint8, flags="C")


class Traits(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("elems", ctypes.c_int64), ("interleave", ctypes.c_int64),
                ("bytes", ctypes.c_size_t), ("quantized", ctypes.c_bool),
                ("to_float", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64))]


class Ggml:
    def __init__(self):
        self.lib = ctypes.CDLL(sorted(glob.glob("/usr/lib/*/libggml-base.so*"))[0])
        self.lib.ggml_get_type_traits.restype = ctypes.POINTER(Traits)
        self.lib.ggml_quantize_chunk.restype = ctypes.c_size_t
        self.lib.ggml_quantize_chunk.argtypes = [ctypes.c_int, floats, octets, ctypes.c_int64, ctypes.c_int64,
                                                 ctypes.c_int64, ctypes.c_void_p]

    def encode(self, t, x, w, out):
        self.lib.ggml_quantize_chunk(t[1], x, out, 0, x.shape[0], x.shape[1],
                                     w.ctypes.data if w is not None else None)

    def decode(self, t, b):
        x = np.zeros((b.shape[0], b.shape[1] // t[3] * t[2]), np.float32)
        self.lib.ggml_get_type_traits(t[1]).contents.to_float(b.ctypes.data, x.ctypes.data, x.size)
        return x


class Ours:
    def __init__(self, path, effort):
        self.effort = effort
        self.lib = ctypes.CDLL(path)
        size = ctypes.c_size_t
        self.lib.shim_encode.argtypes = [ctypes.c_uint32, floats, ctypes.c_void_p, ctypes.c_int, octets, size, size]
        self.lib.shim_decode.argtypes = [ctypes.c_uint32, octets, floats, size, size]

    def encode(self, t, x, w, out):
        if self.lib.shim_encode(t[1], x, w.ctypes.data if w is not None else None, self.effort, out,
                                *x.shape):
            sys.exit(f"libquant cannot encode {t[0]}")

    def decode(self, t, b):
        x = np.zeros((b.shape[0], b.shape[1] // t[3] * t[2]), np.float32)
        if self.lib.shim_decode(t[1], b, x, *x.shape):
            sys.exit(f"libquant cannot decode {t[0]}")
        return x


def own_weights(name, x):
    """What ggml's encoder minimizes when it is given no importance."""
    a = np.abs(x).astype(np.float64)
    if name == "Q2_K":
        return a
    if name in ("Q3_K", "Q6_K", "IQ4_NL", "IQ4_XS", "IQ3_XXS", "IQ3_S", "IQ1_M"):
        return a * a
    if name in REFUSE + ("IQ2_S",):
        block = a.reshape(-1, 256)
        s2 = (block * block).mean(1, keepdims=True)
        own = s2 / 2 + block * block if name == "IQ2_S" else np.sqrt((2 if name == "IQ1_S" else 1) * s2 + block * block)
        return own.reshape(a.shape)
    if name in ("Q4_K", "Q5_K"):
        sub = a.reshape(-1, 32)
        return (np.sqrt((sub * sub).mean(1, keepdims=True)) + sub).reshape(a.shape)
    return np.ones_like(a)


def error(x, y, w):
    d = x.astype(np.float64) - y
    return float((w * d * d).sum() / (w * x.astype(np.float64) ** 2).sum())


def drawn(n_rows, rng):
    shape = (n_rows, 1024)
    return {"normal": rng.normal(0, 0.02, shape), "Laplace": rng.laplace(0, 0.02 / np.sqrt(2), shape),
            "t4": rng.standard_t(4, shape) * 0.02 / np.sqrt(2)}


def model_rows(name, limit):
    """The matrices of a model whose rows are whole superblocks, cut into rows of 256; up to `limit` from each, evenly."""
    import torch
    from safetensors.torch import load_file
    rows = []
    for path in sorted(glob.glob(f"../shared/models/{name}/*.safetensors")):
        for tensor in load_file(path).values():
            if tensor.dim() == 2 and tensor.shape[1] % 256 == 0:
                flat = tensor.to(torch.float32).numpy().reshape(-1, 256)
                rows.append(flat[np.linspace(0, len(flat) - 1, min(limit, len(flat))).astype(int)])
    return np.concatenate(rows)


def timed(lib, t, x, w):
    """The bytes, and nanoseconds of this thread's CPU time per weight, the best of the runs."""
    q = np.ones((x.shape[0], x.shape[1] // t[2] * t[3]), np.uint8)  # its pages are there before the clock starts
    best, spent, runs = float("inf"), 0.0, 0
    while runs < 2 or (spent < 0.02 and runs < 20):
        start = time.thread_time()
        lib.encode(t, x, w, q)
        took = time.thread_time() - start
        best, spent, runs = min(best, took), spent + took, runs + 1
    return q, best / x.size * 1e9


def check_decoders(ggml, ours, rng):
    """Random bytes, every pattern included: equal bits, but one NaN is as good as another."""
    bad = 0
    for t in DECODED:
        b = rng.integers(0, 256, (8, 512 * t[3]), dtype=np.uint8)
        x, y = ggml.decode(t, b), ours.decode(t, b)
        same = (x.view(np.uint32) == y.view(np.uint32)) | (np.isnan(x) & np.isnan(y))
        if not same.all():
            print(f"{t[0]}: decoders differ in {(~same).sum()} of {same.size} values")
            bad += 1
    print(f"decoders: {len(DECODED) - bad} of {len(DECODED)} types equal ggml's bit for bit on random bytes")
    return bad


def summary(name, rows):
    """A line of docs/quantization.md: means and the worst over all rows; rows: ([error ratio plain, own, weighted],
    [ggml's time, ours, the same two with importance])."""
    ratios, times = np.array([r[0] for r in rows]), np.array([r[1] for r in rows]).mean(0)
    speeds = " | ".join(f"{g:.2g} | {o:.2g} | {g / o:.1f}" if g < 100 else f"{g:.0f} | {o:.2g} | {g / o:.1f}"
                        for g, o in (times[:2], times[2:]))
    return (f"| {name} | {ratios[:, 0].mean():.3f} | {ratios[:, 0].max():.3f} | {ratios[:, 1].max():.3f} | "
            f"{ratios[:, 2].mean():.3f} | {ratios[:, 2].max():.3f} | {speeds} |")


def main():
    effort = ("normal", "fast", "best").index(os.environ.get("EFFORT", "normal"))
    ggml, ours = Ggml(), Ours(sys.argv[1], effort)
    full = sys.argv[2] != "ci"
    rng = np.random.default_rng(1)
    bad = check_decoders(ggml, ours, rng)
    data = drawn(256 if full else 48, rng)
    for model in ("llama", "llama2-sharded", "mixtral", "qwen3", "gemma2") if full else ("llama",):
        data[model] = model_rows(model, 64 if full else 16)
    print(f"{'type':7} {'rows':15} {'ggml plain':>10} {'ours':>10} {'plain':>6} {'own':>6} {'weighted':>8} "
          f"{'headroom':>13} {'ns/weight':>15} {'weighted':>13}")
    only, table = sys.argv[3:], []
    for t in [t for t in TYPES if not only or t[0] in only]:
        rows = []
        for name, x in data.items():
            x = np.ascontiguousarray(x, np.float32)
            w = rng.lognormal(0, 1, x.shape[1]).astype(np.float32)
            before, own, e, ns = bad, own_weights(t[0], x), {}, {}
            for who, lib in (("ggml", ggml), ("ours", ours)):
                plain, plain_ns = timed(lib, t, x, np.ones(x.shape[1], np.float32) if t[0] in REFUSE else None)
                weighted, weighted_ns = timed(lib, t, x, w)
                y, z = lib.decode(t, plain), lib.decode(t, weighted)
                e[who] = [error(x, y, 1.0), error(x, y, own), error(x, z, w.astype(np.float64))]
                ns[who] = [plain_ns, weighted_ns]
            ratio = [b / a for a, b in zip(e["ggml"], e["ours"])]
            rows.append((ratio, [time for both in zip(ns["ggml"], ns["ours"]) for time in both]))
            bad += any(r > 1 for r in ratio)
            print(f"{t[0]:7} {name:15} {e['ggml'][0]:10.3e} {e['ours'][0]:10.3e} {ratio[0]:6.3f} {ratio[1]:6.3f} "
                  f"{ratio[2]:8.3f} {t[4] or 1:6.3f} {t[5] or 1:6.3f} {ns['ggml'][0]:7.1f} {ns['ours'][0]:7.2f} "
                  f"{ns['ggml'][1]:6.1f} {ns['ours'][1]:6.2f}{'  WORSE' if bad > before else ''}")
        table.append(summary(t[0], rows))
    print("", *table, sep="\n")
    return 1 if bad else 0


sys.exit(main())
