#!/usr/bin/env python3
"""LoRA adapters: merged by st2gguf, beside the model in llm-run, and as GGUFs. What a merge has to give is computed here, from the
definitions, with Python's own numbers, and written as a checkpoint of its own that is then converted.

usage: lora_test.py LLM_RUN ST2GGUF GGUF_INSPECT LLM_MEM MODEL [SHARED]    MODEL: a Llama directory in BF16; SHARED may be absent"""
import array
import json
import math
import os
import pickle
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile

LLM_RUN, ST2GGUF, INSPECT, LLM_MEM, MODEL = sys.argv[1:6]
SHARED = sys.argv[6] if len(sys.argv) > 6 else ''
IDS = '1,9,77,300,512,44,8,91,17,250,63'
FAILED = []
rng = random.Random(7)


def check(ok, what):
    print('%s  %s' % ('ok    ' if ok else 'FAILED', what))
    if not ok:
        FAILED.append(what)


def read(path):
    """Tensors of a safetensors file: name -> (shape, floats)."""
    with open(path, 'rb') as f:
        data = f.read()
    n, = struct.unpack('<Q', data[:8])
    tensors = {}
    for name, entry in json.loads(data[8:8 + n]).items():
        if name == '__metadata__':
            continue
        a, b = (8 + n + x for x in entry['data_offsets'])
        raw = data[a:b]
        if entry['dtype'] == 'BF16':
            raw = b''.join(b'\0\0' + raw[i:i + 2] for i in range(0, len(raw), 2))
        tensors[name] = (entry['shape'], array.array('i' if entry['dtype'] == 'I32' else 'f', raw))
    return tensors


def write(path, tensors):
    header, at = {}, 0
    for name, (shape, x) in tensors.items():
        header[name] = {'dtype': 'F32', 'shape': shape, 'data_offsets': [at, at + 4 * len(x)]}
        at += 4 * len(x)
    text = json.dumps(header).encode()
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text + b''.join(array.array('f', x).tobytes() for _, x in tensors.values()))


def rand(rows, cols, size):
    return [rows, cols], array.array('f', [rng.gauss(0, size) for _ in range(rows * cols)])


def product(b, a):
    (rows, rank), x = b
    (_, cols), y = a
    out = []
    for i in range(rows):
        row = [0.0] * cols
        for k in range(rank):
            f = x[i * rank + k]
            part = y[k * cols:(k + 1) * cols]
            row = [r + f * p for r, p in zip(row, part)]
        out.append(row)
    return out


def merge(weights, name, delta, scale, magnitude=None):
    """W + scale BA, and with magnitudes each row as long as they say."""
    (rows, cols), x = weights[name]
    out = array.array('f')
    for i in range(rows):
        row = [w + scale * d for w, d in zip(x[i * cols:(i + 1) * cols], delta[i])]
        if magnitude is not None:
            length = math.sqrt(sum(w * w for w in row))
            row = [w * magnitude[i] / length for w in row]
        out.extend(row)
    weights[name] = ([rows, cols], out)


def turned(matrix):
    return [list(column) for column in zip(*matrix)]


def adapter(name, tensors, **config):
    folder = os.path.join(WORK, name)
    os.mkdir(folder)
    settings = {'peft_type': 'LORA', 'r': 4, 'lora_alpha': 6, 'base_model_name_or_path': 'somewhere/else'}
    with open(os.path.join(folder, 'adapter_config.json'), 'w') as f:
        json.dump({**settings, **config}, f)
    write(os.path.join(folder, 'adapter_model.safetensors'), {'base_model.model.' + n: t for n, t in tensors.items()})
    return folder


def merged(name, weights):
    folder = os.path.join(WORK, name)
    shutil.copytree(MODEL, folder, ignore=shutil.ignore_patterns('golden', 'model.safetensors'))
    write(os.path.join(folder, 'model.safetensors'), weights)
    return folder


def run(*command, status=0, says=''):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
    if done.returncode != status or says not in done.stdout:
        check(False, '%s: exit status %d, not %d, and: %s' % (' '.join(command), done.returncode, status, done.stdout))
    return done.stdout


def convert(source, name, *options):
    out = os.path.join(WORK, name)
    run(ST2GGUF, '--quiet', '--force', *(() if '--quant' in options else ('--quant', 'F32')), source, '-o', out, *options)
    return out


def logits(*command):
    out = os.path.join(WORK, 'logits.safetensors')
    run(LLM_RUN, '--quiet', '--force', *command, '--logits', out)
    return next(x for name, (_, x) in read(out).items() if 'logits' in name)


def distance(a, b):
    return max(abs(x - y) for x, y in zip(a, b)) if len(a) == len(b) else math.inf


def same_model(a, b, what):
    check(distance(logits(a, '--ids', IDS), logits(b, '--ids', IDS)) < 2e-4, what + ': merged as defined')


def beside(base, folder, whole, what):
    """At run time as merged; the bits are the same for any threads and batches."""
    x = logits(base, '--lora', folder, '--ids', IDS, '-t', '1')
    check(distance(x, logits(whole, '--ids', IDS)) < 2e-4, what + ': --lora of llm-run as merged')
    check(x == logits(base, '--lora', folder, '--ids', IDS, '-t', '3', '--batch', '2'), what + ': any threads and batches')


def layer(i, name):
    return 'model.layers.%d.%s' % (i, name)


def pair(tensors, module, shape, rank, size=0.08):
    a, b = rand(rank, shape[1], size), rand(shape[0], rank, size)
    tensors[module + '.lora_A.weight'], tensors[module + '.lora_B.weight'] = a, b
    return product(b, a)


def patterns():
    """Ranks and alphas of their own, and alpha by the root of the rank; rows that move (q, k), and rows that do not."""
    weights, tensors = read(os.path.join(MODEL, 'model.safetensors')), {}
    for i in range(4):
        for name in ('self_attn.q_proj', 'self_attn.k_proj', 'mlp.down_proj'):
            rank = 8 if i == 2 and name == 'self_attn.q_proj' else 4
            alpha = 11 if name == 'mlp.down_proj' else 6
            module = layer(i, name)
            delta = pair(tensors, module, weights[module + '.weight'][0], rank)
            merge(weights, module + '.weight', delta, alpha / math.sqrt(rank))
    folder = adapter('patterns', tensors, use_rslora=True, rank_pattern={r'layers\.2\.self_attn\.(q|x)_proj': 8},
                     alpha_pattern={'down_proj': 11})
    whole = convert(merged('patterns-merged', weights), 'patterns.gguf')
    same_model(convert(MODEL, 'a.gguf', '--lora', folder), whole, 'patterns and rsLoRA')
    beside(MODEL, folder, whole, 'patterns and rsLoRA')
    gguf = os.path.join(WORK, 'adapter.gguf')
    run(ST2GGUF, '--quiet', folder, '--base', MODEL, '-o', gguf)
    beside(MODEL, gguf, whole, 'patterns and rsLoRA as a GGUF')
    for path, targets in ((gguf, ['attn_k', 'attn_q', 'ffn_down']), (folder, ['down_proj', 'k_proj', 'q_proj'])):
        shown = json.loads(run(INSPECT, '--json', path))['files'][0]['adapter']
        check((shown['rank_min'], shown['rank_max'], shown['matrices'], sorted(shown['targets'])) == (4, 8, 12, targets),
              'gguf-inspect shows ranks and targets: %s' % shown)
        check('28,672' in run(LLM_MEM, path), 'llm-mem counts an adapter as it is stored')
    beside(convert(MODEL, 'base.gguf'), gguf, whole, 'patterns and rsLoRA, both GGUFs')


def dora():
    weights, tensors = read(os.path.join(MODEL, 'model.safetensors')), {}
    for name in ('self_attn.q_proj', 'self_attn.o_proj', 'mlp.gate_proj'):
        module = layer(1, name)
        shape = weights[module + '.weight'][0]
        delta = pair(tensors, module, shape, 4)
        magnitude = array.array('f', [rng.uniform(0.5, 1.5) for _ in range(shape[0])])
        tensors[module + '.lora_magnitude_vector'] = [shape[0]], magnitude
        merge(weights, module + '.weight', delta, 6 / 4, magnitude)
    folder = adapter('dora', tensors, use_dora=True)
    whole = convert(merged('dora-merged', weights), 'dora.gguf')
    same_model(convert(MODEL, 'a.gguf', '--lora', folder), whole, 'DoRA')
    beside(MODEL, folder, whole, 'DoRA')
    run(ST2GGUF, folder, '--base', MODEL, '-o', os.path.join(WORK, 'none.gguf'), status=3, says='magnitudes (DoRA)')


def embeddings():
    """The embedding's two halves are the other way round; the head and a norm are there as a whole; the second adapter comes
    on top of the first, at a scale of its own."""
    weights, tensors = read(os.path.join(MODEL, 'model.safetensors')), {}
    rows, cols = weights['model.embed_tokens.weight'][0]
    a, b = rand(4, rows, 0.1), rand(cols, 4, 0.1)
    tensors['model.embed_tokens.lora_embedding_A'], tensors['model.embed_tokens.lora_embedding_B'] = a, b
    merge(weights, 'model.embed_tokens.weight', turned(product(b, a)), 6 / 4)
    norm = [256], array.array('f', [rng.uniform(0.8, 1.2) for _ in range(256)])
    tensors['model.norm.weight'] = weights['model.norm.weight'] = norm
    head = weights['lm_head.weight'][0], array.array('f', [x * 1.01 for x in weights['lm_head.weight'][1]])
    tensors['lm_head.modules_to_save.default.weight'] = weights['lm_head.weight'] = head
    first = adapter('embeddings', tensors, modules_to_save=['lm_head'])
    more = {}
    merge(weights, 'lm_head.weight', pair(more, 'lm_head', head[0], 4), -0.5 * 6 / 4)
    second = adapter('second', more)
    whole = convert(merged('embeddings-merged', weights), 'embeddings.gguf')
    both = ('--lora', first, '--lora', second + '=-0.5')
    same_model(convert(MODEL, 'a.gguf', *both), whole, 'embedding, head, norm, and a second adapter')
    check(distance(logits(MODEL, *both, '--ids', IDS), logits(whole, '--ids', IDS)) < 2e-4, 'the same at run time')
    a = convert(MODEL, 'q8.gguf', *both, '--quant', 'Q8_0', '-t', '1')
    b = convert(MODEL, 'q8-3.gguf', *both, '--quant', 'Q8_0', '-t', '3')
    with open(a, 'rb') as x, open(b, 'rb') as y:
        check(x.read() == y.read(), 'the same bytes with one thread and with three')


def refuse(name, tensors, says, *more, **config):
    folder = adapter(name, tensors, **config)
    run(ST2GGUF, '--quant', 'F32', MODEL, '--lora', folder, '-o', os.path.join(WORK, 'none.gguf'), *more, status=3, says=says)
    check(not os.path.exists(os.path.join(WORK, 'none.gguf')), name + ': nothing is written')


def pickled():
    """Weights as a pickle that runs a command when it is loaded by pickle: refused, and nothing has run."""
    folder = adapter('pickled', {})
    os.unlink(os.path.join(folder, 'adapter_model.safetensors'))
    ran = os.path.join(WORK, 'ran')
    with zipfile.ZipFile(os.path.join(folder, 'adapter_model.bin'), 'w') as z:
        z.writestr('archive/data.pkl', pickle.dumps(Command('touch ' + ran), protocol=2))
        z.writestr('archive/version', '3\n')
    run(ST2GGUF, MODEL, '--lora', folder, '-o', os.path.join(WORK, 'none.gguf'), status=3, says='system')
    check(not os.path.exists(ran), 'a pickle runs nothing')


class Command:
    def __init__(self, text):
        self.text = text

    def __reduce__(self):
        return os.system, (self.text,)


def bad():
    module = layer(0, 'self_attn.q_proj')
    good = {}
    pair(good, module, [256, 256], 4)
    a, b = good[module + '.lora_A.weight'], good[module + '.lora_B.weight']
    refuse('another-rank', good, 'its tensors have rank 4, adapter_config.json says 16', r=16)
    refuse('no-b', {module + '.lora_A.weight': a}, 'its other half (lora_B) is missing')
    refuse('other-shape', {module + '.lora_A.weight': rand(4, 250, 1), module + '.lora_B.weight': b}, 'the base asks for [4, 256]')
    refuse('halves-differ', {module + '.lora_A.weight': a, module + '.lora_B.weight': rand(256, 5, 1)}, 'asks for [256, 4]')
    refuse('no-such-layer', {layer(9, 'self_attn.q_proj') + '.lora_A.weight': a}, 'no place for it in the base')
    refuse('no-magnitude', good, 'lora_magnitude_vector is missing', use_dora=True)
    refuse('other-kind', good, 'peft_type', peft_type='IA3')
    refuse('no-rank', good, 'r: expected a whole number', r=0)
    refuse('no-alpha', good, 'lora_alpha: expected a number', lora_alpha='many')
    refuse('odd-pattern', good, 'not one that is known', rank_pattern={'(?=q)': 4})
    stack = {layer(0, 'mlp.experts.lora_A.weight'): rand(32, 256, 1), layer(0, 'mlp.experts.lora_B.weight'): rand(1024, 32, 1)}
    refuse('no-experts', stack, 'no place for it in the base', target_parameters=['experts.gate_up_proj'])
    refuse('empty', {}, 'no tensor of an adapter')
    pickled()
    folder = adapter('good', good)
    out = os.path.join(WORK, 'none.gguf')
    run(ST2GGUF, folder, '-o', out, status=3, says='--base DIR')
    run(ST2GGUF, folder, '--base', MODEL, '--quant', 'Q8_0', '-o', out, status=2, says='too narrow for blocks')
    run(ST2GGUF, MODEL, '--lora', MODEL, '-o', out, status=2, says='not an adapter but a model')
    run(LLM_RUN, adapter('beside', good, base_model_name_or_path=os.path.abspath(MODEL)), '--ids', '1', status=2,
        says='give the model')
    check(not os.path.exists(out), 'nothing is written')


def golden():
    """PEFT's own merge, by Hugging Face's code."""
    base, folder = os.path.join(SHARED, 'models', 'llama'), os.path.join(SHARED, 'models', 'llama-lora')
    if not os.path.isdir(folder):
        print('skipped: %s is not here' % folder)
        return
    want = read(os.path.join(folder, 'golden', 'golden.safetensors'))
    gguf = os.path.join(WORK, 'golden-adapter.gguf')
    run(ST2GGUF, '--quiet', folder, '-o', gguf)
    for command in ([folder, '--compare', base], [base, '--compare', folder]):
        run(LLM_RUN, *command, status=2, says='an adapter, not a model')
    whole = convert(base, 'golden.gguf', '--lora', folder)
    for i in range(3):
        ids = ','.join(str(x) for x in want['ids_%d' % i][1])
        for command in ([whole], [base, '--lora', folder], [base, '--lora', gguf]):
            x, y = logits(*command, '--ids', ids), want['logits_%d' % i][1]
            check(distance(x[-len(y):], y) < 2e-4, 'golden %d: %s' % (i, ' '.join(os.path.basename(c) for c in command)))


with tempfile.TemporaryDirectory() as WORK:
    for test in (patterns, dora, embeddings, bad, golden):
        test()
print('%d failed' % len(FAILED))
sys.exit(bool(FAILED))
