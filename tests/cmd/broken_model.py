"""Copies of a small model with a fault, for tests of what finds it: a Hugging Face directory with one model.safetensors in BF16."""
import json
import os
import shutil
import struct


class Weights:
    """The tensors of a folder's model.safetensors, each as rows of bytes."""

    def __init__(self, folder):
        self.path = os.path.join(folder, 'model.safetensors')
        with open(self.path, 'rb') as f:
            data = f.read()
        n, = struct.unpack('<Q', data[:8])
        header = json.loads(data[8:8 + n])
        self.metadata = header.pop('__metadata__', None)
        self.shapes = {name: entry['shape'] for name, entry in header.items()}
        self.types = {name: entry['dtype'] for name, entry in header.items()}
        self.data = {name: data[8 + n + entry['data_offsets'][0]:8 + n + entry['data_offsets'][1]] for name, entry in header.items()}

    def rows(self, name):
        data, n = self.data[name], self.shapes[name][0]
        size = len(data) // n
        return [data[i * size:(i + 1) * size] for i in range(n)]

    def put(self, name, rows):
        """Rows of the size that they were, as many as you like."""
        self.shapes[name] = [len(rows)] + self.shapes[name][1:]
        self.data[name] = b''.join(rows)

    def save(self):
        header, at = {'__metadata__': self.metadata} if self.metadata else {}, 0
        for name, data in self.data.items():
            header[name] = {'dtype': self.types[name], 'shape': self.shapes[name], 'data_offsets': [at, at + len(data)]}
            at += len(data)
        text = json.dumps(header).encode()
        text += b' ' * (-len(text) % 8)
        os.remove(self.path)
        with open(self.path, 'wb') as f:
            f.write(struct.pack('<Q', len(text)) + text + b''.join(self.data.values()))


def floats(rows):
    """BF16 to numbers."""
    return [[struct.unpack('<f', b'\0\0' + row[i:i + 2])[0] for i in range(0, len(row), 2)] for row in rows]


def bf16(rows):
    """Numbers to BF16, cut off."""
    return [b''.join(struct.pack('<f', x)[2:] for x in row) for row in rows]


def change(name, function):
    """A fault: the rows of a tensor become what the function makes of them."""
    return lambda weights, config: weights.put(name, function(weights.rows(name)))


def broken(model, folder, fault, name='broken'):
    """A copy of a model in folder/name with a fault, a function of its Weights and its config.json."""
    copy = os.path.join(folder, name)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(model, copy, ignore=shutil.ignore_patterns('golden*'))
    for file in os.listdir(copy):
        os.chmod(os.path.join(copy, file), 0o644)
    config_path = os.path.join(copy, 'config.json')
    with open(config_path, encoding='utf-8') as f:
        config = json.load(f)
    weights = Weights(copy)
    fault(weights, config)
    weights.save()
    with open(config_path, 'w', encoding='utf-8') as f:
        json.dump(config, f)
    return copy
