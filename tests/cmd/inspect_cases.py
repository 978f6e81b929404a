#!/usr/bin/env python3
"""Writes the small files that tests/cmd/gguf_inspect.sh looks at, byte by byte from the formats' specifications.

usage: inspect_cases.py DIR
"""
import json
import os
import struct
import sys

U32, I32, F32, BOOL, STR, ARR = 4, 5, 6, 7, 8, 9
T_F32, T_Q8_0 = 0, 8


class Gguf:
    def __init__(self, version=3, end='<'):
        self.version, self.end, self.kv, self.tensors = version, end, [], []

    def pack(self, form, *values):
        return struct.pack(self.end + form, *values)

    def count(self, n):
        return self.pack('I' if self.version == 1 else 'Q', n)

    def text(self, s):
        data = s if isinstance(s, bytes) else s.encode()
        return self.count(len(data)) + data

    def value(self, kind, v):
        if kind == STR:
            return self.text(v)
        if kind == ARR:
            elem, items = v
            return self.pack('I', elem) + self.count(len(items)) + b''.join(self.value(elem, x) for x in items)
        return self.pack({U32: 'I', I32: 'i', F32: 'f', BOOL: 'B'}[kind], v)

    def key(self, name, kind, v):
        self.kv.append(self.text(name) + self.pack('I', kind) + self.value(kind, v))

    def tensor(self, name, shape, kind, data, gap=0):
        self.tensors.append((name, shape, kind, data, gap))

    def floats(self, name, shape, values):
        self.tensor(name, shape, T_F32, self.pack(f'{len(values)}f', *values))

    def data(self, align=32):
        infos, body = b'', b''
        for name, shape, kind, data, gap in self.tensors:
            body += bytes(gap)
            infos += self.text(name) + self.pack('I', len(shape))
            infos += b''.join(self.count(n) for n in reversed(shape)) + self.pack('IQ', kind, len(body))
            body += data + bytes(-len(data) % align)
        head = b'GGUF' + self.pack('I', self.version) + self.count(len(self.tensors)) + self.count(len(self.kv))
        head += b''.join(self.kv) + infos
        return head + bytes(-len(head) % align) + body


def small(version=3, end='<', nan=False, gap=0, layers=2, tokens=4, bos=1):
    """A model of no known architecture, with two layers, whose second has a quantized matrix."""
    g = Gguf(version, end)
    g.key('general.architecture', STR, 'toy')
    g.key('general.name', STR, 'A toy')
    g.key('general.quantization_version', U32, 2)
    g.key('toy.block_count', U32, layers)
    g.key('toy.context_length', U32, 2048)
    g.key('toy.embedding_length', U32, 32)
    g.key('toy.attention.head_count', ARR, (U32, [2, 4]))
    g.key('toy.attention.layer_norm_rms_epsilon', F32, 1e-5)
    g.key('tokenizer.ggml.model', STR, 'llama')
    g.key('tokenizer.ggml.tokens', ARR, (STR, ['<unk>', '<s>', '\u00e9', 'a\nb']))
    g.key('tokenizer.ggml.scores', ARR, (F32, [0.0, -1.5, 0.1, 3.0][:tokens]))
    g.key('tokenizer.ggml.bos_token_id', U32, bos)
    g.key('tokenizer.ggml.add_bos_token', BOOL, 1)
    g.floats('token_embd.weight', [4, 32], [float(i) for i in range(128)])
    values = [0.5] * 1024
    if nan:
        values[70] = float('nan')
        values[900] = float('inf')
    g.floats('blk.0.attn_q.weight', [32, 32], values)
    block = g.pack('e', 0.25) + bytes(range(32))
    last = g.pack('e', float('inf')) + bytes(range(32)) if nan else block
    g.tensor('blk.1.attn_q.weight', [32, 32], T_Q8_0, block * 31 + last, gap)
    g.floats('blk.0.attn_norm.weight', [32], [1.0] * 32)
    g.floats('blk.1.attn_norm.weight', [32], [1.0] * 32)
    return g


def llama(lacks=(), up_rows=48, key_length=None):
    """A Llama of two layers, width 32, 4 heads, 2 of them for keys and values."""
    g = Gguf()
    g.key('general.architecture', STR, 'llama')
    for key, n in [('block_count', 2), ('context_length', 64), ('embedding_length', 32), ('feed_forward_length', 48),
                   ('attention.head_count', 4), ('attention.head_count_kv', 2), ('vocab_size', 8)]:
        g.key('llama.' + key, U32, n)
    if key_length:
        g.key('llama.attention.key_length', U32, key_length)
    shapes = {'token_embd': [8, 32], 'output_norm': [32]}
    for layer in ('blk.0.', 'blk.1.'):
        shapes.update({layer + name: shape for name, shape in [
            ('attn_norm', [32]), ('attn_q', [32, 32]), ('attn_k', [16, 32]), ('attn_v', [16, 32]), ('attn_output', [32, 32]),
            ('ffn_norm', [32]), ('ffn_gate', [48, 32]), ('ffn_up', [up_rows, 32]), ('ffn_down', [32, 48])]})
    for name, shape in shapes.items():
        if name not in lacks:
            g.floats(name + '.weight', shape, [0.0] * (shape[0] * (shape[1] if len(shape) > 1 else 1)))
    return g


def hostile_names():
    g = Gguf()
    g.key('general.architecture', STR, 'toy')
    g.key('general.name', STR, b'\x1b]0;owned\x07 \xff')
    g.floats('evil\x1b[2J.weight', [2], [1.0, 2.0])
    g.floats('blk.0.' + 'x' * 58, [1], [1.0])
    return g


def late_start():
    g = Gguf()
    g.key('general.architecture', STR, 'toy')
    g.tensor('a', [2], T_F32, g.pack('2f', 1, 2), gap=32)
    return g.data()


def safetensors(header_bytes=8):
    header = {'__metadata__': {'format': 'pt'},
              'model.embed_tokens.weight': {'dtype': 'F32', 'shape': [2, 4], 'data_offsets': [0, 32]},
              'scalar': {'dtype': 'BF16', 'shape': [], 'data_offsets': [32, 34]}}
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % header_bytes)
    return struct.pack('<Q', len(text)) + text + struct.pack('<8f', *range(8)) + b'\x80\x7f'


def main():
    folder = sys.argv[1]
    good = small().data()
    files = {
        'good.gguf': good,
        'v1.gguf': small(version=1).data(),
        'v2.gguf': small(version=2).data(),
        'big.gguf': small(end='>').data(),
        'nan.gguf': small(nan=True).data(),
        'gap.gguf': small(gap=64).data(),
        'late.gguf': late_start(),
        'trailing.gguf': good + b'hello',
        'layers.gguf': small(layers=3).data(),
        'vocabulary.gguf': small(tokens=3, bos=4).data(),
        'llama.gguf': llama().data(),
        'lacking.gguf': llama(lacks=('blk.1.attn_v', 'output_norm')).data(),
        'shape.gguf': llama(up_rows=64).data(),
        'heads.gguf': llama(key_length=16).data(),
        'hostile.gguf': hostile_names().data(),
        'empty.gguf': b'',
        'magic.gguf': b'GGUF',
        'short.gguf': good[:200],
        'cut.gguf': good[:-512],
        'other.gguf': b'hello, world, this is no model\n' * 8,
        'infinite.safetensors': safetensors(),
        'like-pickle.safetensors': safetensors(0x580),  # begins 80 05, as a pickle of protocol 5 does
    }
    for name, data in files.items():
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(data)


if __name__ == '__main__':
    main()
