#!/usr/bin/env python3
"""llm-mem --speed: bounds in text and JSON, the bytes of a token against the active parameters of many models, and what is
refused.

usage: llm_mem_speed.py LLM_MEM MODEL_DIR CONFIGS_DIR      CONFIGS_DIR may be absent
"""
import csv
import glob
import json
import subprocess
import sys

mem, model, configs = sys.argv[1:4]


def run(*args, path=model, status=0):
    p = subprocess.run([mem, "--quiet", *args, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert p.returncode == status, (args, p.returncode, p.stderr)
    return p


def report(*args, **how):
    return json.loads(run("--json", *args, **how).stdout)


assert "speed" not in report()
s = report("--quant", "Q8_0,Q4_K_M", "--ctx", "256,1024", "--bandwidth", "100.5")["speed"]
assert s["bandwidth_gb_per_second"] == 100.5 and "reading" not in s and len(s["generating"]) == 4
for g in s["generating"]:
    assert g["weights_bytes"] + g["cache_bytes"] + g["state_bytes"] == g["total_bytes"]
    assert abs(g["tokens_per_second_at_most"] * g["total_bytes"] / 100.5e9 - 1) < 1e-9, g
s = report("--ctx", "256", "--tflops", "2")["speed"]
r, = s["reading"]
operations = sum(r[k] for k in ("linear_operations", "attention_operations", "output_operations"))
assert "generating" not in s and abs(r["tokens_per_second_at_most"] * operations / 2e12 / 256 - 1) < 1e-9, r
s = report("--speed", "RTX4090", "--bandwidth", "7")["speed"]
assert s["bandwidth_gb_per_second"] == 7 and s["tflops"] > 100 and s["generating"] and s["reading"]
text = run("--speed", "h100").stdout
assert "generating, tokens/s at most: 3350 GB/s" in text and "reading a prompt" in text, text

# In float32 a token reads four bytes of each parameter that is active behind the input embedding, and a row of that
n = 0
for path in sorted(glob.glob(configs + "/[A-Z]*.json")):
    got = report("--quant", "F32", "--ctx", "1", "--bandwidth", "1", path=path)
    config = json.load(open(path))
    config = config.get("text_config", config)
    active, rows = got["parameters"]["active_without_input_embedding"], 1
    if "n_positions" in config:  # GPT-2: a row of the positions, of which `active` has the whole table
        active, rows = active - config["n_positions"] * config["n_embd"], 2
    width = config.get("hidden_size") or config["n_embd"]
    assert got["speed"]["generating"][0]["weights_bytes"] == 4 * (active + rows * width), path
    n += 1
print(n, "configs")

for words, *args in (("'gtx' is no card", "--speed", "gtx"), ("numbers above 0", "--bandwidth", "0"), ("numbers above 0", "--tflops", "-1"),
                     ("is not a number", "--tflops", "fast")):
    p = run(*args, status=2)
    assert words in p.stderr, p.stderr

# the same in a table, empty where it was not asked for
options = ("--quant", "Q8_0,Q4_K_M", "--ctx", "256,1024", "--kv", "BF16")
rows = list(csv.DictReader(run("--csv", "--speed", "h100", *options).stdout.splitlines()))
s = report("--speed", "h100", *options)["speed"]
assert len(rows) == len(s["generating"]) == 4
for row, g in zip(rows, s["generating"]):
    assert (row["quant"], int(row["context"])) == (g["quant"], g["context"])
    assert float(row["tokens_per_second_at_most"]) == g["tokens_per_second_at_most"], (row, g)
    reading, = (r["tokens_per_second_at_most"] for r in s["reading"] if r["tokens"] == g["context"])
    assert float(row["prompt_tokens_per_second_at_most"]) == reading, (row, reading)
row = next(csv.DictReader(run("--csv", "--bandwidth", "7").stdout.splitlines()))
assert row["tokens_per_second_at_most"] and row["prompt_tokens_per_second_at_most"] == "", row
