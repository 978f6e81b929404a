#!/usr/bin/env python3
"""llm-run --compare --layers finds planted faults: each conversion that is broken in one way is told from the original, and
the layer and the part are named.

usage: llm_run_layers.py LLM_RUN ST2GGUF MODEL [MODELS]    MODEL: a Llama directory in BF16; MODELS: a folder of models of other
                                                           architectures, which may be absent"""
import json
import os
import subprocess
import sys
import tempfile

from broken_model import bf16, broken, change, floats

LLM_RUN, ST2GGUF, MODEL = sys.argv[1:4]
MODELS = sys.argv[4] if len(sys.argv) > 4 else ''
TEXT = 'First Citizen: Before we proceed any further, hear me speak. All: Speak, speak.'
FAILED = []


def layer(i, name):
    return f'model.layers.{i}.{name}.weight'


def permuted(rows, n_heads):
    """Halves of each head become neighbours: what llama.cpp's layout has, and a checkpoint has not."""
    n = len(rows) // n_heads
    return [rows[h * n + (i % 2) * (n // 2) + i // 2] for h in range(n_heads) for i in range(n)]


def swap(a, b):
    def do(w, config):
        x, y = w.rows(a), w.rows(b)
        w.put(a, y)
        w.put(b, x)
    return do


def setting(**values):
    def do(w, config):
        for key, value in values.items():
            if value is None:
                config.pop(key, None)
            else:
                config[key] = value
    return do


def transposed(rows):
    x = floats(rows)
    return bf16([[x[j][i] for j in range(len(x))] for i in range(len(x[0]))])


def scaled(factor):
    return lambda rows: bf16([[factor * x for x in row] for row in floats(rows)])


def less_one(rows):
    return bf16([[x - 1 for x in row] for row in floats(rows)])


def run(*arguments):
    done = subprocess.run([LLM_RUN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def expect(what, ok, *shown):
    print('ok  ' if ok else 'FAIL', what)
    if not ok:
        print('    ', *shown)
        FAILED.append(what)


def check(what, reference, model, parts):
    """Exit status 1, and these parts and no others: (layer, tensor or operation)."""
    status, out, err = run(model, '--compare', reference, '-p', TEXT, '--layers', '--json')
    found = [(p.get('layer', -1), p.get('tensor', p['operation'])) for p in json.loads(out)['parts'] if p['departs']] if out else []
    found = sorted(set(found), key=found.index)
    expect(what, status == (1 if parts else 0) and found == parts, status, found[:6], err)
    if parts:
        status, out, err = run(model, '--compare', reference, '-p', TEXT, '--layers')
        name = f'layer {parts[0][0]}: {parts[0][1]}' if parts[0][0] >= 0 and '.' not in parts[0][1] else parts[0][1]
        expect(what + ': in words', status == 1 and name in out.split('\n')[2], out[:400])


def faults(folder):
    with open(os.path.join(MODEL, 'config.json'), encoding='utf-8') as f:
        config = json.load(f)
    heads, kv_heads, n_layers = config['num_attention_heads'], config['num_key_value_heads'], config['num_hidden_layers']
    blk = 'blk.%d.%s.weight'
    ropes = [(i, 'rope') for i in range(n_layers)]
    norms = [(i, blk % (i, n)) for i in range(n_layers) for n in ('attn_norm', 'ffn_norm')] + [(-1, 'output_norm.weight')]
    planted = [
        ('q permuted', change(layer(0, 'self_attn.q_proj'), lambda r: permuted(r, heads)), [(0, blk % (0, 'attn_q'))]),
        ('k permuted', change(layer(2, 'self_attn.k_proj'), lambda r: permuted(r, kv_heads)), [(2, blk % (2, 'attn_k'))]),
        ('a norm less one', change(layer(1, 'input_layernorm'), less_one), [(1, blk % (1, 'attn_norm'))]),
        ('the last norm less one', change('model.norm.weight', less_one), [(-1, 'output_norm.weight')]),
        ('a square matrix transposed', change(layer(3, 'self_attn.o_proj'), transposed), [(3, blk % (3, 'attn_output'))]),
        ('gate and up swapped', swap(layer(1, 'mlp.gate_proj'), layer(1, 'mlp.up_proj')),
         [(1, blk % (1, 'ffn_gate')), (1, blk % (1, 'ffn_up'))]),
        ('a missing factor', change(layer(2, 'mlp.down_proj'), scaled(0.5)), [(2, blk % (2, 'ffn_down'))]),
        ('a matrix of zeros', change(layer(0, 'mlp.up_proj'), scaled(0)), [(0, blk % (0, 'ffn_up'))]),
        ('values of two layers swapped', swap(layer(0, 'self_attn.v_proj'), layer(3, 'self_attn.v_proj')),
         [(0, blk % (0, 'attn_v')), (3, blk % (3, 'attn_v'))]),
        ('rows of the embedding shifted', change('model.embed_tokens.weight', lambda r: r[1:] + r[:1]), [(-1, 'token_embd.weight')]),
        ('the embedding for the output matrix', lambda w, c: w.put('lm_head.weight', w.rows('model.embed_tokens.weight')),
         [(-1, 'output.weight')]),
        ('one element', change(layer(1, 'post_attention_layernorm'), lambda r: r[:5] + [b'\0\x42'] + r[6:]), [(1, blk % (1, 'ffn_norm'))]),
        ('another base of RoPE', setting(rope_theta=10000.0, rope_parameters=None), ropes),
        ('no scaling of RoPE', setting(rope_scaling=None), ropes),
        ('another epsilon', setting(rms_norm_eps=1e-3), norms),
    ]
    for what, fault, parts in planted:
        check(what, MODEL, broken(MODEL, folder, fault), parts)
    gguf = os.path.join(folder, 'q4.gguf')
    for what, fault, parts in planted[:7:2]:  # and where everything else is rounded too
        subprocess.run([ST2GGUF, '--quiet', '--force', '--quant', 'Q4_K_M', broken(MODEL, folder, fault), '-o', gguf], check=True)
        check(what + ', in Q4_K_M', MODEL, gguf, parts)
    for quant in ('F32', 'F16', 'Q8_0', 'Q4_K_M', 'Q2_K'):
        subprocess.run([ST2GGUF, '--quiet', '--force', '--quant', quant, MODEL, '-o', gguf], check=True)
        check(f'nothing departs in {quant}', MODEL, gguf, [])


def other_tokens(folder):
    """A tokenizer that was left behind: an error before anything is computed."""
    copy = broken(MODEL, folder, lambda w, config: None)
    path = os.path.join(copy, 'tokenizer.json')
    with open(path, encoding='utf-8') as f:
        tokenizer = json.load(f)
    tokenizer['model']['merges'] = tokenizer['model']['merges'][:100]
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(tokenizer, f)
    status, out, err = run(copy, '--compare', MODEL, '-p', TEXT, '--layers')
    expect("another model's tokenizer", status == 3 and 'the tokenizers differ' in err and not out, status, err)


def of_others():
    """Faults that a Llama cannot have: (model, what, fault, parts)."""
    attention = [(i, 'attention') for i in range(3)]
    experts = 'model.layers.1.block_sparse_moe.experts.%d.w2.weight'
    return [
        ('mixtral', 'two experts swapped', swap(experts % 2, experts % 5), [(1, 'blk.1.ffn_down_exps.weight')]),
        ('mixtral', 'rows of the router shifted', change(layer(0, 'block_sparse_moe.gate'), lambda r: r[1:] + r[:1]),
         [(0, 'blk.0.ffn_gate_inp.weight')]),
        ('gemma2', 'a norm without its one', change(layer(1, 'post_attention_layernorm'), less_one), [(1, 'blk.1.post_attention_norm.weight')]),
        ('gemma2', 'another cap of scores', setting(attn_logit_softcapping=20.0), attention),
        ('gemma2', 'another cap of logits', setting(final_logit_softcapping=50.0), [(-1, 'soft cap')]),
        ('gemma2', 'another scale of scores', setting(query_pre_attn_scalar=128), attention),
        ('qwen2', 'a bias of zeros', change('model.layers.2.self_attn.k_proj.bias', scaled(0)), [(2, 'blk.2.attn_k.weight')]),
        ('deepseek_v3', 'no scale of the experts', setting(routed_scaling_factor=1.0), [(1, 'sum of experts')]),
        ('deepseek_v3', 'latent keys and values of another layer', swap(layer(0, 'self_attn.kv_a_proj_with_mqa'),
                                                                        layer(1, 'self_attn.kv_a_proj_with_mqa')),
         [(0, 'blk.0.attn_kv_a_mqa.weight'), (1, 'blk.1.attn_kv_a_mqa.weight')]),
    ]


def other_architectures(folder):
    for name, what, fault, parts in of_others():
        model = os.path.join(MODELS, name)
        if os.path.isdir(model):
            check(f'{name}: {what}', model, broken(model, folder, fault), parts)
        else:
            print(f'skipped: {model} is not here')
    mixtral = os.path.join(MODELS, 'mixtral')
    if os.path.isdir(mixtral):
        copy = broken(mixtral, folder, setting(num_experts_per_tok=1))
        status, out, err = run(copy, '--compare', mixtral, '-p', TEXT, '--layers')
        expect('fewer experts per token', status == 3 and 'part in what they do' in err, status, out[:300], err)


def main():
    if not os.path.isdir(MODEL):
        print(f'skipped: {MODEL} is not here')
        return 77
    with tempfile.TemporaryDirectory() as folder:
        faults(folder)
        other_tokens(folder)
        other_architectures(folder)
    return 1 if FAILED else 0


sys.exit(main())
