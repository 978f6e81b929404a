#!/usr/bin/env python3
"""Works out the hashes of "gguf-inspect --json --hash" again: by the library's one-shot function, from the file's bytes
(little endian, contiguous) and the definition in docs/json.md.

usage: inspect_hash.py JSON
"""
import ctypes
import ctypes.util
import json
import sys


class Hash128(ctypes.Structure):
    _fields_ = [('low', ctypes.c_uint64), ('high', ctypes.c_uint64)]


def main():
    library = ctypes.util.find_library('xxhash')
    if not library:
        print('skipped: libxxhash is not found')
        return 0
    function = ctypes.CDLL(library).XXH3_128bits
    function.restype = Hash128

    def xxh3(data):
        h = function(data, ctypes.c_size_t(len(data)))
        return f'{h.high:016x}{h.low:016x}'

    wrong = 0
    with open(sys.argv[1], encoding='utf-8') as f:
        models = json.load(f)['files']
    for model in models:
        contents = [open(f['path'], 'rb').read() for f in model['files']]
        lines = []
        for t in model['tensors']:
            h = xxh3(contents[t['file']][t['offset']:t['offset'] + t['bytes']])
            shape = '[' + ', '.join(map(str, t['shape'])) + ']'
            lines.append((t['name'].encode(), f'\0{t["type"]}\0{shape}\0{h}\n'.encode()))
            if h != t['xxh3_128']:
                print(f'{model["path"]}: {t["name"]}: {t["xxh3_128"]} instead of {h}')
                wrong += 1
        h = xxh3(b''.join(name + rest for name, rest in sorted(lines)))
        if h != model['xxh3_128']:
            print(f'{model["path"]}: {model["xxh3_128"]} instead of {h}')
            wrong += 1
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
