#!/usr/bin/env python3
"""What llm-run promises on its command line: goldens, exit statuses, messages, files, JSON.

usage: llm_run_test.py LLM_RUN MODEL_DIR     MODEL_DIR has golden/ with values by Hugging Face's code
"""
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

PROGRAM, MODEL = sys.argv[1:3]
FAILED = []


def run(*arguments, stdin=None, model=MODEL):
    done = subprocess.run([PROGRAM, model, *arguments], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def expect(what, ok, *shown):
    print('ok  ' if ok else 'FAIL', what)
    if not ok:
        print('    ', *shown)
        FAILED.append(what)


def fails(what, status, words, *arguments, **options):
    """The program ends with this status and one line that holds all the words."""
    got, out, err = run(*arguments, **options)
    expect(what, got == status and all(w in err for w in words) and err.startswith('llm-run: ') and not out,
           got, out, err)


def safetensors(path):
    """{name: (dtype, shape, bytes)}"""
    with open(path, 'rb') as f:
        data = f.read()
    n, = struct.unpack('<Q', data[:8])
    header = json.loads(data[8:8 + n])
    return {k: (v['dtype'], v['shape'], data[8 + n + v['data_offsets'][0]:8 + n + v['data_offsets'][1]])
            for k, v in header.items() if k != '__metadata__'}


def floats(data):
    return struct.unpack(f'<{len(data) // 4}f', data)


def generating(prompts):
    for p in prompts:
        status, out, err = run('-p', p['text'], '-n', '32', '--ignore-eos', '--json')
        got = json.loads(out)
        expect(f'prompt {p["index"]}: ids', status == 0 and got['prompt_ids'] == p['ids'], got['prompt_ids'])
        expect(f'prompt {p["index"]}: greedy ids', got['ids'] == p['greedy'] and got['stop'] == 'length', got)
        expect(f'prompt {p["index"]}: text', got['text'] == p['greedy_text'], got['text'])
        expect(f'prompt {p["index"]}: speed on stderr', 'tokens' in err, err)
        _, text, _ = run('-q', '-p', p['text'], '-n', '32', '--ignore-eos')
        expect(f'prompt {p["index"]}: as text', text.decode() == p['text'] + p['greedy_text'] + '\n', text)
    p = prompts[0]
    _, text, err = run('-q', '-f', '-', '-n', '32', '--ignore-eos', '--no-display-prompt', stdin=p['text'].encode())
    expect('from standard input, quiet, without the prompt', text.decode() == p['greedy_text'] + '\n' and not err, text)
    _, out, _ = run('-p', p['text'], '--no-special', '-n', '0', '--json')
    expect('--no-special', json.loads(out)['prompt_ids'] == p['ids_no_special'], out)
    ids = ','.join(map(str, p['ids']))
    _, out, _ = run('--ids', ids, '-n', '32', '--ignore-eos', '--json', '-t', '1', '-b', '3')
    expect('--ids, one thread, small batches', json.loads(out)['ids'] == p['greedy'], out)
    _, out, _ = run('--ids', ids, '-n', '99', '-c', str(len(p['ids']) + 4), '--ignore-eos', '--json')
    got = json.loads(out)
    expect('a full context ends the text', got['stop'] == 'context' and got['ids'] == p['greedy'][:5], out)


def memory(prompts):
    """Figures add up, and depend on what they should depend on."""
    def taken(*options):
        status, out, err = run('--memory', '--json', '-t', '1', *options)
        got = json.loads(out)
        parts = list(got['weights'].values()) + [v for k, v in got.items() if k.endswith('_bytes') and k != 'total_bytes']
        expect(f'--memory {options}: the sum of its parts', status == 0 and not err and got['total_bytes'] == sum(parts), got, err)
        return got

    small, longer, wider, threads = taken('-c', '32'), taken('-c', '64'), taken('-c', '64', '-b', '1'), taken('-c', '64', '-t', '2')
    expect('a context of twice the tokens', longer['kv_bytes'] == 2 * small['kv_bytes'] > 0, small, longer)
    expect('a batch is no larger than the context', small['batch'] == 32 and longer['batch'] == 64, small, longer)
    expect('a batch of one takes less', wider['compute_bytes'] < longer['compute_bytes'], wider, longer)
    expect('a thread has its own scratch', threads['compute_bytes'] > longer['compute_bytes'], threads, longer)
    expect('weights do not depend on them', small['weights'] == threads['weights'], small, threads)
    got = taken('-p', prompts[0]['text'], '-n', '5')
    expect('the context that a prompt asks for', got['context'] == len(prompts[0]['ids']) + 5, got)
    expect('or the whole', taken()['context'] > 64, got)
    fails('--memory and --compare', 2, ['--memory runs nothing'], '--memory', '--compare', MODEL)
    fails('--memory and --logits', 2, ['--memory runs nothing'], '--memory', '--logits', 'out')


def sampling(prompts):
    options = ['-p', prompts[0]['text'], '-n', '24', '--ignore-eos', '--temp', '0.9', '--top-k', '50', '--top-p', '0.95',
               '--min-p', '0.02', '--json']
    a, b, c = (json.loads(run(*options, '--seed', seed)[1])['ids'] for seed in ('1', '1', '2'))
    expect('a seed fixes the text', a == b, a, b)
    expect('another seed gives another text', a != c, a, c)
    status, out, _ = run(*options[:5], '--temp', '5', '--top-k', '1', '--json')
    expect('top-k 1 is greedy', status == 0 and json.loads(out)['ids'] == prompts[0]['greedy'][:24], out)


def measuring(prompts, folder):
    path = os.path.join(folder, 'logits.safetensors')
    p = prompts[1]
    golden = safetensors(os.path.join(MODEL, 'golden', 'golden.safetensors'))
    status, out, err = run('-p', p['text'], '--logits', path)
    got = safetensors(path)
    n = len(p['ids'])
    expect('--logits: ids', status == 0 and got['ids'] == ('I32', [n], struct.pack(f'<{n}i', *p['ids'])), err)
    dtype, shape, data = got['logits']
    want = golden['logits_1']
    expect('--logits: shape', (dtype, shape) == ('F32', want[1]) and not out, dtype, shape, out)
    worst = max(abs(a - b) for a, b in zip(floats(data), floats(want[2])))
    expect('--logits: within 2e-4', worst <= 2e-4, worst)
    fails('no directory for --logits', 4, ["there is no directory '" + os.path.join(folder, 'nowhere') + "'"], '-p', 'x', '--logits',
          os.path.join(folder, 'nowhere', 'logits.safetensors'))
    fails('no overwriting', 2, ['logits.safetensors'], '-p', 'x', '--logits', path)
    status, _, _ = run('--ids', '1,2', '--logits', path, '--force', '-n', '1', '-q')
    expect('--force', status == 0 and safetensors(path)['ids'][1] == [2])
    status, out, _ = run('--compare', MODEL, '-p', p['text'], '--json', '-c', '32')
    got = json.loads(out)
    scored = n - -(-n // 32)  # every token but the first of each window
    expect('a model does not diverge from itself', status == 0 and got['tokens'] == scored and got['same_top'] == scored and
           got['mean_kl_divergence'] == 0 and got['max_logit_difference'] == 0 and got['log_ppl_ratio'] == 0 and
           got['correlation'] > 0.999999 and got['verdict'] == 'the same predictions, to the last bit', out)
    status, out, _ = run('--compare', MODEL, '-f', '-', '--json', '-c', '32', stdin=p['text'].encode())
    expect('standard input is read once for both', status == 0 and json.loads(out)['tokens'] == scored, out)
    status, out, _ = run('--compare', MODEL, '--json', '--chunks', '2', '-c', '64')
    got = json.loads(out)
    expect('without a text --compare has one of its own', status == 0 and got['tokens'] == 126 and
           got['mean_kl_divergence'] == 0 and got['perplexity']['perplexity'] > 1, out)


def softmax_nll(row, i):
    largest = max(row)
    return largest + math.log(sum(math.exp(x - largest) for x in row)) - row[i]


def strided(ids, ctx, stride, nll_of):
    """Hugging Face's guide: windows that overlap, each scored where the one before it did not reach; its sum counts one
    token less for each window."""
    total = tokens = before = 0
    for begin in range(0, len(ids), stride):
        end = min(begin + ctx, len(ids))
        n = end - before
        rows = nll_of(ids[begin:end])[-n:]
        if not rows:  # a single token is left over
            break
        total += sum(rows) / len(rows) * (n - 1)
        tokens += n - 1
        before = end
        if end == len(ids):
            break
    return total / tokens


def scoring(prompts, folder):
    """Perplexity and base files, against sums over --logits."""
    ids = [i for p in prompts for i in p['ids']][:150]
    text = os.path.join(folder, 'ids.txt')
    with open(text, 'w', encoding='utf-8') as f:
        f.write(',\n'.join(map(str, ids)) + '\n')
    path = os.path.join(folder, 'window.safetensors')

    def nll_of(window):
        run('--ids', ','.join(map(str, window)), '--logits', path, '--force', '-q')
        dtype, (rows, vocab), data = safetensors(path)['logits']
        x = floats(data)
        return [softmax_nll(x[t * vocab:(t + 1) * vocab], window[t + 1]) for t in range(rows - 1)]

    def nll(*options):
        status, out, err = run('--perplexity', text, '--as-ids', '--json', *options)
        expect(f'--perplexity {" ".join(options)}', status == 0, err)
        return json.loads(out)

    got = nll('-c', '40')
    want = [x for k in range(3) for x in nll_of(ids[40 * k:40 * k + 40])[20:]]
    expect('llama.cpp: the second half of each whole window', got['windows'] == 3 and got['tokens'] == 57 and
           abs(got['nll'] - sum(want) / 57) < 1e-9, got, sum(want) / 57)
    mean = sum(want) / 57
    error = math.sqrt((sum(x * x for x in want) / 57 - mean * mean) / 56)
    expect('its standard error', abs(got['nll_error'] - error) < 1e-9 and abs(got['perplexity'] - math.exp(mean)) < 1e-9 * math.exp(mean) and
           abs(got['error'] - error * math.exp(mean)) < 1e-9 * math.exp(mean), got)
    got = nll('-c', '40', '--stride', '10')
    want = [x for k in range((len(ids) - 45 + 9) // 10) for x in nll_of(ids[10 * k:10 * k + 45])[-10:]]
    expect('llama.cpp: strided', got['context'] == 45 and got['tokens'] == len(want) and
           abs(got['nll'] - sum(want) / len(want)) < 1e-9, got)
    for ctx, stride in ((40, 40), (40, 13), (40, 1), (1000, 40), (149, 149)):
        got = nll('-c', str(ctx), '--stride', str(stride), '--method', 'hf')
        want = strided(ids, ctx, stride, nll_of)
        expect(f'Hugging Face: {ctx}, {stride}', abs(got['nll'] - want) < 1e-9, got, want)
    expect('--chunks', nll('-c', '40', '--chunks', '2')['tokens'] == 38)
    base = os.path.join(folder, 'base')
    got = nll('-c', '40', '--save-logits', base)
    fails('an existing base', 2, ['base'], '--perplexity', text, '--as-ids', '-c', '40', '--save-logits', base)
    status, out, err = run('--kld', base, '--no-special', '--json')
    kld = json.loads(out)
    # what is more than 16 below the most likely token is cut off in the file
    expect('--kld of the same model: only its rounding', status == 0 and kld['tokens'] == 57 and abs(kld['mean_kl_divergence']) < 1e-5 and
           abs(kld['reference_perplexity']['nll'] - got['nll']) < 5e-3 and kld['perplexity']['nll'] == got['nll'], kld)
    for limit, value, status_wanted in (('--max-kld', '1', 0), ('--max-kld', '-1', 1), ('--min-top1', '90', 0), ('--min-top1', '100.1', 1),
                                        ('--max-ppl-ratio', '1.1', 0), ('--max-ppl-ratio', '0.9', 1)):
        status, out, err = run('--kld', base, '--no-special', limit, value)
        expect(f'{limit} {value}', status == status_wanted and ('does not hold' in err) == bool(status), status, err)
    with open(base, 'rb') as f:
        data = f.read()
    for what, bytes_, word in (('cut', data[:-2], 'not written to its end'), ('longer', data + b'x', 'not written to its end'),
                               ('another file', b'GGUF' + data[4:], 'no base file'), ('empty', b'', 'no base file'),
                               ('a wrong token', data[:20] + b'\xff\xff\0\0' + data[24:], 'token 65535'),
                               ('no windows', data[:16] + bytes(4) + data[20:], 'no such file can be'),
                               ('huge sizes', data[:8] + b'\xff\xff\xff\x7f' * 3 + data[20:], 'not written to its end'),
                               ('no probability', data[:20 + 480] + b'\0\0\x80\x7f' + data[20 + 484:], 'no probabilities')):
        bad = os.path.join(folder, 'bad')
        with open(bad, 'wb') as f:
            f.write(bytes_)
        fails(f'a base file: {what}', 3, [word, 'bad'] if what != 'no probability' else [word], '--kld', bad, '--no-special')
    fails('a text without one window', 2, ['150 tokens', '512', '--ctx'], '--perplexity', text, '--as-ids')
    fails('an unknown method', 2, ['llama.cpp or hf'], '--perplexity', text, '--method', 'x')
    fails('a stride past the window', 2, ['--stride'], '--perplexity', text, '-c', '10', '--stride', '11')
    fails('two measures', 2, ['only one of'], '--perplexity', text, '--kld', base)


def bad_input(folder):
    fails('no prompt', 2, ['no prompt given', "Try 'llm-run --help'"])
    fails('two prompts', 2, ['only one of'], '-p', 'x', '--ids', '1')
    fails('an id past the vocabulary', 2, ['token 1 is 99999', '1023'], '--ids', '1,99999')
    fails('no number', 2, ["'x'"], '--ids', '1,x')
    fails('a prompt longer than the context', 2, ['4 tokens', 'context 3', '--ctx'], '--ids', '1,2,3,4', '-c', '3')
    fails('a bad temperature', 2, ['temperature'], '--ids', '1', '--temp', '-1')
    fails('a bad top-p', 2, ['top-p'], '--ids', '1', '--temp', '1', '--top-p', '0')
    fails('generating while comparing', 2, ['--compare'], '--ids', '1', '--compare', MODEL, '-n', '5')
    fails('no such text', 3, ['nosuch.txt', 'No such file'], '-f', 'nosuch.txt')
    fails('no such model', 3, ['nosuch.gguf'], '-p', 'x', model='nosuch.gguf')
    other = os.path.join(folder, 'garbage.gguf')
    with open(other, 'wb') as f:
        f.write(b'GGUF' + b'\xff' * 60)
    fails('a malformed model', 3, ['garbage.gguf'], '-p', 'x', model=other)
    status, out, _ = run('--json', '-p', 'x', model=other)
    expect('errors as JSON', status == 3 and json.loads(out)['error']['status'] == 3, out)


def main():
    if not os.path.isdir(MODEL):
        print(f'skipped: {MODEL} is not here')
        return 77
    with open(os.path.join(MODEL, 'golden', 'prompts.json'), encoding='utf-8') as f:
        prompts = json.load(f)
    with tempfile.TemporaryDirectory() as folder:
        generating(prompts)
        memory(prompts)
        sampling(prompts)
        measuring(prompts, folder)
        scoring(prompts, folder)
        bad_input(folder)
    return 1 if FAILED else 0


sys.exit(main())
