"""Tiny Llama and Mistral models in every setting that config.json can ask for, made and run by transformers.

usage: compare_logits.py make FOLDER     writes FOLDER/NAME/ (a model) and FOLDER/NAME.safetensors (ids, logits)
       compare_logits.py check FOLDER    compares FOLDER/NAME.{dir,gguf}.safetensors with them; exit status 1 if any differs
"""
import json
import os
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file
import transformers
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

TOKENIZER = "testdata/models/llama"
TOLERANCE = 2e-4
N_IDS = 96

BASE = dict(hidden_size=64, intermediate_size=172, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
            vocab_size=1024, max_position_embeddings=128, bos_token_id=1019, eos_token_id=1020, rms_norm_eps=1e-5,
            tie_word_embeddings=False)
ROPE = dict(rope_theta=10000.0)
VARIANTS = {
    "plain": (LlamaConfig, {}),
    "multi-head": (LlamaConfig, dict(num_key_value_heads=4)),
    "multi-query-tied": (LlamaConfig, dict(num_key_value_heads=1, tie_word_embeddings=True)),
    "biases": (LlamaConfig, dict(attention_bias=True, mlp_bias=True)),
    "head-dim": (LlamaConfig, dict(head_dim=40)),
    "padded-vocabulary": (LlamaConfig, dict(vocab_size=1091)),
    "theta": (LlamaConfig, dict(rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
    "linear": (LlamaConfig, dict(rope_parameters=dict(ROPE, rope_type="linear", factor=4.0))),
    "dynamic": (LlamaConfig, dict(rope_parameters=dict(ROPE, rope_type="dynamic", factor=2.0))),
    "yarn": (LlamaConfig, dict(rope_parameters=dict(ROPE, rope_type="yarn", factor=4.0,
                                                     original_max_position_embeddings=32))),
    "yarn-settings": (LlamaConfig, dict(rope_parameters=dict(ROPE, rope_type="yarn", factor=8.0, beta_fast=16.0, beta_slow=2.0,
                                                             attention_factor=1.3, original_max_position_embeddings=16))),
    "llama3": (LlamaConfig, dict(head_dim=64, rope_parameters=dict(
        rope_theta=500000.0, rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=64))),
    "mistral": (MistralConfig, dict(sliding_window=None)),
    "mistral-window": (MistralConfig, dict(sliding_window=17, head_dim=24)),
}


def randomize(model, seed):
    """Weights large enough that a wrong position, window or bias shows; nothing left at zero or one."""
    gen = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            scale = 0.2 if p.dim() == 1 else 0.15
            p.copy_(torch.randn(p.shape, generator=gen) * scale + (1.0 if "norm" in name else 0.0))


def as_transformers_4(path):
    """Rewrites config.json in the older spelling: rope_theta, rope_scaling, torch_dtype."""
    config = json.load(open(path))
    rope = config.pop("rope_parameters", None) or {}
    config["rope_theta"] = rope.pop("rope_theta", 10000.0)
    config["rope_scaling"] = rope if rope.get("rope_type", "default") != "default" else None
    config["torch_dtype"] = config.pop("dtype", "float32")
    json.dump(config, open(path, "w"))


def make(folder):
    transformers.utils.logging.disable_progress_bar()
    for seed, (name, (kind, settings)) in enumerate(VARIANTS.items()):
        config = kind(**dict(BASE, **settings))
        config._attn_implementation = "eager"
        model = (LlamaForCausalLM if kind is LlamaConfig else MistralForCausalLM)(config).eval()
        randomize(model, seed)
        out = os.path.join(folder, name)
        model.save_pretrained(out, max_shard_size="200KB" if seed % 3 == 1 else "1GB")
        if seed % 2:
            as_transformers_4(os.path.join(out, "config.json"))
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(os.path.join(TOKENIZER, file), out)
        ids = torch.randint(0, 1019, (N_IDS,), generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            logits = model(ids[None]).logits[0].float().contiguous()
        save_file({"ids": ids.to(torch.int32), "logits": logits}, os.path.join(folder, name + ".safetensors"))
        open(os.path.join(folder, name + ".ids"), "w").write(",".join(map(str, ids.tolist())))


def check(folder):
    bad = 0
    for name in VARIANTS:
        want = load_file(os.path.join(folder, name + ".safetensors"))
        for side in ("dir", "gguf"):
            got = load_file(os.path.join(folder, "%s.%s.safetensors" % (name, side)))
            worst = (got["logits"] - want["logits"]).abs().max().item()
            same = bool((got["logits"].argmax(1) == want["logits"].argmax(1)).all())
            ok = torch.equal(got["ids"], want["ids"]) and worst <= TOLERANCE and same
            bad += not ok
            print("%-20s %-5s largest difference %.1e of %.1f, argmax %s%s" % (
                name, side, worst, want["logits"].abs().max().item(), "equal" if same else "DIFFERS", "" if ok else "   FAILED"))
    print("%d comparisons, %d failed" % (2 * len(VARIANTS), bad))
    sys.exit(1 if bad else 0)


{"make": make, "check": check}[sys.argv[1]](sys.argv[2])
