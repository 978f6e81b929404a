#!/usr/bin/env python3
"""Conversations on the command line: where templates come from, which one is taken, statuses and messages.

usage: llm_chat.py LLM_TOKENIZE LLM_RUN ST2GGUF MODEL_DIR
"""
import json
import os
import subprocess
import sys
import tempfile

TOKENIZE, RUN, ST2GGUF, MODEL = sys.argv[1:5]
FAILED = []
CHAT = {'messages': [{'role': 'user', 'content': 'Hi'}], 'add_generation_prompt': True}
TEXT = '<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n'


def run(program, *arguments, stdin=None):
    done = subprocess.run([program, *arguments], input=None if stdin is None else json.dumps(stdin).encode(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def expect(what, ok, *shown):
    print('ok  ' if ok else 'FAIL', what)
    if not ok:
        print('    ', *shown)
        FAILED.append(what)


def renders(what, want, source, *arguments, chat=None):
    got = run(TOKENIZE, '--render', source, '--chat', '-', *arguments, stdin=CHAT if chat is None else chat)
    expect(what, got == (0, want, ''), got)


def fails(what, status, words, *arguments, chat=None):
    got, out, err = run(TOKENIZE, *arguments, stdin=CHAT if chat is None else chat)
    expect(what, got == status and not out and all(w in err for w in words), got, out, err)


def model_with(folder, name, template, jinja=None):
    """A directory with a tokenizer_config.json (and chat_template.jinja) alone."""
    path = os.path.join(folder, name)
    os.mkdir(path)
    with open(f'{path}/tokenizer_config.json', 'w', encoding='utf-8') as f:
        json.dump({'bos_token': {'content': '<B>'}, 'eos_token': None, **({'chat_template': template} if template else {})}, f)
    if jinja:
        with open(f'{path}/chat_template.jinja', 'w', encoding='utf-8') as f:
            f.write(jinja)
    return path


def sources(folder):
    gguf = f'{folder}/model.gguf'
    expect('st2gguf', run(ST2GGUF, MODEL, '--quant', 'Q8_0', '-o', gguf)[0] == 0)
    renders('from the directory', TEXT, MODEL)
    renders('from a GGUF', TEXT, gguf)
    renders('the list of messages alone', TEXT.split('<|start_header_id|>assistant')[0], MODEL, chat=CHAT['messages'])
    renders('other tokens', TEXT.replace('<|begin_of_text|>', '<x>'), MODEL, '--bos', '<x>')
    for model in MODEL, gguf:
        ids = run(TOKENIZE, '--ids', model, '--chat', '-', stdin=CHAT)
        expect('ids of the text', ids == run(TOKENIZE, '--ids', '--no-special', model, TEXT) and ids[1].startswith('1019 1021'), ids)
    one = model_with(folder, 'one', 'config {{ bos_token }}{{ eos_token is defined }}')
    renders('tokenizer_config.json', 'config <B>False', one)
    renders('chat_template.jinja comes first', 'file', model_with(folder, 'two', 'config', 'file'))
    fails('a model without', 3, ['none', 'has no chat template'], '--render', model_with(folder, 'none', None), '--chat', '-')
    plain = f'{folder}/now.jinja'
    with open(plain, 'w', encoding='utf-8') as f:
        f.write('{{ strftime_now("%d %b %Y") }}{{ x }}')
    renders('a template in a file, a time, a variable', '15 Jan 2026yes', plain, '--now', '2026-01-15', chat={**CHAT, 'x': 'yes'})


def names(folder):
    several = model_with(folder, 'several', [{'name': 'default', 'template': 'D'}, {'name': 'tool_use', 'template': 'T'},
                                             {'name': 'rag', 'template': 'R'}])
    with_tools = {**CHAT, 'tools': [{'type': 'function'}]}
    renders('default', 'D', several)
    renders('tool_use for tools', 'T', several, chat=with_tools)
    renders('no tools in the list of them', 'D', several, chat={**CHAT, 'tools': []})
    renders('by name', 'R', several, '--template', 'rag', chat=with_tools)
    beside = model_with(folder, 'beside', None, 'F')
    os.makedirs(f'{beside}/additional_chat_templates')
    with open(f'{beside}/additional_chat_templates/rag.jinja', 'w', encoding='utf-8') as f:
        f.write('B')
    renders('additional_chat_templates, by name', 'B', beside, '--template', 'rag')
    renders('additional_chat_templates: the first stays', 'F', beside)
    fails('a name that is not there', 3, ["'x'", 'default, tool_use, rag'], '--render', several, '--chat', '-', '--template', 'x')


def errors(folder):
    refuses = f'{folder}/refuses.jinja'
    with open(refuses, 'w', encoding='utf-8') as f:
        f.write('a\n{{ raise_exception("No " + messages[0].role) }}')
    fails('a template that refuses', 3, [refuses, 'template line 2: the template refuses: No user'], '--render', refuses, '--chat', '-')
    fails('no JSON', 3, [refuses], '--render', refuses, '--chat', refuses)
    fails('no messages', 3, ['"messages"'], '--render', refuses, '--chat', '-', chat={})
    fails('no file', 3, ['nowhere.json'], '--render', refuses, '--chat', 'nowhere.json')
    fails('no template', 3, ['nowhere.jinja'], '--render', 'nowhere.jinja', '--chat', '-')
    fails('no time', 2, ['--now', "'noon'"], '--render', refuses, '--chat', '-', '--now', 'noon')
    fails('--render alone', 2, ['need --chat'], '--render', refuses)
    fails('--render with a model', 2, ['no MODEL'], '--render', refuses, '--chat', '-', MODEL)
    fails('--chat with a text', 2, ['TEXT'], MODEL, 'text', '--chat', '-')


def answers():
    got = run(RUN, MODEL, '--chat', '-', '-n', '8', '-q', '--ignore-eos', stdin=CHAT)
    want = run(RUN, MODEL, '-p', TEXT, '--no-special', '-n', '8', '-q', '--ignore-eos', '--no-display-prompt')
    expect('llm-run --chat prints the answer to it', got[0] == 0 and got[1] and got == want, got, want)
    status, out, err = run(RUN, MODEL, '--compare', MODEL, '--chat', '-', '--json', '-q', stdin=CHAT)
    expect('a conversation on standard input is read once for both models', status == 0 and json.loads(out)['mean_kl_divergence'] == 0 and
           json.loads(out)['tokens'] > 8, out, err)
    asked = {'messages': CHAT['messages']}
    expect('the answer begins unless the file says', run(RUN, MODEL, '--chat', '-', '-n', '8', '-q', '--ignore-eos', stdin=asked) == want)


with tempfile.TemporaryDirectory() as scratch:
    sources(scratch)
    names(scratch)
    errors(scratch)
answers()
sys.exit(bool(FAILED))
