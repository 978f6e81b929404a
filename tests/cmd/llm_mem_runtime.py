#!/usr/bin/env python3
"""llm-mem --runtime: beside what llama.cpp planned and what transformers cached, and what must hold for any model.

usage: llm_mem_runtime.py LLM_MEM CONFIGS_DIR

Exit status: 0; 1 a figure differs; 77 CONFIGS_DIR is not there.
"""
import glob
import json
import os
import subprocess
import sys

mem, configs = sys.argv[1:3]
MIB = 1 << 20


def buffers(path, contexts, *args):
    p = subprocess.run([mem, '--quiet', '--json', '--quant', 'BF16', '--ctx', ','.join(map(str, contexts)), *args, path],
                       stdout=subprocess.PIPE, text=True)
    assert p.returncode == 0, (path, args)
    d = json.loads(p.stdout)
    for b in d['buffers'].values():
        assert b['total_bytes'] == sum(n for name, n in b.items() if name != 'total_bytes'), path
    return [d['buffers'][str(c)] for c in contexts]


def planned():
    """Every row that llama.cpp printed, to the printed precision."""
    with open(os.path.join(configs, 'truth', 'llamacpp_planned.json')) as f:
        models = json.load(f)['models']
    n = 0
    for name, rows in models.items():
        path = os.path.join(configs, name + '.json')
        for row in rows:
            extra = row.get('extra', '').replace('-ub', '--ubatch').replace('-b ', '--batch ').replace('-fa', '--flash-attn')
            sequences = 4 if '-np 4' in extra else 1
            extra = extra.replace('-np', '--parallel').split()
            b = buffers(path, [row['ctx'] // sequences], '--kv', row['kv_type'].upper(), *extra)[0]
            for what, want in (('kv', sum(row.get('kv_MiB', [0]))), ('state', sum(row.get('recurrent_MiB', [0]))),
                               ('output', row['output_MiB'][0]), ('compute', row['compute_MiB'][0])):
                # 0.03: one row, whose graph has a few kilobytes that are not in ours
                assert abs(b[what + '_bytes'] / MIB - want) <= (0.05 if what == 'compute' else 0.006), (name, row, what, b)
            n += 1
    assert n == 67, n


def side_by_side():
    """A feed-forward block beside attention, with a norm of its own: what version 0.7 planned for Falcon 180B."""
    for context, ubatch, kv, flash, want in ((512, 512, 'F16', 'off', 380.02), (4096, 32, 'F32', 'on', 18.38),
                                             (4096, 2048, 'F16', 'off', 8044.06), (32768, 512, 'Q8_0', 'on', 304.05),
                                             (32768, 32, 'F32', 'on', 75.06)):
        b = buffers(os.path.join(configs, 'Falcon-180B.json'), [context], '--runtime', 'llama.cpp-0.7', '--ubatch', str(ubatch),
                    '--kv', kv, '--flash-attn', flash)[0]
        assert abs(b['compute_bytes'] / MIB - want) <= 0.006, (context, ubatch, kv, flash, b)


def cached():
    """transformers' cache of every model, to the byte."""
    n = 0
    for truth in sorted(glob.glob(os.path.join(configs, 'truth', '*.json'))):
        with open(truth) as f:
            want = json.load(f).get('kv_cache', {}).get('bytes_bf16', {}).get('transformers')
        if want is None:
            continue
        path = os.path.join(configs, os.path.basename(truth))
        got = buffers(path, list(want), '--runtime', 'transformers', '--kv', 'BF16')
        assert [b['kv_bytes'] for b in got] == list(want.values()), (truth, got, want)
        n += 1
    assert n == 26, n


def properties():
    contexts = [512, 4096, 16384, 65536]
    for path in sorted(glob.glob(os.path.join(configs, '*.json'))):
        steps = [buffers(path, contexts, '--ubatch', str(n)) for n in (64, 256, 512)]
        for step in steps:  # more tokens never take less, but for gaps: llama.cpp's own rows for Qwen3-30B-A3B shrink too
            for what, gaps in (('kv_bytes', 0), ('state_bytes', 0), ('compute_bytes', 0.1)):
                assert all(a[what] * (1 - gaps) <= b[what] for a, b in zip(step, step[1:])), (path, what)
        for a, b in zip(steps, steps[1:]):
            assert all(x['compute_bytes'] <= y['compute_bytes'] for x, y in zip(a, b)), path
        plain = steps[-1]
        for other in (('--flash-attn', 'off'), ('--swa-full',), ('--parallel', '3')):
            assert all(a['total_bytes'] - 0.1 * a['compute_bytes'] <= b['total_bytes']
                       for a, b in zip(plain, buffers(path, contexts, *other))), (path, other)
        assert buffers(path, contexts, '--flash-attn', 'on') == plain
        for runtime in ('vllm', 'transformers', 'llama.cpp-0.7'):
            step = buffers(path, contexts, '--runtime', runtime)
            assert all(a['total_bytes'] <= b['total_bytes'] for a, b in zip(step, step[1:])), (path, runtime)


def pages():
    """vLLM: by hand."""
    def kv(name, context, *args):
        return buffers(os.path.join(configs, name + '.json'), [context], '--runtime', 'vllm', *args)[0]

    assert kv('Llama-3.1-8B', 8192)['kv_bytes'] == 8192 * 131072
    assert kv('Llama-3.1-8B', 17)['kv_bytes'] == 2 * 16 * 131072
    assert kv('Llama-3.1-8B', 17, '--parallel', '3')['kv_bytes'] == 3 * 2 * 16 * 131072
    assert kv('DeepSeek-V2-Lite', 4096)['kv_bytes'] == 4096 * 31104
    # 21 layers see everything, 21 see 4096 and what is computed at once: 4095 + 2048 tokens, and a page more
    assert kv('Gemma-2-9B', 8192, '--batch', '2048')['kv_bytes'] == 21 * 8192 * (8192 + 16 * (384 + 1))


def assay():
    """By hand: llm-run's cache in F32, every token of every layer; and what its own plan must keep to."""
    def own(name, context, *args):
        return buffers(os.path.join(configs, name + '.json'), [context], '--runtime', 'assay', '--threads', '1', *args)[0]

    assert own('Llama-3.1-8B', 8192)['kv_bytes'] == 8192 * 32 * 2 * 8 * 128 * 4
    assert own('Gemma-2-9B', 8192)['kv_bytes'] == 8192 * 42 * 2 * 8 * 256 * 4
    assert own('DeepSeek-V2-Lite', 4096)['kv_bytes'] == 4096 * 27 * (512 + 64) * 4
    assert own('Llama-3.1-8B', 64)['output_bytes'] == 128256 * (4 + 16)
    assert own('Llama-3.1-8B', 64)['other_bytes'] == 0
    one, three = own('Llama-3.1-8B', 512), own('Llama-3.1-8B', 512, '--parallel', '3')
    assert all(three[what] == 3 * one[what] for what in one), (one, three)
    run = 0
    for path in sorted(glob.glob(os.path.join(configs, '*.json'))):
        p = subprocess.run([mem, '--runtime', 'assay', path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert p.returncode == 0 or (p.returncode == 3 and 'can be read but not run' in p.stderr), (path, p.stderr)
        if p.returncode:
            continue
        run += 1
        least = buffers(path, [128, 512], '--runtime', 'assay', '--threads', '1', '--batch', '1')
        for more in (('--threads', '4', '--batch', '1'), ('--threads', '1', '--batch', '64')):
            step = buffers(path, [128, 512], '--runtime', 'assay', *more)
            assert all(a['kv_bytes'] == b['kv_bytes'] and a['compute_bytes'] < b['compute_bytes'] for a, b in zip(least, step)), path
        assert 4 * least[0]['kv_bytes'] == least[1]['kv_bytes'], path
    assert run >= 20, run


def bad_input():
    path = os.path.join(configs, 'Llama-3.1-8B.json')
    for args, status, words in ((['--runtime', 'none'], 2, 'unknown runtime'), (['--flash-attn', 'maybe'], 2, '--flash-attn'),
                                (['--batch', '18446744073709551615'], 2, '--batch'),
                                (['--flash-attn', 'off', '--kv', 'Q8_0'], 3, 'only with flash attention'),
                                (['--runtime', 'assay', '--kv', 'F16'], 3, 'no cache of type F16'),
                                (['--runtime', 'assay', '--ctx', '4G'], 3, 'llm-run takes 2147483647 at most'),
                                (['--runtime', 'assay', '--batch', '65537'], 2, '--batch: llm-run takes 65536'),
                                (['--runtime', 'assay', '--threads', '5000'], 2, '--threads: at most 4096'),
                                (['--runtime', 'assay', '--gpu', '24G'], 2, 'no other --policy or --runtime'),
                                (['--runtime', 'vllm', '--kv', 'Q8_0'], 3, 'no cache of type Q8_0'),
                                (['--runtime', 'transformers', '--kv', 'Q4_0'], 3, 'no cache of type Q4_0')):
        p = subprocess.run([mem, *args, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert p.returncode == status and words in p.stderr, (args, p.returncode, p.stderr)


if not os.path.isdir(os.path.join(configs, 'truth')):
    print('skipped:', configs, 'is not there')
    sys.exit(77)
for check in (planned, side_by_side, cached, properties, pages, assay, bad_input):
    try:
        check()
    except AssertionError as e:
        print('llm_mem_runtime:', check.__name__, e)
        sys.exit(1)
