"""The files of scripts/compare-gguf. usage: compare_gguf.py FOLDER"""
import pathlib
import subprocess
import sys

import gguf
import numpy as np

Q = gguf.GGMLQuantizationType
LITTLE, BIG = gguf.GGUFEndian.LITTLE, gguf.GGUFEndian.BIG


def finish(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def plain(path, endian=LITTLE, alignment=None):
    """Every kind of value, tensors of plain types."""
    w = gguf.GGUFWriter(path, "llama", endianess=endian)
    if alignment:
        w.add_custom_alignment(alignment)
    w.add_uint8("a.u8", 200), w.add_int8("a.i8", -3), w.add_uint16("a.u16", 60000), w.add_int16("a.i16", -300)
    w.add_uint32("a.u32", 4000000000), w.add_int32("a.i32", -5), w.add_uint64("a.u64", 2**63 + 1)
    w.add_int64("a.i64", -2**62), w.add_float32("a.f32", 1.5), w.add_float64("a.f64", -0.1)
    w.add_bool("a.true", True), w.add_bool("a.false", False), w.add_string("a.s", "grüße\n"), w.add_string("a.no", "")
    w.add_array("a.words", ["a", "bc", "", "\u20ac"]), w.add_array("a.ints", [1, 2, -3])
    w.add_array("a.floats", [1.0, 2.5]), w.add_array("a.bools", [True, False, True])
    r = np.random.default_rng(1)
    for i, kind in enumerate([np.float32, np.float16, np.float64, np.int8, np.int16, np.int32, np.int64]):
        w.add_tensor(f"t{i}", (100 * r.standard_normal((2, 3, 5 + i))).astype(kind))
    finish(w)


def quantized(path):
    """Random blocks of the types that gguf-py's own converter of byte orders knows."""
    w = gguf.GGUFWriter(path, "llama")
    r = np.random.default_rng(2)
    for t in Q.Q4_0, Q.Q8_0, Q.Q4_K, Q.Q6_K, Q.MXFP4, Q.BF16:
        elems, size = gguf.GGML_QUANT_SIZES[t]
        w.add_tensor(t.name, r.integers(0, 256, (3, 512 // elems * size), dtype=np.uint8), raw_dtype=t)
    finish(w)


def turn(path):
    subprocess.run([sys.executable, "-m", "gguf.scripts.gguf_convert_endian", str(path), "big"], input=b"YES\n",
                   check=True, capture_output=True)


def main():
    folder = pathlib.Path(sys.argv[1])
    for alignment in 8, 32, 64, 4096:
        plain(folder / f"plain-{alignment}.gguf", alignment=alignment)
    plain(folder / "little.gguf")
    plain(folder / "big.gguf", BIG)
    quantized(folder / "blocks.gguf")
    quantized(folder / "turned.gguf")
    turn(folder / "turned.gguf")


main()
