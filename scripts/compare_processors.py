#!/usr/bin/env python3
"""compare_processors.py MODEL ONE OTHER: the programs of two builds, in the folders ONE and OTHER, do the same to MODEL
(a Llama of four layers whose rows are whole superblocks): a file with every type, with and without importance, byte for
byte; the logits of a prompt bit for bit; the greedy tokens. Exit status 1 if anything differs."""
import os
import struct
import subprocess
import sys
import tempfile

MATRICES = [f'blk.{layer}.{name}.weight' for layer in range(4)
            for name in ('attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down')]
# as many as there are matrices
TYPES = ('F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS IQ3_S IQ3_XXS IQ2_S IQ2_XS IQ2_XXS '
         'IQ1_M IQ1_S TQ1_0 TQ2_0 MXFP4 NVFP4 Q1_0 Q2_0').split()
NEED_IMPORTANCE = ('IQ3_XXS', 'IQ2_S', 'IQ2_XS', 'IQ2_XXS', 'IQ1_M', 'IQ1_S')
PROMPT = 'First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\n'
FAILED = []


def same(what, one, other):
    print('%-8s %s' % ('equal' if one == other else 'DIFFERS', what), flush=True)
    if one != other:
        FAILED.append(what)


def output(folder, program, *arguments):
    return subprocess.run([os.path.join(folder, program), '--quiet', *arguments], stdout=subprocess.PIPE, check=True).stdout


def contents(path):
    with open(path, 'rb') as f:
        return f.read()


def write_importance(path):
    """For every matrix, in the older layout of llama-imatrix: column i has the importance 1 + i."""
    with open(path, 'wb') as f:
        f.write(struct.pack('<i', len(MATRICES)))
        for name in MATRICES:
            cols = 512 if 'ffn_down' in name else 256
            f.write(struct.pack(f'<i{len(name)}sii{cols}f', len(name), name.encode(), 1, cols, *range(1, cols + 1)))


def main(model, one, other):
    assert len(TYPES) == len(MATRICES)
    with tempfile.TemporaryDirectory() as work:
        ggufs, logits = ([os.path.join(work, side + end) for side in ('one', 'other')] for end in ('.gguf', '.safetensors'))
        importance = os.path.join(work, 'importance.dat')
        write_importance(importance)
        for options in ([], ['--imatrix', importance]):
            types = [f'--tensor-type={name}={kind}' for name, kind in zip(MATRICES, TYPES)
                     if options or kind not in NEED_IMPORTANCE]
            for folder, path in zip((one, other), ggufs):
                output(folder, 'st2gguf', '--force', '--quant', 'Q8_0', *types, *options, model, '-o', path)
            same(f'file with {len(types)} types' + (', importance' if options else ''), *map(contents, ggufs))
        for source in (model, ggufs[0]):
            name = os.path.basename(source)
            for folder, path in zip((one, other), logits):
                output(folder, 'llm-run', '--force', source, '-p', PROMPT, '--logits', path)
            same(f'logits of {name}', *map(contents, logits))
            same(f'32 greedy tokens of {name}', *(output(folder, 'llm-run', '--json', source, '-p', PROMPT, '-n', '32')
                                                  for folder in (one, other)))
    sys.exit(1 if FAILED else 0)


main(*sys.argv[1:])
