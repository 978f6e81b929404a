#!/usr/bin/env python3
"""llm-mem --train: the words of its options, that parts add up in text and JSON, what fits, and what is refused.

usage: llm_mem_train.py LLM_MEM MODEL_DIR
"""
import csv
import json
import subprocess
import sys

mem, model = sys.argv[1:3]


def run(*args, status=0):
    p = subprocess.run([mem, "--quiet", *args, model], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert p.returncode == status, (args, p.returncode, p.stderr)
    return p


def training(*args):
    got = json.loads(run("--json", "--train", *args).stdout)
    t = got["training"]
    for side in ("device_bytes", "host_bytes"):
        parts = [n for name, n in t[side].items() if name != "total"]
        assert sum(parts) == t[side]["total"], (args, t[side])
    return t, got["parameters"]["total"]


def refused(words, *args, status=2):
    p = run(*args, status=status)
    assert words in p.stderr, (args, p.stderr)


# every word is taken, and means what its part says
t, total = training("full")
assert t["trainable"] == total and t["devices"] == 1 and t["zero_stage"] == 0 and "rank" not in t
assert [t["device_bytes"][k] for k in ("weights", "gradients", "master_copy", "optimizer_states")] == [2 * total, 2 * total, 4 * total, 8 * total]
for precision in ("bf16", "fp16"):
    assert training("full", "--precision", precision)[0]["device_bytes"] == t["device_bytes"]
assert training("full", "--precision", "fp32")[0]["device_bytes"]["master_copy"] == 0
states = {o: training("full", "--optimizer", o)[0]["device_bytes"]["optimizer_states"] for o in
          "adamw adamw8bit paged-adamw8bit sgd sgd-momentum adafactor lion muon".split()}
assert states["sgd"] == 0 < states["adafactor"] < states["adamw8bit"] == states["paged-adamw8bit"] < states["lion"], states
assert states["lion"] == states["sgd-momentum"] == 4 * total < states["muon"] < states["adamw"] == 8 * total, states
none, selective, full = (training("full", "--attention", "eager", "--checkpointing", c)[0]["device_bytes"]["activations"]
                         for c in ("none", "selective", "full"))
assert none > selective and none > full, (none, selective, full)
one = t["device_bytes"]["activations"]
assert training("full", "--micro-batch", "3")[0]["device_bytes"]["activations"] == 3 * one
for fsdp, zero in (("full", "3"), ("grad-op", "2"), ("no", "0")):
    a, b = (training("full", "--devices", "4", *o)[0] for o in (("--fsdp", fsdp), ("--zero", zero)))
    assert a == b, (a, b)
assert training("full", "--zero", "3", "--devices", "4")[0]["device_bytes"]["master_copy"] == -(-4 * total // 4)
t, _ = training("full", "--zero", "3", "--devices", "4", "--offload", "optimizer,params", "--gradients", "fp32")
assert t["host_bytes"]["total"] >= 18 * total and t["device_bytes"]["weights"] == t["device_bytes"]["optimizer_states"] == 0

# adapters: rank times rows and columns
lora, _ = training("lora", "--rank", "8", "--lora-targets", "q_proj,v_proj")
assert lora["trainable"] == training("lora", "--rank", "8", "--lora-targets", "qv")[0]["trainable"]
assert lora["trainable"] * 2 == training("lora", "--lora-targets", "qv")[0]["trainable"], lora
assert lora["device_bytes"]["adapters"] == 4 * lora["trainable"] and lora["device_bytes"]["master_copy"] == 0
qlora, _ = training("qlora")
assert qlora["device_bytes"]["weights"] < training("lora")[0]["device_bytes"]["weights"]

# text: every part and their sum; the status says what fits
text = run("--train", "qlora", "--optimizer", "paged-adamw8bit", "--fit", "1GiB").stdout
for word in ("weights", "adapters", "gradients", "optimizer_states", "activations", "logits", "together", "NF4", "assumed", "fits"):
    assert word in text, (word, text)
assert max(map(len, text.splitlines()[1:])) <= 110, text
assert "does not fit" in run("--train", "full", "--fit", "16MiB", status=1).stdout
assert json.loads(run("--json", "--train", "full", "--fit", "16MiB", status=1).stdout)["training"]["fits"] is False

refused("unknown word 'half' for --train; known are full, lora, qlora", "--train", "half")
refused("unknown word 'adam' for --optimizer", "--train", "full", "--optimizer", "adam")
refused("unknown word 'int8' for --precision", "--train", "full", "--precision", "int8")
refused("unknown word 'all' for --checkpointing", "--train", "full", "--checkpointing", "all")
refused("unknown word 'zero' for --fsdp", "--train", "full", "--fsdp", "zero")
refused("unknown word 'disk' for --offload", "--train", "full", "--offload", "disk")
refused("unknown word 'x' for --attention", "--train", "full", "--attention", "x")
refused("unknown word 'x' for --gradients", "--train", "full", "--gradients", "x")
refused("not both", "--train", "full", "--zero", "1", "--fsdp", "full")
refused("stages 0, 1, 2 and 3", "--train", "full", "--zero", "18446744073709551615")
refused("rank", "--train", "lora", "--rank", "0")
refused("devices", "--train", "full", "--devices", "0")
refused("micro batch", "--train", "full", "--micro-batch", "0")
refused("micro batch", "--train", "full", "--seq", "1000000000000")
refused("no 'w_proj'", "--train", "lora", "--lora-targets", "q_proj,w_proj")
refused("stage 3", "--train", "full", "--offload", "params")
refused("bf16 or fp16", "--train", "qlora", "--precision", "fp32")
refused("64 bits", "--train", "full", "--attention", "eager", "--micro-batch", str(1 << 30), "--seq", str(1 << 30), status=3)
refused("without --train", "--rank", "8")
refused("without --train", "--zero", "3")

# a row of a table, which says what the JSON says
for args in (("full", "--devices", "4", "--zero", "2", "--offload", "optimizer"), ("qlora", "--rank", "8", "--fit", "1GiB")):
    t, total = training(*args)
    row, = csv.DictReader(run("--csv", "--train", *args).stdout.splitlines())
    for name, n in t["device_bytes"].items():
        assert int(row[name + "_bytes"]) == n, (name, row, t)
    assert int(row["host_bytes"]) == t["host_bytes"]["total"] and int(row["parameters"]) == total, (row, t)
    for name in ("kind", "optimizer", "zero_stage", "devices", "sequence", "trainable", "rank", "adapters"):
        assert row[name] == str(t.get(name, "")), (name, row, t)
    assert row["fits"] == {True: "yes", None: ""}[t.get("fits")], row
