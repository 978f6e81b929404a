#!/usr/bin/env python3
"""What st2gguf --verify promises: the figures of llm-run --compare, tensors' errors by the formula, the same bytes whatever the
threads, keys that are true of this file only, planted faults found, limits.

usage: st2gguf_verify.py ST2GGUF LLM_RUN GGUF_INSPECT MODEL_DIR SHARED_MODELS     the last may be absent
"""
import json
import math
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time

ST2GGUF, LLM_RUN, INSPECT, MODEL, SHARED = sys.argv[1:6]
LLAMA, LORA = os.path.join(SHARED, 'llama'), os.path.join(SHARED, 'llama-lora')
FAILED = []


def expect(what, ok, *shown):
    print('ok  ' if ok else 'FAIL', what)
    if not ok:
        print('    ', *shown)
        FAILED.append(what)


def run(*arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def convert(out, *arguments):
    """Exit status, the JSON document (or None), messages."""
    status, text, err = run(ST2GGUF, '--json', '--force', MODEL, '-o', out, *arguments)
    return status, json.loads(text) if text else None, err


def keys(path):
    _, text, _ = run(INSPECT, '--json', '--metadata', path)
    found = json.loads(text)['files'][0]['metadata']
    return {k: v['value'] for k, v in found.items() if k.startswith('verify.')}


def source(name):
    """A BF16 tensor of the model's as floats, with its shape."""
    with open(os.path.join(MODEL, 'model.safetensors'), 'rb') as f:
        n, = struct.unpack('<Q', f.read(8))
        entry = json.loads(f.read(n))[name]
        begin, end = entry['data_offsets']
        f.seek(8 + n + begin)
        bits = struct.unpack(f'<{(end - begin) // 2}H', f.read(end - begin))
    return [struct.unpack('<f', struct.pack('<I', b << 16))[0] for b in bits]


def q8_0(path, name):
    """A tensor of the GGUF, of blocks of 32 with a scale, as floats."""
    _, text, _ = run(INSPECT, '--json', '--tensors', path)
    t = next(t for t in json.loads(text)['files'][0]['tensors'] if t['name'] == name)
    with open(path, 'rb') as f:
        f.seek(t['offset'])
        data = f.read(t['bytes'])
    values = []
    for at in range(0, len(data), 34):
        d, *q = struct.unpack_from('<e32b', data, at)
        values += [d * x for x in q]
    return values


def close(a, b, relative=1e-6):
    return abs(a - b) <= relative * abs(b)


def figures(folder, text):
    out = os.path.join(folder, 'out.gguf')
    status, got, err = convert(out, '--quant', 'Q8_0', f'--verify={text}', '-c', '32')
    v, d = got['verify'], got['verify']['divergence']
    expect('a sound conversion', status == 0 and v['departures'] == 0 and v['same_ids'] and v['limits'] == [], status, err, got)
    x, y = source('model.layers.1.mlp.up_proj.weight'), q8_0(out, 'blk.1.ffn_up.weight')
    want = math.sqrt(sum((a - b) ** 2 for a, b in zip(x, y)) / sum(a * a for a in x))
    errors = {t['name']: t for t in v['tensors']}
    t = errors['blk.1.ffn_up.weight']
    expect("a tensor's error by the formula", close(t['relative_error'], want) and t['type'] == 'Q8_0' and
           close(t['largest_difference'], max(abs(a - b) for a, b in zip(x, y))), t, want)
    expect('what is not rounded has none', errors['output_norm.weight']['relative_error'] == 0)
    _, text_out, _ = run(LLM_RUN, out, '--compare', MODEL, '-f', text, '-c', '32', '--json')
    other = json.loads(text_out)
    expect('predictions as llm-run --compare has them', all(d[k] == other[k] for k in d), d, other)
    k = keys(out)
    expect('the keys say the same', k['verify.text'] == os.path.basename(text) and k['verify.context'] == 32 and
           k['verify.tokens'] == d['tokens'] and k['verify.same_ids'] is True and k['verify.departures'] == 0 and
           close(k['verify.kld.mean'], d['mean_kl_divergence']) and close(k['verify.kld.max'], d['max_kl_divergence']) and
           close(k['verify.kld.q99'], d['kl_divergence']['q99']) and close(k['verify.error'], v['relative_error']) and
           close(k['verify.kld.error'], d['mean_kl_divergence_error']) and
           close(k['verify.perplexity'], d['perplexity']['perplexity']) and
           close(k['verify.reference_perplexity'], d['reference_perplexity']['perplexity']) and
           close(k['verify.top1'], 100 * d['same_top'] / d['tokens']) and
           close(k['verify.error.max'], max(t['relative_error'] for t in v['tensors'])), k, v)
    got = convert(out, '--quant', 'Q8_0', f'--verify={text}', '-c', '100000000')[1]['verify']['divergence']
    expect('a window is no longer than the text', got['context'] == got['tokens'] + 1 and got['windows'] == 1, got)
    expect('the plan knows the size', convert(out, '--quant', 'Q8_0', f'--verify={text}', '--dry-run')[1]['file_bytes'] ==
           os.path.getsize(out))


def standard_input(folder, text):
    with open(text, encoding='utf-8') as f:
        done = subprocess.run([ST2GGUF, '--json', '--quant', 'F16', MODEL, '-o', os.path.join(folder, 'stdin.gguf'), '--verify=-', '-c',
                               '32'], stdin=f, stdout=subprocess.PIPE, check=False)
    got = json.loads(done.stdout)['verify']
    expect('the text from standard input', done.returncode == 0 and got['same_ids'] and got['divergence']['tokens'] > 50, got)


def same(folder, text):
    contents = []
    for options in (('-t', '1'), ('-t', '3')):
        out = os.path.join(folder, 'same.gguf')
        convert(out, '--quant', 'Q4_K_M', f'--verify={text}', '-c', '32', *options)
        with open(out, 'rb') as f:
            contents.append(f.read())
    expect('the same bytes with one thread and three', contents[0] == contents[1])
    plain, again = os.path.join(folder, 'plain.gguf'), os.path.join(folder, 'again.gguf')
    convert(plain, '--quant', 'Q4_K_M')
    run(ST2GGUF, '--quiet', '--force', out, '-o', again)
    with open(plain, 'rb') as a, open(again, 'rb') as b:
        expect('what another conversion found is not copied', a.read() == b.read() and not keys(again))


def limits(folder, text):
    out = os.path.join(folder, 'limits.gguf')
    for option, bad, good in (('--max-kld', '0.001', '1'), ('--min-top1', '100', '10'), ('--max-ppl-ratio', '0.5', '2'),
                              ('--max-error', '0.001', '0.5')):
        status, got, err = convert(out, '--quant', 'Q4_0', f'--verify={text}', '-c', '32', option, bad)
        limit = got['verify']['limits'][0]
        expect(f'{option} {bad}', status == 1 and limit['limit'] == option[2:] and limit['holds'] is False and
               f'{option} {bad} does not hold' in err and os.path.exists(out), status, got, err)
        status, got, err = convert(out, '--quant', 'Q4_0', f'--verify={text}', '-c', '32', option, good)
        expect(f'{option} {good}', status == 0 and got['verify']['limits'][0]['holds'] is True, status, err)


def faults(folder, text):
    out = os.path.join(folder, 'fault.gguf')
    for key, part in (('llama.rope.freq_base=float:300', "'rope'"),
                      ('llama.attention.layer_norm_rms_epsilon=float:0.01', "'blk.0.attn_norm.weight'")):
        status, got, err = convert(out, '--quant', 'F16', f'--verify={text}', '-c', '32', '--override-kv', key)
        expect(key, status == 1 and part in err and got['verify']['departures'] > 0 and
               keys(out)['verify.departures'] > 0, status, err)


def adapters(folder):
    """What an adapter changes is rounded, although its type stays."""
    if not os.path.isdir(LORA):
        print('skipped: llama-lora is not here')
        return
    status, text, err = run(ST2GGUF, '--json', LLAMA, '--lora', LORA, '-o', os.path.join(folder, 'merged.gguf'), '--verify', '-c', '16')
    got = json.loads(text)['verify']
    changed = [t for t in got['tensors'] if t['relative_error'] > 0]
    expect('a model with an adapter merged into it', status == 0 and got['departures'] == 0 and len(changed) == 28 and
           all(t['type'] == t['source_type'] == 'BF16' for t in changed) and
           got['divergence']['mean_kl_divergence'] < 1e-4, status, err, got)
    key = 'llama.rope.freq_base=float:300'
    for quant, sound in (('F32', True), ('Q4_K_M', True), ('F32', False), ('Q4_K_M', False)):
        status, _, err = run(ST2GGUF, '--quant', quant, LLAMA, '--lora', LORA, '-o', os.path.join(folder, f'{quant}{sound}.gguf'),
                             '--verify', '-c', '16', *([] if sound else ['--override-kv', key]))
        expect(f'operations beside the adapter, {quant}{"" if sound else ", " + key}', status == (0 if sound else 1) and
               (sound or "'rope' of layer 0 and others" in err), status, err)
    status, text, err = run(ST2GGUF, '--json', LORA, '--base', LLAMA, '-o', os.path.join(folder, 'adapter.gguf'), '--verify')
    got = json.loads(text)['verify']
    expect('an adapter alone: tensors only', status == 0 and got['relative_error'] == 0 and 'not_run' in got and
           'divergence' not in got, status, err, got)


def interrupted(folder, text):
    """Whatever it is at, a signal ends it soon and leaves nothing."""
    with open(text, encoding='utf-8') as f:
        words = f.read()
    long, place = os.path.join(folder, 'long.txt'), os.path.join(folder, 'place')
    with open(long, 'w', encoding='utf-8') as f:
        f.write(words * 2000)
    os.mkdir(place)
    for delay in (0.5, 3):
        running = subprocess.Popen([ST2GGUF, '--quiet', '--quant', 'Q8_0', MODEL, '-o', os.path.join(place, 'out.gguf'),
                                    f'--verify={long}', '-c', '32'])
        time.sleep(delay)
        running.terminate()
        expect(f'SIGTERM after {delay} s', running.wait() == -signal.SIGTERM and not os.listdir(place), running.returncode)


def refused(folder):
    out = os.path.join(folder, 'none.gguf')
    short = os.path.join(folder, 'short.txt')
    with open(short, 'w', encoding='utf-8') as f:
        f.write('')
    for what, status, words, options in (
            ('limits alone', 2, ['need --verify'], ['--max-kld', '1']),
            ('standard input twice', 2, ['standard input is one text'], ['--verify=-', '--imatrix-from', '-']),
            ('no tensors', 2, ['--vocab-only'], ['--verify', '--vocab-only']),
            ('a window of one token', 2, ['--ctx'], ['--verify', '-c', '1']),
            ('a text that is not there', 3, ['nowhere.txt'], ['--verify=nowhere.txt']),
            ('an empty text', 2, ['the text has 1 tokens'], [f'--verify={short}'])):
        got, _, err = run(ST2GGUF, '--quant', 'Q8_0', MODEL, '-o', out, *options)
        expect(what, got == status and all(w in err for w in words) and not os.path.exists(out), got, err)


def main():
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, 'text.txt')
        with open(text, 'w', encoding='utf-8') as f:
            f.write('First Citizen: Before we proceed any further, hear me speak. All: Speak, speak. First Citizen: You are '
                    'all resolved rather to die than to famish? All: Resolved, resolved.')
        figures(folder, text)
        standard_input(folder, text)
        same(folder, text)
        limits(folder, text)
        faults(folder, text)
        adapters(folder)
        interrupted(folder, text)
        refused(folder)
    return 1 if FAILED else 0


sys.exit(main())
