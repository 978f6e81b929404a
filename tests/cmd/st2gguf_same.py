#!/usr/bin/env python3
"""The same bytes for every recipe, whatever the number of threads and the instructions that the processor is allowed.

usage: st2gguf_same.py ST2GGUF
"""
import array
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(sys.argv[1])
COLS = 512
# Levels that a processor lacks are those below it: threads still differ there.
WAYS = (('scalar', '1'), ('avx2', '2'), ('avx512', '5'), (None, '2'))
ENDS = 'output.weight', 'token_embd.weight', 'output_norm.weight'
FAILED = []


def text(s):
    return struct.pack('<Q', len(s)) + s.encode()


def tensors():
    """{name: dimensions, innermost last}: eight layers, so that first layers and layers between differ; one has experts."""
    out = {'token_embd.weight': (6, COLS), 'output.weight': (6, COLS), 'output_norm.weight': (COLS,)}
    for layer in range(8):
        for name in ('attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'):
            out['blk.%d.%s.weight' % (layer, name)] = (2, COLS)
    out['blk.7.ffn_down_exps.weight'] = (4, 2, COLS)
    return out


def elements(dims):
    n = 1
    for d in dims:
        n *= d
    return n


def write_model(path, shapes):
    """Heavy tails, a row of zeros, one of equal numbers, one huge number: a part of the same numbers for each tensor."""
    rng = random.Random(4)
    noise = array.array('f', [rng.gauss(0, 0.02) / rng.gammavariate(2, 0.5) ** 0.5 for _ in range(1 << 15)])
    noise[2 * COLS:3 * COLS] = array.array('f', [0.0] * COLS)
    noise[4 * COLS:5 * COLS] = array.array('f', [0.25] * COLS)
    noise[6 * COLS + 99] = 3000.0
    noise = (noise * (4 + (520 * COLS >> 15))).tobytes()
    keys = [text('general.architecture') + struct.pack('<I', 8) + text('llama')]
    keys += [text('llama.' + k) + struct.pack('<II', 4, v) for k, v in (
        ('block_count', 8), ('embedding_length', COLS), ('attention.head_count', 8), ('attention.head_count_kv', 8))]
    head, data = b'GGUF' + struct.pack('<IQQ', 3, len(shapes), len(keys)) + b''.join(keys), b''
    for i, (name, dims) in enumerate(shapes.items()):
        head += text(name) + struct.pack('<I%dQIQ' % len(dims), len(dims), *reversed(dims), 0, len(data))
        data += noise[1024 * i:1024 * i + 4 * elements(dims)]
    with open(path, 'wb') as f:
        f.write(head + b'\0' * (-len(head) % 32) + data)


def write_imatrix(path, shapes):
    """Columns that differ, one never used, and an expert that was never reached."""
    rng = random.Random(5)
    entries = [(n, d) for n, d in shapes.items() if n not in ENDS]
    with open(path, 'wb') as f:
        f.write(struct.pack('<i', len(entries)))
        for name, dims in entries:
            experts = dims[0] if len(dims) > 2 else 1
            values = [rng.lognormvariate(0, 1) for _ in range(COLS)]
            values[7] = 0.0
            values = values * (experts - 1) + [0.0] * COLS if experts > 1 else values
            f.write(struct.pack('<i', len(name)) + name.encode() + struct.pack('<ii%df' % len(values), 1, len(values), *values))


def convert(level, threads, model, *options):
    """The bytes of the output, or None; and what was said."""
    env = dict(os.environ)
    env.pop('ASSAY_CPU', None)
    if level:
        env['ASSAY_CPU'] = level
    done = subprocess.run([PROGRAM, '--force', '--threads', threads, '-o', 'out.gguf', model, *options], env=env, check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        return None, done.stderr
    with open('out.gguf', 'rb') as f:
        return f.read(), done.stderr


def same(what, model, *options):
    first, said = convert(*WAYS[0], model, *options)
    if first is None:
        FAILED.append(what)
        print('FAIL', what, said.strip())
        return
    for level, threads in WAYS[1:]:
        other, said = convert(level, threads, model, *options)
        if other != first:
            FAILED.append(what)
            print('FAIL %s: %s with %s threads differs from %s with %s %s' % (what, level, threads, *WAYS[0], said.strip()))
            return
    print('ok  ', what, len(first))


def main():
    _, said = convert(None, '1', 'model.gguf', '--quant', 'no-such-type')
    recipes = re.search(r'known are (.*)', said).group(1).split(', ')
    assert len(recipes) > 30, said
    shapes = tensors()
    write_model('model.gguf', shapes)
    write_imatrix('im.dat', shapes)
    for recipe in recipes:
        same(recipe + ' with importance', 'model.gguf', '--quant', recipe, '--imatrix', 'im.dat')
        if 'needs an importance matrix' not in (convert(None, '2', 'model.gguf', '--quant', recipe)[1] or ''):
            same(recipe, 'model.gguf', '--quant', recipe)
    for effort in ('fast', 'best'):
        for recipe in ('Q4_K_M', 'IQ2_XS'):
            same('%s, effort %s' % (recipe, effort), 'model.gguf', '--quant', recipe, '--imatrix', 'im.dat', '--effort', effort)
    # more than a worker takes at once, which is 2^18 elements
    write_model('large.gguf', {'blk.0.attn_q.weight': (520, COLS)})
    same('a large tensor', 'large.gguf', '--quant', 'Q5_K_S')
    print('%d recipes, %d failed' % (len(recipes), len(FAILED)))


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    main()
    os.chdir('/')
sys.exit(1 if FAILED else 0)
