#!/usr/bin/env python3
"""llm-mem --svg and --html: well-formed, nothing loaded, names of files do no harm, and what is drawn is what --csv says.

usage: llm_mem_chart.py LLM_MEM MODEL_DIR CONFIGS_DIR

MODEL_DIR has a small model; CONFIGS_DIR (may be absent) has many config.json.
Exit status: 0; 1 something is wrong; 77 no model here.
"""
import csv
import glob
import html.parser
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

mem, model, configs = map(os.path.abspath, sys.argv[1:4])
SVG = '{http://www.w3.org/2000/svg}'
UNITS = {'B': 1, 'KiB': 2**10, 'MiB': 2**20, 'GiB': 2**30, 'TiB': 2**40}


def run(*args, status=0):
    p = subprocess.run([mem, '--quiet', *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert p.returncode == status, (args, p.returncode, p.stderr)
    return p


def tokens(text):
    return int(text[:-1]) * {'K': 2**10, 'M': 2**20}[text[-1]] if text[-1] in 'KM' else int(text)


def fits(path, *args):
    """The longest context of each type, where --fit or --gpu asks."""
    if not {'--fit', '--gpu'} & set(args):
        return {}
    answer = json.loads(subprocess.run([mem, '--quiet', '--json', *args, path], capture_output=True, check=False).stdout)
    if '--gpu' in args:
        return {q['quant']: q['longest_context'] for q in answer['devices']['quants']}
    return {w['quant']: w['longest_context'] for w in answer['weights']}


def check_svg(root, path, *args):
    """Every dot lies where the axes say that the total of --csv is, and every ring where --json says that a fit ends."""
    total = list(args)
    if '--gpu' in total: # which --csv does not know
        at = total.index('--gpu')
        total[at:at + 2] = ['--fit', '1TiB']
    rows = list(csv.DictReader(run('--csv', *total, path).stdout.decode().splitlines()))
    texts = [(t.get('class') or '', float(t.get('x')), float(t.get('y')), t.text) for t in root.iter(SVG + 'text')]
    unit, = (t for t in texts if t[0] == 'n s' and t[3] in UNITS)
    y = [(v - 4.5, float(t) * UNITS[unit[3]]) for c, x, v, t in texts if c == 'n s' and x == unit[1] and t not in UNITS]
    x = [(x, tokens(t)) for c, x, v, t in texts if c == 'm s' and t != 'context, tokens']
    assert len(y) > 3 and len(x) > 2, texts
    per_byte = (y[-1][0] - y[0][0]) / y[-1][1]
    per_octave = (x[-1][0] - x[0][0]) / math.log2(x[-1][1] / x[0][1])
    circles = [(d.get('class'), float(d.get('cx')), float(d.get('cy')), d.find(SVG + 'title').text)
               for d in root.iter(SVG + 'circle')]
    dots = [c[1:] for c in circles if c[0] is None]
    assert len(dots) == len(rows)
    for (cx, cy, title), row in zip(dots, rows):
        assert title.startswith(f"{row['quant']} at {int(row['context']):,} tokens: "), (title, row)
        assert abs(cx - x[0][0] - per_octave * math.log2(int(row['context']) / x[0][1])) < 0.3, (path, cx, row)
        assert abs(cy - y[0][0] - per_byte * int(row['total_bytes'])) < 0.3, (path, cy, row)
    rings = sorted((title, cx) for kind, cx, cy, title in circles if kind == 'e')
    first, last = x[0][1], max(int(row['context']) for row in rows)
    ends = {f"{quant} fits up to {n:,} tokens": n for quant, n in fits(path, *args).items() if first <= n < last}
    assert [title for title, cx in rings] == sorted(ends), (path, rings, ends)
    assert all(abs(cx - x[0][0] - per_octave * math.log2(ends[title] / first)) < 0.3 for title, cx in rings), (rings, ends)
    # a line and two names per type; where a fit ends the line is in two parts; the labels at the ends stand apart, in the order of the lines
    names = sorted({r['quant'] for r in rows})
    assert sum(p.get('class') in ('p', 'p q') for p in root.iter(SVG + 'path')) == 2 * len(names) + len(rings)
    ends = sorted((v, t) for c, at, v, t in texts if c == '' and abs(at - max(x)[0] - 23) < 0.1)
    assert sorted(t for _, t in ends) == names
    assert all(b[0] - a[0] > 12 for a, b in zip(ends, ends[1:])), (path, ends)
    last = {r['quant']: int(r['total_bytes']) for r in rows}
    assert all(last[a[1]] >= last[b[1]] for a, b in zip(ends, ends[1:])), (path, ends)
    box = [float(v) for v in root.get('viewBox').split()]
    assert all(0 <= at <= box[2] and 0 <= v <= box[3] for _, at, v, _ in texts), path
    return texts


def check_alone(text):
    """Nothing from elsewhere, nothing that runs."""
    assert not re.search(r'<script|<link|<img|<iframe|\bon\w+=|@import|url\(|javascript:', text), 'something is loaded'
    assert re.findall(r'https?://[^"]*', text) in ([], ['http://www.w3.org/2000/svg'])
    assert 'prefers-color-scheme:dark' in text and text.isprintable() or '\n' in text


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.cells = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ('meta', 'br'):
            self.open.append(tag)
        if tag in ('td', 'th'):
            self.cells.append('')

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ('td', 'th', 'small'):
            self.cells[-1] += ('|' if self.open[-1] == 'small' else '') + data


def pictures(path, *args):
    run('--svg', 'a.svg', '--html', 'a.html', '--force', *args, path)
    svg, page = open('a.svg', encoding='utf-8').read(), open('a.html', encoding='utf-8').read()
    check_alone(svg)
    check_alone(page)
    inner, = re.findall(r'<svg.*</svg>', page, re.S)
    check_svg(ET.fromstring(inner), path, *args)
    parser = Page()
    parser.feed(page)
    assert not parser.open, parser.open
    return check_svg(ET.fromstring(svg), path, *args), parser.cells


if not os.path.isdir(model):
    print('skipped: no', model)
    sys.exit(77)
configs = sorted(glob.glob(configs + "/*.json"))
config = os.path.join(model, "config.json")

with tempfile.TemporaryDirectory() as d:
    os.chdir(d)
    texts, cells = pictures(config, '--quant', 'all', '--ctx', '300,1000')
    texts, cells = pictures(config, '--fit', '12MiB', '--quant', 'BF16,Q8_0')
    assert any(c == 'lt' and t == '12.0 MiB' for c, x, y, t in texts), 'the limit is not drawn'
    assert [c.split('|')[1] for c in cells if '|' in c] == ['\u2717 too large', '\u2713 fits'], cells
    # lines that leave what fits; cards on top of each other, each with what is left free; what is whole is on them
    texts, cells = pictures(config, '--fit', '6MiB', '--margin', '1MiB', '--ctx', '128,256', '--quant', 'Q8_0,Q4_0')
    texts, cells = pictures(config, '--gpu', '4M,5M', '--margin', '200K', '--ctx', '64,280', '--quant', 'BF16,Q8_0,Q4_0')
    assert [t for c, x, y, t in texts if c == 'lt'] == ['+ 5M', '4M'], texts
    assert {c.split('|')[1] for c in cells if '|' in c} == {'\u2717 in part', '\u2713 fits'}, cells
    texts, cells = pictures(config, '--gpu', '3x3M', '--margin', '100K', '--ctx', '64,150', '--quant', 'Q8_0')
    assert [t for c, x, y, t in texts if c == 'lt'] == ['2 x 3M', '3M'], texts # the next above all lines, and none past it
    run('--html', 'e.html', '--explain', config)
    page = open('e.html', encoding='utf-8').read()
    check_alone(page)
    parser = Page()
    parser.feed(page)
    assert not parser.open and '4 layers x (2 x 256 x 256 + 2 x 128 x 256)' in parser.cells, parser.cells
    for path in configs:
        texts, cells = pictures(path, '--ctx', '4K,32K,128K')
        drawn = sum(c == 'lt' for c, x, y, t in texts)
        rows = csv.DictReader(run('--csv', '--ctx', '4K,32K,128K', path).stdout.decode().splitlines())
        assert drawn or max(int(r['total_bytes']) for r in rows) < 4 << 30, (path, 'no card is drawn')
        assert len([c for c in cells if '|in ' in c or '|more than ' in c]) == 3 * 7, (path, cells)

    # names that would be markup, or no text at all
    for name in ('<script>alert(1)</script>&amp;"\'.json', 'a\nb\x1b[31m\x7f.json', b'\xff\xfe \xc3(.json', '\uffff]]>.json',
                 'x' * 200 + '.json', '<!--.json'):
        try:
            shutil.copy(config, name.replace('/', '\u2215') if isinstance(name, str) else name)
        except OSError:
            continue
        name = name.replace('/', '\u2215') if isinstance(name, str) else name
        run('--svg', 'n.svg', '--html', 'n.html', '--force', name)
        svg, page = open('n.svg', encoding='utf-8').read(), open('n.html', encoding='utf-8').read()
        check_alone(svg)
        check_alone(page)
        title = ET.fromstring(svg).find(SVG + 'title').text
        if isinstance(name, str) and name.isprintable():
            assert title == 'Memory over context: ' + name, (title, name)
        parser = Page()
        parser.feed(page)
        assert not parser.open

    # to stdout, alone
    run('--svg', 'a.svg', '--html', 'a.html', '--force', config)
    assert run('--svg', '-', config).stdout == open('a.svg', 'rb').read()
    assert run('--html', '-', config).stdout == open('a.html', 'rb').read()
    for other in (['--html', '-'], ['--json'], ['--csv']):
        run('--svg', '-', *other, config, status=2)
    assert not os.path.exists('-')

    # whole or not at all, and nothing is replaced unasked
    open('kept.svg', 'w').write('mine')
    p = run('--svg', 'kept.svg', config, status=2)
    assert b'--force replaces it' in p.stderr and open('kept.svg').read() == 'mine' and not p.stdout, p
    run('--svg', 'new.svg', '--ctx', '0', config, status=2)
    run('--html', 'nowhere/a.html', config, status=4)
    assert not os.path.exists('new.svg')

print('drawn as counted:', 2 + len(configs), 'models')
