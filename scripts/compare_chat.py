"""Both sides of compare-chat.

usage: compare_chat.py make WORK LLM_TOKENIZE SHARED N SEED    conversations, and what llm-tokenize renders
       compare_chat.py check WORK                              the same by transformers' code, among the peers
"""
import concurrent.futures
import datetime
import glob
import json
import os
import random
import subprocess
import sys

NOW = '2026-01-15 12:34:56'
WORDS = ['the', 'tide', ' at\n', '  ', "it's", '"x"', '<b>&', 'é', '😀', '日本', '\t', '</think>', '<think>', '{{ no }}', '\\n', '/no_think',
         'İ', 'ß', '\u2028', '\x7f', "'", '<|im_end|>', '\r\n', '\xa0', '0', '-1.5e3', 'ﬁ']


def words(r):
    return ' '.join(r.choice(WORDS) for _ in range(r.randrange(8)))


def value(r, depth=0):
    kind = r.randrange(8 if depth < 3 else 6)
    if kind == 6:
        return [value(r, depth + 1) for _ in range(r.randrange(4))]
    if kind == 7:
        return {r.choice(['type', 'name', 'é', 'items', 'properties', 'x y', 'content']): value(r, depth + 1)
                for _ in range(r.randrange(4))}
    return [None, r.random() < .5, r.randrange(-10**6, 10**6), r.choice([.1, 1e22, 1e-7, 3.0, -0.0, 123456789.125, 1e16]),
            words(r), r.choice(['string', 'array', 'integer'])][kind]


def tool(r):
    return {'type': 'function', 'function': {'name': r.choice(['tide', 'bell']), 'description': words(r), 'parameters': {
        'type': 'object', 'properties': {
            name: {'type': r.choice(['string', 'integer', 'array', ['string', 'null'], 'object']), 'description': words(r),
                   **({'items': {'type': 'number'}} if r.random() < .3 else {})}
            for name in r.sample(['a', 'b', 'hour', 'é'], r.randrange(4))}, 'required': ['a']}}}


def call(r):
    arguments = {'a': value(r), 'hour': r.randrange(24)}
    return {'id': r.choice(['call00001', '123456789', 'x']), 'type': 'function', 'function': {
        'name': 'tide', 'arguments': arguments if r.random() < .7 else json.dumps(arguments)}}


def message(r, role):
    m = {'role': role, 'content': words(r)}
    if role == 'assistant' and r.random() < .3:
        m['tool_calls'] = [call(r) for _ in range(r.choice([1, 1, 2]))]
        m['content'] = r.choice(['', None, words(r)])
    if role == 'assistant' and r.random() < .2:
        m['reasoning_content'] = words(r)
    if role == 'tool':
        m['tool_call_id'] = 'call00001'
        m['name'] = 'tide'
        m['content'] = r.choice([words(r), json.dumps(value(r)), value(r)])
    if r.random() < .08:
        m['content'] = [{'type': 'text', 'text': words(r)}, {'type': 'image'}]
    if r.random() < .02:
        del m['content']
    return m


def conversation(r):
    roles = ['system'] if r.random() < .4 else []
    if r.random() < .8:
        for i in range(r.randrange(1, 6)):
            roles.append('assistant' if i % 2 else 'user')
            if roles[-1] == 'assistant' and r.random() < .3:
                roles.append('tool')
    else:
        roles += [r.choice(['user', 'assistant', 'tool', 'system', 'ipython', 'developer']) for _ in range(r.randrange(5))]
    c = {'messages': [message(r, role) for role in roles]}
    if r.random() < .4:
        c['tools'] = [tool(r) for _ in range(r.randrange(3))]
    if r.random() < .2:
        c['documents'] = [{'doc_id': i, 'title': words(r), 'text': words(r)} for i in range(2)]
    for name, odds, choices in [('enable_thinking', .3, [True, False]), ('thinking', .2, [True]), ('add_generation_prompt', .7, [True, False]),
                                ('builtin_tools', .1, [['code_interpreter', 'search']]), ('date_string', .1, ['1 May 2025']),
                                ('controls', .1, [{'citations': 1}, ['hallucinations']]), ('tools_in_user_message', .2, [True, False])]:
        if r.random() < odds:
            c[name] = r.choice(choices)
    return c


def reference(hf, template, c, bos, eos):
    """('ok', text) or ('error', text)"""
    c = dict(c)
    tokens = {k: v for k, v in [('bos_token', bos), ('eos_token', eos)] if v is not None}
    try:
        compiled = hf._compile_jinja_template(template)
        text = compiled.render(**{**tokens, 'tools': None, 'documents': None, 'add_generation_prompt': False, **c})
        text.encode()
        return 'ok', text
    except Exception as e:  # whatever the template or Jinja says
        return 'error', f'{type(e).__name__}: {e}'


def ours(program, path, c, bos, eos):
    tokens = (['--bos', bos] if bos is not None else []) + (['--eos', eos] if eos is not None else [])
    done = subprocess.run([program, '--render', path, '--chat', '-', '--now', NOW, *tokens], input=json.dumps(c).encode(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=120)
    if done.returncode not in (0, 3):
        return 'crash', f'{done.returncode}: {done.stderr.decode()}'
    return ('ok', done.stdout.decode()) if done.returncode == 0 else ('error', done.stderr.decode())


def snippets():
    """(name, template) of corners of the language, one each, from the file beside this one."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'compare_chat.txt'), encoding='utf-8') as f:
        for i, part in enumerate(f.read().split('\n====\n')):
            yield f'snippet {i + 1}', part


def make(work, program, shared, n, seed):
    r = random.Random(seed)
    cases = []
    for path in sorted(glob.glob(f'{shared}/chat/*.jinja')):
        with open(path, encoding='utf-8', newline='') as f:
            text = f.read()
        with open(path.replace('.jinja', '.golden.json'), encoding='utf-8') as f:
            golden = json.load(f)
        for _ in range(n):
            cases.append({'name': os.path.basename(path), 'template': text, 'path': path, 'conversation': conversation(r),
                          'bos': golden['bos_token'], 'eos': golden['eos_token']})
    for i, (name, text) in enumerate(snippets()):
        path = f'{work}/{i}.jinja'
        with open(path, 'w', encoding='utf-8', newline='') as f:
            f.write(text)
        cases.append({'name': name, 'template': text, 'path': path, 'conversation': {
            'messages': [{'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': 'Yes é'}]}, 'bos': '<s>', 'eos': '</s>'})
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for case, got in zip(cases, pool.map(lambda c: ours(program, c['path'], c['conversation'], c['bos'], c['eos']), cases)):
            case['got'] = got
    with open(f'{work}/cases.json', 'w', encoding='utf-8') as f:
        json.dump(cases, f)


def check(work):
    import jinja2
    import transformers.utils.chat_template_utils as hf

    class Now(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromisoformat(NOW)

    hf.datetime = Now
    with open(f'{work}/cases.json', encoding='utf-8') as f:
        cases = json.load(f)
    different = errors = 0
    for c in cases:
        kind, mine = c['got']
        want_kind, want = reference(hf, c['template'], c['conversation'], c['bos'], c['eos'])
        errors += want_kind == 'error'
        if kind == want_kind and (kind == 'error' or mine == want):
            continue
        different += 1
        if different <= 40:
            print(f'--- {c["name"]}')
            print((c['template'] if c['name'].startswith('snippet') else json.dumps(c['conversation'], ensure_ascii=False))[:600])
            print(f'reference {want_kind}: {want!r}'[:400])
            print(f'ours      {kind}: {mine!r}'[:400])
    print(f'{len(cases)} renderings, {errors} of them refused, jinja2 {jinja2.__version__}: {different} differ')
    return different > 0


if sys.argv[1] == 'make':
    make(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]), int(sys.argv[6]))
else:
    sys.exit(check(sys.argv[2]))
