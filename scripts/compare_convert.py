#!/usr/bin/env python3
"""The peers' side of scripts/compare-convert.

usage: compare_convert.py make MODELS DIR [TINY...]  makes variants of the models in MODELS as folders in DIR; in DIR/tiny those
                                               models of gen_model.py that are named, in DIR/quantized those of
                                               compare_sources.py, which are named quantized/NAME
       compare_convert.py convert JOBS.json    runs the reference converter for each [folder, output, type, pre or null, options],
                                               all in one process, which saves its start
       compare_convert.py compare A B          one line per difference between two GGUFs (theirs, ours); none if equal
"""
import json
import os
import shutil
import sys

import gen_model

CARD = """---
license: apache-2.0   # a comment
language:
- en
- no
tags: [tiny, "with space"]
pipeline_tag: text-generation
base_model:
  - meta-llama/Llama-3.2-1B-Instruct
  - https://huggingface.co/org/name-7B-v0.1
datasets: tiny/shakespeare
model_creator: Somebody
version: 'v1'
model-index:
- name: nested
  results: []
---
# Title
"""


def edit(path, change):
    with open(path, encoding="utf-8") as f:
        data = json.load(f)
    change(data)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(data, f, ensure_ascii=False)


def config(**members):
    """A change of config.json; None removes a member, "null" makes it null."""
    def change(data):
        for key, value in members.items():
            data.pop(key, None)
            if value is not None:
                data[key] = None if value == "null" else value
    return lambda folder: edit(os.path.join(folder, "config.json"), change)


def write(name, text):
    def make(folder):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)
    return make


def remove(name):
    return lambda folder: os.unlink(os.path.join(folder, name))


def tokenizer_config(**members):
    return lambda folder: edit(os.path.join(folder, "tokenizer_config.json"), lambda data: data.update(members))


def tensors(change):
    """A change of the dictionary of model.safetensors."""
    def make(folder):
        import safetensors.torch
        path = os.path.join(folder, "model.safetensors")
        data = safetensors.torch.load_file(path)
        change(data)
        safetensors.torch.save_file(data, path, {"format": "pt"})
    return make


def add_biases(data):
    import torch
    torch.manual_seed(1)
    for layer in range(4):
        for name in ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"):
            part = "mlp" if name in ("gate_proj", "up_proj", "down_proj") else "self_attn"
            prefix = "model.layers.%d.%s.%s." % (layer, part, name)
            data[prefix + "bias"] = torch.randn(data[prefix + "weight"].shape[0]).to(torch.bfloat16)


def add_rows(data):
    import torch
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        data[name] = torch.cat([data[name], torch.zeros(40, data[name].shape[1], dtype=data[name].dtype)])


def add_tokens(folder):
    def change(data):
        for i, (text, special) in enumerate([("<tool>", False), ("\u2581spaced out", False), ("<|looks|>", False), ("<end>", True)]):
            data["added_tokens"].append({"id": 1024 + i, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
                                         "normalized": True, "special": special})
    edit(os.path.join(folder, "tokenizer.json"), change)


def rope(**members):
    return config(rope_scaling=members)


def rename(old, new):
    return lambda folder: os.rename(os.path.join(folder, old), os.path.join(folder, new))


LLAMA3 = {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 128}
MISTRAL = config(architectures=["MistralForCausalLM"], model_type="mistral", sliding_window=64)

VARIANTS = {
    "transformers-5": ("llama", [config(rope_scaling=None, rope_theta=None, torch_dtype=None, dtype="bfloat16",
                                        rope_parameters=dict(LLAMA3, rope_theta=500000.0))]),
    "transformers-4": ("llama", [config(rope_scaling={"type": "linear", "factor": 2}, head_dim=None, num_key_value_heads=4,
                                        rope_theta=10000, attention_bias=None, mlp_bias=None)]),
    "defaults": ("llama", [config(rope_scaling=None, rope_theta=None, head_dim=None, rms_norm_eps=None, tie_word_embeddings=None,
                                  max_position_embeddings=None, hidden_act=None)]),
    "linear": ("llama", [rope(rope_type="linear", factor=4.0)]),
    "yarn": ("llama", [rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=256, beta_fast=16, beta_slow=2,
                            attention_factor=1.25, truncate=False)]),
    "dynamic": ("llama", [rope(rope_type="dynamic", factor=2.0)]),
    "llama3-128": ("llama", [config(rope_scaling=LLAMA3, rope_theta=500000.0)]),
    "biases": ("llama", [config(attention_bias=True, mlp_bias=True), tensors(add_biases)]),
    "mistral": ("llama2-sharded", [MISTRAL]),
    "mistral-no-window": ("llama2-sharded", [MISTRAL, config(sliding_window="null")]),
    "no-index": ("llama2-sharded", [remove("model.safetensors.index.json")]),
    "model-card": ("llama2-sharded", [write("README.md", CARD)]),
    "Tiny-Llama-3M-Instruct-v0.2": ("llama", []),
    "sampling": ("llama", [write("generation_config.json", json.dumps({"temperature": 0.6, "top_p": 0.9, "top_k": 40,
                                                                       "repetition_penalty": 1.05}))]),
    "padded": ("llama", [config(vocab_size=1064), tensors(add_rows)]),
    "user-tokens": ("llama", [config(vocab_size=1064), tensors(add_rows), add_tokens]),
    "template-list": ("llama", [tokenizer_config(chat_template=[{"name": "default", "template": "{{ 1 }}"},
                                                                {"name": "tool use", "template": "{{ 2 }}"},
                                                                {"name": "rag", "template": "{{ 3 }}"}])]),
    "template-file": ("llama", [write("chat_template.jinja", "{{ bos_token }}\n"),
                                lambda folder: edit(os.path.join(folder, "tokenizer_config.json"), lambda d: d.pop("chat_template"))]),
    "no-tokenizer-model": ("llama2-sharded", [remove("tokenizer.model")]),
}


def make(models, out):
    for name, (base, steps) in VARIANTS.items():
        folder = os.path.join(out, name)
        os.mkdir(folder)
        for file in os.listdir(os.path.join(models, base)):
            if file != "golden":
                shutil.copyfile(os.path.join(models, base, file), os.path.join(folder, file))
        for step in steps:
            step(folder)


def convert(jobs):
    import runpy
    sys.path.insert(1, "/usr/share/llama.cpp/llama.cpp-tools")
    from conversion import TextModel
    by_hash = TextModel.get_vocab_base_pre
    for folder, output, kind, pre, options in sorted(jobs, key=lambda job: len(job[4])): # options stay set, so they come last
        TextModel.get_vocab_base_pre = (lambda self, tokenizer, pre=pre: pre) if pre else by_hash
        sys.argv = ["convert_hf_to_gguf.py", folder, "--outfile", output, "--outtype", kind, *options]
        try:
            runpy.run_path("/usr/share/doc/llama.cpp-tools/scripts/convert_hf_to_gguf.py", run_name="__main__")
        except (Exception, SystemExit) as e:  # the file is then missing, which compare-convert reports
            print("%s: %r" % (folder, e))


def short(value):
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."


def compare(a, b):
    import numpy as np
    from gguf import GGUFReader
    theirs, ours = GGUFReader(a), GGUFReader(b)
    keys = [{k: (f.types, f.contents()) for k, f in r.fields.items() if not k.startswith("GGUF.")} for r in (theirs, ours)]
    names = [k["general.architecture"][1] for k in keys]
    if names[0] != names[1]:  # its keys are compared with those of the other's name
        keys[0] = {names[1] + k.removeprefix(names[0]) if k.startswith(names[0] + ".") else k: v for k, v in keys[0].items()}
    for k in keys[0]:
        if k not in keys[1]:
            print("key only in theirs: " + k)
        elif keys[0][k] != keys[1][k]:
            print("key %s: theirs %s, ours %s" % (k, short(keys[0][k][1]), short(keys[1][k][1])))
    for k in keys[1]:
        if k not in keys[0]:
            print("key only in ours: " + k)
    both = [[k for k in keys[i] if k in keys[1 - i]] for i in (0, 1)]
    if both[0] != both[1]:
        print("order of keys")
    tensors = [{t.name: t for t in r.tensors} for r in (theirs, ours)]
    for name in sorted(set(tensors[0]) ^ set(tensors[1])):
        print("tensor only in %s: %s" % ("theirs" if name in tensors[0] else "ours", name))
    for name, t in tensors[0].items():
        o = tensors[1].get(name)
        if o is None:
            continue
        if t.tensor_type != o.tensor_type or list(t.shape) != list(o.shape):
            print("tensor %s: theirs %s %s, ours %s %s" % (name, t.tensor_type.name, list(t.shape), o.tensor_type.name, list(o.shape)))
        elif not np.array_equal(t.data.view(np.uint8), o.data.view(np.uint8)):
            print("tensor %s: other bytes" % name)
    if [n for n in tensors[0] if n in tensors[1]] != [n for n in tensors[1] if n in tensors[0]]:
        print("order of tensors")


if sys.argv[1] == "make":
    make(sys.argv[2], sys.argv[3])
    for name in sys.argv[4:]:
        if name.startswith("quantized/"):
            import compare_sources
            compare_sources.make(sys.argv[2], sys.argv[3], name[10:])
        else:
            gen_model.make(name, os.path.join(sys.argv[3], "tiny"))
elif sys.argv[1] == "convert":
    with open(sys.argv[2], encoding="utf-8") as f:
        convert(json.load(f))
else:
    compare(sys.argv[2], sys.argv[3])
