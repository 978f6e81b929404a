"""Grok-1 in a few lines of PyTorch, from the definition that its authors published (xai-org/grok-1, model.py); transformers has no
class for it. Weights have the names that the reference converter knows."""
import math


def make(settings, gen):
    """A config.json and weights: everything random."""
    import torch
    config = dict(architectures=["GrokForCausalLM"], model_type="grok-1", num_local_experts=6, num_experts_per_tok=2, rope_theta=10000.0,
                  torch_dtype="float32", embedding_multiplier_scale=3.5, output_multiplier_scale=0.6)
    config.update({k: v for k, v in settings.items() if v is not None})
    width, heads, kv = (config[k] for k in ("hidden_size", "num_attention_heads", "num_key_value_heads"))
    head, ff, n = width // heads, config["intermediate_size"], config["num_local_experts"]
    attention, layer = "multi_head_attention.", "transformer.decoder_layer.%d."
    shapes = {"transformer.in_out_embed": (config["vocab_size"], width), "transformer.rms_norm": (width,)}
    for i in range(config["num_hidden_layers"]):
        shapes |= {layer % i + "rms_norm" + end: (width,) for end in ("", "_1", "_2", "_3")}
        shapes |= {layer % i + attention + "query": (width, width), layer % i + attention + "linear": (width, width),
                   layer % i + attention + "key": (kv * head, width), layer % i + attention + "value": (kv * head, width),
                   layer % i + "router": (n, width)}
        for e in range(n):
            shapes |= {layer % i + f"moe.{e}.{name}": (width, ff) if name == "linear_1" else (ff, width)
                       for name in ("linear", "linear_v", "linear_1")}
    return config, {name + ".weight": torch.randn(shape, generator=gen) * 0.15 + ("rms_norm" in name) for name, shape in shapes.items()}


def logits(config, weights, ids):
    """[tokens, vocabulary]"""
    import torch
    from torch.nn.functional import gelu, softmax
    heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
    head, n = config["hidden_size"] // heads, len(ids)
    cap = config.get("attn_logit_softcapping", 30.0)
    scale = config.get("attn_output_multiplier", head ** -0.5)
    turns = torch.arange(n)[:, None] / config["rope_theta"] ** (torch.arange(0, head, 2) / head)
    cos, sin = turns.cos().tile(2)[:, None], turns.sin().tile(2)[:, None]

    def norm(x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + config["rms_norm_eps"]) * weights[name + ".weight"]

    def rope(x):
        first, second = x.chunk(2, dim=-1)
        return x * cos + torch.cat((-second, first), dim=-1) * sin

    def attend(x, name):
        q, k, v = ((x @ weights[f"{name}.{part}.weight"].T).unflatten(-1, (-1, head)) for part in ("query", "key", "value"))
        q, k = rope(q).transpose(0, 1), rope(k).repeat_interleave(heads // kv, 1).transpose(0, 1)
        scores = cap * torch.tanh(q @ k.transpose(1, 2) * scale / cap)
        scores = scores.masked_fill(torch.ones(n, n).triu(1).bool(), -math.inf)
        y = softmax(scores, -1) @ v.repeat_interleave(heads // kv, 1).transpose(0, 1)
        return y.transpose(0, 1).flatten(1) @ weights[name + ".linear.weight"].T

    def experts(x, name):
        chances, chosen = softmax(x @ weights[name + "router.weight"].T, -1).topk(config["num_experts_per_tok"])
        y = torch.zeros_like(x)
        for t in range(n):
            for chance, e in zip(chances[t], chosen[t].tolist()):
                gate, up, down = (weights[f"{name}moe.{e}.{part}.weight"] for part in ("linear", "linear_v", "linear_1"))
                y[t] += chance * (down @ (gelu(gate @ x[t], approximate="tanh") * (up @ x[t])))
        return y

    x = weights["transformer.in_out_embed.weight"][ids] * config["embedding_multiplier_scale"]
    for i in range(config["num_hidden_layers"]):
        name = f"transformer.decoder_layer.{i}."
        x = x + norm(attend(norm(x, name + "rms_norm"), name + "multi_head_attention"), name + "rms_norm_1")
        x = x + norm(experts(norm(x, name + "rms_norm_2"), name), name + "rms_norm_3")
    return norm(x, "transformer.rms_norm") @ weights["transformer.in_out_embed.weight"].T * config["output_multiplier_scale"]
