#!/usr/bin/env python3
"""Tokenizers in other files than tokenizer.json: tiktoken's lines, Mistral's tekken.json, vocab.json with merges.txt,
SentencePiece's tokenizer.model.
The same vocabulary gives the same ids whatever file it is in; of real models, Hugging Face's and SentencePiece's own.

usage: tokenizer_files.py LLM_TOKENIZE ST2GGUF MODEL_DIR SHARED_TOKENIZERS
"""
import base64
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

TOKENIZE, ST2GGUF, MODEL, SHARED = map(os.path.abspath, sys.argv[1:5])
TEXTS = ["To be, or not to be: that's the question.", '', ' ', '  a   b\n\n c', 'Café na\u00efve \u4f60\u597d \U0001f600 12345',
         '<|begin_of_text|>x<|eot_id|> y', '\x00\x01\x7f', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']
FAILED = []


def run(program, *arguments, stdin=None):
    done = subprocess.run([program, *arguments], input=stdin, text=True, encoding='utf-8', stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout, done.stderr


def expect(what, ok, *shown):
    print('ok  ' if ok else 'FAIL', what)
    if not ok:
        print('    ', *shown)
        FAILED.append(what)


def ids(model, *flags, texts=None):
    status, out, err = run(TOKENIZE, '--batch', *flags, model, stdin=''.join(json.dumps(t) + '\n' for t in texts or TEXTS))
    return [json.loads(line) for line in out.splitlines()] if status == 0 else (status, err)


def write(name, data):
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, 'wb') as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def letters():
    """GPT-2's alphabet: letter -> byte."""
    plain = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    table = {chr(b): b for b in plain}
    table.update({chr(0x100 + i): b for i, b in enumerate(b for b in range(256) if b not in plain)})
    return table


# SentencePiece's message, by hand: enough of protobuf for what is tested.

def varint(n):
    out = b''
    while n > 0x7f:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack('<f', value)
    data = value if isinstance(value, bytes) else value.encode()
    return varint(number << 3 | 2) + varint(len(data)) + data


NORMAL, UNKNOWN, CONTROL, USER, BYTE = 1, 2, 3, 4, 6


def spm(pieces, kind, prefix=1, spaces=0, fallback=0):
    out = b''.join(field(1, field(1, t) + field(2, s) + field(3, k)) for t, s, k in pieces)
    return out + field(2, field(3, kind) + field(35, fallback)) + field(3, field(3, prefix) + field(4, spaces))


PIECES = [('<unk>', 0.0, UNKNOWN), ('<s>', 0.0, CONTROL), ('</s>', 0.0, CONTROL), ('\u2581', -9.0, NORMAL), ('a', -8.0, NORMAL),
          ('b', -8.5, NORMAL), ('ab', -2.0, NORMAL), ('\u2581a', -1.0, NORMAL), ('\u2581ab', -3.0, NORMAL), ('<sep>', 0.0, USER)]


def sentencepiece():
    write('bpe/tokenizer.model', spm(PIECES, 2))
    # by score: "▁a" before "ab", then "▁a" + "b" is no third piece but "▁ab"
    for text, want in (('ab', [1, 8]), ('a b', [1, 7, 3, 5]), ('', [1]), (' ', [1, 3, 3]), ('bab', [1, 3, 5, 6]), ('a?', [1, 7, 0]),
                       ('a<sep>b', [1, 7, 9, 3, 5]), ('<s>', [1, 1])):
        got = ids('bpe', texts=[text])
        expect(f'SentencePiece BPE: {text!r}', got == [want], got)
    expect('SentencePiece BPE: special tokens as text', ids('bpe', '--no-parse-special', '--no-special', texts=['<sep>']) == [[9]])
    write('noprefix/tokenizer.model', spm(PIECES, 2, prefix=0))
    expect('SentencePiece BPE: no space before a text', ids('noprefix', '--no-special', texts=['ab', ' ab']) == [[6], [8]])
    write('spaces/tokenizer.model', spm(PIECES, 2, spaces=1))
    expect('SentencePiece BPE: one space of many', ids('spaces', '--no-special', texts=['  a   ab  ', '   ', '\n']) ==
           [[7, 8], [], [3, 0]], ids('spaces', '--no-special', texts=['  a   ab  ', '   ', '\n']))
    write('bytes/tokenizer.model', spm([*PIECES, *((f'<0x{b:02X}>', 0.0, BYTE) for b in range(256))], 2, fallback=1))
    got = ids('bytes', '--no-special', texts=['\u00e9'])
    expect('SentencePiece BPE: bytes of what is unknown', got == [[3, 10 + 0xc3, 10 + 0xa9]], got)
    # Viterbi: "▁ab" -3 is worse than "▁a" + "b" at -9.5? no: -3 is best; of "bab" "▁" "b" "ab" is all there is
    write('unigram/tokenizer.model', spm(PIECES, 1))
    for text, want in (('ab', [8]), ('a b', [7, 3, 5]), ('bab', [3, 5, 6])):
        got = ids('unigram', '--no-special', texts=[text])
        expect(f'SentencePiece Unigram: {text!r}', got == [want], got)
    expect('SentencePiece Unigram: </s> behind a text', ids('unigram', texts=['ab']) == [[8, 2]], ids('unigram', texts=['ab']))
    write('words/tokenizer.model', spm(PIECES, 3))
    status, err = ids('words')
    expect('SentencePiece of words: refused', status == 3 and 'words or characters' in err, err)
    write('double/tokenizer.model', spm([*PIECES, PIECES[4]], 2))
    status, err = ids('double')
    expect('SentencePiece: a piece twice', status == 3 and 'two pieces of one text' in err, err)
    write('cut/tokenizer.model', spm(PIECES, 2)[:-3])
    status, err = ids('cut')
    expect('SentencePiece: cut short', status == 3 and 'tokenizer.model' in err, err)


def tekken(ranks):
    """Mistral's: the same ranks behind special tokens, and an expression."""
    with open(os.path.join(MODEL, 'tokenizer.json'), encoding='utf-8') as f:
        pattern = json.load(f)['pre_tokenizer']['pretokenizers'][0]['pattern']['Regex']
    whole = {'config': {'pattern': pattern, 'default_vocab_size': len(ranks) + 24, 'default_num_special_tokens': 24, 'version': 'v11'},
             'vocab': [{'rank': i, 'token_bytes': token, 'token_str': None} for i, token in enumerate([*ranks, 'not read'])],
             'special_tokens': [{'rank': i, 'token_str': t, 'is_control': True} for i, t in enumerate(['<unk>', '<s>', '</s>', '[INST]'])]}
    texts = [t for t in TEXTS if '<|' not in t]

    def ids_of(name, change, *flags, asked=None):
        made = json.loads(json.dumps(whole))
        change(made)
        write(f'tekken-{name}/tekken.json', json.dumps(made))
        return ids(f'tekken-{name}', *flags, texts=asked or texts)

    got, want = ids_of('whole', lambda t: None, '--no-special'), ids(MODEL, '--no-special', texts=texts)
    expect('tekken: the ids of tokenizer.json, behind the special tokens', got == [[i + 24 for i in line] for line in want], got, want)
    got = ids('tekken-whole', texts=['[INST]</s><SPECIAL_23>'])
    expect('tekken: special tokens, and <s> in front', got == [[1, 3, 2, 23]], got)
    got = ids_of('v3', lambda t: t.pop('special_tokens'), asked=['<unk>[INST][TOOL_CONTENT]<SPECIAL_20>'])
    expect('tekken: special tokens of files that list none', got == [[1, 0, 3, 19, 20]], got)
    got = run(ST2GGUF, '--quiet', '--vocab-only', '--force', 'tekken-whole', '-o', 'tekken.gguf')
    expect('tekken: GGUF', got[0] == 0 and ids('tekken.gguf', texts=texts) == ids('tekken-whole', texts=texts), got)

    def less(t):
        t['config']['default_vocab_size'] = 24 + 500
    expect('tekken: only so many ranks', max(map(max, ids_of('less', less))) < 24 + 500)
    for name, change, words in (
            ('pattern', lambda t: t['config'].pop('pattern'), 'config: expected pattern'),
            ('size', lambda t: t['config'].update(default_vocab_size=len(ranks) + 26), 'vocab: expected a list'),
            ('special', lambda t: t['config'].update(default_num_special_tokens=3, default_vocab_size=len(ranks) + 3), 'more than default_num'),
            ('many', lambda t: t['config'].update(default_num_special_tokens=20000, default_vocab_size=20001), 'at most 16384'),
            ('rank', lambda t: t['vocab'][5].update(rank=6), 'ranks from 0 on'),
            ('base64', lambda t: t['vocab'][5].update(token_bytes='!'), 'base64'),
            ('twice', lambda t: t['vocab'][5].update(token_bytes=ranks[4]), 'twice'),
            ('name', lambda t: t['special_tokens'][1].update(token_str=7), 'expected token_str'),
            ('list', lambda t: t.update(vocab={}), 'vocab: expected a list')):
        status, err = ids_of(name, change)
        expect(f'tekken: {name}', status == 3 and words in err and 'tekken.json' in err, status, err)


def own_model():
    with open(os.path.join(MODEL, 'tokenizer.json'), encoding='utf-8') as f:
        model = json.load(f)['model']
    config = os.path.join(MODEL, 'tokenizer_config.json')
    want = ids(MODEL)
    table = letters()
    ranks = [base64.b64encode(bytes(table[c] for c in token)).decode() for token in model['vocab']]
    lines = [f'{token} {rank}\n' for rank, token in enumerate(ranks)]

    def st2gguf(name, *arguments):
        shutil.copy(os.path.join(MODEL, 'config.json'), name)
        shutil.copy(config, name)
        return run(ST2GGUF, '--quiet', '--vocab-only', '--force', *arguments, name, '-o', name + '.gguf')

    write('tiktoken/tokenizer.model', ''.join(lines))
    got = st2gguf('tiktoken')
    expect('tiktoken: a size that nobody knows', got[0] == 3 and '--pre NAME' in got[2], got)
    got = st2gguf('tiktoken', '--pre', 'llama-bpe')
    expect('tiktoken: --pre', got[0] == 0, got)
    expect('tiktoken: the ids of tokenizer.json', ids('tiktoken.gguf') == want, ids('tiktoken.gguf'), want)

    tekken(ranks)

    write('two/vocab.json', json.dumps(model['vocab']))
    write('two/merges.txt', '#version: 0.2\n' + ''.join((m if isinstance(m, str) else ' '.join(m)) + '\n' for m in model['merges']))
    got = ids('two')
    expect('vocab.json and merges.txt: a class that nobody names', got[0] == 3 and '--pre NAME' in got[1], got)
    got = st2gguf('two', '--pre', 'llama-bpe')
    expect('vocab.json and merges.txt: --pre', got[0] == 0, got)
    expect('vocab.json and merges.txt: the ids of tokenizer.json', ids('two.gguf') == want, ids('two.gguf'), want)

    # added tokens as older files have them
    write('old/vocab.json', json.dumps(model['vocab']))
    shutil.copy('two/merges.txt', 'old')
    write('old/config.json', '{"model_type": "gpt2"}')
    write('old/added_tokens.json', '{"<|eot_id|>": 1020, "plain": 1019}')
    write('old/special_tokens_map.json', '{"eos_token": {"content": "<|eot_id|>", "lstrip": true}, "pad_token": "!"}')
    got = ids('old', texts=['a <|eot_id|>plain!'])
    expect('added_tokens.json', [t for t in got[0] if t > 1018] == [1020, 1019] and got[0][-1] == model['vocab']['!'], got)
    got = ids('old', '--no-parse-special', texts=['<|eot_id|>plain!'])
    expect('special_tokens_map.json: which are special', 1020 not in got[0] and 1019 in got[0], got)

    for name, data, words in (('gap', lines[0] + lines[2], 'without gaps'), ('twice', lines[0] + lines[0].replace(' 0', ' 1'), 'already'),
                              ('number', 'IQ== x\n', 'not a number'), ('code', '!!! 0\n', 'not base64'), ('word', 'IQ==\n', 'expected')):
        write(f'bad-{name}/tokenizer.model', data)
        status, err = ids(f'bad-{name}')
        expect(f'tiktoken: {name}', status == 3 and words in err and 'tokenizer.model: line' in err, err)


def streamed():
    """Standard input that is larger than what is held of it."""
    text = ''.join(f'{t} {i * 7919}' for i in range(6000) for t in TEXTS)
    status, out, err = run(TOKENIZE, '--json', MODEL, stdin=text)
    want = [t['id'] for t in json.loads(out)['tokens']] if status == 0 else []
    got = run(TOKENIZE, '--ids', MODEL, stdin=text)
    expect('streamed: the ids of the whole', len(text.encode()) > 800_000 and got[0] == 0 and got[1].split() == [str(i) for i in want],
           status, err, got[0], got[2], len(want), len(got[1].split()))
    got = run(TOKENIZE, '--count', MODEL, '-', stdin=text)
    expect('streamed: their number', got == (0, f'{len(want)}\n', ''), got, len(want))
    expect('streamed: nothing', run(TOKENIZE, '--ids', '--no-special', MODEL, stdin='') == (0, '\n', ''))


def golden(name, files, reference='golden.json'):
    """A real tokenizer's other files against what Hugging Face's library, or SentencePiece, made of the cases."""
    folder = os.path.join(SHARED, name)
    if not os.path.isdir(folder):
        print('skip', name)
        return False
    target = 'golden-' + name
    os.makedirs(target, exist_ok=True)
    for f in files:
        shutil.copy(os.path.join(folder, f), os.path.join(target, os.path.basename(f)))
    if name == 'gpt-2':
        write(target + '/config.json', '{"model_type": "gpt2"}')
    with open(os.path.join(SHARED, 'cases.json'), encoding='utf-8') as f:
        texts = [c['text'] for c in json.load(f)['cases']]
    with open(os.path.join(folder, reference), encoding='utf-8') as f:
        results = json.load(f)['results']
    for key, flags in (('ids', ['--no-special']), ('ids_special', []), ('ids_noparse', ['--no-special', '--no-parse-special'])):
        got = ids(target, *flags, texts=texts)
        want = [r.get(key, r.get('ids')) for r in results]
        bad = [(t, g, w) for t, g, w in zip(texts, got, want) if g != w and w is not None]
        expect(f'{name} from {files[0]}, {key}: {len(texts)} cases', len(got) == len(texts) and not bad, bad[:2])
    return True


def main():
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        sentencepiece()
        own_model()
        streamed()
        names = ('tokenizer_config.json', 'special_tokens_map.json')
        any_golden = golden('llama-3', ['original/tokenizer.model', *names])
        golden('llama-2', ['tokenizer.model', *names])
        golden('gpt-2', ['vocab.json', 'merges.txt'])
        golden('qwen2', ['vocab.json', 'merges.txt', names[0]])
        os.chdir(before)
    return 1 if FAILED else 0 if any_golden else 77


sys.exit(main())
