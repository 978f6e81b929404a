#!/usr/bin/env python3
"""llm-run --hellaswag, --winogrande and --multiple-choice: scores by the formula over --logits, the same whatever batches and
threads, figures that add up, and files that are refused.

usage: llm_run_choice.py LLM_RUN LLM_TOKENIZE MODEL

Beside llama-perplexity: scripts/compare-choices.
"""
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

LLM_RUN, LLM_TOKENIZE, MODEL = sys.argv[1:4]
FAILED = []
HELLASWAG = [('First Citizen: Before we', 0, ['proceed any further', 'hear me', 'speak.', 'All']),
             ('You are all resolved', 3, ['the', 'to the', 'rather', 'rather to die than to famish?']),
             ('First, you know', 1, ['Caius', 'Caius Marcius is chief enemy', 'Caius Marcius', 'the']),  # beginnings of each other
             ('We know it,', 2, ['x', 'y', 'we know it.', 'we know it.'])]                                # and equals
WINOGRANDE = [('You are all resolved rather to _ than to famish in this town', 'die', 'live', 1),
              ('_ is chief enemy to the people of Rome', 'He', 'Caius Marcius', 2),
              ('Let us kill him and have corn at our own _.', 'price', 'cost', 1),
              ('"Speak, _, speak now, before it is too late"', 'I', 'I pray', 2)]
CHOICE = [('Who is chief enemy?', ['Caius Marcius', 'corn', 'the people'], [1, 0, 0]),
          ('What shall we do', ['speak', 'die'], [0, 1]),
          ('Any of', ['these', 'those', 'them', 'thee', 'thou'], [1, 1, 1, 1, 1])]


def expect(what, ok, *shown):
    print('ok  ' if ok else 'FAIL', what)
    if not ok:
        print('    ', *shown)
        FAILED.append(what)


def run(*arguments):
    done = subprocess.run([LLM_RUN, MODEL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def refused(what, status, words, *arguments):
    got, out, err = run(*arguments)
    lines = err.splitlines()
    expect(what, got == status and not out and lines and all(w in lines[0] for w in words), got, out, err)


def tokens(text):
    out = subprocess.run([LLM_TOKENIZE, '--ids', MODEL, text], stdout=subprocess.PIPE, check=True).stdout
    return [int(x) for x in out.replace(b',', b' ').split()]


def log_probabilities(ids, folder):
    """Of each token but the first, from all that --logits writes."""
    path = os.path.join(folder, 'logits.safetensors')
    subprocess.run([LLM_RUN, '--quiet', MODEL, '--ids', ','.join(map(str, ids)), '--logits', path, '--force'], check=True)
    with open(path, 'rb') as f:
        data = f.read()
    n, = struct.unpack('<Q', data[:8])
    entry = json.loads(data[8:8 + n])['logits']
    rows, vocab = entry['shape']
    x = struct.unpack(f'<{rows * vocab}f', data[8 + n + entry['data_offsets'][0]:8 + n + entry['data_offsets'][1]])
    found = [None]
    for t in range(rows - 1):
        row = x[t * vocab:(t + 1) * vocab]
        top = max(row)
        found.append(row[ids[t + 1]] - top - math.log(sum(math.exp(v - top) for v in row)))
    return found


def common(sequences):
    n = 0
    while all(n < len(s) and s[n] == sequences[0][n] for s in sequences):
        n += 1
    return n


def scores(before, answers, after, folder, within):
    """By the formula of <libinfer/choice.h>."""
    space = '' if within else ' '
    sequences = [tokens(before + space + a + after) for a in answers]
    begin = [common(sequences)] * len(answers)
    if within and all(len(s) - begin[0] > 3 for s in sequences):
        begin = [len(tokens(before + a)) for a in answers]
    found = []
    for s, first in zip(sequences, begin):
        first = max(1, min(first, len(s) - 1))
        end = len(s) - (within and len(s) - first > 1)
        part = log_probabilities(s, folder)[first:end]
        found.append(sum(part) / len(part))
    return found


def text(s):
    return struct.pack('<I', len(s.encode())) + s.encode()


def answer_list(answers, right):
    return struct.pack('<I', len(answers)) + b''.join(map(text, answers)) + struct.pack(f'<{len(answers)}i', *right)


def write_all(folder):
    """The tasks above as files, and (before, answers, after, right) of each."""
    paths = {kind: os.path.join(folder, kind) for kind in ('hellaswag', 'winogrande', 'multiple-choice')}
    tasks = {'hellaswag': [(q, a, '', {i}) for q, i, a in HELLASWAG],
             'winogrande': [(*(lambda p: (p[0], [a, b], p[1]))(s.strip('"').split('_')), {i - 1}) for s, a, b, i in WINOGRANDE],
             'multiple-choice': [(q, a, '', {i for i, r in enumerate(right) if r}) for q, a, right in CHOICE]}
    with open(paths['hellaswag'], 'w', encoding='utf-8') as f:
        for q, i, a in HELLASWAG:
            f.write('\n'.join([q, str(i), *a]) + '\n')
    with open(paths['winogrande'], 'w', encoding='utf-8') as f:
        for n, (s, a, b, i) in enumerate(WINOGRANDE):
            f.write(f'{n},{s},{a},{b},{i}\n')
    packed = [text(q) + answer_list(a, right) + answer_list(a, right) for q, a, right in CHOICE]
    at = [4 + 4 * len(packed) + sum(map(len, packed[:i])) for i in range(len(packed))]
    with open(paths['multiple-choice'], 'wb') as f:
        f.write(struct.pack(f'<{1 + len(at)}I', len(at), *at) + b''.join(packed))
    return paths, tasks


def check(kind, path, tasks, folder):
    status, out, err = run(f'--{kind}', '-f', path, '--json')
    expect(f'{kind}: runs', status == 0, err)
    got = json.loads(out)
    right = 0
    for i, ((before, answers, after, wanted), found) in enumerate(zip(tasks, got['tasks'])):
        want = scores(before, answers, after, folder, kind == 'winogrande')
        expect(f'{kind} {i}: scores', len(found['scores']) == len(want) and
               max(abs(a - b) for a, b in zip(found['scores'], want)) < 1e-9, found, want)
        best = found['scores'].index(max(found['scores']))
        right += best in wanted
        expect(f'{kind} {i}: choice', found['chosen'] == best and found['right'] == (best in wanted) and found['question'] == before, found)
    p, n = right / len(tasks), len(tasks)
    expect(f'{kind}: figures', got['n_tasks'] == len(got['tasks']) == n and got['n_right'] == right and abs(got['percent_right'] - 100 * p) < 1e-9 and
           abs(got['percent_right_error'] - 100 * math.sqrt(p * (1 - p) / (n - 1))) < 1e-9 and
           abs(got['percent_by_guessing'] - 100 * sum(len(w) / len(a) for _, a, _, w in tasks) / n) < 1e-9, got)
    for options in (['-b', '1'], ['-b', '3', '-t', '3'], ['-c', '64']):
        expect(f'{kind}: the same with {" ".join(options)}', run(f'--{kind}', '-f', path, '--json', *options)[1] == out)
    few = json.loads(run(f'--{kind}', '-f', path, '--json', f'--{kind}-tasks', '2')[1])
    expect(f'{kind}: two tasks', few['n_tasks'] == 2 and all(t in got['tasks'] for t in few['tasks']) and few['tasks'][0] != few['tasks'][1])
    status, out, _ = run(f'--{kind}', '-f', path)
    expect(f'{kind}: in words', status == 0 and out.startswith(f'right answers  {100 * p:.4f} %') and f'{right} of {n} tasks' in out, out)


def check_refused(paths, folder):
    def file(name, data):
        path = os.path.join(folder, name)
        with open(path, 'wb') as f:
            f.write(data)
        return path

    refused('a task longer than the context', 2, ['task 1', 'context 4', '--ctx'], '--hellaswag', '-f', paths['hellaswag'], '-c', '4')
    refused('half a task', 3, ['half', '3 lines'], '--hellaswag', '-f', file('half', b'a\n1\nb\n'))
    refused('another format', 3, ['line 2', '0 to 3'], '--hellaswag', '-f', paths['winogrande'])
    refused('text for binary', 3, ['tasks'], '--multiple-choice', '-f', paths['hellaswag'])
    refused('no gap', 3, ['gapless', 'line 1', 'no gap'], '--winogrande', '-f', file('gapless', b'0,a,b,c,1\n'))
    refused('an empty file', 3, ['empty', 'no tasks'], '--winogrande', '-f', file('empty', b''))
    refused('a file that is not there', 3, ['nowhere'], '--winogrande', '-f', os.path.join(folder, 'nowhere'))
    refused('no file', 2, ['-f FILE'], '--winogrande')
    refused('two of them', 2, ['only one of'], '--winogrande', '--hellaswag', '-f', paths['winogrande'])
    refused('with a comparison', 2, ['only one of'], '--winogrande', '--compare', MODEL, '-f', paths['winogrande'])
    refused('with a stride', 2, ['--stride'], '--winogrande', '--stride', '3', '-f', paths['winogrande'])
    refused("another's number of tasks", 2, ['--hellaswag-tasks needs'], '--winogrande', '--hellaswag-tasks', '3', '-f', paths['winogrande'])
    refused('no tasks at all', 2, ['1 task is the least'], '--winogrande', '--winogrande-tasks', '0', '-f', paths['winogrande'])


def main():
    if not os.path.isdir(MODEL):
        print(f'skipped: {MODEL} is not here')
        return 77
    with tempfile.TemporaryDirectory() as folder:
        paths, tasks = write_all(folder)
        for kind, path in paths.items():
            check(kind, path, tasks[kind], folder)
        check_refused(paths, folder)
    return 1 if FAILED else 0


sys.exit(main())
