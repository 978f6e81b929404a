#!/usr/bin/env python3
"""st2gguf and what GGUF's keys cannot say about a tokenizer: what is named, when tokenizer.json goes along, and that ids then
are the directory's; differences that nothing explains are errors.

usage: st2gguf_tokens.py ST2GGUF LLM_TOKENIZE MODEL_DIR
"""
import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile

ST2GGUF, TOKENIZE, MODEL = map(os.path.abspath, sys.argv[1:4])
TEXTS = ['To be, or not to be', '-\x04-', 'Cafe\u0301 A\u030a  12345', 'a <|eot_id|>  b\n<|eot_id|>c', ' leading', '<|end_of_text|>x']
FAILED = []
with open(os.path.join(MODEL, 'tokenizer.json'), encoding='utf-8') as f:
    ORIGINAL = json.load(f)


def run(program, *arguments, stdin=None):
    done = subprocess.run([program, *arguments], input=stdin, text=True, encoding='utf-8', stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout, done.stderr


def expect(what, ok, *shown):
    print('ok  ' if ok else 'FAIL', what)
    if not ok:
        print('    ', *shown)
        FAILED.append(what)


def ids(model):
    status, out, err = run(TOKENIZE, '--batch', model, stdin=''.join(json.dumps(t) + '\n' for t in TEXTS))
    expect(f'tokenizing with {os.path.basename(model)}', status == 0, err)
    return out


def directory(name, change):
    os.makedirs(name)
    for file in os.listdir(MODEL):
        if not os.path.isdir(os.path.join(MODEL, file)) and file != 'tokenizer.json':
            shutil.copy(os.path.join(MODEL, file), name)
    made = copy.deepcopy(ORIGINAL)
    change(made)
    with open(os.path.join(name, 'tokenizer.json'), 'w', encoding='utf-8') as f:
        json.dump(made, f)
    return name


def convert(source, *arguments):
    """Status, notes, and whether tokenizer.json is in the output."""
    if os.path.exists('out.gguf'):
        os.remove('out.gguf')
    status, out, err = run(ST2GGUF, '--vocab-only', '--json', *arguments, source, '-o', 'out.gguf')
    if status:
        return status, [err + out], False
    with open('out.gguf', 'rb') as f:
        return status, json.loads(out)['notes'], b'tokenizer.huggingface.json' in f.read()


def named(what, change, words):
    """A difference that is named, and bridged by tokenizer.json; without it the ids are others."""
    source = directory(what, change)
    status, notes, embedded = convert(source)
    line = [n for n in notes if n.startswith('llama.cpp will differ: ') and words in n]
    expect(f'{what}: named, and embedded', status == 0 and line and embedded, status, notes, embedded)
    if status == 0:
        expect(f'{what}: the GGUF gives the directory\'s ids', ids('out.gguf') == ids(source))
    status, notes, embedded = convert(source, '--embed-tokenizer', 'never')
    expect(f'{what}: never leaves it out, and still says so',
           status == 0 and not embedded and any(words in n for n in notes), status, notes)
    if status == 0:
        expect(f'{what}: its keys alone give other ids', ids('out.gguf') != ids(source))


def nfc(t):
    t['normalizer'] = {'type': 'NFC'}


def strips(t):
    t['added_tokens'][4].update(lstrip=True, rstrip=True)


def space(t):
    t['pre_tokenizer']['pretokenizers'][1]['add_prefix_space'] = True


def twice(t):
    single = t['post_processor']['processors'][1]['single']
    single.insert(0, single[0])


def not_special(t):
    t['added_tokens'][1]['special'] = False


def plain_text(t):  # a token of the vocabulary, which llama.cpp takes for a special one by its text
    t['added_tokens'] = [a for a in t['added_tokens'] if a['content'] != '<|end_of_text|>']
    t['model']['vocab']['<|end_of_text|>'] = 1020


def no_byte(t):  # of 0x04: what stands on both sides of it merges, in llama.cpp it does not
    del t['model']['vocab']['\u0104']


def replace(t):
    t['normalizer'] = {'type': 'Sequence', 'normalizers': [{'type': 'Replace', 'pattern': {'String': 'be'}, 'content': 'not'}]}


def by_rank(t):  # pieces with byte fallback whose merges are not all that their vocabulary allows: "a" and "bc" stay apart
    pieces = ['<unk>', '<s>', '</s>'] + [f'<0x{b:02X}>' for b in range(256)] + ['\u2581', 'a', 'b', 'c', 'bc', 'ab', 'abc', '\u2581a']
    t.update(normalizer={'type': 'Replace', 'pattern': {'String': ' '}, 'content': '\u2581'}, post_processor=None,
             pre_tokenizer={'type': 'Split', 'pattern': {'String': ' '}, 'behavior': 'MergedWithPrevious', 'invert': False},
             decoder={'type': 'ByteFallback'},
             added_tokens=[{'id': i, 'content': pieces[i], 'special': True, 'normalized': False} for i in range(3)],
             model={'type': 'BPE', 'byte_fallback': True, 'fuse_unk': True, 'unk_token': '<unk>',
                    'vocab': {p: i for i, p in enumerate(pieces)},
                    'merges': [['b', 'c'], ['a', 'b'], ['ab', 'c'], ['\u2581', 'a']]})


def across_lines(t):
    by_rank(t)
    t['model']['vocab'].update({'\n': 267, 'b\n': 268})
    t['model']['merges'].append(['b', '\n'])


def main():
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        status, notes, embedded = convert(MODEL)
        expect('nothing to name, nothing embedded', status == 0 and not notes and not embedded, status, notes, embedded)
        expect('its keys alone give the directory\'s ids', ids('out.gguf') == ids(MODEL))
        expect('always', convert(MODEL, '--embed-tokenizer', 'always') == (0, [], True))

        named('nfc', nfc, 'no NFC')
        named('strips', strips, "white space around it ('<|eot_id|>')")
        named('space', space, 'no space is put before a text')
        named('replace', replace, 'no replacements')
        named('plain-text', plain_text, "counts as one ('<|end_of_text|>')")
        named('no-byte', no_byte, 'nothing merges across bytes')
        named('twice', twice, 'other special tokens are put around a text')

        TEXTS.append('abc a abab\nb\nc')
        source = directory('by-rank', by_rank)
        for file in 'tokenizer_config.json', 'special_tokens_map.json', 'generation_config.json':  # of other tokens
            if os.path.exists(os.path.join(source, file)):
                os.remove(os.path.join(source, file))
        status, notes, embedded = convert(source)
        expect('merges that scores cannot say', status == 0 and not embedded and not any('differ' in n for n in notes), status, notes)
        expect('merges that scores cannot say: its keys alone give the directory\'s ids', ids('out.gguf') == ids(source))
        named('across-lines', across_lines, 'text is cut at line feeds')

        source = directory('no-bos', lambda t: t.update(post_processor=None))
        with open(os.path.join(source, 'tokenizer_config.json'), encoding='utf-8') as f:
            config = json.load(f)
        del config['add_bos_token']
        with open(os.path.join(source, 'tokenizer_config.json'), 'w', encoding='utf-8') as f:
            json.dump(config, f)
        status, notes, embedded = convert(source)
        expect('no BOS, though llama.cpp puts one by the name llama-bpe: a key says so', status == 0 and not notes and not embedded, notes)
        expect('no BOS: ids', ids('out.gguf') == ids(source))

        source = directory('no-merges.json', lambda t: t['model'].update(merges=[]))  # nor is that a config by its name
        status, notes, embedded = convert(source)
        expect('no merges', status == 0 and not embedded, status, notes)
        expect('no merges: ids', ids('out.gguf') == ids(source))

        source = directory('not-special', not_special)
        status, notes, embedded = convert(source)
        expect('a token that is special by its looks', status == 0 and embedded and "special there only" in notes[0], notes)

        status, notes, embedded = convert(MODEL, '--pre', 'gpt-2')
        expect('--pre that cuts otherwise', status == 0 and embedded and "text is cut as 'gpt-2' says" in notes[0], status, notes)
        expect('--pre that cuts otherwise: ids', ids('out.gguf') == ids(MODEL))
        status, notes, embedded = convert(MODEL, '--pre', 'of-next-year')
        expect('--pre that nobody knows', status == 0 and embedded and 'was not compared' in notes[0], status, notes)

        # tokenizer.json cuts as "qwen35" does; its ignore_merges is not part of what that name means
        def odd(t):
            t['pre_tokenizer']['pretokenizers'][0]['pattern']['Regex'] = (
                "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|"
                "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")
            t['model']['merges'] = t['model']['merges'][:200]
        source = directory('odd', odd)
        status, notes, embedded = convert(source)
        expect('what nothing explains is an error', status == 3 and not os.path.exists('out.gguf') and
               "by the GGUF's keys '" in notes[0] and 'by tokenizer.json' in notes[0] and '--embed-tokenizer always' in notes[0],
               status, notes)
        status, notes, embedded = convert(source, '--embed-tokenizer', 'always')
        expect('always converts that too, and says so', status == 0 and embedded and "by the GGUF's keys" in notes[0], notes)
        expect('always: ids', status == 0 and ids('out.gguf') == ids(source))
        os.chdir(before)
    return 1 if FAILED else 0


sys.exit(main())
