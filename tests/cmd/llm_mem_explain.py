#!/usr/bin/env python3
"""llm-mem --explain: every product is multiplied again, beside the figure that it stands for and the config.json that it
names.

usage: llm_mem_explain.py LLM_MEM MODEL_DIR CONFIGS_DIR

MODEL_DIR has a small model; CONFIGS_DIR (may be absent) has many config.json, whose keys must be those that are named.
Exit status: 0; 1 something does not multiply out.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
from fractions import Fraction

mem, model, configs = sys.argv[1:4]


def value(expression):
    """Words are units and names; a lone x multiplies."""
    words = re.sub(r'\b[A-Za-z_][A-Za-z_0-9]*', lambda m: '*' if m[0] == 'x' else ' ', expression)
    words = re.sub(r'\(\s*\)', ' ', words)
    assert re.fullmatch(r'[0-9+\-*/() ]+', words), expression
    return eval(re.sub(r'\d+', lambda m: f'Fraction({m[0]})', words), {'Fraction': Fraction})


def look_up(tree, path):
    """Names may have dots in them: "llama.cpp"."""
    if path in tree:
        return tree[path]
    for i, c in enumerate(path):
        if c == '.' and isinstance(tree.get(path[:i]), dict) and (got := look_up(tree[path[:i]], path[i + 1:])) is not None:
            return got


def look_up_list(tree, path):
    """Types have a list of their own, and so have bounds of speed, by type and context."""
    if path.startswith('speed.generating.'):
        quant, context, member = path.split('.')[2:]
        return next(g[member] for g in tree['speed']['generating'] if (g['quant'], str(g['context'])) == (quant, context))
    if not path.startswith('weights.'):
        return look_up(tree, path)
    name, member = path[len('weights.'):].split('.', 1)
    return next(look_up(w, member) for w in tree['weights'] if w['quant'] == name)


def run(path, *args):
    p = subprocess.run([mem, '--quiet', '--explain', *args, path], stdout=subprocess.PIPE, text=True)
    assert p.returncode == 0, path
    return p.stdout


def config_value(config, key):
    for node in (config.get('text_config', {}), config):
        for part in key.split('.'):
            node = node.get(part) if isinstance(node, dict) else None
        if node is not None:
            return node


def check(path, *args):
    got = json.loads(run(path, '--json', *args))
    names = [f['figure'] for f in got['explain']]
    assert len(names) == len(set(names))
    shares = {'parameters.by_component.' + s for s in got['parameters']['by_component']}
    assert shares | {'parameters.total', 'parameters.active'} <= set(names), names
    config = json.load(open(path)) if path.endswith('.json') else None
    for f in got['explain']:
        figure = f.get('bytes', f.get('count'))
        assert value(f['expression']) == figure == look_up_list(got, f['figure']), (path, f)
        if not config:
            continue
        for k in f['keys']:
            said = config_value(config, k['key'])
            assert said == k['value'] or len(said) == k['value'], (path, f['figure'], k, said)
        for k in f['assumed']:
            assert config_value(config, k['key']) is None and (k['rule'] or 'value' not in k), (path, f['figure'], k)
    # the same in the text, whose long lines go on in the next
    text = run(path, *args)
    blocks = re.findall(r'^(\S.*): ([0-9,]+) (?:bytes|elements).*\n  = (.*(?:\n {6}\S.*)*)', text, re.M)
    assert len(blocks) == len([n for n in names if '.total_bytes.' not in n]) < len(names), (path, len(blocks), len(names))
    for title, figure, expression in blocks:
        assert value(re.sub(r'\s+', ' ', expression)) == int(figure.replace(',', '')), (path, title, expression)
    return got, len(names)


if not os.path.isdir(model):
    print('skipped: no', model)
    sys.exit(77)

got, n = check(os.path.join(model, 'config.json'))
got, m = check(model, '--kv', 'Q8_0', '--parallel', '3', '--quant', 'all')

# what is asked for beside: each part of training that is a product, and the sum of all
for train in (['full'], ['full', '--devices', '7', '--zero', '3', '--optimizer', 'adamw8bit'], ['qlora', '--rank', '8'],
              ['lora', '--devices', '3', '--zero', '2', '--micro-batch', '5', '--offload', 'optimizer']):
    got, k = check(model, '--speed', 'h100', '--quant', 'Q8_0,Q4_K_M', '--ctx', '100,256', '--train', *train)
    figures = {f['figure'] for f in got['explain']}
    assert {'training.trainable', 'training.device_bytes.total', 'training.device_bytes.activations',
            'training.device_bytes.logits', 'speed.generating.Q4_K_M.256.total_bytes'} <= figures, figures
    assert ('training.device_bytes.gradients' in figures) == ('--offload' not in train), (train, figures)
    n += k

for path in sorted(glob.glob(configs + '/*.json')):
    got, k = check(path, '--ctx', '100,5000,131072', '--kv', 'F16', '--parallel', '2')
    n += k

with tempfile.TemporaryDirectory() as d:
    path = os.path.join(d, 'config.json')
    # everything is assumed, and said to be
    json.dump({'model_type': 'llama', 'num_key_value_heads': None}, open(path, 'w'))
    got, _ = check(path)
    cache = next(f for f in got['explain'] if f['figure'].startswith('kv_cache.bytes.llama.cpp.'))
    rules = {k['key']: (k['value'], k['key_is'], k['rule']) for k in cache['assumed']}
    assert rules['head_dim'] == (128, 'absent', 'hidden_size / num_attention_heads'), rules
    assert rules['num_key_value_heads'] == (32, 'null', 'num_attention_heads'), rules
    assert rules['num_hidden_layers'] == (32, 'absent', "transformers' default of llama"), rules
    text = run(path)
    assert re.search(r'head_dim +128  absent: hidden_size / num_attention_heads\n', text), text
    assert 'attn_k.weight             num_key_value_heads x head_dim x hidden_size\n' in text, text
    assert max(map(len, text[text.index("where the figures"):].splitlines())) <= 80

print(n, 'products multiply out')
