#!/usr/bin/env python3
"""The peers' side of scripts/compare-containers.

usage: compare_containers.py write DIR    makes DIR/in: the same tensors in every form that torch and safetensors write
       compare_containers.py check DIR    reads DIR/out, which tensor-convert made of them, and compares
"""
import collections
import os
import random
import sys

import torch
import safetensors.torch
from safetensors import TensorSpec, serialize_file

# One of each element type that both know.
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32, torch.int16, torch.int8,
          torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.uint64, torch.complex64, torch.float8_e4m3fn,
          torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu]
NEW_DTYPES = torch.storage._new_dtypes()
METADATA = {'format': 'pt "quoted" \\ \t\x01 \u00e9\u4e2d\U0001f600'}


def raw(t):
    return t.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b''


def some(dtype, *shape):
    n = 1
    for d in shape:
        n *= d
    data = torch.frombuffer(bytearray(random.randbytes(max(n, 1) * dtype.itemsize)), dtype=torch.uint8)
    if dtype == torch.bool:
        data = data & 1
    return data.view(dtype)[:n].reshape(shape)


def tensors():
    random.seed(1)
    out = {}
    for k, dtype in enumerate(DTYPES):
        name = str(dtype).removeprefix('torch.')
        out[f'{k % 3}.{name}.weight'] = some(dtype, 3, 5)
        out[f'{name}.scalar'] = some(dtype)
        out[f'{name}.empty'] = some(dtype, 2, 0, 3)
        out[f'{name}.deep'] = some(dtype, 1, 2, 1, 3, 2)
    out['na\u00efve \u4e2d "q" \\'] = some(torch.float32, 4)
    out['large'] = some(torch.bfloat16, 1025, 4099)
    return out


def views():
    """Shared storages, offsets, strides, expanded dimensions, parameters."""
    base = some(torch.float32, 40, 30)
    return collections.OrderedDict([
        ('base', base), ('again', base), ('row', base[7]), ('column', base[:, 3]), ('turned', base.t()),
        ('part', base[5:9, 2:20:3]), ('turned3', base.view(4, 10, 30).permute(2, 0, 1)), ('spread', base[0].expand(3, 30)),
        ('parameter', torch.nn.Parameter(some(torch.bfloat16, 6, 4))),
        ('scalar view', base[3, 4]),
    ])


def write_packed(path):
    """Two elements to the byte. Nothing in Python writes the types of six bits."""
    four = some(torch.uint8, 12)
    serialize_file({'four': TensorSpec(dtype='float4_e2m1fn_x2', shape=[3, 4], data_ptr=four.data_ptr(), data_len=12)}, path)


def write(folder):
    os.makedirs(f'{folder}/in')
    os.makedirs(f'{folder}/out')
    plain = tensors()
    safetensors.torch.save_file(plain, f'{folder}/in/plain.safetensors', metadata=METADATA)
    safetensors.torch.save_file({}, f'{folder}/in/nothing-no-torch.safetensors')
    write_packed(f'{folder}/in/packed-no-torch.safetensors')
    for name, what in (('plain', plain), ('views', views()), ('wrapped', {'epoch': 3, 'state_dict': views()})):
        torch.save(what, f'{folder}/in/{name}-zip.pt')
        torch.save(what, f'{folder}/in/{name}-proto4.pt', pickle_protocol=4)
        # torch writes its newer types in the old form too, but cannot read them back
        old = {k: v for k, v in what.items() if not isinstance(v, torch.Tensor) or v.dtype not in NEW_DTYPES}
        torch.save(old, f'{folder}/in/{name}-legacy.pt', _use_new_zipfile_serialization=False)
    model = torch.nn.Sequential(torch.nn.Linear(7, 5), torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 2, bias=False))
    torch.save(model.state_dict(), f'{folder}/in/module-zip.pt')


def load(path, safely=True):
    if path.endswith('.safetensors'):
        return safetensors.torch.load_file(path)
    loaded = torch.load(path, weights_only=safely)
    return loaded.get('state_dict', loaded)


def compare(source, result):
    a, b = load(source, safely=False), load(result)  # torch does not read all that it writes safely
    wrong = [f'tensor {name!r} on one side only' for name in a.keys() ^ b.keys()]
    for name in a.keys() & b.keys():
        x, y = a[name], b[name]
        if x.dtype != y.dtype or x.shape != y.shape or raw(x) != raw(y):
            wrong.append(f'tensor {name!r} differs: {x.dtype} {tuple(x.shape)}, {y.dtype} {tuple(y.shape)}')
    return wrong


def check(folder):
    failed = 0
    for name in sorted(os.listdir(f'{folder}/out')):
        source, result = f'{folder}/in/{name.rsplit(".", 1)[0]}', f'{folder}/out/{name}'
        if source.endswith('.safetensors') and result.endswith('.safetensors'):
            with open(source, 'rb') as f, open(result, 'rb') as g:
                wrong = [] if f.read() == g.read() else ['the files differ']
        else:
            wrong = compare(source, result)
        if result.endswith('.safetensors') and not source.endswith('.safetensors'):
            expected = {k: v.detach().clone().contiguous() for k, v in load(source, safely=False).items()}
            safetensors.torch.save_file(expected, f'{folder}/expected')
            with open(f'{folder}/expected', 'rb') as f, open(result, 'rb') as g:
                if f.read() != g.read():
                    wrong.append('safetensors would have written other bytes')
        print(('ok   ' if not wrong else 'BAD  ') + name)
        for line in wrong:
            print('     ' + line)
        failed += bool(wrong)
    return 1 if failed else 0


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ('write', 'check'):
        sys.exit(__doc__)
    return (write if sys.argv[1] == 'write' else check)(sys.argv[2])


if __name__ == '__main__':
    sys.exit(main() or 0)
