"""Runs among the peers: compare_quant.py LIBQUANT_SHIM ci|full. See compare-quant."""
import ctypes
import glob
import os
import sys
import time

import numpy as np

# name, GGUF id, elements and bytes per block, share of ggml's error that a search close to the optimum leaves, on normal,
# Laplace and t4 rows and those of models: plain, and with importance (by a wide search within the format). Q8_0 is not
# searched.
TYPES = [
    ("Q4_0", 2, 32, 18, (0.886, 0.911, 0.920, 0.886), (0.955, 0.946, 0.935, 0.951)),
    ("Q4_1", 3, 32, 20, (0.768, 0.781, 0.783, 0.768), (0.930, 0.931, 0.929, 0.928)),
    ("Q5_0", 6, 32, 22, (0.876, 0.913, 0.925, 0.879), (0.944, 0.946, 0.943, 0.940)),
    ("Q5_1", 7, 32, 24, (0.752, 0.765, 0.767, 0.753), (0.906, 0.914, 0.911, 0.903)),
    ("Q8_0", 8, 32, 34, None, None),
    ("Q2_K", 10, 256, 84, (0.753, 0.690, 0.694, 0.753), (0.887, 0.854, 0.842, 0.890)),
    ("Q3_K", 11, 256, 110, (0.904, 0.906, 0.907, 0.902), (0.960, 0.949, 0.936, 0.959)),
    ("Q4_K", 12, 256, 144, (0.935, 0.930, 0.927, 0.935), (0.921, 0.910, 0.901, 0.918)),
    ("Q5_K", 13, 256, 176, (0.857, 0.857, 0.851, 0.857), (0.837, 0.822, 0.807, 0.837)),
    ("Q6_K", 14, 256, 210, (0.844, 0.863, 0.860, 0.848), (0.815, 0.834, 0.826, 0.822)),
    ("IQ4_NL", 20, 32, 18, (0.925, 0.929, 0.930, 0.924), (0.915, 0.924, 0.924, 0.912)),
    ("IQ4_XS", 23, 256, 136, (0.921, 0.925, 0.924, 0.919), (0.907, 0.915, 0.910, 0.907)),
    ("IQ2_XXS", 16, 256, 66, (0.904, 0.851, 0.792, 0.902), (0.838, 0.804, 0.750, 0.840)),
    ("IQ2_XS", 17, 256, 74, (0.898, 0.854, 0.822, 0.900), (0.827, 0.788, 0.750, 0.825)),
    ("IQ2_S", 22, 256, 82, (0.812, 0.737, 0.708, 0.808), (0.855, 0.824, 0.791, 0.855)),
    ("IQ3_XXS", 18, 256, 98, (0.672, 0.566, 0.582, 0.679), (0.870, 0.845, 0.814, 0.866)),
    ("IQ3_S", 21, 256, 110, (0.602, 0.550, 0.587, 0.596), (0.824, 0.821, 0.808, 0.825)),
    ("IQ1_S", 19, 256, 50, (0.832, 0.807, 0.771, 0.835), (0.830, 0.805, 0.767, 0.829)),
    ("IQ1_M", 29, 256, 56, (0.498, 0.555, 0.570, 0.504), (0.833, 0.822, 0.799, 0.830)),
    ("TQ1_0", 34, 256, 54, (0.290, 0.377, 0.426, 0.288), (0.287, 0.369, 0.405, 0.284)),
    ("TQ2_0", 35, 256, 66, (0.290, 0.377, 0.426, 0.288), (0.287, 0.369, 0.405, 0.284)),
    ("MXFP4", 39, 32, 17, (0.953, 0.943, 0.943, 0.942), (0.938, 0.923, 0.916, 0.933)),
    ("NVFP4", 40, 64, 36, (0.744, 0.794, 0.815, 0.723), (0.631, 0.669, 0.695, 0.583)),
    ("Q1_0", 41, 128, 18, (1.000, 1.000, 1.000, 1.000), (0.988, 0.988, 0.987, 0.985)),
    ("Q2_0", 42, 64, 18, (0.240, 0.304, 0.333, 0.236), (0.214, 0.265, 0.283, 0.208)),
]
DECODED = TYPES + [("F16", 1, 1, 2, None, None), ("BF16", 30, 1, 2, None, None)]
SEARCHED = ("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S")
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


def left_of(near, data):
    """The share of ggml's error that a near-optimal search leaves on these rows; 1 where nothing is known."""
    return near[{"normal": 0, "Laplace": 1, "t4": 2}.get(data, 3)] if near else 1.0


def won(ratio, left):
    """The part of that head-room which an error ratio has won."""
    return (1 - ratio) / (1 - left) if left < 1 else 0.0


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
          f"{'head-room left':>14} {'won':>9} {'ns/weight':>15} {'weighted':>13}")
    only, table = sys.argv[3:], []
    for t in [t for t in TYPES if not only or t[0] in only]:
        rows = []
        for name, x in data.items():
            x = np.ascontiguousarray(x, np.float32)
            w = rng.lognormal(0, 1, x.shape[1]).astype(np.float32)
            own, e, ns = own_weights(t[0], x), {}, {}
            for who, lib in (("ggml", ggml), ("ours", ours)):
                plain, plain_ns = timed(lib, t, x, np.ones(x.shape[1], np.float32) if t[0] in REFUSE else None)
                weighted, weighted_ns = timed(lib, t, x, w)
                y, z = lib.decode(t, plain), lib.decode(t, weighted)
                e[who] = [error(x, y, 1.0), error(x, y, own), error(x, z, w.astype(np.float64))]
                ns[who] = [plain_ns, weighted_ns]
            ratio = [b / a for a, b in zip(e["ggml"], e["ours"])]
            rows.append((ratio, [time for both in zip(ns["ggml"], ns["ours"]) for time in both]))
            left = [left_of(t[4], name), left_of(t[5], name)]
            share = [won(ratio[0], left[0]), won(ratio[2], left[1])]
            notes = ["WORSE"] if any(r > 1 for r in ratio) else []
            if t[0] in SEARCHED and min(share) < 1 / 3:
                notes.append("SHORT")
            bad += "WORSE" in notes or (full and effort > 0 and "SHORT" in notes)
            print(f"{t[0]:7} {name:15} {e['ggml'][0]:10.3e} {e['ours'][0]:10.3e} {ratio[0]:6.3f} {ratio[1]:6.3f} "
                  f"{ratio[2]:8.3f} {left[0]:7.3f} {left[1]:6.3f} {share[0]:4.2f} {share[1]:4.2f} {ns['ggml'][0]:7.1f} "
                  f"{ns['ours'][0]:7.2f} {ns['ggml'][1]:6.1f} {ns['ours'][1]:6.2f}", *notes)
        table.append(summary(t[0], rows))
    print("", *table, sep="\n")
    return 1 if bad else 0


sys.exit(main())
