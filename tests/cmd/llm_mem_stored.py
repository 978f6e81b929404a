#!/usr/bin/env python3
"""llm-mem of quantized checkpoints: the stored bytes beside those of a header, a published total, and shapes written out here.

usage: llm_mem_stored.py LLM_MEM MODELS_DIR

Exit status: 0; 1 a figure differs; 77 passed but for what needs MODELS_DIR, which is not there.
"""
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

mem, models = sys.argv[1:3]
scratch = tempfile.TemporaryDirectory()

LLAMA = {'architectures': ['LlamaForCausalLM'], 'model_type': 'llama', 'hidden_size': 256, 'intermediate_size': 608,
         'num_hidden_layers': 2, 'num_attention_heads': 8, 'num_key_value_heads': 2, 'vocab_size': 1000,
         'max_position_embeddings': 2048, 'rms_norm_eps': 1e-5, 'tie_word_embeddings': False, 'torch_dtype': 'bfloat16'}
# rows and columns of the linear modules of one layer
LINEAR = {'self_attn.q_proj': (256, 256), 'self_attn.k_proj': (64, 256), 'self_attn.v_proj': (64, 256),
          'self_attn.o_proj': (256, 256), 'mlp.gate_proj': (608, 256), 'mlp.up_proj': (608, 256), 'mlp.down_proj': (256, 608)}
REST = 2 * (2 * 1000 * 256 + 5 * 256)  # embedding, head, norms


def run(config, *args):
    path = os.path.join(scratch.name, 'config.json')
    with open(path, 'w') as f:
        json.dump(config, f)
    return subprocess.run([mem, '--quiet', '--json', '--quant', 'BF16', *args, path], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)


def checkpoint(quantization, **changes):
    p = run({**LLAMA, **changes, 'quantization_config': quantization})
    assert p.returncode == 0, p.stderr
    d = json.loads(p.stdout)
    plain = json.loads(run({**LLAMA, **changes}).stdout)
    assert 'checkpoint' not in plain
    c = d.pop('checkpoint')
    assert d == plain, quantization  # the model is the same
    return c


def check(quantization, matrix, bits, kept=(), head=False, rest=REST, **changes):
    """matrix(rows, cols): (bytes of values, bytes beside them)."""
    values = beside = count = plain = 0
    names = [('model.layers.%d.%s' % (i, name), shape) for i in range(2) for name, shape in LINEAR.items()]
    for name, (rows, cols) in names + ([('lm_head', (1000, 256))] if head else []):
        if any(name.endswith(k) or name.startswith(k) for k in kept):
            plain += 2 * rows * cols
            continue
        a, b = matrix(rows, cols)
        values, beside, count = values + a, beside + b, count + rows * cols
    if head:
        rest -= 2 * 1000 * 256
    want = {'method': quantization['quant_method'], 'known': True, 'bits': bits, 'quantized_parameters': count,
            'scale_bytes': beside, 'bytes': rest + plain + values + beside}
    got = checkpoint(quantization, **changes)
    got.pop('exact')
    assert got == want, (quantization, got, want)


def up(n, of):
    return -(-n // of)


def fp8():
    blocks = {'quant_method': 'fp8', 'fmt': 'e4m3', 'weight_block_size': [128, 128], 'activation_scheme': 'dynamic'}
    check(blocks, lambda r, c: (r * c, 4 * up(r, 128) * up(c, 128)), 8)
    check({**blocks, 'weight_block_size': [100, 7]}, lambda r, c: (r * c, 4 * up(r, 100) * up(c, 7)), 8)
    check({**blocks, 'modules_to_not_convert': ['lm_head', 'model.layers.1', 'down_proj']},
          lambda r, c: (r * c, 4 * up(r, 128) * up(c, 128)), 8, ('model.layers.1', 'down_proj'))
    check({**blocks, 'modules_to_not_convert': ['model.language_model.layers.*.self_attn', 'visual']},
          lambda r, c: (r * c, 4 * up(r, 128) * up(c, 128)), 8, ('model.layers.0.self_attn', 'model.layers.1.self_attn'))
    check({'quant_method': 'fp8', 'activation_scheme': 'static', 'ignored_layers': ['lm_head']},
          lambda r, c: (r * c, 8), 8)
    check({'quant_method': 'fbgemm_fp8', 'modules_to_not_convert': ['lm_head', 'model.layers.0']},
          lambda r, c: (r * c, 4 * r + 4), 8, ('model.layers.0',))


def compressed():
    def of(form, weights, inputs=None, ignore=('lm_head',)):
        return {'quant_method': 'compressed-tensors', 'format': form, 'ignore': list(ignore), 'config_groups': {
            'group_0': {'targets': ['Linear'], 'weights': weights, 'input_activations': inputs}}}

    channel = {'num_bits': 8, 'type': 'float', 'strategy': 'channel', 'symmetric': True}
    check(of('float-quantized', channel, {'dynamic': True}), lambda r, c: (r * c, 2 * r), 8)
    check(of('float-quantized', channel, {'dynamic': True}, ()), lambda r, c: (r * c, 2 * r), 8, head=True)
    check(of('int-quantized', channel, None, ('re:.*lm_head', r're:model\.layers\.1\.mlp.*_proj$')), lambda r, c: (r * c, 2 * r),
          8, ('model.layers.1.mlp',))
    check(of('float-quantized', {**channel, 'strategy': 'tensor'}, {'dynamic': False}), lambda r, c: (r * c, 4), 8)
    group = {'num_bits': 4, 'type': 'int', 'strategy': 'group', 'group_size': 128, 'symmetric': True}
    check(of('pack-quantized', group), lambda r, c: (4 * r * up(c, 8), 2 * r * up(c, 128) + 16), 4)
    check(of('pack-quantized', {**group, 'symmetric': False, 'actorder': 'group'}),
          lambda r, c: (4 * r * up(c, 8), 2 * r * up(c, 128) + 16 + 4 * up(r, 8) * up(c, 128) + 4 * c), 4)
    check(of('nvfp4-pack-quantized', {**group, 'type': 'float', 'strategy': 'tensor_group', 'group_size': 16}, {'num_bits': 4}),
          lambda r, c: (r * c // 2, r * c // 16 + 8), 4)


def integers():
    for bits in (2, 3, 4, 8):
        for group in (32, 128, -1):
            check({'quant_method': 'gptq', 'bits': bits, 'group_size': group, 'desc_act': True},
                  lambda r, c: (4 * c * bits // 32 * r, up(c, group if group > 0 else c) * (2 * r + 4 * (r * bits // 32)) + 4 * c),
                  bits, torch_dtype='float16')
    check({'quant_method': 'awq', 'bits': 4, 'group_size': 128, 'version': 'gemm', 'zero_point': True},
          lambda r, c: (c * r // 2, up(c, 128) * (2 * r + r // 2)), 4)
    check({'quant_method': 'bitsandbytes', '_load_in_8bit': True, 'load_in_8bit': True, 'load_in_4bit': False},
          lambda r, c: (r * c, 4 * r + 1), 8)
    check({'quant_method': 'bitsandbytes', 'load_in_4bit': True, 'bnb_4bit_quant_type': 'nf4'}, lambda r, c: (
        r * c // 2, 4 * (r * c // 64) + 64 + len(json.dumps({'quant_type': 'nf4', 'blocksize': 64, 'dtype': 'bfloat16',
                                                            'shape': [r, c]}))), 4)
    double = checkpoint({'quant_method': 'bitsandbytes', 'load_in_4bit': True, 'bnb_4bit_quant_type': 'nf4',
                         'bnb_4bit_use_double_quant': True})
    assert not double['exact']


def published():
    """gpt-oss-20b: metadata.total_size of its model.safetensors.index.json."""
    p = run({'architectures': ['GptOssForCausalLM'], 'model_type': 'gpt_oss', 'attention_bias': True, 'head_dim': 64,
             'hidden_size': 2880, 'intermediate_size': 2880, 'max_position_embeddings': 131072, 'num_attention_heads': 64,
             'num_key_value_heads': 8, 'num_hidden_layers': 24, 'num_local_experts': 32, 'num_experts_per_tok': 4,
             'sliding_window': 128, 'tie_word_embeddings': False, 'vocab_size': 201088, 'quantization_config': {
                 'quant_method': 'mxfp4', 'modules_to_not_convert': ['model.layers.*.self_attn', 'model.layers.*.mlp.router',
                                                                     'model.embed_tokens', 'lm_head']}})
    c = json.loads(p.stdout)['checkpoint']
    assert c['bytes'] == 13761264768 and c['quantized_parameters'] * 17 // 32 == 10152345600 and c['exact'], c


def not_known():
    for q, why in (({'quant_method': 'aqlm'}, 'method'), ({}, 'method'), ({'quant_method': 'gptq', 'bits': 4, 'dynamic': {'a': {}}}, 'module by'),
                   ({'quant_method': 'awq', 'version': 'gemv'}, 'gemm'), ({'quant_method': 'bitsandbytes'}, 'load_in_4bit'),
                   ({'quant_method': 'compressed-tensors', 'config_groups': {'a': {}, 'b': {}}}, 'groups'),
                   ({'quant_method': 'compressed-tensors', 'format': 'float-quantized', 'ignore': ['re:(a|b)'], 'config_groups': {
                       'a': {'targets': ['Linear'], 'weights': {'num_bits': 8, 'strategy': 'channel'}}}}, 'pattern')):
        c = checkpoint(q)
        assert not c['known'] and why in c['why'] and 'bytes' not in c, (q, c)
    c = checkpoint({'quant_method': 'gptq', 'bits': 4}, intermediate_size=600)
    assert not c['known'] and 'multiples of 32' in c['why'], c


def bad_input():
    for q, words in (({'quant_method': 'fp8', 'weight_block_size': [128]}, 'weight_block_size'),
                     ({'quant_method': 'fp8', 'weight_block_size': [0, 128]}, 'weight_block_size'),
                     ({'quant_method': 'fp8', 'modules_to_not_convert': 'lm_head'}, 'modules_to_not_convert'),
                     ({'quant_method': 'fp8', 'modules_to_not_convert': [1]}, 'modules_to_not_convert'),
                     ({'quant_method': 'gptq', 'bits': 5}, 'bits'), ({'quant_method': 'gptq', 'group_size': 0}, 'group_size'),
                     ({'quant_method': 'gptq', 'group_size': 1.5}, 'group_size'), ({'quant_method': 'awq', 'bits': 10 ** 30}, 'bits'),
                     ({'quant_method': 'bitsandbytes', 'load_in_4bit': 3}, 'load_in_4bit')):
        p = run({**LLAMA, 'quantization_config': q})
        assert p.returncode == 3 and 'quantization_config.' + words in p.stderr, (q, p.returncode, p.stderr)


def header():
    """The tensors of a real file."""
    path = os.path.join(models, 'deepseek_v3-fp8')
    with open(os.path.join(path, 'model.safetensors'), 'rb') as f:
        tensors = json.loads(f.read(struct.unpack('<Q', f.read(8))[0]))
    want = sum(t['data_offsets'][1] - t['data_offsets'][0] for name, t in tensors.items() if name != '__metadata__')
    scales = sum(4 * math.prod(t['shape']) for name, t in tensors.items() if name.endswith('.weight_scale_inv'))
    p = subprocess.run([mem, '--json', path], stdout=subprocess.PIPE, text=True, check=True)
    c = json.loads(p.stdout)['checkpoint']
    assert (c['bytes'], c['scale_bytes']) == (want, scales), (c, want, scales)


for check_all in [fp8, compressed, integers, published, not_known, bad_input] + ([header] if os.path.isdir(models) else []):
    try:
        check_all()
    except AssertionError as e:
        print('llm_mem_stored:', check_all.__name__, e)
        sys.exit(1)
if not os.path.isdir(models):
    print('partly skipped:', models, 'is not there')
    sys.exit(77)
