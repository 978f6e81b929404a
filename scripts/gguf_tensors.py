"""The tensors of a GGUF, read by standard means alone."""
import struct


def tensors(path):
    """{name: (shape, type, bytes)} of a GGUF. Values of keys are skipped."""
    data = open(path, "rb").read()
    at = 8

    def number(code):
        nonlocal at
        value = struct.unpack_from("<" + code, data, at)[0]
        at += struct.calcsize(code)
        return value

    def text():
        nonlocal at
        n = number("Q")
        at += n
        return data[at - n:at].decode(errors="replace")

    def skip(kind):
        nonlocal at
        if kind == 8:
            text()
        elif kind == 9:
            inner, n = number("I"), number("Q")
            for _ in range(n):
                skip(inner)
        else:
            at += [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8][kind]

    n_tensors, n_keys = number("Q"), number("Q")
    for _ in range(n_keys):
        text()
        skip(number("I"))
    infos = []
    for _ in range(n_tensors):
        name, n_dims = text(), number("I")
        infos.append((name, [number("Q") for _ in range(n_dims)], number("I"), number("Q")))
    begin, out = -(-at // 32) * 32, {}
    order = sorted(infos, key=lambda i: i[3])
    for (name, dims, kind, off), after in zip(order, order[1:] + [None]):
        end = begin + after[3] if after else len(data)
        out[name] = (dims, kind, data[begin + off:end])
    return out
