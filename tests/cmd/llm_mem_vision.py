#!/usr/bin/env python3
"""llm-mem of models that see: parameters of the vision part, added up from published shapes; and vision_config that is
wrong.

usage: llm_mem_vision.py LLM_MEM"""
import json
import os
import subprocess
import sys
import tempfile

LLM_MEM = sys.argv[1]
TEXT = dict(hidden_size=512, intermediate_size=1024, num_attention_heads=8, num_key_value_heads=2, num_hidden_layers=2,
            vocab_size=1000, head_dim=64, max_position_embeddings=4096)


def ask(config, *options):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'config.json')
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(config, f)
        done = subprocess.run([LLM_MEM, *options, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def vision(**settings):
    return dict({'model_type': 'qwen3_vl', 'text_config': dict(TEXT, model_type='qwen3_vl_text')}, **settings)


def matrix(a, b):
    return a * b + b


def qwen3(deep, layers=27, w=1152, inner=4304, out=3584, patch=16, places=2304, merge=2):
    m = merge * merge * w
    layer = 4 * w + matrix(w, 3 * w) + matrix(w, w) + matrix(w, inner) + matrix(inner, w)
    return (matrix(3 * 2 * patch * patch, w) + places * w + layers * layer + 2 * w + matrix(m, m) + matrix(m, out) +
            deep * (2 * m + matrix(m, m) + matrix(m, out)))


def counts():
    cases = [
        # the class's defaults, whether they are asked for or not
        (vision(), qwen3(3)),
        (vision(vision_config=None), qwen3(3)),
        (vision(vision_config={}), qwen3(3)),
        (vision(vision_config={'deepstack_visual_indexes': []}), qwen3(0)),
        (vision(vision_config={'depth': 2, 'hidden_size': 64, 'intermediate_size': 100, 'out_hidden_size': 512,
                               'num_position_embeddings': 16, 'patch_size': 4, 'spatial_merge_size': 3,
                               'deepstack_visual_indexes': [1]}),
         qwen3(1, 2, 64, 100, 512, 4, 16, 3)),
        # published: SigLIP so400m of 896 pixels without its head, and the projector of Gemma 3 4B
        (dict(model_type='gemma3', text_config=dict(TEXT, model_type='gemma3_text', hidden_size=2560),
              vision_config=dict(hidden_size=1152, image_size=896, intermediate_size=4304, num_attention_heads=16,
                                 num_hidden_layers=27, patch_size=14, vision_use_head=False)), 419816304),
        # no vision at all
        (dict(TEXT, model_type='llama'), 0),
    ]
    for config, want in cases:
        status, out, err = ask(config, '--json', '--quiet')
        assert status == 0, (config, err)
        found = json.loads(out)['parameters']
        assert found['other_modality'] == want, (config, found, want)
        assert found['total_with_other_modality'] == found['total'] + want, (config, found)
    status, out, err = ask(vision(), '--quiet')
    assert f'{qwen3(3):,}  vision part' in out, out


def unknown():
    config = dict(model_type='llama', vision_config={'hidden_size': 64}, **TEXT)
    status, out, err = ask(config, '--json', '--quiet')
    assert status == 0 and 'other_modality' not in json.loads(out)['parameters'], (status, out, err)
    status, out, err = ask(config, '--quiet')
    assert status == 0 and 'not known  vision part' in out, out


def bad():
    cases = [('depth', 0), ('depth', -1), ('depth', 1.5), ('depth', 10**18), ('depth', '27'), ('hidden_size', 65537),
             ('hidden_size', [1]), ('patch_size', 0), ('spatial_merge_size', 9), ('deepstack_visual_indexes', 3),
             ('deepstack_visual_indexes', {}), ('num_position_embeddings', 2**63)]
    for key, value in cases:
        status, out, err = ask(vision(vision_config={key: value}))
        assert status == 3 and f'vision_config.{key}: ' in err and not out, (key, value, status, err)
    for value in (7, 'siglip', [], True):
        status, out, err = ask(vision(vision_config=value))
        assert status == 3 and 'vision_config: expected an object' in err, (value, status, err)
    status, out, err = ask(dict(model_type='mistral3', multimodal_projector_bias=1, text_config=dict(TEXT, model_type='mistral')))
    assert status == 3 and 'multimodal_projector_bias: expected true or false' in err, err


counts()
unknown()
bad()
