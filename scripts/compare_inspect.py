"""The other half of compare-inspect: runs among the peers, where gguf-py and safetensors are.

usage: compare_inspect.py LIST, lines of "MODEL<tab>JSON"
"""
import json
import math
import struct
import sys

import gguf

KINDS = {'UINT8': 'u8', 'INT8': 'i8', 'UINT16': 'u16', 'INT16': 'i16', 'UINT32': 'u32', 'INT32': 'i32', 'UINT64': 'u64',
         'INT64': 'i64', 'FLOAT32': 'f32', 'FLOAT64': 'f64', 'BOOL': 'bool', 'STRING': 'str'}


def f32(x):
    return struct.unpack('f', struct.pack('f', x))[0]


def same_value(kind, ours, theirs):
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(same_value(kind, a, b) for a, b in zip(ours, theirs))
    if ours is None:
        return not math.isfinite(theirs)
    return f32(ours) == f32(theirs) if kind == 'f32' else ours == theirs


def kind_of(field):
    names = [KINDS[t.name] for t in field.types if t.name != 'ARRAY']
    return f'[{names[0]}]' if field.types[0].name == 'ARRAY' else names[0]


def compare_gguf(path, ours):
    reader = gguf.GGUFReader(path)
    keys = {k: f for k, f in reader.fields.items() if not k.startswith('GGUF.')}
    if list(keys) != list(ours['metadata']):
        yield f'keys: {list(ours["metadata"])} instead of {list(keys)}'
        return
    for key, field in keys.items():
        mine = ours['metadata'][key]
        if mine['type'] != kind_of(field):
            yield f'{key}: type {mine["type"]} instead of {kind_of(field)}'
        elif not same_value(mine['type'].strip('[]'), mine['value'], field.contents()):
            yield f'{key}: values differ'
    if len(reader.tensors) != len(ours['tensors']):
        yield f'{len(ours["tensors"])} tensors instead of {len(reader.tensors)}'
    for mine, t in zip(ours['tensors'], reader.tensors):
        theirs = (t.name, t.tensor_type.name, [int(n) for n in reversed(t.shape)], int(t.n_elements), int(t.n_bytes),
                  int(t.data_offset))
        got = tuple(mine[k] for k in ('name', 'type', 'shape', 'parameters', 'bytes', 'offset'))
        if got != theirs:
            yield f'tensor {got} instead of {theirs}'


def compare_safetensors(path, ours):
    with open(path, 'rb') as f:
        size = struct.unpack('<Q', f.read(8))[0]
        header = json.loads(f.read(size))
    header.pop('__metadata__', None)
    mine = {t['name']: (t['type'], t['shape'], t['bytes'], t['offset']) for t in ours['tensors']}
    theirs = {name: (t['dtype'], t['shape'], t['data_offsets'][1] - t['data_offsets'][0], 8 + size + t['data_offsets'][0])
              for name, t in header.items()}
    for name in mine.keys() | theirs.keys():
        if mine.get(name) != theirs.get(name):
            yield f'{name}: {mine.get(name)} instead of {theirs.get(name)}'


def main():
    failed = False
    with open(sys.argv[1], encoding='utf-8') as f:
        pairs = [line.rstrip('\n').split('\t') for line in f]
    for path, result in pairs:
        with open(result, encoding='utf-8') as f:
            ours = json.load(f)['files'][0]
        compare = compare_gguf if path.endswith('.gguf') else compare_safetensors
        differences = list(compare(path, ours))
        print(f'{"DIFFERS" if differences else "same"}: {path} '
              f'({len(ours["tensors"])} tensors, {len(ours["metadata"])} keys)')
        for line in differences[:10]:
            print(f'  {line}')
        failed |= bool(differences)
    return 1 if failed or not pairs else 0


if __name__ == '__main__':
    sys.exit(main())
