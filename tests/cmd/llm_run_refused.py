#!/usr/bin/env python3
"""What cannot be measured is refused with its reason, in every mode that runs a model: activations that are not finite, with
their layer and their weight; a text shorter than one window; a base file of another model; other tokens.

usage: llm_run_refused.py LLM_RUN LLM_IMATRIX ST2GGUF MODEL [MIXTRAL]    MODEL: a Llama directory in BF16; MIXTRAL may be absent
"""
import json
import os
import subprocess
import sys
import tempfile

from broken_model import bf16, broken, change, floats

LLM_RUN, LLM_IMATRIX, ST2GGUF, MODEL = sys.argv[1:5]
MIXTRAL = sys.argv[5] if len(sys.argv) > 5 else ''
TEXT = 'First Citizen: Before we proceed any further, hear me speak. All: Speak, speak.'
NAN, INFINITE = b'\xc0\x7f', b'\x80\x7f'  # BF16
FAILED = []


def expect(what, ok, *shown):
    print('ok  ' if ok else 'FAIL', what)
    if not ok:
        print('    ', *shown)
        FAILED.append(what)


def refused(what, status, words, *command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    out, err = done.stdout.decode(), done.stderr.decode()
    lines = [line for line in err.splitlines() if 'windows:' not in line and 'tasks:' not in line]
    expect(what, done.returncode == status and not out and lines and all(w in lines[0] for w in words), done.returncode, out[:200], err)


def modes(folder, text):
    """All ways to run a model on the text: {name: command without the model's name}. MODEL itself is sound."""
    tasks, base = os.path.join(folder, 'tasks.txt'), os.path.join(folder, 'base')
    with open(tasks, 'w', encoding='utf-8') as f:
        f.write('First Citizen: Before we\n0\n' + 'proceed any further\nhear me\nspeak\nAll\n')
    subprocess.run([LLM_RUN, '--quiet', MODEL, '--perplexity', text, '-c', '16', '--save-logits', base], check=True, stdout=subprocess.DEVNULL)
    return {
        'a prompt': [LLM_RUN, '-f', text, '--no-display-prompt'],
        '--logits': [LLM_RUN, '-f', text, '--logits', os.path.join(folder, 'logits')],
        '--perplexity': [LLM_RUN, '--perplexity', text, '-c', '16'],
        '--perplexity --stride': [LLM_RUN, '--perplexity', text, '-c', '16', '--stride', '4'],
        '--save-logits': [LLM_RUN, '--perplexity', text, '-c', '16', '--save-logits', os.path.join(folder, 'none')],
        '--compare': [LLM_RUN, '--compare', MODEL, '-f', text],
        '--compare --layers': [LLM_RUN, '--compare', MODEL, '-f', text, '--layers'],
        '--kld': [LLM_RUN, '--kld', base],
        '--hellaswag': [LLM_RUN, '--hellaswag', '-f', tasks],
        'llm-imatrix': [LLM_IMATRIX, '-f', text, '-c', '16', '-o', os.path.join(folder, 'none.gguf')],
    }


def element(row, i, value):
    """A fault: two bytes of a row of a tensor."""
    return lambda rows: rows[:row] + [rows[row][:2 * i] + value + rows[row][2 * i + 2:]] + rows[row + 1:]


def nonfinite(folder, text):
    down = 'model.layers.2.mlp.down_proj.weight'
    copy = broken(MODEL, folder, change(down, element(3, 7, NAN)))
    for name, command in modes(folder, text).items():
        refused(f'NaN in a weight, {name}', 3, ['blk.2.ffn_down.weight', 'in layer 2', 'finite'], *command, copy)
    expect('and nothing was written', not os.path.exists(os.path.join(folder, 'none')) and
           not os.path.exists(os.path.join(folder, 'none.gguf')) and not os.path.exists(os.path.join(folder, 'logits')))
    run = (LLM_RUN, '--no-display-prompt', '-f', text)
    for what, fault, words in (
            ('infinity in a norm', change('model.layers.1.input_layernorm.weight', lambda r: [INFINITE] + r[1:]),
             ['blk.1.attn_norm.weight', 'in layer 1']),
            ('NaN in the last norm', change('model.norm.weight', lambda r: [NAN] + r[1:]), ['output_norm.weight', 'outside the layers']),
            ('infinity in the output matrix', change('lm_head.weight', element(9, 0, INFINITE)), ['output.weight', 'outside the layers']),
            ('NaN in all embeddings', change('model.embed_tokens.weight', lambda r: [NAN + x[2:] for x in r]), ['token_embd.weight']),
            ('a product too large', change(down, lambda r: bf16([[1e38 * (x > 0) for x in row] for row in floats(r)])),
             ['blk.2.ffn_down.weight', 'in layer 2']),
            ('scores too large', change('model.layers.1.self_attn.q_proj.weight',
                                        lambda r: bf16([[1e38 * x for x in row] for row in floats(r)])), ['in layer 1'])):
        refused(what, 3, words, *run, broken(MODEL, folder, fault))
    reference = broken(MODEL, folder, change(down, element(0, 0, NAN)))
    refused('in the reference', 3, ['blk.2.ffn_down.weight'], LLM_RUN, MODEL, '--compare', reference, '-f', text)


def nonfinite_expert(folder, text):
    if not os.path.isdir(MIXTRAL):
        print('skipped: mixtral is not here')
        return
    name = 'model.layers.1.block_sparse_moe.experts.%d.w2.weight'

    def all_experts(weights, config):
        for e in range(config['num_local_experts']):
            weights.put(name % e, element(1, 1, NAN)(weights.rows(name % e)))

    copy = broken(MIXTRAL, folder, all_experts)
    for command in ([LLM_RUN, '--experts', '-f', text], [LLM_RUN, '-f', text, '--no-display-prompt']):
        refused(f'NaN in experts, {command[1]}', 3, ['blk.1.ffn_down_exps.weight', 'in layer 1'], *command, copy)


def short_texts(folder, text):
    short = os.path.join(folder, 'short.txt')
    with open(short, 'w', encoding='utf-8') as f:
        f.write('I')
    usual = [LLM_RUN, MODEL]
    refused('--perplexity of a short text', 2, ['tokens', '512', '--ctx'], *usual, '--perplexity', short)
    refused('--perplexity --stride', 2, ['tokens', '--ctx'], *usual, '--perplexity', short, '-c', '16', '--stride', '4')
    refused('--perplexity --method hf of one token', 2, ['1 token', 'more text'], *usual, '--perplexity', short, '--method', 'hf',
            '--no-special')
    refused('--compare of one token', 2, ['1 token', 'more text'], *usual, '--compare', MODEL, '--ids', '5')
    refused('llm-imatrix of a short text', 2, ['tokens', '512'], LLM_IMATRIX, MODEL, '-f', short, '-o', os.path.join(folder, 'x'))
    empty = os.path.join(folder, 'empty.txt')
    with open(empty, 'w', encoding='utf-8'):
        pass
    refused('--perplexity of nothing', 2, ['tokens'], *usual, '--perplexity', empty)


def more_tokens(weights, config):
    """Another vocabulary: one row more of both matrices."""
    config['vocab_size'] += 1
    for name in ('model.embed_tokens.weight', 'lm_head.weight'):
        rows = weights.rows(name)
        weights.put(name, rows + rows[-1:])


def other_models(folder, text):
    base = os.path.join(folder, 'base')
    other = broken(MODEL, folder, more_tokens, 'other')
    refused('a base file of another model', 3, ['vocabularies differ', '1025', '1024'], LLM_RUN, other, '--kld', base)
    refused('--compare, another vocabulary', 3, ['vocabularies differ', '1025', '1024'], LLM_RUN, other, '--compare', MODEL, '-f', text)
    refused('--compare --layers, another vocabulary', 3, ['1025', '1024', 'two different models'], LLM_RUN, other, '--compare', MODEL, '-f',
            text, '--layers')
    copy = broken(MODEL, folder, lambda w, c: None, 'tokens')
    path = os.path.join(copy, 'tokenizer.json')
    with open(path, encoding='utf-8') as f:
        tokenizer = json.load(f)
    tokenizer['model']['merges'] = tokenizer['model']['merges'][:100]
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(tokenizer, f)
    refused('--compare, other tokens for the text', 3, ['the tokenizers differ', 'tokens for the model'], LLM_RUN, copy, '--compare', MODEL,
            '-f', text)
    invalid = os.path.join(folder, 'invalid.txt')
    with open(invalid, 'wb') as f:
        f.write(TEXT.encode() + b' \xff\xfe\xc3 ' + TEXT.encode())
    done = subprocess.run([LLM_RUN, MODEL, '--perplexity', invalid, '-c', '16', '--json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    expect('and the byte is named that is none', f'{invalid} is not UTF-8 from byte {len(TEXT.encode()) + 1} on' in done.stderr.decode(),
           done.stderr)
    replaced = os.path.join(folder, 'replaced.txt')
    with open(replaced, 'w', encoding='utf-8') as f:
        f.write(TEXT + ' \ufffd\ufffd\ufffd ' + TEXT)
    same = subprocess.run([LLM_RUN, '--quiet', MODEL, '--perplexity', replaced, '-c', '16', '--json'], stdout=subprocess.PIPE, check=False)
    expect('invalid UTF-8 is read as U+FFFD', done.returncode == 0 and done.stdout == same.stdout, done.stdout, same.stdout)


def main():
    if not os.path.isdir(MODEL):
        print(f'skipped: {MODEL} is not here')
        return 77
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, 'text.txt')
        with open(text, 'w', encoding='utf-8') as f:
            f.write(TEXT)
        nonfinite(folder, text)
        nonfinite_expert(folder, text)
        short_texts(folder, text)
        other_models(folder, text)
    return 1 if FAILED else 0


sys.exit(main())
