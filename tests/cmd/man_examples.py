#!/usr/bin/env python3
r"""Runs the EXAMPLES of a man page, so that the manual cannot rot.

usage: man_examples.py PAGE.1 BIN_DIR MODEL_DIR

BIN_DIR comes first in PATH. The commands run in order, in one scratch folder that holds a copy of MODEL_DIR under the
name SmolLlama, so an example may use what an earlier one wrote. Exit status: 0; 1 an example failed; 77 no model here.

How to write examples, in mdoc:

  .Dl $ st2gguf --quant Q4_K_M SmolLlama -o small.gguf
        one command; it must exit 0, its output is not looked at

  .Bd -literal -offset indent
  $ gguf-inspect small.gguf
    format        GGUF version ...
  \&...
  .Ed
        each line that begins with "$ " is a command (one that ends in a backslash, written \e, goes on in the next
        line). The lines below it are its output, stdout and stderr together: "..." stands for anything within a line,
        and alone on a line (as \&..., lest it be a macro) for any number of lines. A command without lines below it
        may print what it likes. It must exit 0: end it in "; echo $?" where the status is the point.

  .\" run: COMMAND         a command that prepares something and is not shown
  .\" not run: REASON      the next .Dl or .Bd is shown but not run (it needs a large model, say)
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROFF = [(r'\e', '\\'), (r'\-', '-'), (r'\&', ''), (r'\(aq', "'"), (r'\(dq', '"'), (r'\(ti', '~'), (r'\(ha', '^'),
        (r'\(ga', '`')]


def unroff(line):
    out, i = '', 0
    while i < len(line):
        for escape, plain in ROFF:
            if line.startswith(escape, i):
                out += plain
                i += len(escape)
                break
        else:
            out += line[i]
            i += 1
    return out


def examples_section(page):
    """(line number, line) of the section EXAMPLES."""
    inside = False
    with open(page, encoding='utf-8') as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip('\n')
            if line.startswith('.Sh'):
                inside = line.split()[1:] == ['EXAMPLES']
            elif inside:
                yield number, line


def commands(page):
    """Yields [line number, command, expected lines or None]."""
    block, skip, current = False, False, None
    for number, line in examples_section(page):
        if line.startswith(r'.\" run: '):
            yield [number, line[len(r'.\" run: '):], None]
        elif line.startswith(r'.\" not run: '):
            skip = True
        elif line.startswith('.Dl $ '):
            if not skip:
                yield [number, unroff(line[6:]), None]
            skip = False
        elif line.startswith('.Bd'):
            block, current = True, None
        elif line.startswith('.Ed'):
            if current and not skip:
                yield current
            block, skip = False, False
        elif block:
            text = unroff(line)
            if current and current[1].endswith('\\') and current[2] is None:
                current[1] = current[1][:-1] + text
            elif text.startswith('$ '):
                if current and not skip:
                    yield current
                current = [number, text[2:], None]
            elif current:
                current[2] = (current[2] or []) + [text]


def same(expected, actual):
    pattern = ''
    for line in expected:
        if line == '...':
            pattern += r'(?:[^\n]*\n)*?'
        else:
            pattern += '[^\n]*'.join(re.escape(part) for part in line.rstrip().split('...')) + r'[ ]*\n'
    return re.fullmatch(pattern, actual) is not None


def run(page, number, command, expected, env, folder):
    done = subprocess.run(['sh', '-c', command], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode('utf-8', 'replace')
    where = f'{page}:{number}: $ {command}'
    if done.returncode:
        print(f'{where}\nexit status {done.returncode}, output:\n{text}')
        return False
    if expected is not None and not same(expected, text if text.endswith('\n') or not text else text + '\n'):
        print(f'{where}\nthe page says:\n' + '\n'.join(expected) + f'\n\nbut it printed:\n{text}')
        return False
    print(f'ok: {where}')
    return True


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    page, bin_dir, model = sys.argv[1], os.path.abspath(sys.argv[2]), sys.argv[3]
    if not os.path.isdir(model):
        print(f'skipped: no model in {model}')
        return 77
    env = dict(os.environ, PATH=bin_dir + os.pathsep + os.environ['PATH'], NO_COLOR='1', LC_ALL='C.UTF-8')
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(model, os.path.join(folder, 'SmolLlama'))
        todo = list(commands(page))
        results = [run(page, *example, env, folder) for example in todo]
    if not results:
        print(f'{page}: no EXAMPLES that can be run')
        return 1
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
