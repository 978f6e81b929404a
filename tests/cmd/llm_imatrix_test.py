#!/usr/bin/env python3
"""What llm-imatrix promises: sums by the formula, the same bytes whatever threads, batches and parts, both layouts, messages.

usage: llm_imatrix_test.py LLM_IMATRIX LLM_TOKENIZE ST2GGUF MODEL_DIR

Beside llama-imatrix: scripts/compare-imatrix.
"""
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time

PROGRAM, TOKENIZE, ST2GGUF, MODEL = sys.argv[1:5]
TEXT = ('First Citizen: Before we proceed any further, hear me speak. All: Speak, speak. First Citizen: You are all '
        'resolved rather to die than to famish? All: Resolved, resolved. First Citizen: First, you know Caius Marcius is '
        'chief enemy to the people. All: We know it, we know it.')
WINDOW = 16
BOS = 1019
FAILED = []


def run(*arguments):
    done = subprocess.run([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def expect(what, ok, *shown):
    print('ok  ' if ok else 'FAIL', what)
    if not ok:
        print('    ', *shown)
        FAILED.append(what)


def fails(what, status, words, *arguments):
    """The program ends with this status and one line that holds all the words."""
    got, out, err = run(*arguments)
    lines = [line for line in err.splitlines() if 'windows:' not in line]
    expect(what, got == status and not out and lines and all(w in lines[0] for w in words), got, out, err)


def make(out, *arguments):
    """The bytes that the program writes."""
    got, _, err = run('--quiet', '--force', '-o', out, *arguments)
    if got:
        sys.exit(f'llm-imatrix {" ".join(arguments)}: {err}')
    with open(out, 'rb') as f:
        return f.read()


def string(data, at):
    n, = struct.unpack_from('<Q', data, at)
    return data[at + 8:at + 8 + n].decode(), at + 8 + n


def gguf(data):
    """Keys and {name: (dims, floats)} of a GGUF whose keys are strings, lists of them, and 32-bit numbers."""
    magic, version, n_tensors, n_keys = struct.unpack_from('<4sIQQ', data)
    assert magic == b'GGUF' and version == 3
    at, keys, found, tensors = 24, {}, [], {}
    for _ in range(n_keys):
        key, at = string(data, at)
        kind, = struct.unpack_from('<I', data, at)
        at += 4
        if kind == 8:
            keys[key], at = string(data, at)
        elif kind == 4:
            keys[key], = struct.unpack_from('<I', data, at)
            at += 4
        else:
            elem, n = struct.unpack_from('<IQ', data, at)
            assert kind == 9 and elem == 8
            at += 12
            keys[key] = []
            for _ in range(n):
                item, at = string(data, at)
                keys[key].append(item)
    for _ in range(n_tensors):
        name, at = string(data, at)
        n, = struct.unpack_from('<I', data, at)
        dims = struct.unpack_from(f'<{n}Q', data, at + 4)
        kind, off = struct.unpack_from('<IQ', data, at + 4 + 8 * n)
        assert kind == 0
        at += 16 + 8 * n
        found.append((name, dims, off))
    begin = (at + 31) // 32 * 32
    for name, dims, off in found:
        count = 1
        for d in dims:
            count *= d
        tensors[name] = dims, struct.unpack_from(f'<{count}f', data, begin + off)
    return keys, tensors


def dat(data):
    """{name: (calls, values)}, chunks and text of the older layout."""
    at, entries = 4, {}
    for _ in range(struct.unpack_from('<i', data)[0]):
        n, = struct.unpack_from('<i', data, at)
        name = data[at + 4:at + 4 + n].decode()
        at += 4 + n
        calls, n = struct.unpack_from('<ii', data, at)
        entries[name] = calls, struct.unpack_from(f'<{n}f', data, at + 8)
        at += 8 + 4 * n
    chunks, n = struct.unpack_from('<ii', data, at)
    return entries, chunks, data[at + 8:at + 8 + n].decode()


def bf16(name):
    """A tensor of the model's as rows of floats."""
    with open(os.path.join(MODEL, 'model.safetensors'), 'rb') as f:
        n, = struct.unpack('<Q', f.read(8))
        entry = json.loads(f.read(n))[name]
        begin, end = entry['data_offsets']
        f.seek(8 + n + begin)
        bits = struct.unpack(f'<{(end - begin) // 2}H', f.read(end - begin))
    values = [struct.unpack('<f', struct.pack('<I', b << 16))[0] for b in bits]
    cols = entry['shape'][-1]
    return [values[i:i + cols] for i in range(0, len(values), cols)]


def first_layer(ids):
    """Sums of squares of what goes into the first layer's queries: normed embeddings, by the formula."""
    table, weight = bf16('model.embed_tokens.weight'), bf16('model.layers.0.input_layernorm.weight')[0]
    with open(os.path.join(MODEL, 'config.json'), encoding='utf-8') as f:
        eps = json.load(f)['rms_norm_eps']
    sums = [0.0] * len(weight)
    for i in ids:
        scale = 1 / (sum(x * x for x in table[i]) / len(weight) + eps)
        for k, x in enumerate(table[i]):
            sums[k] += x * x * scale * weight[k] * weight[k]
    return sums


def window_ids(text=TEXT, *options):
    """Tokens of all whole windows, each with BOS in place of its first."""
    out = subprocess.run([TOKENIZE, '--ids', *options, MODEL, text], stdout=subprocess.PIPE, check=True).stdout
    ids = [int(x) for x in out.replace(b',', b' ').split()]
    ids = ids[:len(ids) // WINDOW * WINDOW]
    return [BOS if i % WINDOW == 0 else x for i, x in enumerate(ids)]


def far(a, b):
    return max(abs(x - y) / max(abs(y), 1e-30) for x, y in zip(a, b))


def check_values(text, out):
    ids = window_ids()
    keys, tensors = gguf(make(out, MODEL, '-f', text, '-c', str(WINDOW)))
    expect('keys', keys == {'general.type': 'imatrix', 'imatrix.datasets': [text], 'imatrix.chunk_size': WINDOW,
                            'imatrix.chunk_count': len(ids) // WINDOW}, keys)
    expect('two tensors of each of 28 weights, none of the output', len(tensors) == 56 and
           'output.weight.in_sum2' not in tensors, sorted(tensors))
    want = first_layer(ids)
    for part in 'qkv':
        dims, sums = tensors[f'blk.0.attn_{part}.weight.in_sum2']
        expect(f'sums of attn_{part} by the formula', dims == (256,) and far(sums, want) < 1e-5, far(sums, want))
    expect('every token is counted', all(t == ((1,), (len(ids),)) for n, t in tensors.items() if n.endswith('.counts')))
    _, more = gguf(make(out, MODEL, '-f', text, '-c', str(WINDOW), '--process-output'))
    expect('--process-output adds the output matrix', more.pop('output.weight.counts') == ((1,), (len(ids),)) and
           len(more.pop('output.weight.in_sum2')[1]) == 256 and more == tensors)


def check_special(work):
    """--parse-special: a special token in the text is one, or the letters that it is written with."""
    text, out, path = TEXT[:60] + '<|eot_id|>' + TEXT[60:], os.path.join(work, 'special.gguf'), os.path.join(work, 'special.txt')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    for what, options, tokenizing in (('a token', ['--parse-special'], []), ('letters', [], ['--no-parse-special'])):
        ids = window_ids(text, *tokenizing)
        _, tensors = gguf(make(out, MODEL, '-f', path, '-c', str(WINDOW), *options))
        want = first_layer(ids)
        expect(f'a special token is {what}', (1023 in ids) == (what == 'a token') and
               tensors['blk.0.attn_q.weight.counts'] == ((1,), (len(ids),)) and
               far(tensors['blk.0.attn_q.weight.in_sum2'][1], want) < 1e-5)


def check_same(text, out, work):
    base = make(out, MODEL, '-f', text, '-c', str(WINDOW), '-t', '1', '--process-output')
    for options in (('-t', '3'), ('-b', '1'), ('-b', '5', '-t', '2')):
        expect(f'the same bytes with {" ".join(options)}',
               make(out, MODEL, '-f', text, '-c', str(WINDOW), '--process-output', *options) == base)
    whole = os.path.join(work, 'whole.gguf')
    make(whole, MODEL, '-f', text, '-c', str(WINDOW), '--process-output')
    expect('one file merged is that file', make(out, '--merge', whole, '-c', str(WINDOW)) == base)
    converted = os.path.join(work, 'f32.gguf')
    subprocess.run([ST2GGUF, '--quiet', '--quant', 'F32', MODEL, '-o', converted], check=True)
    expect('directory and F32 GGUF give the same bytes',
           make(out, converted, '-f', text, '-c', str(WINDOW), '--process-output') == base)
    part = os.path.join(work, 'part.gguf')
    make(part, MODEL, '-f', text, '-c', str(WINDOW), '--process-output', '--chunks', '2')
    keys, tensors = gguf(make(out, MODEL, '-f', text, '-c', str(WINDOW), '--process-output', '--from', '2', '--merge', part))
    base_keys, base_tensors = gguf(base)
    expect('two parts are the whole', keys['imatrix.chunk_count'] == base_keys['imatrix.chunk_count'] and
           sorted(tensors) == sorted(base_tensors) and
           all(far(tensors[n][1], base_tensors[n][1]) < 1e-6 for n in tensors))


def check_dat(text, out, work):
    entries, chunks, name = dat(make(out, MODEL, '-f', text, '-c', str(WINDOW), '--output-format', 'dat'))
    keys, tensors = gguf(make(os.path.join(work, 'same.gguf'), MODEL, '-f', text, '-c', str(WINDOW)))
    rows = chunks * WINDOW
    expect('.dat: entries sorted, windows, text', list(entries) == sorted(entries) and len(entries) == 28 and
           chunks == keys['imatrix.chunk_count'] and name == text)
    expect('.dat: means times calls', all(
        calls == chunks and far(values, [s / rows * calls for s in tensors[n + '.in_sum2'][1]]) < 1e-6
        for n, (calls, values) in entries.items()))
    _, back = gguf(make(os.path.join(work, 'back.gguf'), '--merge', out, '-c', str(WINDOW)))
    expect('.dat to GGUF: the same counts and sums', sorted(back) == sorted(tensors) and
           all(far(back[n][1], tensors[n][1]) < 1e-6 for n in back))
    small = os.path.join(work, 'small.gguf')
    for source in (out, os.path.join(work, 'same.gguf')):
        done = subprocess.run([ST2GGUF, '--quiet', '--force', '--strict', '--quant', 'IQ2_S', '--imatrix', source, MODEL, '-o',
                               small], stderr=subprocess.PIPE, check=False)
        expect(f'st2gguf --imatrix reads {os.path.splitext(source)[1]}', done.returncode == 0, done.stderr)


def check_reports(text, out):
    got, stdout, err = run('--json', '--force', MODEL, '-f', text, '-c', str(WINDOW), '-o', out)
    document = json.loads(stdout)
    expect('--json', got == 0 and document['output'] == out and document['entries'] == 28 and
           document['chunk_size'] == WINDOW and document['chunks'] == len(window_ids()) // WINDOW, got, stdout, err)
    got, stdout, _ = run('--json', '--statistics', out)
    first = json.loads(stdout)['entries'][0]
    with open(out, 'rb') as f:
        _, tensors = gguf(f.read())
    name = first['name']
    mean = [s / tensors[name + '.counts'][1][0] for s in tensors[name + '.in_sum2'][1]]
    expect('--statistics: sum, mean, least, largest', got == 0 and far(
        [first['sum'], first['mean'], first['least'], first['largest']],
        [sum(mean), sum(mean) / len(mean), min(mean), max(mean)]) < 1e-5, first)
    got, stdout, _ = run('--statistics', out)
    expect('--statistics as a table', got == 0 and stdout.count(b'\n') == 31 and b'blk.3.ffn_down.weight' in stdout, stdout)


def interrupted(partial, *arguments):
    """Runs until there is something to resume, and kills it. False if it was done before."""
    process = subprocess.Popen([PROGRAM, '--quiet', *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while process.poll() is None and not os.path.exists(partial):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL and os.path.exists(partial)


def check_resume(work):
    """What is killed and resumed gives the bytes of what ran through."""
    text, small, out = (os.path.join(work, name) for name in ('long.txt', 'part.gguf', 'resumed.gguf'))
    partial = out + '.partial'
    with open(text, 'w', encoding='utf-8') as f:
        f.write(TEXT * 3)
    with open(small, 'wb') as f:
        f.write(make(os.path.join(work, 'first.gguf'), MODEL, '-f', text, '-c', str(WINDOW), '--chunks', '1'))
    usual = (MODEL, '-f', text, '-c', str(WINDOW), '--merge', small, '-t', '1')
    want = make(os.path.join(work, 'through.gguf'), *usual)
    expect('--save-every changes no byte', make(out, *usual, '--save-every', '7') == want and not os.path.exists(partial))
    os.remove(out)
    expect('killed on its way', interrupted(partial, *usual, '-o', out, '--save-every', '3') and not os.path.exists(out))
    fails('begun anew by mistake', 2, [partial, '--resume', '--force'], *usual, '-o', out, '--save-every', '3')
    with open(partial, 'rb') as f:
        saved = f.read()
    for what, options in (('a window of other size', ('-c', '8')), ('fewer windows', ('--chunks', '9')), ('the output too', ('--process-output',)),
                          ('another file to merge', ('--merge', small))):
        fails(f'resumed as other work: {what}', 3, [partial, 'other work'], *usual, *options, '-o', out, '--resume')
    for what, data in (('cut', saved[:len(saved) // 2]), ('not one', want)):
        with open(partial, 'wb') as f:
            f.write(data)
        fails(f'resumed from a file that is {what}', 3, [partial], *usual, '-o', out, '--resume')
    with open(partial, 'wb') as f:
        f.write(saved)
    got, stdout, _ = run('--statistics', partial)
    expect('unfinished work can be looked at', got == 0 and b'blk.3.ffn_down.weight' in stdout)
    status, _, err = run(*usual, '-o', out, '--resume', '-b', '3')
    with open(out, 'rb') as f:
        expect('resumed: the same bytes', status == 0 and f.read() == want and 'windows are done' in err, err)
    expect('and the rest is gone', not os.path.exists(partial))
    expect('nothing to resume: from the beginning', make(out, *usual, '--resume', '--output-format', 'gguf') == want)
    fails('--resume without a model', 2, ['--resume', 'merging'], '--merge', small, '--resume', '-o', out)


def check_refused(text, out, work):
    make(out, MODEL, '-f', text, '-c', str(WINDOW))
    usual = (MODEL, '-f', text, '-c', str(WINDOW), '-o', os.path.join(work, 'none.gguf'))
    fails('no text', 2, ['-f'], MODEL, '-o', out)
    fails('no output', 2, ['-o'], MODEL, '-f', text)
    fails('no model', 2, ['no model'], '-f', text, '-o', out)
    fails('another layout', 2, ['gguf or dat'], *usual, '--output-format', 'txt')
    fails('a window of one token', 2, ['--ctx'], MODEL, '-f', text, '-c', '1', '-o', out)
    fails('a text shorter than a window', 2, ['more text'], MODEL, '-f', text, '-c', '500', '-o', os.path.join(work, 'x'))
    fails('--from past the end', 2, ['--from 99'], *usual, '--from', '99')
    fails('an output that exists', 2, ['is there already'], MODEL, '-f', text, '-c', str(WINDOW), '-o', out)
    fails('--statistics and a text', 2, ['--statistics'], '--statistics', out, '-f', text)
    broken, other = os.path.join(work, 'broken.dat'), os.path.join(work, 'other.dat')
    with open(broken, 'wb') as f:
        f.write(struct.pack('<ii', 1, 1000) + b'blk')
    fails('a broken matrix', 3, ['broken.dat'], *usual, '--merge', broken)
    name = b'blk.0.attn_q.weight'
    with open(other, 'wb') as f:
        f.write(struct.pack('<ii', 1, len(name)) + name + struct.pack('<ii3f', 1, 3, 1, 1, 1))
    fails("another model's matrix", 3, ['blk.0.attn_q.weight', 'another model'], *usual, '--merge', other)
    name = b'blk.0.ffn_down_exps.weight'
    with open(other, 'wb') as f:
        f.write(struct.pack('<ii', 1, len(name)) + name + struct.pack('<ii3f', 1, 3, 1, 1, 1))
    fails('a weight that the model has not', 3, ['blk.0.ffn_down_exps.weight', 'another model'], *usual, '--merge', other)
    fails('a file of another kind', 3, [text, 'no importance matrix'], '--statistics', text)
    expect('nothing was written', not os.path.exists(os.path.join(work, 'none.gguf')))


def main():
    with tempfile.TemporaryDirectory() as work:
        text, out = os.path.join(work, 'text.txt'), os.path.join(work, 'out.gguf')
        with open(text, 'w', encoding='utf-8') as f:
            f.write(TEXT)
        check_values(text, out)
        check_special(work)
        check_same(text, out, work)
        check_dat(text, os.path.join(work, 'out.dat'), work)
        check_reports(text, out)
        check_resume(work)
        check_refused(text, out, work)
    return 1 if FAILED else 0


sys.exit(main())
