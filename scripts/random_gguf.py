"""Headers of models that nobody has: an architecture that llama.cpp knows, its tensors' names and some of others', and the rest
drawn at random: layers, experts, heads, lengths of rows, types, which layers have what, the order in the file. The data is a hole.

llama-quantize reads hyper-parameters and names, not shapes: it plans such a model as it would a real one.
"""
import json
import re

import sparse_header

NAMES = """
import json
from gguf import constants as c
print(json.dumps({c.MODEL_ARCH_NAMES[a]: [c.TENSOR_NAMES[t] for t in of if t in c.TENSOR_NAMES] for a, of in c.MODEL_TENSORS.items()}))
"""
LAYERS = (1, 2, 3, 5, 7, 8, 9, 12, 15, 16, 17, 24, 26, 31, 32, 33, 40, 47, 48, 61, 80, 80, 80, 100)
EXPERTS = (0, 0, 0, 1, 2, 4, 8, 8, 64, 256)
WHOLE, HALVES, ODD = (256, 512, 768, 2048), (32, 96, 160, 288, 320, 1056), (16, 48, 100)  # rows, by the blocks that they hold
# Keys that llama-quantize asks for without a message that names them, or of which it does not take any value.
WANTED = {
    "bailingmoe3": {"kda.gate_lower_bound": ("f32", -5.0)},
    "cohere2moe": {"attention.layer_norm_rms_epsilon": ("f32", 1e-5)},
    "deepseek4": {"expert_gating_func": ("u32", 4)},
    "dflash": {"target_layers": ("i32", [0])},
    "eagle3": {"extract_layers": ("i32", [0, 1, 2])},
    "glm5-next": {"hyper_connection.count": ("u32", 4)},
}
USUAL = {"f32": 1.0, "u32": 8, "i32": 8, "bool": True, "str": "none"}
FLOATS = re.compile(r"epsilon|scale|base|alpha|beta|theta|factor|freq|clamp|softcapping|limit|bound|eps$")


def architectures(peers):
    """{architecture: [tensor names, {bid} for the layer]}"""
    return json.loads(peers("python3", "-c", NAMES).stdout.splitlines()[-1])


def row(rng):
    return rng.choice(rng.choices((WHOLE, HALVES, ODD), (12, 6, 1))[0])


def shape(rng, name, cols, n_experts):
    if "norm" in name and rng.random() < 0.9:
        return [cols]
    if re.search(r"_exps|_chexps|attn_[kv]_b$", name):
        return [max(n_experts, 1), 8, cols]
    return rng.choices(([8, cols], [1, cols], [cols], [1, 8, cols], [4, 8, cols]), (30, 1, 1, 1, 1))[0]


def kind(rng, floats, of, suffix):
    """A matrix has one of the floats that this file is made of, or is quantized already."""
    if len(of) < 2 or suffix != ".weight":
        return "F32"
    if rng.random() < 0.02:
        return "I32"
    return "Q8_0" if of[-1] % 32 == 0 and rng.random() < 0.05 else rng.choice(floats)


def present(rng, n_layers):
    """In which layers there is such a tensor: all, from one on, every n-th."""
    how = rng.choices(("all", "from", "every"), (6, 1, 2))[0]
    n = rng.randint(1, 4)
    return [il for il in range(n_layers) if how == "all" or (how == "from" and il >= n) or (how == "every" and il % n == 0)]


def tensors(rng, names, n_layers, n_experts):
    out, floats = {}, rng.choice((["F32"], ["F16"], ["BF16"], ["F32", "F16", "BF16"]))
    tied, fused = rng.random() < 0.5, rng.random() < 0.3
    for template in names:
        if (template == "output" and tied) or rng.random() < 0.05 or (rng.random() < 0.5 and fused != ("attn_qkv" in template)):
            continue
        cols, suffix = row(rng), rng.choices((".weight", ".bias", ""), (40, 1, 1))[0]
        for il in present(rng, n_layers) if "{bid}" in template else [0]:
            name = template.format(bid=il, xid=0) + suffix
            of = shape(rng, template, row(rng) if rng.random() < 0.02 else cols, n_experts)
            out[name] = {"name": name, "shape": of, "type": kind(rng, floats, of, suffix)}
    out = list(out.values())
    rng.shuffle(out)
    return out


def heads(rng, n_layers):
    """Query heads and key heads; the latter one number, or one of each layer, of which some have none."""
    n = rng.choice((8, 16, 24, 64))
    kv = rng.choice((n, n // 2, n // 4, n // 8))
    return n, [rng.choice((kv, kv, 0)) for _ in range(n_layers)] if rng.random() < 0.15 else kv


def missing(output, n_layers):
    """A key that llama-quantize says it lacks: (name, type, value that will do), or None."""
    lacks = re.search(r"key not found in model: ([^\s']+)", output)
    wrong = re.search(r"key (\S+) has wrong type \S+ but expected type (\S+)", output)
    if not lacks and not wrong:
        return None
    name = (lacks or wrong)[1]
    kind = wrong[2] if wrong else "f32" if FLOATS.search(name) else "u32"
    if kind == "arr" or "array key" in output:
        return name, "bool" if name.endswith("_pattern") else "u32", [1] * n_layers
    return name, kind, USUAL[kind]


def make(rng, arch, names, path, quantize):
    """Writes such a GGUF. names: as architectures() has them; quantize(path): status and output of llama-quantize, which names the keys that an architecture asks
    for. returns None, or why llama-quantize does not take it"""
    n_layers, n_experts, (n_heads, n_kv) = rng.choice(LAYERS), rng.choice(EXPERTS), (0, 0)
    n_heads, n_kv = heads(rng, n_layers)
    foreign = sorted(t for t in {t for of in names.values() for t in of} - set(names[arch]) - {"output"}
                     if t.startswith("blk.") or "ffn_" not in t) # feed-forward outside layers: refused beside experts
    all_tensors = tensors(rng, names[arch] + rng.sample(foreign, 12), n_layers, n_experts)
    keys = {"general.architecture": ("str", arch), "tokenizer.ggml.model": ("str", "no_vocab"),
            arch + ".block_count": ("u32", n_layers), arch + ".vocab_size": ("u32", 1000), arch + ".context_length": ("u32", 512),
            arch + ".embedding_length": ("u32", 512), arch + ".attention.head_count": ("u32", n_heads),
            arch + ".attention.head_count_kv": ("u32", n_kv)}
    if n_experts and arch != "clip":
        keys.update({arch + ".expert_count": ("u32", n_experts), arch + ".expert_used_count": ("u32", 1)})
    if arch == "clip": # whose numbers llama-quantize does not read
        keys = {k: v for k, v in keys.items() if not k.startswith("clip.")}
    if n_layers > 1 and rng.random() < 0.2:
        keys[arch + ".nextn_predict_layers"] = ("u32", 1)
    keys.update({arch + "." + k: v for k, v in WANTED.get(arch, {}).items()})
    for _ in range(40):
        sparse_header.write(path, [sparse_header.key(k, *v) for k, v in keys.items()], all_tensors)
        status, output = quantize(path)
        lacks = missing(output, n_layers) if status else None
        if not lacks or keys.get(lacks[0]) == lacks[1:]:
            break
        keys[lacks[0]] = lacks[1:]
    said = [line for line in output.splitlines() if "rror" in line or "fail" in line]
    return (said or [output[-200:]])[0] if status else None
