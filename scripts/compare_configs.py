"""What llm-mem makes of a config.json beside transformers' own classes, built on the meta device: parameters, total and per
token, by component; cache and state per layer; rank-16 adapters.

usage: compare_configs.py make FOLDER [ci]   writes FOLDER/NAME.json
       compare_configs.py check FOLDER       compares FOLDER/NAME.out, what llm-mem says, with the classes; exit status 1 if
                                             any differs

The configs, as published or with settings that change what is built, are in compare_configs.json."""
import json
import os
import sys
import warnings

warnings.filterwarnings("ignore")
os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
import torch
import transformers
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

TOKENS = 64
CONTEXTS = (4096, 131072)


OTHER = ("visual", "vision", "audio", "multi_modal_projector", "embed_vision", "embed_audio")


def build(config):
    """The text model, and how many parameters the whole has besides."""
    text = config.get_text_config()
    with torch.device("meta"):
        whole = AutoModelForImageTextToText.from_config(config) if hasattr(config, "vision_config") else None
        try:
            model = AutoModelForCausalLM.from_config(text)
        except ValueError:
            model = whole
    other = sum(p.numel() for n, p in whole.named_parameters() if is_other(n)) if whole else 0
    return model, other


def is_other(name):
    return any(w in name for w in OTHER)


def share(name, module):
    """The component of a parameter. Norms and embeddings by their modules, the others by their place."""
    kind = type(module).__name__
    if "Norm" in kind or "norm" in name.split(".")[-2]:
        return "norms"
    if name.startswith(("lm_head", "embed_out")):
        return "lm_head"
    if "Embedding" in kind:
        return "embeddings"
    if "shared_expert" in name or "shared_mlp" in name or "shared_head" in name:
        return "shared_experts"
    if name.endswith(("expert_bias", "e_score_correction_bias")):
        return "router"
    if "Router" in kind or "Gating" in kind or ".router." in name or name.endswith((
            ".gate.weight", ".gate.bias", ".gate.wg.weight")) and "shared" not in name:
        return "router"
    if ".experts." in name or "Experts" in kind or "input_linear" in name or "output_linear" in name:
        return "routed_experts"
    if ".conv." in name:
        return "short_convolution"
    if "linear_attn" in name:
        return "linear_attention"
    if "mamba" in name or "Mamba" in kind or ".mixer." in name and "Mamba" in str(PARENTS.get(name)):
        return "mamba"
    if "attn" in name or "attention" in name or name.split(".")[-2] in ("q_proj", "k_proj", "v_proj", "o_proj"):
        return "attention"
    return "dense_ffn" if any(w in name for w in BLOCKS) else "other"


PARENTS = {}
BLOCKS = ("mlp", "feed_forward", "ffn", ".fc1", ".fc2", "mixer.up_proj", "mixer.down_proj", "latent_proj")


def first(config, *names):
    for n in names:
        v = getattr(config, n, None)
        if isinstance(v, int) and v:
            return v
    return 0


def parameters(model, config):
    by, seen, total, per_layer = {}, set(), 0, {}
    modules = dict(model.named_modules())
    for name, p in model.named_parameters():
        if is_other(name):
            continue
        path = name.split(".")
        PARENTS[name] = [type(modules[".".join(path[:i])]).__name__ for i in range(1, len(path))]
        s = share(name, modules[".".join(path[:-1])])
        by[s] = by.get(s, 0) + p.numel()
        total += p.numel()
    n = first(config, "n_routed_experts", "num_experts", "num_local_experts", "moe_num_experts")
    used = first(config, "num_experts_per_tok", "experts_per_token", "num_selected_experts", "top_k_experts", "moe_k",
                 "moe_top_k", "moe_topk")
    routed = by.get("routed_experts", 0)
    active = total - routed + (routed // n * used if n and routed else 0)
    tied = not by.get("lm_head")
    return {"total": total, "active": active, "by_component": by,
            "active_without_input_embedding": active - (0 if tied else by["embeddings"])}


def adapters(model):
    every = qv = 0
    for name, m in model.named_modules():
        if is_other(name):
            continue
        if isinstance(m, nn.Linear) or type(m).__name__ == "Conv1D":
            s = share(name + ".weight", m)
            if s in ("lm_head", "router", "routed_experts", "embeddings"):
                continue
            n = sum(m.weight.shape)
            every += n
            qv += n if name.endswith((".q_proj", ".v_proj")) else 0
    return {"all_linear_but_experts_router_head": 16 * every, **({"q_proj_v_proj": 16 * qv} if qv else {})}


def skip_experts(model):
    """A block of experts chooses by value, and there are no values here."""
    for name, m in model.named_modules():
        kind = type(m).__name__
        if any(w in kind for w in ("SparseMoe", "MoeBlock", "MoEBlock", "Experts", "MoE", "Moe", "MLPBlock")) and not any(
                w in kind for w in ("Model", "Layer", "Attention", "Conv", "Norm", "Gate", "Router", "CausalLM", "Rotary", "ForC")):
            m.forward = (lambda x, *a, **k: (x, None)) if kind == "Llama4TextMoe" else (lambda *a, **k: a[0] if a else k["hidden_states"])
    return model


def cache(model, config):
    ids = torch.zeros((1, TOKENS), dtype=torch.long, device="meta")
    out = skip_experts(model)(input_ids=ids, use_cache=True)
    kept = getattr(out, "past_key_values", None)
    kept = kept if kept is not None else getattr(out, "cache_params", None)
    layers = []
    for i, l in enumerate(kept.layers):
        k, v = getattr(l, "keys", None), getattr(l, "values", None)
        conv, state = getattr(l, "conv_states", None), getattr(l, "recurrent_states", None)
        layers.append({"k": list(k.shape) if k is not None else None, "v": list(v.shape) if v is not None else None,
                       "window": getattr(l, "sliding_window", None), "class": type(l).__name__,
                       "conv": list(conv.shape) if conv is not None else None,
                       "state": list(state.shape) if state is not None else None})
    return layers


def layer_truth(layer, config, window):
    """What one layer keeps in the best case: elements per token, window, elements of state."""
    if layer["k"]:
        k, v = layer["k"], layer["v"]
        latent = getattr(config, "kv_lora_rank", None)
        if getattr(config, "new_decoder_architecture", False): # there they are kept repeated
            k = v = [1, config.num_kv_heads, 0, config.hidden_size // config.num_attention_heads]
        n = latent + config.qk_rope_head_dim if latent else k[1] * k[3] + v[1] * v[3]
    else:
        n = 0
    conv, state = layer["conv"], layer["state"]
    kept = conv[-2] * (conv[-1] - 1) if conv else 0
    return n, window, kept, product(state)


def product(shape):
    n = 1 if shape else 0
    for d in (shape or [])[1:]:
        n *= d
    return n


def cache_truth(model, config):
    kept = cache(model, config)
    types = getattr(config, "layer_types", None) or [None] * len(kept)
    # with num_kv_shared_layers 0 transformers makes every layer's cache a whole one
    windows = [config.sliding_window if t == "sliding_attention" else l["window"] or 0 for t, l in zip(types, kept)]
    return [layer_truth(l, config, w) for l, w in zip(kept, windows)]


def cache_ours(answer):
    out = []
    for l in answer["layers"]:
        n = l["latent"] or l["kv_heads"] * (l["k_dim"] + l["v_dim"])
        out.append((n, l["window"] if n else 0, l["conv_elements"], l["state_elements"]))
    return out


def compare(folder, name):
    """What differs, as text; "" if nothing does."""
    config = json.load(open(f"{folder}/{name}.json"))
    ours = open(f"{folder}/{name}.out").read()
    if not ours:
        return "refused: " + open(f"{folder}/{name}.err").read().strip()[:200]
    ours = json.loads(ours)
    keys = {k: v for k, v in config.items() if k != "model_type"}
    kind = {"kimi_k2": "deepseek_v3"}.get(config["model_type"], config["model_type"])
    cfg = AutoConfig.for_model(kind, **keys)
    text = cfg.get_text_config()
    model, other = build(cfg)
    want = parameters(model, text)
    bad = []
    for k in ("total", "active", "active_without_input_embedding", "by_component"):
        if ours["parameters"][k] != want[k]:
            bad.append(f"{k}: {ours['parameters'][k]} not {want[k]}")
    if ours["parameters"].get("other_modality", other) != other:
        bad.append(f"other_modality: {ours['parameters']['other_modality']} not {other}")
    lora = adapters(model)
    if ours["lora"]["trainable"] != lora:
        bad.append(f"lora: {ours['lora']['trainable']} not {lora}")
    if config["model_type"] == "opt": # its positions need values
        return "; ".join(bad)
    try:
        truth = cache_truth(model, text)
    except Exception as e:
        return "; ".join(bad + [f"cache not built: {type(e).__name__} {str(e)[:100]}"])
    mine = cache_ours(ours)
    keeping = [l for l in ours["layers"] if l["kind"] != "feed_forward"]
    if len(truth) != len(mine):
        mine = [m for m in mine if any((m[0], m[2], m[3]))]
        truth = [t for t in truth if any((t[0], t[2], t[3]))]
    diff = [i for i, (a, b) in enumerate(zip(mine, truth)) if a != b]
    if len(truth) != len(mine):
        bad.append(f"layers with a cache: {len(mine)} not {len(truth)}")
    elif diff:
        bad.append(f"cache of {len(diff)} layers, first {diff[0]}: {mine[diff[0]]} not {truth[diff[0]]}")
    return "; ".join(bad)


def make(folder, short):
    """Writes the configs; in short one for each type of model."""
    seen = set()
    for name, config in json.load(open(os.path.join(os.path.dirname(__file__), "compare_configs.json"))).items():
        if not (short and config["model_type"] in seen):
            json.dump(config, open(f"{folder}/{name}.json", "w"))
        seen.add(config["model_type"])


def check(folder):
    failed = 0
    for f in sorted(os.listdir(folder)):
        if not f.endswith(".json"):
            continue
        try:
            r = compare(folder, f[:-5])
        except Exception as e:
            r = f"cannot compare: {type(e).__name__} {str(e)[:150]}"
        failed += r != ""
        print(f"{f[:-5]:28} {r or 'equal'}", flush=True)
    return failed


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], sys.argv[3:] == ["ci"])
    else:
        sys.exit(1 if check(sys.argv[2]) else 0)
