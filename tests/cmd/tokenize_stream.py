#!/usr/bin/env python3
"""llm-tokenize on texts that are longer than what it holds: as a table and as JSON, the tokens are those of --batch, and what they
decode to is the text; memory does not grow with the text.

usage: tokenize_stream.py LLM_TOKENIZE PEAK SHARED_TOKENIZERS MODEL...   models are paths, or names in SHARED_TOKENIZERS
"""
import json
import os
import random
import subprocess
import sys
import tempfile

TOKENIZE, PEAK, SHARED = map(os.path.abspath, sys.argv[1:4])
WORDS = ['To be, ', 'or not ', 'to be', '\n', '\n\n', '  ', ' é', ' 中文', '123 ', '\U0001d11e', "'s", ' -- ', '\t']
FAILED = []


def expect(what, ok, *shown):
    print('ok  ' if ok else 'FAIL', what)
    if not ok:
        print('    ', *[str(s)[:300] for s in shown])
        FAILED.append(what)


def run(*arguments, stdin=b''):
    return subprocess.run([TOKENIZE, *arguments], input=stdin, stdout=subprocess.PIPE, check=True).stdout


def text_of(n_bytes, seed):
    rng, words, n = random.Random(seed), [], 0
    while n < n_bytes:
        words.append(rng.choice(WORDS))
        n += len(words[-1].encode())
    return ''.join(words)


def compare(name, model, text, same):
    data = text.encode()
    ids = json.loads(run('--batch', model, stdin=json.dumps(text).encode() + b'\n'))
    back = json.loads(run('--json', model, stdin=data))
    expect(f'{name}: ids as JSON', back['count'] == len(ids) and [t['id'] for t in back['tokens']] == ids, len(ids), back['count'])
    expect(f'{name}: the text that they decode to', (back['decoded'] == text) == same, back['decoded'][:80])
    starts = [t['start'] for t in back['tokens']]
    expect(f'{name}: offsets', starts == sorted(starts) and starts[-1] <= len(data))
    table = run(model, stdin=data).decode().splitlines()
    rows = [line.split() for line in table[1:-1]]
    expect(f'{name}: the table', [int(r[1]) for r in rows] == ids and [int(r[0]) for r in rows] == starts)
    end = 'they decode to the same text' if same else 'they decode to: '
    expect(f'{name}: its last line', table[-1].startswith(f'{len(ids)} tokens of {len(data)} bytes; {end}'), table[-1])
    if not same:
        shown = table[-1].split('decode to: ', 1)[1].replace('\\x0a', '\n').replace('\\x09', '\t')
        expect(f'{name}: what else they decode to', shown == back['decoded'], shown[:80])


def peak(model, text, *arguments):
    with tempfile.NamedTemporaryFile('r') as f:
        subprocess.run([PEAK, f.name, TOKENIZE, *arguments, model], input=text.encode(), stdout=subprocess.DEVNULL, check=True,
                       env={**os.environ, 'ASAN_OPTIONS': 'quarantine_size_mb=1'})
        return int(f.read())


def main():
    models = [m if os.path.exists(m) else os.path.join(SHARED, m) for m in sys.argv[4:]]
    for model in filter(os.path.exists, models):
        name = os.path.basename(model)
        compare(name, model, text_of(400_000, 1), name not in ('bert-base-uncased', 't5-small'))
    model = models[0]
    data = text_of(300_000, 3).encode() + b'\xff' + text_of(300_000, 4).encode()
    table = run(model, stdin=data).decode().splitlines()[-1]
    shown = table.split('decode to: ', 1)[1].replace('\\x0a', '\n').replace('\\x09', '\t')
    expect('text that is not UTF-8', shown == data.decode(errors='replace'))
    for arguments in ([], ['--json'], ['--ids']):
        small, large = peak(model, text_of(600_000, 5), *arguments), peak(model, text_of(3_000_000, 5), *arguments)
        expect(f'memory of five times the text: {" ".join(arguments)}', large < small + (2 << 20), small, large)
    decoded = json.loads(run('--json', '--decode', '1,2 [3]', model))
    expect('ids without a text', decoded['count'] == 3 and [list(t) for t in decoded['tokens']] == [['id', 'piece', 'special']] * 3 and
           decoded['decoded'] == ''.join(t['piece'] for t in decoded['tokens']), decoded)
    return 1 if FAILED else 0


sys.exit(main())
