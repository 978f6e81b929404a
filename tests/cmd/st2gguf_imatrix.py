#!/usr/bin/env python3
"""st2gguf --imatrix-from TEXT is llm-imatrix and st2gguf --imatrix in one: the same bytes, from a directory, a GGUF, with experts.

usage: st2gguf_imatrix.py ST2GGUF LLM_IMATRIX MODEL_DIR MIXTRAL_DIR
"""
import os
import subprocess
import sys
import tempfile

ST2GGUF, IMATRIX, MODEL, MIXTRAL = map(os.path.abspath, sys.argv[1:5])
TEXT = ('First Citizen: Before we proceed any further, hear me speak. All: Speak, speak. First Citizen: You are all '
        'resolved rather to die than to famish? All: Resolved, resolved. First Citizen: First, you know Caius Marcius is '
        'chief enemy to the people.')
FAILED = []


def expect(what, ok, *shown):
    print('ok  ' if ok else 'FAIL', what)
    if not ok:
        print('    ', *shown)
        FAILED.append(what)


def run(*arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def must(*arguments):
    status, _, err = run(*arguments)
    if status:
        sys.exit(f'{" ".join(arguments)}: {err}')


def contents(path):
    with open(path, 'rb') as f:
        return f.read()


def same(what, model, quant, text, *options):
    """In the current directory: the two ways, and the size that the plan says."""
    must(IMATRIX, '-q', '--force', model, '-f', text, '-c', '16', '-o', 'imatrix.gguf')
    must(ST2GGUF, '--quiet', '--force', '--quant', quant, '--imatrix', 'imatrix.gguf', model, '-o', 'two.gguf', *options)
    must(ST2GGUF, '--quiet', '--force', '--quant', quant, '--imatrix-from', text, '-c', '16', model, '-o', 'one.gguf', *options)
    expect(f'{what}: the same bytes', contents('one.gguf') == contents('two.gguf'))
    _, out, _ = run(ST2GGUF, '--dry-run', '--quant', quant, '--imatrix-from', text, '-c', '16', model, '-o', 'one.gguf', *options)
    expect(f'{what}: the plan knows the size', f'{len(contents("one.gguf")):,} bytes' in out, out)


def refused(text):
    for what, status, words, options in (
            ('two matrices', 2, ['either --imatrix or --imatrix-from'], ['--imatrix', 'imatrix.gguf', '--imatrix-from', text]),
            ('no tensors', 2, ['--vocab-only'], ['--imatrix-from', text, '--vocab-only']),
            ('a text that is not there', 3, ['nowhere.txt'], ['--imatrix-from', 'nowhere.txt']),
            ('a text too short for a window', 2, ['the first window takes 512'], ['--imatrix-from', text])):
        got, _, err = run(ST2GGUF, '--quant', 'IQ2_S', MODEL, '-o', 'none.gguf', *options)
        expect(what, got == status and all(w in err for w in words) and not os.path.exists('none.gguf'), got, err)
    got, _, err = run(ST2GGUF, '--quant', 'IQ2_S', MODEL, '-o', 'one.gguf', '--imatrix-from', text, '-c', '16')
    expect('an output that is there costs no run', got == 2 and 'one.gguf' in err and 'importance' not in err, got, err)
    got, _, err = run(ST2GGUF, '--quant', 'IQ2_S', MODEL, '-o', 'none.gguf')
    expect('what needs one names the option', got == 2 and '--imatrix-from' in err, got, err)


def main():
    text = 'text.txt'
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with open(text, 'w', encoding='utf-8') as f:
            f.write(TEXT)
        same('a directory', MODEL, 'Q4_K_M', text)
        same('a part of the tensors', MODEL, 'Q4_0', text, '--include-weights', 'ffn', '-t', '3')
        must(ST2GGUF, '--quiet', '--quant', 'F16', MODEL, '-o', 'f16.gguf')
        same('a GGUF', 'f16.gguf', 'IQ4_NL', text)
        if os.path.isdir(MIXTRAL):
            same('experts', MIXTRAL, 'Q4_0', text)
        else:
            print('skipped: mixtral is not here')
        refused(text)
        os.chdir('/')
    return 1 if FAILED else 0


sys.exit(main())
