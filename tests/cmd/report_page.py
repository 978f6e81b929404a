#!/usr/bin/env python3
"""llm-run --compare --report and st2gguf --verify --report: well-formed, nothing loaded, small whatever the model, names of files do
no harm, and what is drawn is what --json says.

usage: report_page.py ST2GGUF LLM_RUN MODEL_DIR
"""
import html.parser
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

ST2GGUF, LLM_RUN, MODEL = map(os.path.abspath, sys.argv[1:4])
SVG = '{http://www.w3.org/2000/svg}'
VOID = {'meta'}
BOUNDS = [1e-4, 1e-3, 5e-3, 2e-2, 5e-2, 0.1, 0.3]
TEXT = ('First Citizen: Before we proceed any further, hear me speak. All: Speak, speak. First Citizen: You are all resolved '
        'rather to die than to famish? All: Resolved, resolved.')
FAILED = []


def expect(what, ok, *shown):
    print('ok  ' if ok else 'FAIL', what)
    if not ok:
        print('    ', *shown)
        FAILED.append(what)


def run(*arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


class Page(html.parser.HTMLParser):
    """Sees that every element is closed, and that nothing is run or loaded."""

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong = [], []
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        if tag in ('script', 'link', 'img', 'iframe', 'object', 'embed', 'base', 'form', 'image', 'use', 'foreignobject'):
            self.wrong.append(tag)
        self.wrong += [name for name, value in attrs if name in ('src', 'href', 'xlink:href', 'action') or name.startswith('on')]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append('/' + tag)


def read(path):
    with open(path, encoding='utf-8') as f:
        text = f.read()
    page = Page(text)
    expect(f'{path}: well-formed, and nothing is loaded', not page.wrong and 'url(' not in text and '@import' not in text and
           "default-src 'none'" in text and '@media (prefers-color-scheme:dark)' in text, page.wrong)
    expect(f'{path}: under a megabyte', len(text.encode()) < 1 << 20, len(text))
    return text, [ET.fromstring(svg) for svg in re.findall(r'<svg.*?</svg>', text, re.S)]


def shade(error):
    return 0 if error == 0 else 1 + sum(error >= b for b in BOUNDS)


def titles(svg, tag):
    return [(e.get('class'), e.find(SVG + 'title').text) for e in svg.iter(SVG + tag) if e.find(SVG + 'title') is not None]


def check_heat(what, svg, tensors):
    fields = {t.split(', ')[0]: (c, t) for c, t in titles(svg, 'rect')}
    expect(f'{what}: a field for every tensor', sorted(fields) == sorted(t['name'] for t in tensors), fields)
    for t in tensors:
        c, text = fields[t['name']]
        want = f"h{shade(t['relative_error'])}{' x' if t['departs'] else ''}"
        if c != want or not text.startswith(f"{t['name']}, {t['type']}: {t['relative_error']:.3g}"):
            expect(f"{what}: {t['name']}", False, c, want, text, t)


def check_layers(what, svg, layers, parts):
    got = [t for c, t in titles(svg, 'circle') if c == 'c0']
    expect(f'{what}: the error after each layer', got == [f"after layer {x['layer']}: {x['relative_error']:.3g}" for x in layers],
           got, layers)
    got = [t.split(',')[0] for c, t in titles(svg, 'circle') if c == 'c1']
    want = [max(p['relative_error'] for p in parts if p.get('layer') == x['layer']) for x in layers]
    expect(f'{what}: the largest error in each', got == [f'in layer {i}: {e:.3g}' for i, e in enumerate(want)], got, want)


def check_histogram(what, svg, tokens):
    bars = [t for _, t in titles(svg, 'rect')]
    expect(f'{what}: every token is in the histogram', sum(int(b.split(': ')[1].split()[0]) for b in bars) == tokens, bars, tokens)


def sound(text):
    status, out, err = run(ST2GGUF, '--json', '--quant', 'Q4_K_M', MODEL, '-o', 'q4.gguf', f'--verify={text}', '-c', '32', '--report',
                           'q4.html', '--max-kld', '5')
    got = json.loads(out)['verify']
    page, (histogram, layers, heat) = read('q4.html')
    _, out, _ = run(LLM_RUN, 'q4.gguf', '--compare', MODEL, '-f', text, '--layers', '--json', '--report', 'run.html', '-c', '32')
    trace = json.loads(out)
    expect('the verdict and the limit are on it', status == 0 and got['divergence']['verdict'] in page and
           '--max-kld 5 holds' in page and 'class="z"' not in page, status, err)
    check_histogram('st2gguf', histogram, got['divergence']['tokens'])
    check_layers('st2gguf', layers, trace['layers'], trace['parts'])
    check_heat('st2gguf', heat, got['tensors'])
    _, pictures = read('run.html')
    expect('llm-run draws the same', [ET.tostring(p) for p in pictures] == [ET.tostring(p) for p in (histogram, layers, heat)])


def broken(text):
    name = '<script>alert(1)</script>&".gguf'
    status, _, _ = run(ST2GGUF, '--quiet', '--quant', 'F16', MODEL, '-o', name.replace('/', '_'), f'--verify={text}', '-c', '32',
                       '--report', 'bad.html', '--override-kv', 'llama.rope.freq_base=float:300')
    page, _ = read('bad.html')
    expect('a fault is named', status == 1 and '8 of 63 operations' in page and '<th>layer 0: rope</th>' in page, status)
    expect('names do no harm', '<script' not in page and '&lt;script&gt;alert(1)' in page)


def many_tensors():
    """A file of an architecture that nobody runs, with more layers and kinds than a page could show one by one."""
    tensors = [f'blk.{i}.kind{k}.weight' for i in range(400) for k in range(60)] + ['blk.2147483000.far.weight']
    info = b''.join(struct.pack('<Q', len(n)) + n.encode() + struct.pack('<IQIQ', 1, 8, 0, 32 * i) for i, n in enumerate(tensors))
    key = b'general.architecture'
    head = struct.pack('<4sIQQ', b'GGUF', 3, len(tensors), 1) + struct.pack('<Q', len(key)) + key + struct.pack('<IQ', 8, 4) + b'none'
    data = head + info
    data += bytes(-len(data) % 32) + struct.pack('<8f', *range(1, 9)) * len(tensors)
    with open('many.gguf', 'wb') as f:
        f.write(data)
    status, _, err = run(ST2GGUF, 'many.gguf', '-o', 'many-copy.gguf', '--verify', '--report', 'many.html')
    page, _ = read('many.html')
    expect('many tensors: checked, not run, and the page says so', status == 0 and 'compares tensors only' in err and
           'Not there: ' in page and 'tensors more of other kinds' in page, status, err)


def refused(text):
    for program, arguments in ((LLM_RUN, ['q4.gguf', '--compare', MODEL, '-f', text]),
                               (ST2GGUF, [MODEL, '--force', '--quant', 'Q8_0', '-o', 'none.gguf', f'--verify={text}'])):
        name = os.path.basename(program)
        if program == LLM_RUN:
            got, _, err = run(program, *arguments, '--report', 'q4.html')
            expect(f'{name}: a page that is there stays', got == 2 and '--force replaces it' in err, got, err)
        got, _, err = run(program, *arguments, '--report', 'nowhere/page.html')
        expect(f'{name}: no directory, known before the work', got == 4 and "'nowhere'" in err and '%' not in err and
               not os.path.exists('none.gguf'), got, err)
        got, _, err = run(program, *arguments, '--report', '-')
        expect(f'{name}: a page is a file', got == 2 and '--report' in err, got, err)
    got, _, err = run(LLM_RUN, 'q4.gguf', '-p', 'a', '--report', 'a.html')
    expect('llm-run: nothing compared', got == 2 and '--report needs --compare' in err, got, err)
    got, _, err = run(ST2GGUF, MODEL, '-o', 'none.gguf', '--report', 'a.html')
    expect('st2gguf: nothing checked', got == 2 and '--report needs --verify' in err, got, err)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with open('text.txt', 'w', encoding='utf-8') as f:
            f.write(TEXT)
        sound('text.txt')
        broken('text.txt')
        many_tensors()
        refused('text.txt')
        os.chdir('/')
    return 1 if FAILED else 0


sys.exit(main())
