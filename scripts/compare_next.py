"""For scripts/compare-next: the sums of squares of what goes into the weights of a layer for multi-token prediction, by PyTorch.

usage: compare_next.py FOLDER NAME...     with FOLDER/NAME, FOLDER/NAME.imatrix, FOLDER/NAME.tokens
"""
import json
import os
import shutil
import sys

import torch
import transformers
from gguf import GGUFReader
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

WINDOW = 64


def norm(x, weight, eps, plus_one):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * (weight + plus_one)


def read(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation='eager').eval().model


class Next:
    """Layer i for multi-token prediction of a checkpoint, put in the place of its last layer: so transformers reads that too."""

    def __init__(self, path, weights, n_layers, i, eps):
        self.apart, self.n, self.eps = 'mtp.fc.weight' in weights, n_layers + i, eps
        last, more = f'model.layers.{n_layers - 1}.', f'mtp.layers.{i}.' if self.apart else f'model.layers.{self.n}.'
        self.own = {name: w for name, w in weights.items() if name.startswith('mtp.' if self.apart else more)}
        other = f'{path}.last-is-{i}'
        shutil.copytree(path, other)
        swapped = {name: w for name, w in weights.items() if not name.startswith((last, more, 'mtp.'))}
        swapped |= {last + name.removeprefix(more): w for name, w in self.own.items() if name.startswith(more)}
        save_file(swapped, os.path.join(other, 'model.safetensors'), metadata={'format': 'pt'})
        self.model = read(other)
        self.table = self.own.get(f'model.layers.{self.n}.embed_tokens.weight', self.model.embed_tokens.weight)

    def part(self, name, apart):
        return self.own['mtp.' + apart + '.weight' if self.apart else f'model.layers.{self.n}.{name}.weight']

    def norm(self, x, name, apart):
        return norm(x, self.part(name, apart), self.eps, 1 if self.apart else 0)

    def inputs(self, ids, before):
        """What goes into eh_proj: embeddings of tokens, and what there is of the ones before them as an output matrix sees it."""
        return torch.cat([self.norm(self.table[ids], 'enorm', 'pre_fc_norm_embedding'),
                          self.norm(before, 'hnorm', 'pre_fc_norm_hidden')], dim=-1)

    def layer(self, x):
        inner = self.model
        n = x.shape[1]
        mask = torch.full((n, n), torch.finfo(torch.float32).min).triu(1)[None, None]
        positions = torch.arange(n)[None]
        out = inner.layers[-1](x, attention_mask=mask, position_ids=positions, position_embeddings=inner.rotary_emb(x, positions))
        return out[0] if isinstance(out, tuple) else out


class Sums:
    def __init__(self, prefix):
        self.prefix, self.sums, self.counts = prefix, {}, {}

    def add(self, name, x, expert=0, n_experts=1):
        x = x.reshape(-1, x.shape[-1]).double()
        sums = self.sums.setdefault(self.prefix + name + '.weight', torch.zeros(n_experts, x.shape[-1], dtype=torch.float64))
        sums[expert] += x.pow(2).sum(0)
        counts = self.counts.setdefault(self.prefix + name + '.weight', torch.zeros(n_experts))
        counts[expert] += x.shape[0]

    def watch(self, module, *names):
        module.register_forward_pre_hook(lambda _, args: [self.add(name, args[0]) for name in names] and None)

    def experts(self, module, args):
        x, chosen = args[0].reshape(-1, args[0].shape[-1]), args[1].reshape(-1, args[1].shape[-1])
        for e in range(module.gate_up_proj.shape[0]):
            rows = x[(chosen == e).any(-1)]
            gate, up = (rows @ module.gate_up_proj[e].T).chunk(2, -1)
            for name in 'ffn_gate_exps', 'ffn_up_exps':
                self.add(name, rows, e, module.gate_up_proj.shape[0])
            self.add('ffn_down_exps', torch.nn.functional.silu(gate) * up, e, module.gate_up_proj.shape[0])

    def watch_layer(self, layer):
        attention, mlp = layer.self_attn, layer.mlp
        self.watch(attention.q_proj, 'attn_q', 'attn_k', 'attn_v')
        self.watch(attention.o_proj, 'attn_output')
        if not hasattr(mlp, 'experts'):
            self.watch(mlp.gate_proj, 'ffn_gate', 'ffn_up')
            self.watch(mlp.down_proj, 'ffn_down')
            return
        self.watch(mlp, 'ffn_gate_inp')
        mlp.experts.register_forward_pre_hook(self.experts)
        shared = getattr(mlp, 'shared_experts', None) or mlp.shared_expert
        self.watch(shared.gate_proj, 'ffn_gate_shexp', 'ffn_up_shexp')
        self.watch(shared.down_proj, 'ffn_down_shexp')
        if hasattr(mlp, 'shared_expert_gate'):
            self.watch(mlp.shared_expert_gate, 'ffn_gate_inp_shexp')


def collect(path):
    """Sums of each layer for multi-token prediction."""
    with open(os.path.join(path, 'config.json'), encoding='utf-8') as f:
        config = json.load(f)
    with open(path + '.tokens', encoding='utf-8') as f:
        ids = [int(x) for x in f.read().split()]
    weights, model = load_file(os.path.join(path, 'model.safetensors')), read(path)
    layers = [Next(path, weights, config['num_hidden_layers'], i, config['rms_norm_eps'])
              for i in range(config.get('num_nextn_predict_layers') or 1)]
    sums = [Sums(f'blk.{layer.n}.') for layer in layers]
    for layer, its in zip(layers, sums):
        its.watch_layer(layer.model.layers[-1])
    for at in range(0, len(ids) - WINDOW + 1, WINDOW):
        window = torch.tensor([ids[:1] + ids[at + 1:at + WINDOW]])  # the text's first token begins every window
        seen = model(input_ids=window).last_hidden_state
        for i, (layer, its) in enumerate(zip(layers, sums)):
            x = layer.inputs(window[:, i + 1:], seen[:, :-1])
            its.add('nextn.eh_proj', x)
            seen = layer.norm(layer.layer(x @ layer.part('eh_proj', 'fc').T), 'shared_head.norm', 'norm')
            if not layer.apart:
                its.add('nextn.shared_head_head', seen)
    return sums


def compare(path):
    all_sums = collect(path)
    want = {name: x for sums in all_sums for name, x in sums.sums.items()}
    counts = {name: x.tolist() for sums in all_sums for name, x in sums.counts.items()}
    got = {t.name: t.data.ravel().astype('float64') for t in GGUFReader(path + '.imatrix').tensors
           if t.name.startswith(tuple(sums.prefix for sums in all_sums))}
    wrong = [f'{name}: only on one side' for name in {name + end for name in want for end in ('.in_sum2', '.counts')} ^ set(got)]
    worst = 0
    for name in want:
        apart = float((torch.from_numpy(got[name + '.in_sum2']) - want[name].ravel()).norm() / want[name].norm())
        worst = max(worst, apart)
        if not apart < 1e-5 or got[name + '.counts'].tolist() != counts[name]:
            wrong.append(f'{name}: {apart:.1e} apart')
    print(f'{"FAILED" if wrong else "ok    "} {os.path.basename(path)}: {len(want)} weights, at most {worst:.1e} apart')
    for line in wrong:
        print('      ', line)
    return not wrong


def main():
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with torch.no_grad():
        good = [compare(os.path.join(sys.argv[1], name)) for name in sys.argv[2:]]
    return 0 if all(good) else 1


sys.exit(main())
