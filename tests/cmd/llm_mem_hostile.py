#!/usr/bin/env python3
"""llm-mem and numbers that cannot be: each count of a config.json made negative, fractional, absurd or no number at all is
refused by its key, whatever is asked; nothing is printed but the message.

usage: llm_mem_hostile.py LLM_MEM"""
import json
import os
import subprocess
import sys
import tempfile

mem = sys.argv[1]
GOOD = {'model_type': 'qwen3_moe', 'num_hidden_layers': 4, 'hidden_size': 64, 'intermediate_size': 128, 'vocab_size': 256,
        'num_attention_heads': 4, 'num_key_value_heads': 2, 'head_dim': 32, 'max_position_embeddings': 512,
        'num_experts': 8, 'num_experts_per_tok': 2, 'moe_intermediate_size': 32, 'decoder_sparse_step': 1}
BAD = [-1, 1.5, 10 ** 18, 2 ** 63, 2 ** 64, '4', ['x'], {}]
ASKED = [[], ['--json'], ['--layers', '--explain'], ['--runtime', 'vllm'], ['--runtime', 'assay'], ['--fit', '24GiB'],
         ['--gpu', '24G,8G'], ['--train', 'full'], ['--quant', 'all'], ['--csv'], ['--html', '-'], ['--speed', 'h100']]


def ask(path, config, *args):
    with open(path, 'w') as f:
        json.dump(config, f)
    p = subprocess.run([mem, '--quiet', *args, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    return p.returncode, p.stdout, p.stderr


with tempfile.TemporaryDirectory() as d:
    path = os.path.join(d, 'config.json')
    for args in ASKED:
        status, out, err = ask(path, GOOD, *args)
        assert status == 0 and out and not err, (args, status, err)
    n = 0
    for key in GOOD:
        for value in BAD if key != 'model_type' else BAD[:5]:
            args = ASKED[n % len(ASKED)]
            status, out, err = ask(path, GOOD | {key: value}, *args)
            assert status == 3 and (not out or args == ['--json']), (key, value, args, status, out, err)
            assert key in (out or err), (key, value, args, out, err)
            n += 1
    for text in ('', '[]', '{"model_type": "llama"', '7'):
        with open(path, 'w') as f:
            f.write(text)
        p = subprocess.run([mem, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        assert p.returncode == 3 and path in p.stderr and not p.stdout, (text, p)
    # what is there twice, or in the place of a nested config, has no one meaning
    once = json.dumps(GOOD)
    for text, key in ((once[:-1] + ', "hidden_size": 128}', 'hidden_size'),
                      ('{"model_type": "gemma3", "text_config": {"hidden_size": 64, "head_dim": 8, "head_dim": 4}}', 'head_dim'),
                      ('{"model_type": "gemma3", "text_config": 7}', 'text_config')):
        with open(path, 'w') as f:
            f.write(text)
        p = subprocess.run([mem, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        assert p.returncode == 3 and key in p.stderr.removeprefix(f'llm-mem: {path}: ') and not p.stdout, (text, p)
print(n, 'numbers are refused')
