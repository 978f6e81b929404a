"""The peers' side of scripts/compare-sources: quantized checkpoints, and what their values are by definition.

usage: compare_sources.py make MODELS DIR [NAME...]      folders DIR/quantized/NAME and DIR/plain/NAME, the second with the
                                                         decoded values as F32
       compare_sources.py fixtures LLAMA TESTDATA        the same of a model of a few kilobytes, for testdata/quantized, and
                                                         there the SHA-256 of the decoded values
       compare_sources.py seeds LLAMA TESTDATA           some of them, smaller still, for testdata/fuzz/packed

Each scheme is a few lines that quantize by rounding and decode by the scheme's published definition; nothing of the project
is used. Where transformers decodes itself, its own code gives the values.
"""
import hashlib
import json
import os
import re
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file

LINEAR = re.compile(r"model\.layers\.\d+\.(self_attn\.([qkvo]|q_a|q_b|kv_b)_proj|mlp\.((shared_experts|experts\.\d+)\.)?(gate|up|down)_proj|"
                    r"block_sparse_moe\.experts\.\d+\.w[123])\.weight$")
LEFT = "model.layers.0.self_attn.o_proj"  # every variant has one matrix in 16 bits


def words(codes, bits, dim):
    """Packs codes along a dimension into words of 32 bits, as a stream of bits; 3 bits run across words."""
    codes = codes.movedim(dim, -1).to(torch.int64)
    n = codes.shape[-1]
    total = -(-n * bits // 32)
    out = torch.zeros(*codes.shape[:-1], total, dtype=torch.int64)
    for i in range(n):
        at, off = divmod(i * bits, 32)
        out[..., at] |= codes[..., i] << off & 0xffffffff
        if off + bits > 32:
            out[..., at + 1] |= codes[..., i] >> 32 - off
    return out.where(out < 2**31, out - 2**32).to(torch.int32).movedim(-1, dim).contiguous()


def words_whole(codes, bits, dim):
    """The same with whole codes only in a word."""
    per = 32 // bits
    codes = codes.movedim(dim, -1).to(torch.int64)
    codes = torch.nn.functional.pad(codes, (0, -codes.shape[-1] % per)).unflatten(-1, (-1, per))
    out = (codes << torch.arange(per) * bits).sum(-1)
    return out.where(out < 2**31, out - 2**32).to(torch.int32).movedim(-1, dim).contiguous()


def grid(w, index, n, bits, sym, dtype):
    """Scales and whole zero points of the groups that `index` puts columns in: [rows, n]."""
    low, high = torch.zeros(len(w), n), torch.zeros(len(w), n)
    for g in range(n):
        low[:, g], high[:, g] = w[:, index == g].amin(1).clamp(max=0), w[:, index == g].amax(1).clamp(min=0)
    top = 2**bits - 1
    if sym:
        scale = (torch.maximum(-low, high) * 2 / top).clamp(min=1e-5).to(dtype)
        return scale, torch.full_like(low, 2**(bits - 1))
    scale = ((high - low) / top).clamp(min=1e-5).to(dtype)
    return scale, (-low / scale.float()).round().clamp(0, top)


def affine(w, index, n, bits, sym=False, dtype=torch.float16):
    scale, zero = grid(w, index, n, bits, sym, dtype)
    q = (w / scale.float()[:, index] + zero[:, index]).round().clamp(0, 2**bits - 1)
    return q, scale, zero, (q - zero[:, index]) * scale.float()[:, index]


def groups_of(cols, size, order=False):
    index = torch.arange(cols) // size
    return index[torch.randperm(cols)] if order else index


def gptq(bits=4, group=128, order=False, v2=False, sym=False, no_list=False):
    def quantize(w):
        size = w.shape[1] if group == -1 else group
        index = groups_of(w.shape[1], size, order)
        q, scale, zero, x = affine(w, index, int(index.max()) + 1, bits, sym)
        if not v2:  # a stored zero point of -1 has no place: such kernels begin at 1
            zero = zero.clamp(min=1)
            x = (q - zero[:, index]) * scale.float()[:, index]
        out = {"qweight": words(q, bits, 1).T.contiguous(), "scales": scale.T.contiguous(),
               "qzeros": words((zero - int(not v2)).T, bits, 1), "g_idx": index.to(torch.int32)}
        if no_list:
            del out["g_idx"]
        return out, x
    return quantize, {"quant_method": "gptq", "bits": bits, "group_size": group, "desc_act": order, "sym": sym,
                      "checkpoint_format": "gptq_v2" if v2 else "gptq"}


def autoround(scheme, packing):
    """Like GPTQ and AWQ, without the list of groups."""
    quantize, settings = scheme

    def without_list(w):
        out, x = quantize(w)
        return {k: v for k, v in out.items() if k != "g_idx"}, x
    return without_list, {"quant_method": "auto-round", "bits": settings["bits"], "group_size": settings["group_size"], "data_type": "int",
                          "sym": settings.get("sym", False), "packing_format": packing, "block_name_to_quantize": "model.layers",
                          "extra_config": {LEFT: {"bits": 16}}}


def awq(group=128):
    def quantize(w):
        index = groups_of(w.shape[1], w.shape[1] if group == -1 else group)
        q, scale, zero, x = affine(w, index, int(index.max()) + 1, 4)

        def pack(codes):  # [rows, outputs]
            eight = codes.to(torch.int64).unflatten(-1, (-1, 8))[..., [0, 2, 4, 6, 1, 3, 5, 7]]
            out = (eight << torch.arange(8) * 4).sum(-1)
            return out.where(out < 2**31, out - 2**32).to(torch.int32)
        return {"qweight": pack(q.T), "qzeros": pack(zero.T), "scales": scale.T.contiguous()}, x
    return quantize, {"quant_method": "awq", "bits": 4, "group_size": group, "version": "gemm", "zero_point": True,
                      "modules_to_not_convert": [LEFT]}


def compressed(fmt, *groups):
    names = {"config_groups": {"group_%d" % i: g for i, g in enumerate(groups)}, "format": fmt, "ignore": ["lm_head", "re:.*layers\\.0.*o_proj"],
             "quant_method": "compressed-tensors", "quantization_status": "compressed"}
    return names


def weights(bits, strategy, group=None, kind="int", sym=True, **more):
    return {"targets": ["Linear"], "weights": dict({"num_bits": bits, "type": kind, "symmetric": sym, "strategy": strategy,
                                                    "group_size": group, "dynamic": False}, **more)}


def ct_pack(bits=4, group=128, sym=True, order=False, dtype=torch.bfloat16):
    """group 0: a scale per row, -1: one for the matrix"""
    def quantize(w):
        index = groups_of(w.shape[1], group if group > 0 else w.shape[1], order)
        n = int(index.max()) + 1
        half = 2**(bits - 1)
        q, scale, zero, x = affine(w, index, n, bits, sym, dtype)
        if group == -1:
            scale = scale.amax().reshape(1)
            q = (w / scale.float() + half).round().clamp(0, 2 * half - 1)
            x = (q - half) * scale.float()
        out = {"weight_packed": words_whole(q, bits, 1), "weight_scale": scale,
               "weight_shape": torch.tensor(w.shape, dtype=torch.int64)}
        if not sym:
            out["weight_zero_point"] = words_whole(zero, bits, 0)
        if order:
            out["weight_g_idx"] = index.to(torch.int32)
        return out, x
    strategy = "group" if group > 0 else "tensor" if group else "channel"
    return quantize, compressed("pack-quantized", weights(bits, strategy, group if group > 0 else None, sym=sym,
                                                          actorder="group" if order else None))


def ct_mixed():
    four, eight = ct_pack(4, 128, False)[0], ct_pack(8, 0)[0]
    groups = [dict(weights(4, "group", 128, sym=False), targets=["re:.*self_attn.*"]), dict(weights(8, "channel"), targets=["Linear"])]
    return (lambda w: four(w) if w.shape[0] == w.shape[1] else eight(w)), compressed("pack-quantized", *groups)


def ct_int(channel=True, sym=True, fmt="int-quantized"):
    def quantize(w):
        index = torch.zeros(w.shape[1], dtype=torch.int64)
        q, scale, zero, x = affine(w, index, 1, 8, sym, torch.bfloat16)
        if not channel:
            scale = scale.amax().reshape(1)
            q = (w / scale.float() + 128).round().clamp(0, 255)
            x = (q - 128) * scale.float()
        out = {"weight": (q - 128).to(torch.int8), "weight_scale": scale}
        if not sym:
            out["weight_zero_point"] = (zero - 128).to(torch.int8)
        return out, x
    return quantize, compressed(fmt, weights(8, "channel" if channel else "tensor", sym=sym))


def ct_float(strategy):
    def quantize(w):
        rows, cols = w.shape
        block = {"tensor": (rows, cols), "channel": (1, cols), "group": (1, 96), "block": (48, 80)}[strategy]
        full = torch.nn.functional.pad(w, (0, -cols % block[1], 0, -rows % block[0]))
        parts = full.unflatten(1, (-1, block[1])).unflatten(0, (-1, block[0]))
        scale = (parts.abs().amax((1, 3)) / 448).to(torch.bfloat16)
        wide = scale.float().repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)[:rows, :cols]
        q = (w / wide).to(torch.float8_e4m3fn)
        if strategy == "tensor":
            scale = scale.reshape(1)
        return {"weight": q, "weight_scale": scale}, q.float() * wide
    return quantize, compressed("float-quantized", weights(8, strategy, 96 if strategy == "group" else None, "float",
                                                           block_structure=[48, 80] if strategy == "block" else None))


E2M1 = torch.tensor([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6])


def nibbles(q):
    q = q.to(torch.uint8).unflatten(-1, (-1, 2))
    return q[..., 0] | q[..., 1] << 4


def nearest(x, levels):
    return (x.unsqueeze(-1) - levels).abs().argmin(-1)


def nvfp4(modelopt):
    def quantize(w):
        all_ = (w.abs().amax() / (6 * 448)).float()  # by which scales are multiplied
        of16 = (w.unflatten(1, (-1, 16)).abs().amax(2) / 6 / all_).to(torch.float8_e4m3fn)
        if modelopt:
            scale = of16.float() * all_
        else:
            over = 1 / all_
            scale = of16.float() / over
        wide = scale.repeat_interleave(16, 1)
        q = nearest(w / wide, E2M1)
        x = E2M1[q] * wide
        if modelopt:
            return {"weight": nibbles(q), "weight_scale": of16, "weight_scale_2": all_, "input_scale": torch.tensor(0.5)}, x
        return {"weight_packed": nibbles(q), "weight_scale": of16, "weight_global_scale": over.reshape(1),
                "input_global_scale": torch.ones(1)}, x
    if modelopt:
        return quantize, {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": ["lm_head", LEFT],
                          "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "float", "group_size": 16}}}}
    return quantize, compressed("nvfp4-pack-quantized", weights(4, "tensor_group", 16, "float"))


def mxfp4():
    def quantize(w):
        top = w.unflatten(1, (-1, 32)).abs().amax(2)
        e = (torch.floor(torch.log2(top)) - 2).clamp(min=-126)
        wide = torch.pow(2.0, e).repeat_interleave(32, 1)
        q = nearest(w / wide, E2M1)
        return {"weight_packed": nibbles(q), "weight_scale": (e + 127).to(torch.uint8)}, E2M1[q] * wide
    return quantize, compressed("mxfp4-pack-quantized", weights(4, "group", 32, "float"))


def modelopt_fp8():
    def quantize(w):
        scale = w.abs().amax() / 448
        q = (w / scale).to(torch.float8_e4m3fn)
        return {"weight": q, "weight_scale": scale, "input_scale": torch.tensor(1.)}, q.float() * scale
    return quantize, {"quant_method": "modelopt", "quant_algo": "FP8", "ignore": ["lm_head", LEFT]}


def fp8(names):
    """One scale for a matrix, under the names of transformers or Mistral's own."""
    def quantize(w):
        scale = w.abs().amax() / 448
        q = (w / scale).to(torch.float8_e4m3fn)
        return {"weight": q, names[0]: scale, names[1]: torch.tensor(1.)}, q.float() * scale
    return quantize, {"quant_method": "fp8", "activation_scheme": "static", "modules_to_not_convert": [LEFT, "lm_head"]}


NF4 = torch.tensor([-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
                    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
                    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0])
FP4 = torch.tensor([0, .0625, 8, 12, 4, 6, 2, 3]) / 12
FP4 = torch.cat([FP4, -FP4])


def bnb4(kind="nf4", nested=False, block=64):
    levels = NF4 if kind == "nf4" else FP4

    def quantize(w):
        flat = w.flatten()
        pad = torch.nn.functional.pad(flat, (0, -len(flat) % block)).unflatten(0, (-1, block))
        absmax = pad.abs().amax(1).clamp(min=1e-6)
        state = {"quant_type": kind, "blocksize": block, "dtype": "bfloat16", "shape": list(w.shape)}
        out = {}
        if nested:
            table = torch.linspace(-1, 1, 256) ** 3
            offset = absmax.mean()
            parts = torch.nn.functional.pad(absmax - offset, (0, -len(absmax) % 256)).unflatten(0, (-1, 256))
            top = parts.abs().amax(1).clamp(min=1e-6)
            byte = nearest(parts / top[:, None], table).flatten()[:len(absmax)]
            absmax = table[byte] * top.repeat_interleave(256)[:len(absmax)] + offset
            state.update(nested_blocksize=256, nested_dtype="float32", nested_offset=offset.item())
            out = {"weight.absmax": byte.to(torch.uint8), "weight.nested_absmax": top, "weight.nested_quant_map": table}
        else:
            out = {"weight.absmax": absmax}
        q = nearest(pad / absmax[:, None], levels)
        x = (levels[q] * absmax[:, None]).flatten()[:len(flat)].reshape(w.shape)
        pairs = torch.nn.functional.pad(q.flatten()[:len(flat)], (0, len(flat) % 2)).unflatten(0, (-1, 2))
        out.update({"weight": (pairs[:, 0] << 4 | pairs[:, 1]).to(torch.uint8).reshape(-1, 1), "weight.quant_map": levels,
                    "weight.quant_state.bitsandbytes__" + kind: torch.tensor(list(json.dumps(state).encode()), dtype=torch.uint8)})
        return out, x
    return quantize, {"quant_method": "bitsandbytes", "load_in_4bit": True, "load_in_8bit": False, "bnb_4bit_quant_type": kind,
                      "bnb_4bit_use_double_quant": nested, "llm_int8_skip_modules": [LEFT, "lm_head"]}


def bnb8():
    def quantize(w):
        top = w.abs().amax(1)
        q = (w / top[:, None] * 127).round().to(torch.int8)
        x = q * top.view(-1, 1) * 7.874015718698502e-3
        return {"weight": q, "SCB": top, "weight_format": torch.tensor(0, dtype=torch.uint8)}, x
    return quantize, {"quant_method": "bitsandbytes", "load_in_8bit": True, "llm_int8_skip_modules": [LEFT, "lm_head"]}


def hqq(bits=4, group=64, axis=1, in_file=True):
    def quantize(w):
        size = group or w.shape[1]
        g = w.reshape(-1, size) if axis == 1 else w.reshape(group or w.shape[0], -1)
        low, high = g.amin(axis, keepdim=True), g.amax(axis, keepdim=True)
        scale = ((high - low) / (2**bits - 1)).clamp(min=1e-5).half()
        zero = (-low / scale.float()).half()
        q = (g / scale.float() + zero.float()).round().clamp(0, 2**bits - 1)
        x = ((q - zero.float()) * scale.float()).reshape(w.shape)
        n = 10 if bits == 3 else 8 // bits
        q = torch.nn.functional.pad(q.to(torch.int32), (0, 0, 0, -len(q) % n))
        step, packed = len(q) // n, 0
        for i in range(n):
            packed = packed | q[i * step:(i + 1) * step] << bits * (n - 1 - i)
        out = {"W_q": packed if bits == 3 else packed.to(torch.uint8), "scale": scale, "zero": zero}
        if in_file:
            out.update(nbits=torch.tensor(bits, dtype=torch.int32), axis=torch.tensor(axis, dtype=torch.int32),
                       group_size=torch.tensor(size, dtype=torch.int32), shape=torch.tensor(w.shape),
                       packing=torch.tensor(list(b"4bit_u8"), dtype=torch.uint8), quant_scale=torch.tensor(False))
        return out, x
    return quantize, {"quant_method": "hqq", "skip_modules": ["lm_head"],
                      "quant_config": {"weight_quant_params": {"nbits": bits, "group_size": group, "axis": axis}}}


def bitnet(automatic=False):
    def quantize(w):
        from transformers.integrations.bitnet import pack_weights
        scale = (1 / w.abs().mean().clamp(min=1e-5)).to(torch.bfloat16)
        q = (w * scale.float()).round().clamp(-1, 1) + 0.0  # no -0
        if automatic:
            scale = (1 / scale.float()).to(torch.bfloat16)
        x = q * scale.float() if automatic else q / scale.float()
        return {"weight": pack_weights(q.clone()), "weight_scale": scale.reshape(1)}, x
    return quantize, dict({"quant_method": "bitnet", "modules_to_not_convert": [LEFT]},
                          **({"linear_class": "autobitlinear", "quantization_mode": "offline"} if automatic else {}))


def mlx(bits=4, group=64, metal=False, mixed=False):
    def quantize(w):
        b = 8 if mixed and w.shape[0] != w.shape[1] else bits
        low, high = (f(w.unflatten(1, (-1, group)), 2) for f in (torch.amin, torch.amax))
        scale, bias = ((high - low) / (2**b - 1)).clamp(min=1e-5).half(), low.half()
        wide, under = (t.float().repeat_interleave(group, 1) for t in (scale, bias))
        q = ((w - under) / wide).round().clamp(0, 2**b - 1)
        out = {"weight": words(q, b, 1).view(torch.uint32), "scales": scale, "qbiases" if metal else "biases": bias}
        if metal:
            from transformers.integrations.metal_quantization import _affine_dequantize_tensor
            return out, _affine_dequantize_tensor(words(q, b, 1), scale, bias, group, b)
        return out, q * wide + under
    settings = {"group_size": group, "bits": bits}
    if mixed:
        settings["model.layers.1.mlp.up_proj"] = {"group_size": group, "bits": 8}
        settings["model.layers.0.self_attn.o_proj"] = False
    return quantize, {"quant_method": "metal", **settings} if metal else {"mlx": settings}


# name: (model, scheme, an expression for what else is left in 16 bits)
VARIANTS = {
    "fp8-tensor": ("llama", fp8(["weight_scale_inv", "activation_scale"])),
    "fp8-mistral": ("llama", fp8(["qscale_weight", "qscale_act"])),
    "gptq-4": ("llama", gptq()),
    "gptq-2": ("llama", gptq(2, 64)),
    "gptq-3": ("llama", gptq(3, 64)),
    "gptq-3-order": ("llama", gptq(3, 64, order=True, v2=True)),
    "gptq-8": ("llama", gptq(8, 128, sym=True)),
    "gptq-rows": ("llama", gptq(4, -1)),
    "gptq-order": ("llama", gptq(4, 64, order=True)),
    "gptq-v2": ("llama", gptq(4, 128, v2=True)),
    "gptq-8-v2": ("llama", gptq(8, 32, v2=True, order=True)),
    "gptq-ragged": ("llama", gptq(4, 96)),
    "gptq-no-list": ("llama", gptq(4, 96, no_list=True)),
    "gptq-experts": ("mixtral", gptq(4, 64, order=True)),
    "awq": ("llama", awq()),
    "awq-32": ("llama", awq(32)),
    "awq-rows": ("llama", awq(-1)),
    "awq-experts": ("mixtral", awq(64)),
    "autoround-gptq": ("llama", autoround(gptq(4, 128, sym=True), "auto_round:auto_gptq")),
    "autoround-awq": ("llama", autoround(awq(), "auto_round:auto_awq")),
    "autoround": ("llama", autoround(gptq(2, 64, v2=True), "auto_round")),
    "autoround-3": ("llama", autoround(gptq(3, 64, v2=True), "auto_round:tritonv2")),
    "ct-pack-4": ("llama", ct_pack()),
    "ct-pack-8": ("llama", ct_pack(8, 64)),
    "ct-pack-3": ("llama", ct_pack(3, 64)),
    "ct-pack-rows": ("llama", ct_pack(8, 0)),
    "ct-pack-tensor": ("llama", ct_pack(8, -1)),
    "ct-pack-zeros": ("llama", ct_pack(4, 128, sym=False)),
    "ct-pack-zeros-8": ("llama", ct_pack(8, 0, sym=False, dtype=torch.float16)),
    "ct-pack-order": ("llama", ct_pack(4, 64, sym=False, order=True)),
    "ct-pack-ragged": ("llama", ct_pack(4, 96, sym=False)),
    "ct-pack-experts": ("mixtral", ct_pack(4, 64)),
    "ct-mixed": ("llama", ct_mixed()),
    "ct-int": ("llama", ct_int()),
    "ct-int-zeros": ("llama", ct_int(sym=False)),
    "ct-int-tensor": ("llama", ct_int(False, fmt="naive-quantized")),
    "ct-float-tensor": ("llama", ct_float("tensor")),
    "ct-float-rows": ("llama", ct_float("channel")),
    "ct-float-groups": ("llama", ct_float("group")),
    "ct-float-blocks": ("llama", ct_float("block")),
    "ct-nvfp4": ("llama", nvfp4(False)),
    "ct-nvfp4-experts": ("mixtral", nvfp4(False)),
    "ct-mxfp4": ("llama", mxfp4()),
    "ct-mxfp4-latent": ("deepseek_v3", mxfp4()),
    "modelopt-fp8": ("llama", modelopt_fp8()),
    "modelopt-nvfp4": ("llama", nvfp4(True)),
    "modelopt-nvfp4-experts": ("deepseek_v3", nvfp4(True), "kv_b_proj"),
    "modelopt-nvfp4-latent": ("deepseek_v3", nvfp4(True)),
    "bnb-nf4": ("llama", bnb4()),
    "bnb-nf4-nested": ("llama", bnb4(nested=True)),
    "bnb-fp4": ("llama", bnb4("fp4", block=128)),
    "bnb-fp4-nested-ragged": ("llama", bnb4("fp4", True, 96)),
    "bnb-experts": ("mixtral", bnb4(nested=True)),
    "bnb-int8": ("llama", bnb8()),
    "hqq-8": ("llama", hqq(8)),
    "hqq-4": ("llama", hqq()),
    "hqq-4-axis-0": ("llama", hqq(4, 64, 0)),
    "hqq-3": ("llama", hqq(3)),
    "hqq-3-axis-0": ("llama", hqq(3, 64, 0)),
    "hqq-2": ("llama", hqq(2, 16, in_file=False)),
    "hqq-1": ("llama", hqq(1, 32)),
    "hqq-4-rows": ("llama", hqq(4, None)),
    "bitnet": ("llama", bitnet()),
    "bitnet-automatic": ("llama", bitnet(True)),
    "mlx-2": ("llama", mlx(2)),
    "mlx-3": ("llama", mlx(3)),
    "mlx-4": ("llama", mlx()),
    "mlx-5": ("llama", mlx(5, 32)),
    "mlx-6": ("llama", mlx(6, 128)),
    "mlx-8": ("llama", mlx(8)),
    "mlx-mixed": ("llama", mlx(4, mixed=True)),
    "metal": ("llama", mlx(4, 64, metal=True)),
}


def build(tensors, config, scheme, quantized, plain, left="^$"):
    """Writes both folders; whatever else belongs to the model is there already. Returns the decoded matrices by name."""
    quantize, settings = scheme
    torch.manual_seed(1)
    out, decoded = {}, {}
    for name, w in tensors.items():
        module = name.removesuffix(".weight")
        if not LINEAR.match(name) or module == LEFT or re.search(left, name):
            out[name] = w
            continue
        parts, decoded[name] = quantize(w.float())
        out.update((module + "." + k, v.contiguous().clone()) for k, v in parts.items())
    save_file(out, os.path.join(quantized, "model.safetensors"), {"format": "pt"})
    save_file(dict(tensors, **{k: v.contiguous() for k, v in decoded.items()}), os.path.join(plain, "model.safetensors"), {"format": "pt"})
    for folder, more in ((quantized, settings), (plain, {})):
        with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
            more = dict(quantization=more["mlx"], quantization_config=more["mlx"]) if "mlx" in more else {"quantization_config": more}
            json.dump(dict(config, **(more if folder == quantized else {})), f, indent=1)
    return decoded


def read_model(folder):
    tensors = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".safetensors"):
            tensors.update(load_file(os.path.join(folder, name)))
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as f:
        return tensors, json.load(f)


def make(models, out, *names):
    for name in names or VARIANTS:
        base, scheme, *left = VARIANTS[name]
        folders = [os.path.join(out, kind, name) for kind in ("quantized", "plain")]
        for folder in folders:
            os.makedirs(folder)
            for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json",
                         "tokenizer.model"):
                if os.path.exists(os.path.join(models, base, file)):
                    shutil.copy(os.path.join(models, base, file), folder)
        build(*read_model(os.path.join(models, base)), scheme, *folders, *left)


# Small enough to be kept, with groups that do not divide the rows (of 64 and 32 columns) where the scheme allows it.
FIXTURES = {
    "gptq-4-order": gptq(4, 24, order=True),
    "gptq-3-v2": gptq(3, 32, v2=True),
    "gptq-2": gptq(2, 16),
    "gptq-8-sym": gptq(8, -1, sym=True),
    "awq": awq(24),
    "autoround": autoround(gptq(4, 32, v2=True), "auto_round"),
    "ct-pack-4": ct_pack(4, 24, sym=False, order=True),
    "ct-pack-8": ct_pack(8, 0),
    "ct-int": ct_int(sym=False),
    "ct-float": ct_float("block"),
    "ct-nvfp4": nvfp4(False),
    "ct-mxfp4": mxfp4(),
    "modelopt-fp8": modelopt_fp8(),
    "modelopt-nvfp4": nvfp4(True),
    "bnb-nf4": bnb4(nested=True),
    "bnb-fp4": bnb4("fp4", block=48),
    "bnb-int8": bnb8(),
    "hqq-4": hqq(),
    "hqq-3-axis-0": hqq(3, 64, 0),
    "bitnet": bitnet(),
    "mlx-3": mlx(3, 32),
    "mlx-6": mlx(6, 32),
}
TOKENIZER = {"added_tokens": [{"id": 3, "content": "<s>", "special": True}], "pre_tokenizer": {"type": "ByteLevel"},
             "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}
GGUF = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}


def corner(llama, w=64):
    """The first rows and columns of the first layer: two heads, one of keys, feed-forward 32, 10 tokens."""
    tensors, config = read_model(llama)
    sizes = {"q_proj": (w, w), "k_proj": (w // 2, w), "v_proj": (w // 2, w), "o_proj": (w, w), "gate_proj": (32, w),
             "up_proj": (32, w), "down_proj": (w, 32), "embed_tokens": (10, w), "lm_head": (10, w)}
    out = {}
    for name, x in tensors.items():
        if not name.startswith("model.layers.") or name.startswith("model.layers.0."):
            size = sizes.get(name.split(".")[-2])
            out[name] = (x[:size[0], :size[1]] if size else x[:w]).contiguous()
    config.update(hidden_size=w, intermediate_size=32, head_dim=w // 2, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, vocab_size=10,
                  bos_token_id=3, eos_token_id=3)
    return out, config


SEEDS = ["gptq-3-v2", "gptq-4-order", "awq", "ct-pack-4", "ct-float", "bnb-nf4", "hqq-3-axis-0", "mlx-3"]


def seeds(llama, testdata):
    """For fuzz/fuzz_packed.c: config.json, a zero byte, the weights."""
    for name in SEEDS:
        folders = [os.path.join("/tmp", "seed", kind) for kind in ("quantized", "plain")]
        for folder in folders:
            os.makedirs(folder, exist_ok=True)
        build(*corner(llama, 32), FIXTURES[name], *folders)
        os.makedirs(os.path.join(testdata, "fuzz", "packed"), exist_ok=True)
        with open(os.path.join(testdata, "fuzz", "packed", name), "wb") as f:
            for file in "config.json", "model.safetensors":
                with open(os.path.join(folders[0], file), "rb") as part:
                    f.write(part.read() + b"\0" * (file == "config.json"))
        shutil.rmtree(os.path.join("/tmp", "seed"))


def fixtures(llama, testdata):
    sums, model = {}, corner(llama)
    for name, scheme in FIXTURES.items():
        folder, plain = os.path.join(testdata, "quantized", name), os.path.join("/tmp", "plain-" + name)
        os.makedirs(folder, exist_ok=True)
        os.makedirs(plain, exist_ok=True)
        decoded = build(*model, scheme, folder, plain)
        with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as f:
            json.dump(TOKENIZER, f)
        sums[name] = {}
        for key, x in decoded.items():
            module = key.removeprefix("model.layers.0.").removesuffix(".weight")
            if module.endswith(("q_proj", "k_proj")):  # llama.cpp's order of rows in a head
                x = x.unflatten(0, (-1, 2, 16)).transpose(1, 2).flatten(0, 2)
            sums[name]["blk.0.%s.weight" % GGUF[module]] = hashlib.sha256(x.contiguous().numpy().tobytes()).hexdigest()
        shutil.rmtree(plain)
    with open(os.path.join(testdata, "quantized", "expected.json"), "w", encoding="utf-8") as f:
        json.dump(sums, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    {"make": make, "fixtures": fixtures, "seeds": seeds}[sys.argv[1]](*sys.argv[2:])
