#!/usr/bin/env python3
"""llm-mem of a directory with weights: notes where its tensors are not those of its config.json, and none where they are.

usage: llm_mem_compare.py LLM_MEM
"""
import json
import os
import struct
import subprocess
import sys
import tempfile

mem = sys.argv[1]
CONFIG = {'architectures': ['LlamaForCausalLM'], 'model_type': 'llama', 'hidden_size': 64, 'intermediate_size': 96,
          'num_hidden_layers': 1, 'num_attention_heads': 4, 'num_key_value_heads': 2, 'vocab_size': 100,
          'max_position_embeddings': 128, 'rms_norm_eps': 1e-5, 'tie_word_embeddings': False}
TENSORS = {'model.embed_tokens.weight': [100, 64], 'lm_head.weight': [100, 64], 'model.norm.weight': [64]}
TENSORS.update({'model.layers.0.' + name: shape for name, shape in {
    'input_layernorm.weight': [64], 'post_attention_layernorm.weight': [64], 'self_attn.q_proj.weight': [64, 64],
    'self_attn.k_proj.weight': [32, 64], 'self_attn.v_proj.weight': [32, 64], 'self_attn.o_proj.weight': [64, 64],
    'mlp.gate_proj.weight': [96, 64], 'mlp.up_proj.weight': [96, 64], 'mlp.down_proj.weight': [64, 96]}.items()})


def notes(tensors, name='model.safetensors', path='', out=None, **changes):
    """What llm-mem says of a directory with these; the contents are a hole."""
    with tempfile.TemporaryDirectory() as d:
        if changes.pop('config', True):
            with open(os.path.join(d, 'config.json'), 'w') as f:
                json.dump({**CONFIG, **changes}, f)
        header, at = {}, 0
        for t, shape in tensors.items():
            n = 2
            for side in shape:
                n *= side
            header[t] = {'dtype': 'BF16', 'shape': shape, 'data_offsets': [at, at + n]}
            at += n
        text = json.dumps(header).encode()
        with open(os.path.join(d, name), 'wb') as f:
            f.write(struct.pack('<Q', len(text)) + text)
            f.truncate(8 + len(text) + at)
        if out is not None:
            p = subprocess.run([mem, '--json', os.path.join(d, path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            out.update(json.loads(p.stdout))
        p = subprocess.run([mem, '--quant', 'BF16', os.path.join(d, path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert p.returncode == 0, p.stderr
        return p.stderr


assert notes(TENSORS) == ''
assert notes(TENSORS, path='model.safetensors') == ''
assert notes({**TENSORS, 'model.layers.0.self_attn.rotary_emb.inv_freq': [8]}) == ''

said = notes(TENSORS, tie_word_embeddings=True)
assert '1 tensor more than config.json asks for: lm_head.weight' in said and 'have 43,712 elements' in said, said

said = notes({t: s for t, s in TENSORS.items() if 'mlp' not in t and 'self_attn.q' not in t})
assert '4 tensors missing: model.layers.0.self_attn.q_proj.weight, ' in said and said.rstrip().endswith(' ...'), said

said = notes({**TENSORS, 'model.embed_tokens.weight': [104, 64]})
assert '1 tensor of another shape than config.json asks for: model.embed_tokens.weight' in said, said

assert 'whole model' in notes(TENSORS, 'model-00001-of-00002.safetensors', 'model-00001-of-00002.safetensors')

said = notes(TENSORS, quantization_config={'quant_method': 'fp8', 'weight_block_size': [128, 128]})
assert 'take 87,424 bytes, config.json asks for' in said, said

for path in ('', 'model.safetensors'):  # nothing but the header
    stored = {}
    said = notes(TENSORS, path=path, out=stored, config=False)
    stored = stored['stored']
    assert 'no config.json' in said and stored['elements'] == 43712 and stored['bytes'] == 87424, (said, stored)
    assert sum(stored['elements_by_component'].values()) == 43712 and stored['bytes_by_type'] == {'BF16': 87424}, stored
    assert stored['elements_by_component']['norms'] == 192 and stored['elements_by_component']['embedding'] == 6400, stored
