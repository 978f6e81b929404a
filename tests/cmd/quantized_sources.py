#!/usr/bin/env python3
"""st2gguf on quantized checkpoints: testdata/quantized decoded as PyTorch did (scripts/compare_sources.py), and files whose
parts do not fit refused by file, tensor and reason.

usage: quantized_sources.py ST2GGUF GGUF_INSPECT LLM_MEM LLM_RUN SOURCE_ROOT
"""
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

st2gguf, inspect, mem, run, root = (os.path.abspath(a) for a in sys.argv[1:])
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(root, "scripts"))
from gguf_tensors import tensors  # noqa: E402

FOLDER = os.path.join(root, "testdata", "quantized")
UP = "model.layers.0.mlp.up_proj."
failed = 0


def fail(text):
    global failed
    failed += 1
    print("FAILED: " + text)


def convert(model, *options):
    return subprocess.run([st2gguf, "--quiet", "--force", *options, model, "-o", "out.gguf"], text=True, capture_output=True)


def check_values():
    with open(os.path.join(FOLDER, "expected.json"), encoding="utf-8") as f:
        expected = json.load(f)
    for name, sums in expected.items():
        for threads in "1", "3":
            done = convert(os.path.join(FOLDER, name), "--quant", "F32", "--threads", threads)
            if done.returncode:
                fail("%s: %s" % (name, done.stderr))
                continue
            found = tensors("out.gguf")
            for tensor, digest in sums.items():
                if hashlib.sha256(found[tensor][2]).hexdigest() != digest:
                    fail("%s: %s has other values" % (name, tensor))
    return len(expected)


def nvfp4(codes, scales, rows):
    """Blocks of a GGUF: four scales, then of each 16 elements bytes with two that are 8 apart. Rows in the order of `rows`."""
    n, out = len(codes) // len(rows), b""
    for row in rows:
        pairs = codes[row * n:(row + 1) * n]
        e = [x for byte in pairs for x in (byte & 15, byte >> 4)]
        s = scales[row * n // 8:(row + 1) * n // 8]
        for at in range(0, len(e), 64):
            out += s[at // 16:at // 16 + 4]
            out += bytes(e[at + 16 * g + i] | e[at + 16 * g + i + 8] << 4 for g in range(4) for i in range(8))
    return out


def mxfp4(codes, scales, rows):
    """An exponent, then bytes with two elements that are 16 apart."""
    n, out = len(codes) // len(rows), b""
    for row in rows:
        e = [x for byte in codes[row * n:(row + 1) * n] for x in (byte & 15, byte >> 4)]
        for at in range(0, len(e), 32):
            out += scales[(row * n * 2 + at) // 32:][:1] + bytes(e[at + i] | e[at + i + 16] << 4 for i in range(16))
    return out


HEADS = [32 * (r // 32) + r % 2 * 16 + r % 32 // 2 for r in range(64)]  # rows of q_proj as llama.cpp has them


def expect(what, found, wanted):
    if found != wanted:
        fail("%s: %s, expected %s" % (what, found, wanted))


def check_blocks():
    """Blocks that GGUF has too: the same bits, and for NVFP4 the scale of each matrix beside it."""
    for name, codes, over, pack in (("modelopt-nvfp4", "weight", "weight_scale_2", nvfp4), ("ct-nvfp4", "weight_packed", "weight_global_scale", nvfp4),
                                    ("ct-mxfp4", "weight_packed", None, mxfp4)):
        m, folder = Model(name), os.path.join(FOLDER, name)
        for options in ((), ("--quant", "F32", "--tensor-type", "attn_[qkv]|ffn_(up|gate)=" + pack.__name__)):
            done = convert(folder, *options)
            if done.returncode:
                fail("%s: %s" % (name, done.stderr))
                continue
            found = tensors("out.gguf")
            for module, tensor, rows in ((UP, "ffn_up", range(32)), ("model.layers.0.self_attn.q_proj.", "attn_q", HEADS)):
                blocks = pack(m.tensors[module + codes][2], m.tensors[module + "weight_scale"][2], rows)
                if found["blk.0.%s.weight" % tensor][2][:len(blocks)] != blocks:
                    fail("%s: %s has other blocks" % (name, tensor))
                if over:
                    scale, = struct.unpack("<f", m.tensors[module + over][2])
                    scale = struct.pack("<f", 1 / scale if name.startswith("ct") else scale)
                    expect(name + ": scale of " + tensor, found["blk.0.%s.scale" % tensor][2][:4], scale)
                    expect(name + ": scale of inputs", ("blk.0.%s.input_scale" % tensor) in found, name.startswith("modelopt"))
            # rows of 32 have no whole block of 64
            expect(name + ": ffn_down.scale", "blk.0.ffn_down.scale" in found, False)
            if not options:
                expect(name + ": file_type", output(inspect, "--json", "out.gguf")["files"][0]["quantization"], "NVFP4" if over else "MXFP4_MOE")
            done = subprocess.run([run, "--quiet", "--compare", folder, "--ids", "3,1,2,0,5,7,1,4", "--json", "out.gguf"], text=True,
                                  capture_output=True)
            change = json.loads(done.stdout)["max_logit_difference"] if not done.returncode else done.stderr
            if isinstance(change, str) or change > (1e-5 if options else 1e-3):  # what has no blocks is BF16 without --quant
                fail("%s: logits: %s" % (name, change))
        convert(folder, "--quant", "F32")
        expect(name + ": scales in F32", [t for t in tensors("out.gguf") if "scale" in t], [])
        os.unlink("out.gguf")


def check_bad_scales():
    for end, value, words in (("weight_scale", 0x81818181, "up_proj.weight_scale': a scale is negative or no number"),
                              ("weight_scale", 0x7f7f7f7f, "up_proj.weight_scale': a scale is negative or no number"),
                              ("weight_scale_2", 0x7fc00000, "up_proj.weight_scale_2': no scale: not finite"),
                              ("input_scale", 0x7f800000, "up_proj.input_scale': no scale: not finite")):
        m = Model("modelopt-nvfp4")
        number(end, 0, struct.unpack("<i", struct.pack("<I", value))[0])(m)
        m.write()
        done = convert(m.folder)
        if done.returncode != 3 or words not in done.stderr or done.stderr.count("\n") != 1 or os.path.exists("out.gguf"):
            fail("%s: %d: %s" % (words, done.returncode, done.stderr))


# method, bits of a code, the fewest columns to a scale (0: a row or more), whether they are listed
STORED = {"gptq-4-order": ("gptq", 4, 24, True), "gptq-8-sym": ("gptq", 8, 32, True), "awq": ("awq", 4, 24, False),
          "autoround": ("auto-round", 4, 32, False), "ct-pack-8": ("compressed-tensors", 8, 0, False), "ct-nvfp4": ("compressed-tensors", 4, 16, False),
          "ct-mxfp4": ("compressed-tensors", 4, 32, False), "bnb-nf4": ("bitsandbytes", 4, 64, False),
          "hqq-4": ("hqq", 4, 64, False), "bitnet": ("bitnet", 2, 0, False), "mlx-6": ("mlx", 6, 0, False)}
# Whose config.json says what is in the files to the byte.
COUNTED = ["autoround", "awq", "bitnet", "bnb-int8", "ct-float", "ct-int", "ct-mxfp4", "ct-pack-4", "ct-pack-8", "modelopt-fp8", "modelopt-nvfp4"]


def output(*command):
    return json.loads(subprocess.run(command, text=True, capture_output=True, check=True).stdout)


def check_sizes():
    for name, (method, bits, group, ordered) in STORED.items():
        m, found = Model(name), output(inspect, "--json", os.path.join(FOLDER, name))["files"][0]
        c = found["checkpoint"]
        if (c["method"], c["bits"], c["group"], c["ordered"]) != (method, bits, group, ordered):
            fail("gguf-inspect %s: %s" % (name, c))
        plain = ("embed_tokens.weight", "lm_head.weight", "norm.weight", "o_proj.weight")
        left = sum(len(t[2]) for k, t in m.tensors.items() if t[0] == "BF16" and k.endswith(plain))
        if (c["quantized_parameters"], c["other_bytes"]) != (4096 + 2 * 2048 + 3 * 2048, left):
            fail("gguf-inspect %s: %s, %d bytes are left" % (name, c, left))
    for name in COUNTED:
        c = output(mem, "--json", os.path.join(FOLDER, name))["checkpoint"]
        there = sum(len(t[2]) for t in Model(name).tensors.values())
        if c["bytes"] != there:
            fail("llm-mem %s: %d bytes, there are %d" % (name, c["bytes"], there))


class Model:
    """A copy of one of the models, to be changed."""

    def __init__(self, name):
        self.folder = tempfile.mkdtemp(dir=".")
        shutil.copytree(os.path.join(FOLDER, name), self.folder, dirs_exist_ok=True)
        with open(os.path.join(self.folder, "config.json"), encoding="utf-8") as f:
            self.config = json.load(f)
        with open(os.path.join(self.folder, "model.safetensors"), "rb") as f:
            data = f.read()
        n, = struct.unpack_from("<Q", data)
        header = json.loads(data[8:8 + n])
        header.pop("__metadata__", None)
        self.tensors = {k: [t["dtype"], t["shape"], data[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]]]
                        for k, t in header.items()}

    def write(self):
        with open(os.path.join(self.folder, "config.json"), "w", encoding="utf-8") as f:
            json.dump(self.config, f)
        header, data = {}, b""
        for name, (dtype, shape, content) in self.tensors.items():
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
            data += content
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(os.path.join(self.folder, "model.safetensors"), "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text + data)


def cut(end):
    """One row less."""
    def change(m):
        t = m.tensors[UP + end]
        t[2] = t[2][:len(t[2]) // t[1][0] * (t[1][0] - 1)]
        t[1][0] -= 1
    return change


def number(end, at, value):
    def change(m):
        t = m.tensors[UP + end]
        t[2] = t[2][:4 * at] + struct.pack("<i", value) + t[2][4 * at + 4:]
    return change


def without(end):
    return lambda m: m.tensors.pop(UP + end)


def kind(end, dtype):
    def change(m):
        m.tensors[UP + end][0] = dtype
    return change


def setting(key, value):
    def change(m):
        m.config["quantization_config"][key] = value
    return change


def text(change_text):
    def change(m):
        t = m.tensors[UP + "weight.quant_state.bitsandbytes__nf4"]
        t[2] = change_text(t[2])
        t[1] = [len(t[2])]
    return change


# model, change, words of the error; tensor names stand for themselves with ".up_proj" before them
BAD = [
    ("gptq-4-order", cut("qweight"), "up_proj.qweight': no packing of 2, 3, 4 or 8 bits"),
    ("gptq-4-order", cut("qzeros"), "up_proj.qzeros': the shape is [2, 4]"),
    ("gptq-4-order", cut("scales"), "2 groups for rows of 64, which no group size in config.json gives"),
    ("gptq-4-order", setting("group_size", 16), "3 groups for rows of 64, which no group size in config.json gives"),
    ("gptq-4-order", setting("group_size", "x"), "which no group size"),
    ("gptq-4-order", setting("checkpoint_format", "marlin"), "checkpoint_format 'marlin' is not read"),
    ("gptq-4-order", number("g_idx", 63, 3), "up_proj.g_idx': column 63 is in group 3, there are 3 groups"),
    ("gptq-4-order", number("g_idx", 0, -1), "up_proj.g_idx': column 0 is in group -1"),
    ("gptq-4-order", cut("g_idx"), "up_proj.g_idx': the shape is [63]"),
    ("gptq-4-order", kind("g_idx", "F32"), "up_proj.g_idx': its type is F32, expected I32"),
    ("gptq-4-order", kind("scales", "I16"), "up_proj.scales': its type is I16, expected F32, F16 or BF16"),
    ("gptq-4-order", without("qzeros"), "up_proj.qzeros' is missing"),
    ("gptq-4-order", without("scales"), "up_proj.scales' is missing"),
    ("awq", cut("qweight"), "up_proj.qweight': the shape is [63, 4]"),
    ("awq", cut("qzeros"), "up_proj.qzeros': the shape is [2, 4]"),
    ("awq", setting("version", "gemv"), "version 'gemv' of AWQ"),
    ("ct-pack-4", cut("weight_packed"), "up_proj.weight_packed': no num_bits in config.json gives"),
    ("ct-pack-4", cut("weight_scale"), "up_proj.weight_scale': the shape is [31, 3]"),
    ("ct-pack-4", cut("weight_zero_point"), "up_proj.weight_zero_point': the shape is [3, 3]"),
    ("ct-pack-4", number("weight_g_idx", 5, 3), "column 5 is in group 3"),
    ("ct-pack-4", number("weight_shape", 0, 7), "up_proj.weight_shape': the matrix is [7, 64], config.json asks for [32, 64]"),
    ("ct-int", cut("weight"), "up_proj.weight': the shape is [31, 64]"),
    ("ct-int", cut("weight_zero_point"), "up_proj.weight_zero_point': the shape is [31, 1]"),
    ("ct-float", cut("weight_scale"), "up_proj.weight_scale': the shape is"),
    ("ct-nvfp4", cut("weight_scale"), "up_proj.weight_scale': the shape is [31, 4]"),
    ("ct-nvfp4", cut("weight_packed"), "up_proj.weight_packed': the shape is [31, 32]"),
    ("ct-mxfp4", cut("weight_scale"), "up_proj.weight_scale': the shape is [31, 2]"),
    ("modelopt-nvfp4", kind("weight_scale_2", "I32"), "NVFP4 has U8 elements"),
    ("modelopt-nvfp4", without("weight_scale_2"), "up_proj.weight': quantized by ModelOpt's 'NVFP4'"),
    ("bnb-nf4", cut("weight"), "1023 bytes, a matrix of [32, 64] asks for 1024"),
    ("bnb-nf4", cut("weight.absmax"), "up_proj.weight.absmax': 31 elements"),
    ("bnb-nf4", cut("weight.nested_quant_map"), "up_proj.weight.nested_quant_map': 255 elements"),
    ("bnb-nf4", cut("weight.quant_map"), "up_proj.weight.quant_map': 15 elements"),
    ("bnb-nf4", text(lambda t: t[:-1]), "up_proj.weight.quant_state.bitsandbytes__nf4': JSON: the text ends"),
    ("bnb-nf4", text(lambda t: t.replace(b'"blocksize": 64', b'"blocksize": 0')), "expected a text with blocksize and shape"),
    ("bnb-nf4", text(lambda t: t.replace(b"[32, 64]", b"[64, 32]")), "the matrix is [64, 32], config.json asks for [32, 64]"),
    ("bnb-nf4", text(lambda t: t.replace(b"nested_offset", b"nested_offsex")), "nested_blocksize and nested_offset"),
    ("bnb-nf4", without("weight.quant_state.bitsandbytes__nf4"), "the text that says how it is quantized is missing"),
    ("bnb-int8", cut("SCB"), "up_proj.SCB': 31 elements"),
    ("bnb-int8", without("SCB"), "up_proj.SCB' is missing"),
    ("hqq-4", cut("W_q"), "up_proj.W_q': of another size"),
    ("hqq-4", cut("zero"), "up_proj.zero': 31 groups do not divide"),
    ("hqq-4", number("nbits", 0, 5), "5 bits along axis 1 are not read"),
    ("bitnet", cut("weight"), "up_proj.weight': the shape is [7, 64]"),
    ("bitnet", without("weight_scale"), "up_proj.weight_scale' is missing"),
    ("mlx-3", cut("scales"), "up_proj.scales': the shape is [31, 2]"),
    ("mlx-3", kind("biases", "I16"), "up_proj.biases': its type is I16"),
    ("mlx-3", cut("weight"), "up_proj.weight': no packing of"),
    ("autoround", setting("packing_format", "auto_round:auto_awq"), "q_proj.qweight': the shape is [8, 64]"),
    ("autoround", without("qzeros"), "up_proj.qzeros' is missing"),
    ("awq", setting("quant_method", "aqlm"), "weights quantized by 'aqlm' are not supported: codebooks"),
    ("awq", setting("quant_method", "something"), "weights quantized by 'something' are not supported"),
]


def check_refusals():
    for name, change, words in BAD:
        m = Model(name)
        change(m)
        m.write()
        done = convert(m.folder, "--quant", "F32")
        what = "%s, '%s'" % (name, words)
        if done.returncode != 3:
            fail("%s: exit status %d: %s" % (what, done.returncode, done.stderr))
        elif words not in done.stderr or done.stderr.count("\n") != 1 or m.folder[2:] not in done.stderr:
            fail("%s: %s" % (what, done.stderr))
        if os.path.exists("out.gguf"):
            fail("%s: an output is left" % what)
            os.unlink("out.gguf")
        shutil.rmtree(m.folder)


def main():
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        n = check_values()
        os.unlink("out.gguf")
        check_blocks()
        check_bad_scales()
        check_refusals()
        check_sizes()
        os.chdir("/")
    print("%d models, %d refusals" % (n, len(BAD)))
    sys.exit(1 if failed else 0)


main()
