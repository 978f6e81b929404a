"""For scripts/compare-lora: adapters and their merges by PyTorch, from the definitions (LoRA arXiv:2106.09685, rsLoRA 2312.03732,
DoRA 2402.09353); comparisons of the results."""
import json
import math
import os
import re
import shutil
import subprocess
import sys

# name, model, rank, alpha, settings, regular expression of modules, their tensors trained as a whole
KINDS = [
    ('plain', 'llama', 8, 16, {}, r'proj$', []),
    ('rslora-patterns', 'llama', 4, 6, {'use_rslora': True, 'rank_pattern': {'q_proj': 8}, 'alpha_pattern': {'down_proj': 3}},
     r'(q|k|down)_proj$', []),
    ('head', 'llama', 4, 8, {}, r'lm_head$|o_proj$', []),
    ('embedding', 'llama', 4, 8, {}, r'embed_tokens$|o_proj$', []),
    ('tied', 'qwen2', 4, 8, {}, r'[qkv]_proj$', []),
    ('fused', 'phi3', 4, 8, {}, r'(qkv|gate_up)_proj$', []),
    ('conv1d', 'gpt2', 4, 8, {'fan_in_fan_out': True}, r'c_attn$|c_fc$|c_proj$', []),
    ('norms', 'gemma2', 4, 8, {}, r'o_proj$', []),
    ('experts', 'mixtral', 4, 8, {}, r'(w1|w2|w3|gate_proj|up_proj|down_proj)$', []),
    ('some-experts', 'mixtral', 4, 8, {}, r'experts\.[13]\.w[123]$', []),
    ('stacked-experts', 'mixtral', 4, 8, {'target_parameters': ['experts.gate_up_proj', 'experts.down_proj'], 'rank_pattern': {
        'experts.down_proj': 2}}, r'q_proj$', []),
    ('stacked-experts-turned', 'mixtral', 4, 8, {'target_parameters': ['experts.gate_up_proj', 'experts.down_proj']}, r'^$', []),
    ('stacked-experts-in-turn', 'tiny/gptoss', 4, 8, {'target_parameters': ['experts.gate_up_proj', 'experts.down_proj']}, r'o_proj$', []),
    ('bin', 'qwen3', 4, 8, {'pickle': True}, r'[qk]_proj$', []),
    ('dora-merge-only', 'llama', 4, 8, {'use_dora': True}, r'(q|o|up)_proj$', []),
    ('dora-conv1d-merge-only', 'gpt2', 4, 8, {'use_dora': True, 'fan_in_fan_out': True}, r'c_attn$', []),
    ('whole-merge-only', 'gemma2', 4, 8, {'modules_to_save': ['norm', 'embed_tokens']}, r'o_proj$',
     ['model.norm.weight', 'model.embed_tokens.weight']),
    ('bias-merge-only', 'qwen2', 4, 8, {'bias': 'all'}, r'q_proj$', [r'model.layers.0.self_attn.q_proj.bias']),
    ('latent-merge-only', 'deepseek_v3', 4, 8, {}, r'(kv_b_proj|q_b_proj|kv_a_proj_with_mqa|shared_experts.up_proj)$', []),
]


def pattern(table, module, usual):
    for key, value in table.items():
        if re.match(r'(.*\.)?(%s)$' % key, module):
            return value
    return usual


def load(folder):
    import torch
    from safetensors.torch import load_file
    tensors = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith('.safetensors'):
            tensors.update(load_file(os.path.join(folder, name)))
    return {k: v.to(torch.float32) for k, v in tensors.items()}


def stacked_delta(out, name, n, n_in, n_out, rank):
    """PEFT's ParamWrapper: what is added to each of n matrices [in, out], by its formula."""
    import torch
    a, b = torch.randn(n * rank, n_in) * 0.05, torch.randn(n_out, rank * n) * 0.05
    out[name + '.lora_A.weight'], out[name + '.lora_B.weight'] = a, b
    return torch.einsum('o r e, e r i -> e i o', b.reshape(n_out, rank, n), a.reshape(n, rank, n_in))


def change_experts(weights, out, settings, rank, alpha, turned):
    """Experts as one parameter: of a checkpoint that has them so, [experts, in, out], or as transformers joins them on loading,
    [experts, out, in], of which PEFT before 0.19 takes rows for inputs (turned)."""
    import torch
    for layer in sorted({int(k.split('.')[2]) for k in weights if '.experts.' in k}):
        module = 'model.layers.%d.mlp.experts' % layer
        down_rank = pattern(settings.get('rank_pattern', {}), module + '.down_proj', rank)
        if module + '.down_proj' in weights:
            for name, inner, r in (('gate_up_proj', '.base_layer', rank), ('down_proj', '', down_rank)):
                w = weights[module + '.' + name]
                weights[module + '.' + name] = w + stacked_delta(out, module + inner, *w.shape, r) * (alpha / r)
            continue
        part = 'model.layers.%d.block_sparse_moe.experts.%%d.w%%d.weight' % layer
        n = 1 + max(int(k.split('.')[5]) for k in weights if k.startswith('model.layers.%d.block_sparse_moe.experts.' % layer))
        ff, width = weights[part % (0, 1)].shape
        for inner, r, n_in, n_out in (('.base_layer', rank, width, 2 * ff), ('', down_rank, ff, width)):
            if turned:
                delta = stacked_delta(out, module + inner, n, n_out, n_in, r) * (alpha / r)
            else:
                delta = stacked_delta(out, module + inner, n, n_in, n_out, r).transpose(1, 2) * (alpha / r)
            for i in range(n):
                for w, rows in ((1, slice(0, ff)), (3, slice(ff, 2 * ff))) if inner else ((2, slice(None)),):
                    weights[part % (i, w)] = weights[part % (i, w)] + delta[i][rows]


def make_one(models, work, name, model, rank, alpha, settings, wanted, whole):
    import torch
    from safetensors.torch import save_file
    torch.manual_seed(len(name) * 1000 + rank)
    weights, out = load(os.path.join(models, model)), {}
    settings = dict(settings)
    pickle = settings.pop('pickle', False)
    for full in [k for k in weights if k.endswith('.weight') and weights[k].dim() == 2]:
        module = full[:-len('.weight')]
        if not re.search(wanted, module):
            continue
        r = pattern(settings.get('rank_pattern', {}), module, rank)
        a = pattern(settings.get('alpha_pattern', {}), module, alpha)
        scale = a / math.sqrt(r) if settings.get('use_rslora') else a / r
        w = weights[full]
        conv = settings.get('fan_in_fan_out', False)
        if module.endswith('embed_tokens'):
            ea, eb = torch.randn(r, w.shape[0]) * 0.05, torch.randn(w.shape[1], r) * 0.05
            out[module + '.lora_embedding_A'], out[module + '.lora_embedding_B'] = ea, eb
            weights[full] = w + (eb @ ea).T * scale
            continue
        n_out, n_in = w.T.shape if conv else w.shape
        la, lb = torch.randn(r, n_in) * 0.05, torch.randn(n_out, r) * 0.05
        out[module + '.lora_A.weight'], out[module + '.lora_B.weight'] = la, lb
        new = (w.T if conv else w) + scale * (lb @ la)
        if settings.get('use_dora'):
            m = torch.rand(n_out) + 0.5
            out[module + '.lora_magnitude_vector'] = m
            new = new * (m / torch.linalg.norm(new, dim=1)).unsqueeze(1)
        weights[full] = new.T.contiguous() if conv else new
    if 'target_parameters' in settings:
        change_experts(weights, out, settings, rank, alpha, name.endswith('turned'))
    for full in whole:
        weights[full] = weights[full] * 1.03 + 0.01
        out[full] = weights[full]
    folder = os.path.join(work, name)
    os.makedirs(os.path.join(folder, 'adapter'))
    with open(os.path.join(folder, 'model'), 'w') as f:
        f.write(model)
    with open(os.path.join(folder, 'adapter', 'adapter_config.json'), 'w') as f:
        json.dump({'peft_type': 'LORA', 'r': rank, 'lora_alpha': alpha, 'base_model_name_or_path': 'nowhere', **settings}, f)
    out = {'base_model.model.' + k: v.contiguous() for k, v in out.items()}
    if pickle:
        torch.save(out, os.path.join(folder, 'adapter', 'adapter_model.bin'))
    else:
        save_file(out, os.path.join(folder, 'adapter', 'adapter_model.safetensors'))
    shutil.copytree(os.path.join(models, model), os.path.join(folder, 'merged'),
                    ignore=shutil.ignore_patterns('golden*', '*.safetensors', '*.index.json'))
    os.chmod(os.path.join(folder, 'merged'), 0o755)
    save_file({k: v.contiguous() for k, v in weights.items()}, os.path.join(folder, 'merged', 'model.safetensors'))
    if not out:
        sys.exit('%s: no module is named so' % name)


def compare(own, torch_made, name):
    import numpy
    from gguf import GGUFReader  # among the peers
    a, b = ({t.name: t.data for t in GGUFReader(path).tensors} for path in (own, torch_made))
    worst, where = 0.0, ''
    for key in b:
        d = float(numpy.max(numpy.abs(a[key] - b[key])) / max(1e-9, float(numpy.max(numpy.abs(b[key]))))) if key in a else math.inf
        if d > worst:
            worst, where = d, key
    ok = worst < 1e-6 and a.keys() == b.keys()
    print('%s  %s: largest difference %.1e of the largest weight%s' % ('ok    ' if ok else 'FAILED', name, worst, ', ' + where if where else ''))
    return ok


def greedy(base, adapter, golden, run):
    """llama.cpp's own greedy text after each prompt; where the best two logits come close, another one proves nothing."""
    ok = True
    for i, p in enumerate(json.load(open(os.path.join(golden, 'prompts.json')))):
        for _ in range(6):
            out = subprocess.run([run, 'llama-completion', '-m', base, '--lora', adapter, '-p', p['text'], '-n', str(len(p['greedy'])),
                                  '--temp', '0', '-no-cnv', '--no-escape', '--no-display-prompt', '--simple-io', '-t', '1', '-ctk', 'f32',
                                  '-ctv', 'f32', '-fa', 'off'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True, errors='replace').stdout
            if out.endswith('\n\n'):
                break
        same_text, close = out.strip() == p['greedy_text'].strip(), p['greedy_min_margin'] < 0.005
        print('%s  prompt %d: greedy by llama.cpp with the adapter%s' % ('ok    ' if same_text else 'FAILED', i,
                                                                          ' (a close call)' if close else ''))
        if not same_text:
            print('   %r\n   %r' % (out, p['greedy_text']))
        ok = ok and (same_text or close)
    return ok


def same(a, b, name):
    ok = a != 'none' and b != 'none' and abs(float(a) - float(b)) <= 2e-4 * float(b)
    print('%s  %s: %s beside the model, %s merged' % ('ok    ' if ok else 'FAILED', name, a, b))
    return ok


if sys.argv[1] == 'make':
    for kind in KINDS:
        if kind[0] in sys.argv[4:] or not sys.argv[4:]:
            models = sys.argv[2]
            if kind[1].startswith('tiny/'):
                import gen_model
                models = os.path.join(sys.argv[3], 'models')
                gen_model.make(kind[1][5:], os.path.join(models, 'tiny'))
            make_one(models, sys.argv[3], *kind)
else:
    sys.exit(not {'compare': compare, 'greedy': greedy, 'same': same}[sys.argv[1]](*sys.argv[2:]))
