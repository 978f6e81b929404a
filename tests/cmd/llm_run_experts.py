#!/usr/bin/env python3
"""llm-run --experts: counts add up, depend on neither batches nor threads nor the form of the model, and are those of
Hugging Face's own router where the peers are.

usage: llm_run_experts.py LLM_RUN ST2GGUF SHARED DENSE    SHARED: the folder of models/mixtral and peers/; 77 if it is absent;
                                                          DENSE: a model without experts"""
import json
import math
import os
import subprocess
import sys
import tempfile

LLM_RUN, ST2GGUF, SHARED, DENSE = sys.argv[1:]
MIXTRAL = os.path.join(SHARED, 'models', 'mixtral')
TEXT = 'First Citizen: Before we proceed any further, hear me speak. All: Speak, speak.'
FAILED = []
ROUTER = """
import json, sys, torch, transformers
model = transformers.AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
ids = json.loads(sys.argv[2])
with torch.no_grad():
    logits = model(torch.tensor([ids]), output_router_logits=True).router_logits
k, n = model.config.num_experts_per_tok, model.config.num_local_experts
print(json.dumps([torch.bincount(l.topk(k, -1).indices.flatten(), minlength=n).tolist() for l in logits]))
"""


def expect(what, ok, *details):
    if not ok:
        FAILED.append(what)
        print('FAILED:', what, *details)


def run(*args, status=0):
    done = subprocess.run([LLM_RUN, '--quiet', *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    expect(' '.join(args)[:60], done.returncode == status, done.returncode, done.stderr)
    return done.stderr if status else done.stdout


def adds_up(x):
    for layer in x['layers']:
        chosen = layer['chosen']
        total = sum(chosen)
        entropy = -sum(c / total * math.log2(c / total) for c in chosen if c)
        expect('choices of a layer', total == x['tokens'] * x['experts_per_token'] and len(chosen) == x['experts'], layer)
        expect('each token counts once', max(chosen) <= x['tokens'], layer)
        expect('entropy', abs(layer['entropy'] - entropy) < 1e-12, layer['entropy'], entropy)
        expect('balance', abs(layer['balance'] - entropy / math.log2(x['experts'])) < 1e-12, layer)
        expect('busiest', layer['busiest'] == chosen.index(max(chosen)) and layer['busiest_share'] == max(chosen) / total, layer)
        expect('never used', layer['never_used'] == chosen.count(0), layer)


def router(ids):
    """Counts by transformers; None without the peers."""
    peers = os.path.join(SHARED, 'peers', 'run')
    if not os.path.exists(peers) or not os.path.exists(os.path.join(os.environ.get('PEERS_ROOT', '/var/tmp/peers'), '.ready')):
        print('skipped: no peers to compare with')
        return None
    done = subprocess.run([peers, 'python3', '-c', ROUTER, os.path.realpath(MIXTRAL), json.dumps(ids)], stdout=subprocess.PIPE,
                          text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    if not os.path.isdir(MIXTRAL):
        print('skipped: mixtral is not here')
        return 77
    plain = json.loads(run(MIXTRAL, '--experts', '-p', TEXT, '--json'))
    ids = json.loads(run(MIXTRAL, '-p', TEXT, '-n', '0', '--json'))['prompt_ids']
    adds_up(plain)
    expect('tokens', plain['tokens'] == len(ids), plain['tokens'], len(ids))
    theirs = router(ids)
    expect('transformers chooses the same', theirs in (None, [layer['chosen'] for layer in plain['layers']]), theirs)
    for others in (['-b', '1'], ['-b', '7', '-t', '3']):
        same = json.loads(run(MIXTRAL, '--experts', '-p', TEXT, '--json', *others))
        expect('the same with ' + ' '.join(others), same == plain)
    with tempfile.TemporaryDirectory() as folder:
        gguf = os.path.join(folder, 'model.gguf')
        subprocess.run([ST2GGUF, '--quiet', '--quant', 'F32', MIXTRAL, '-o', gguf], check=True)
        same = json.loads(run(gguf, '--experts', '-p', TEXT, '--json'))
        expect('the same from a GGUF', same['layers'] == plain['layers'])
    cut = json.loads(run(MIXTRAL, '--experts', '-p', TEXT, '-c', '8', '--json'))
    adds_up(cut)
    expect('windows', cut['context'] == 8 and cut['windows'] == -(-len(ids) // 8) and cut['tokens'] == len(ids), cut)
    lines = run(MIXTRAL, '--experts', '-p', TEXT).splitlines()
    expect('a line per layer', lines[0] == f'{len(ids)} tokens, each to 2 of 8 experts' and len(lines) == 3 + len(plain['layers']), lines)
    expect('no experts', 'the model has no experts' in run(DENSE, '--experts', '-p', TEXT, status=3))
    expect('no prompt', 'no prompt given' in run(MIXTRAL, '--experts', status=2))
    expect('nothing else', 'only one of' in run(MIXTRAL, '--experts', '--perplexity', '-', status=2))
    return 1 if FAILED else 0


sys.exit(main())
