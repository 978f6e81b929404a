"""The peers' side of scripts/compare-plan: what a checkpoint of each config holds.

usage: compare_plan.py FOLDER...     reads FOLDER/config.json, writes FOLDER/tensors.json: {name: shape}

Names and shapes are those of transformers' own class, built on the meta device, in the spelling in which it saves them.
"""
import json
import os
import sys
import warnings

warnings.filterwarnings("ignore")
os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
import torch
import transformers
from transformers.core_model_loading import revert_weight_conversion

# what other names of a model_type stand for in transformers
KINDS = {"kimi_k2": "deepseek_v3"}


def build(config):
    """The model that config.json describes, without weights."""
    keys = {k: v for k, v in config.items() if k != "model_type"}
    if config["model_type"] == "mistral3":  # it would tie; published checkpoints, whose config.json does not say so, have an output
        keys.setdefault("tie_word_embeddings", False)
    made = transformers.AutoConfig.for_model(KINDS.get(config["model_type"], config["model_type"]), **keys)
    named = getattr(transformers, (config.get("architectures") or [""])[0], None)
    joined = transformers.AutoModelForImageTextToText if "vision_config" in config else transformers.AutoModelForCausalLM
    with torch.device("meta"):
        return named(made) if named else joined.from_config(made)


def saved(model):
    """{name: shape} of what save_pretrained would write: nothing twice, and nothing that is tied."""
    tensors, seen = {}, set()
    for name, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            tensors[name] = tensor.detach()
        seen.add(id(tensor))
    with torch.no_grad():
        return {name: list(t.shape) for name, t in revert_weight_conversion(model, tensors).items()}


for folder in sys.argv[1:]:
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        model = build(json.load(f))
    with open(os.path.join(folder, "tensors.json"), "w", encoding="utf-8") as f:
        json.dump(saved(model), f)
