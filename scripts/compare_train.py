"""Bytes of training: measured, as a line of JSON each (among the peers), then beside what llm-mem predicts.

usage: compare_train.py >MEASURED
       compare_train.py LLM_MEM MEASURED
"""
import json
import os
import subprocess
import sys
import tempfile

BATCH, SEQ, VOCAB = 2, 64, 512
BASE = dict(hidden_size=64, intermediate_size=160, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
            vocab_size=VOCAB, max_position_embeddings=1024, tie_word_embeddings=False)
MODELS = {
    "llama": dict(BASE, model_type="llama"),
    "qwen3": dict(BASE, model_type="qwen3", head_dim=16),
    "gemma2": dict(BASE, model_type="gemma2", head_dim=16, query_pre_attn_scalar=16),
    "mixtral": dict(BASE, model_type="mixtral", num_local_experts=8, num_experts_per_tok=2),
    "gpt2": dict(model_type="gpt2", n_embd=64, n_layer=3, n_head=4, vocab_size=VOCAB, embd_pdrop=0, attn_pdrop=0, resid_pdrop=0),
}
# How far saved bytes may be off. Beyond the terms of the formula: mixtral's routing; gemma2's soft caps and norms that
# stay in float32 for longer; gpt2's GELU, which transformers makes of seven operations that save their inputs.
LIMITS = {"llama": 0.01, "qwen3": 0.01, "mixtral": 0.03, "gemma2": 0.22, "gpt2": 0.43}


def build(config, attention, dtype):
    kind = transformers.AutoConfig.for_model(**config)
    kind._attn_implementation = attention
    return transformers.AutoModelForCausalLM.from_config(kind).to(dtype).train()


def saved_bytes(model):
    """Storages that autograd keeps for the backward pass, parameters aside; log-probabilities apart."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    seen = {}

    def pack(t):
        storage = t.untyped_storage()
        if storage.data_ptr() not in own:
            seen[storage.data_ptr()] = (storage.nbytes(), t)
        return t

    ids = torch.randint(0, VOCAB, (BATCH, SEQ))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss  # its graph keeps what was saved
    logits = max(n for n, t in seen.values() if t.dim() and t.shape[-1] == VOCAB and t.dtype == torch.float32)
    del loss
    return sum(n for n, _ in seen.values()) - logits, logits


def state_bytes(model, make):
    """Of an optimizer after one step: moments and sums, not the counters of steps."""
    optimizer = make(model.parameters())
    ids = torch.randint(0, VOCAB, (1, 8))
    model(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    return sum(t.numel() * t.element_size() for s in optimizer.state.values() for key, t in s.items()
               if torch.is_tensor(t) and key != "step")


def measure():
    optimizers = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD, "adafactor": torch.optim.Adafactor,
                  "sgd-momentum": lambda p: torch.optim.SGD(p, momentum=0.9)}
    print("transformers %s, PyTorch %s, %d x %d tokens" % (transformers.__version__, torch.__version__, BATCH, SEQ))
    for name, config in MODELS.items():
        for attention, ours in (("sdpa", "flash"), ("eager", "eager")):
            for dtype, precision in ((torch.bfloat16, "bf16"), (torch.float32, "fp32")):
                saved, logits = saved_bytes(build(config, attention, dtype))
                print(json.dumps(dict(what="%s, %s, %s: saved" % (name, ours, precision), config=config, saved=saved, logits=logits,
                                      options=["--attention", ours, "--precision", precision])))
    for name, make in optimizers.items():
        print(json.dumps(dict(what="state of %s" % name, config=MODELS["llama"], options=["--optimizer", name],
                              state=state_bytes(build(MODELS["llama"], "eager", torch.float32), make))))


def compare(mem, measured):
    failed = False
    print(next(measured).strip())
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "config.json")
        for line in measured:
            m = json.loads(line)
            json.dump(m["config"], open(path, "w"))
            out = subprocess.run([mem, "--json", "--quiet", "--train", "full", "--micro-batch", str(BATCH), "--seq", str(SEQ),
                                  *m["options"], path], stdout=subprocess.PIPE, check=True).stdout
            ours = json.loads(out)["training"]["device_bytes"]
            if "state" in m:
                want, got, limit = m["state"], ours["optimizer_states"], 0
            else:
                want, got, limit = m["saved"], ours["activations"], LIMITS[m["what"].split(",")[0]]
                failed |= ours["logits"] != 2 * m["logits"]  # and their gradient
            off = got - want if not want else got / want - 1
            failed |= abs(off) > limit
            print("%-28s %9d, predicted %9d, %+.2f%%" % (m["what"], want, got, 100 * off))
    sys.exit(failed)


if len(sys.argv) == 3:
    compare(sys.argv[1], open(sys.argv[2]))
else:
    import torch
    import transformers
    measure()
