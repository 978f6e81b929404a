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


class Reference:
    """A checkpoint, and its layer for multi-token prediction in the place of the last one: so transformers reads that too."""

    def __init__(self, path):
        with open(os.path.join(path, 'config.json'), encoding='utf-8') as f:
            config = json.load(f)
        self.n, self.eps = config['num_hidden_layers'], config['rms_norm_eps']
        weights = load_file(os.path.join(path, 'model.safetensors'))
        self.apart = 'mtp.fc.weight' in weights
        last, more = f'model.layers.{self.n - 1}.', 'mtp.layers.0.' if self.apart else f'model.layers.{self.n}.'
        self.own = {name: w for name, w in weights.items() if name.startswith('mtp.' if self.apart else more)}
        other = path + '.other-last'
        shutil.copytree(path, other)
        swapped = {name: w for name, w in weights.items() if not name.startswith((last, more, 'mtp.'))}
        swapped |= {last + name.removeprefix(more): w for name, w in self.own.items() if name.startswith(more)}
        save_file(swapped, os.path.join(other, 'model.safetensors'), metadata={'format': 'pt'})
        self.model, self.other = (AutoModelForCausalLM.from_pretrained(p, dtype=torch.float32, attn_implementation='eager').eval()
                                  for p in (path, other))

    def part(self, name, apart):
        return self.own['mtp.' + apart + '.weight' if self.apart else f'model.layers.{self.n}.{name}.weight']

    def inputs(self, ids):
        """What goes into eh_proj: of each token but the first its embedding, and the one before it as the output matrix sees it."""
        before = self.model.model(input_ids=ids).last_hidden_state[:, :-1]
        table = self.own.get(f'model.layers.{self.n}.embed_tokens.weight', self.model.model.embed_tokens.weight)
        plus_one = 1 if self.apart else 0
        return torch.cat([norm(table[ids[:, 1:]], self.part('enorm', 'pre_fc_norm_embedding'), self.eps, plus_one),
                          norm(before, self.part('hnorm', 'pre_fc_norm_hidden'), self.eps, plus_one)], dim=-1)

    def layer(self, x):
        inner = self.other.model
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
    ref = Reference(path)
    sums = Sums(f'blk.{ref.n}.')
    sums.watch_layer(ref.other.model.layers[-1])
    with open(path + '.tokens', encoding='utf-8') as f:
        ids = [int(x) for x in f.read().split()]
    for at in range(0, len(ids) - WINDOW + 1, WINDOW):
        window = torch.tensor([ids[:1] + ids[at + 1:at + WINDOW]])  # the text's first token begins every window
        x = ref.inputs(window)
        sums.add('nextn.eh_proj', x)
        y = ref.layer(x @ ref.part('eh_proj', 'fc').T)
        if not ref.apart:
            sums.add('nextn.shared_head_head', norm(y, ref.part('shared_head.norm', ''), ref.eps, 0))
    return sums


def compare(path):
    sums = collect(path)
    theirs = {t.name: t.data.ravel().astype('float64') for t in GGUFReader(path + '.imatrix').tensors if t.name.startswith(sums.prefix)}
    wanted = {name + '.in_sum2' for name in sums.sums} | {name + '.counts' for name in sums.sums}
    wrong = [f'{name}: only on one side' for name in wanted ^ set(theirs)]
    worst = 0
    for name, want in sums.sums.items():
        got = torch.from_numpy(theirs[name + '.in_sum2'])
        apart = float((got - want.ravel()).norm() / want.norm())
        worst = max(worst, apart)
        if not apart < 1e-5 or theirs[name + '.counts'].tolist() != sums.counts[name].tolist():
            wrong.append(f'{name}: {apart:.1e} apart')
    print(f'{"FAILED" if wrong else "ok    "} {os.path.basename(path)}: {len(sums.sums)} weights, at most {worst:.1e} apart')
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
