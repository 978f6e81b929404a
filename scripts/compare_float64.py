"""The peers' side of scripts/compare-float64.

usage: compare_float64.py make FOLDER SEED NAME...   models of gen_model.py (SEED -: their own), or folders of trained ones, which are
                                                     linked; FOLDER/NAME.ids, their logits and those in float64
       compare_float64.py table FOLDER               a line per model, with llm-run's logits in FOLDER/NAME.ours.safetensors
"""
import contextlib
import glob
import os
import sys

import torch
from safetensors.torch import load_file, save_file

import gen_model

N_IDS = 96


@contextlib.contextmanager
def in_float64():
    """Where a class asks for float32 it gets float64: norms, softmax, rotary angles, routers and recurrences do."""
    single, to_single = torch.float32, torch.Tensor.float
    torch.float32 = torch.float = torch.float64
    torch.Tensor.float = torch.Tensor.double
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.float32 = torch.float = single
        torch.Tensor.float = to_single
        torch.set_default_dtype(single)


def exact_logits(model, ids):
    for module in model.modules():
        if hasattr(module, "config"):
            module.config._experts_implementation = "eager" # its grouped products are for narrower types
    with torch.no_grad(), in_float64():
        logits = model.double()(ids[None]).logits[0]
    assert logits.dtype == torch.float64
    return logits.contiguous()


def make_tiny(name, folder, seed):
    gen_model.make(name, folder, seed)
    return exact_logits(gen_model.build(name, seed)[0], gen_model.random_ids(seed))


def make_trained(path, folder):
    import transformers
    name = os.path.basename(path)
    os.symlink(os.path.abspath(path), os.path.join(folder, name))
    ids = load_file(os.path.join(path, "golden", "golden.safetensors"))["val_ids"][:N_IDS].long()
    model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        gen_model.save_golden(folder, name, ids, model(ids[None]).logits[0])
    return exact_logits(model, ids)


def make(folder, seed, names):
    for name in names:
        if os.path.isdir(name):
            exact = make_trained(name, folder)
        else:
            exact = make_tiny(name, folder, list(gen_model.MODELS).index(name) if seed == "-" else int(seed))
        save_file({"logits": exact}, os.path.join(folder, os.path.basename(name) + ".exact.safetensors"))


def table(folder):
    print("%-20s %8s %14s %14s %14s" % ("model", "logits", "ours to exact", "HF to exact", "ours to HF"))
    for path in sorted(glob.glob(os.path.join(folder, "*.exact.safetensors"))):
        model = path.removesuffix(".exact.safetensors")
        exact, theirs, ours = (load_file(model + end)["logits"].double() for end in (".exact.safetensors", ".safetensors", ".ours.safetensors"))
        apart = [(a - b).abs().max().item() for a, b in ((ours, exact), (theirs, exact), (ours, theirs))]
        print("%-20s %8.2f %14.1e %14.1e %14.1e%s" % (os.path.basename(model), exact.abs().max().item(), *apart,
                                                     "   ours is farther" if apart[0] > apart[1] else ""))


# whose class transformers has not, or whose weights are not those of the class as it is built
APART = [name for name, (kind, settings) in gen_model.MODELS.items() if kind == "Grok" or "quantization_config" in settings]

if sys.argv[1] == "make":
    make(sys.argv[2], sys.argv[3], sys.argv[4:] or [name for name in gen_model.MODELS if name not in APART])
else:
    table(sys.argv[2])
