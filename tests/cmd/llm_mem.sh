#!/bin/bash
# llm-mem end to end: sizes against what st2gguf plans and writes, counts and caches against the truths of transformers and
# llama.cpp, and what is refused with which words.
# usage: llm_mem.sh LLM_MEM ST2GGUF SOURCE_ROOT
set -u
mem=$(realpath "$1") st2gguf=$(realpath "$2") root=$(realpath "$3")
llama=$root/testdata/models/llama
shared=$root/../shared
[ -d "$llama" ] || { echo "skipped: no testdata/models/llama"; exit 77; }
work=$(mktemp -d) || exit 1
trap '[ $BASHPID != $$ ] || rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

fail() { echo "FAILED: $*"; failed=1; }

# expect STATUS PATTERN ARG...: llm-mem ARG... ends with the status, stderr matches
expect() {
    local status=$1 pattern=$2 got
    shift 2
    "$mem" "$@" >stdout 2>stderr
    got=$?
    [ $got = "$status" ] || fail "$*: exit status $got, not $status: $(cat stderr)"
    [ -z "$pattern" ] || grep -qE -- "$pattern" stderr || fail "$*: stderr does not match '$pattern': $(cat stderr)"
}

# refuse PATTERN JSON: a config.json that is refused with exit status 3
refuse() {
    printf '%s' "$2" >bad.json
    expect 3 "$1" bad.json
}

# Sizes: the plan of every recipe, and one file as it is written; the same from the GGUF.
"$mem" --json --quant all "$llama" >all.json || fail "--quant all"
for quant in F32 BF16 F16 Q8_0 Q6_K Q5_K_M Q4_K_M Q4_0 IQ4_XS Q3_K_L Q2_K; do
    "$st2gguf" --dry-run --json --quiet --quant $quant "$llama" >plan.json
    python3 - $quant <<'PY' || fail "$quant: sizes differ"
import json, sys
plan = json.load(open("plan.json"))
w, = [w for w in json.load(open("all.json"))["weights"] if w["quant"] == sys.argv[1]]
assert (w["tensor_bytes"], w["file_bytes"]) == (plan["tensor_bytes"], plan["file_bytes"]), (w, plan["file_bytes"])
PY
done
"$st2gguf" --quiet --quant Q4_K_M "$llama" -o q.gguf || fail "st2gguf"
"$mem" --json q.gguf >q.json || fail "a GGUF"
"$mem" --json --quant Q4_K_M "$llama" >dir.json || fail "a directory"
"$mem" --json --quant Q4_K_M "$llama/config.json" >config.json || fail "a config.json"
"$mem" --json --quant Q4_K_M "$llama/model.safetensors" >st.json || fail "a safetensors file"
python3 - <<'PY' || fail "the four ways to name a model differ"
import json, os
q, d, c, s = (json.load(open(f + ".json")) for f in ("q", "dir", "config", "st"))
size = os.stat("q.gguf").st_size
assert q["weights"][0]["file_bytes"] == d["weights"][0]["file_bytes"] == size, (q["weights"], d["weights"], size)
assert "file_bytes" not in c["weights"][0]
for other in (d, c, s):
    assert other["weights"][0]["tensor_bytes"] == q["weights"][0]["tensor_bytes"]
    # of two tensors of one size either may be called the largest
    assert {**other["parameters"], "largest_tensor": q["parameters"]["largest_tensor"]} == q["parameters"]
    assert other["kv_cache"]["bytes"] == q["kv_cache"]["bytes"]
PY

# Every truth: the members have the names of the truth.
python3 - "$mem" "$shared/configs" <<'PY' || fail "truths"
import glob, json, os, subprocess, sys
mem, configs = sys.argv[1:]
planned = {}
if os.path.exists(configs + "/truth/llamacpp_planned.json"):
    planned = json.load(open(configs + "/truth/llamacpp_planned.json"))["models"]

def run(name, *args):
    """None where llm-mem fails."""
    p = subprocess.run([mem, "--json", "--quiet", configs + "/" + name, *args], capture_output=True, text=True)
    return json.loads(p.stdout) if p.returncode == 0 else None

def is_in(got, want, where):
    for key, value in want.items():
        if isinstance(value, dict):
            is_in(got[key], value, where + "." + key)
        else:
            assert got[key] == value, (where, key, got[key], value)

n = 0
for path in sorted(glob.glob(configs + "/truth/[A-Z]*.json")):
    name = os.path.basename(path)
    truth = json.load(open(path))
    got = run(name, "--kv", "F32", "--ctx", "4096,8192,32768,131072", "--quant", "F16")
    assert got, name
    p = dict(truth["parameters"])
    p = {k: p[k] for k in ("total", "active", "active_without_input_embedding", "non_embedding", "tied_embeddings",
                           "by_component", "experts", "experts_per_token")}
    is_in(got["parameters"], p, name)
    bytes_ = truth["kv_cache"]["bytes_bf16"]
    is_in(got["kv_cache"]["bytes_bf16"], {k: bytes_[k] for k in ("ideal", "no_window")}, name)
    assert ("recurrent_state" in got["kv_cache"]) == ("recurrent_state" in truth["kv_cache"]), name
    if "recurrent_state" in truth["kv_cache"]:
        state = truth["kv_cache"]["recurrent_state"]
        is_in(got["kv_cache"]["recurrent_state"], {k: state[k] for k in got["kv_cache"]["recurrent_state"]}, name)
    is_in(got["lora"], truth["lora"], name)
    n += 1
print(n, "truths are met")

mib = 1 << 20
rows = 0
for name, models in planned.items():
    for row in models:
        extra = row.get("extra", "")
        args = ["--kv", row["kv_type"].upper(), "--quant", "F16"]
        args += ["--parallel", "4", "--ctx", str(row["ctx"] // 4)] if extra == "-np 4" else ["--ctx", str(row["ctx"])]
        got = run(name + ".json", *args)
        want = sum(row.get("kv_MiB", [])) + sum(row.get("recurrent_MiB", []))
        kept = sum(got["kv_cache"]["bytes"]["llama.cpp"].values()) + got["kv_cache"]["recurrent_state_bytes"]
        assert abs(kept / mib - want) < 0.0051, (name, row, kept / mib)
        assert got["weights"][0]["tensor_bytes"] // mib == row["fit_print_MiB"]["model"], (name, got["weights"])
        rows += 1
print(rows, "plans of llama.cpp are met")
PY

# The overview fits a terminal of 80 columns; --layers puts equal layers together.
printf '{"model_type": "gemma2"}' >gemma.json
printf '{"model_type": "qwen3_next", "num_hidden_layers": 10}' >hybrid.json
for model in gemma.json hybrid.json "$llama"; do
    (cd "${model%/*}" 2>/dev/null; "$mem" --quiet --layers "${model##*/}") >text || fail "the overview of $model"
    (cd "${model%/*}" 2>/dev/null; "$mem" --quiet --gpu rtx4070ti-super,rtx3060-12g,8M --convert 4 --speed h100 --explain "${model##*/}"
     "$mem" --quiet --fit 8M --ctx 4K,1M "${model##*/}"; "$mem" --quiet --train lora --fit 8G "${model##*/}") >>text
    awk 'length > 80' text | grep . && fail "$model: lines of more than 80 columns"
done
cp "$llama/config.json" a-name-that-fills-most-of-a-line-of-a-terminal.json
"$mem" --quiet a-name-that-fills-most-of-a-line-of-a-terminal.json | head -n 2 | grep -q '^  llama, 4 layers' || fail "a long path has a line of its own"
printf '{"model_type": "mamba"}' >mamba.json
"$mem" --quiet --fit 8G mamba.json >text
grep -q '^no cache, but a state of' text || fail "mamba: a cache where there is none: $(cat text)"
grep -q '^  Q8_0 .* any ' text || fail "mamba: a longest context where any fits: $(cat text)"
"$mem" --quiet --layers gemma.json | grep -qx '    numbers 1-25, every 2nd' || fail "--layers: every second"
"$mem" --quiet --layers hybrid.json | grep -qx '    numbers 0-2, 4-6, 8-9' || fail "--layers: ranges"
"$mem" --quiet --layers hybrid.json | grep -qx '    numbers 3, 7' || fail "--layers: two"

# A table: a row per type, context, type of cache and policy; names of files survive it.
cp "$llama/config.json" 'a "b", c.json'
"$mem" --quiet --csv --quant Q8_0,Q4_K_M --ctx 256,1024 --kv F16,Q8_0 --policy ideal,llama.cpp --fit 6MiB --margin 0 'a "b", c.json' >table.csv
[ $? = 0 ] || fail "--csv"
python3 - "$mem" <<'PY' || fail "--csv: its rows"
import csv, json, subprocess, sys
mem, name = sys.argv[1], 'a "b", c.json'
data = open("table.csv", newline="").read()
assert data.endswith("\r\n") and data.count("\n") == data.count("\r\n") == 17, data
rows = list(csv.DictReader(data.splitlines()))
keys = {(r["quant"], r["context"], r["kv_type"], r["policy"]) for r in rows}
assert len(rows) == len(keys) == 16 and {r["model"] for r in rows} == {name}, rows
for r in rows:
    got = json.loads(subprocess.run([mem, "--json", "--quant", r["quant"], "--kv", r["kv_type"], "--ctx", r["context"],
                                     "--policy", r["policy"], "--fit", "6MiB", "--margin", "0", name],
                                    stdout=subprocess.PIPE).stdout)
    kv = got["kv_cache"]["bytes"][r["policy"]][r["context"]]
    weights = got["weights"][0]["tensor_bytes"]
    assert (int(r["weights_bytes"]), int(r["cache_bytes"]), r["state_bytes"]) == (weights, kv, "0"), (r, got)
    buffers = got["buffers"][r["context"]]["total_bytes"] - kv if r["policy"] == "llama.cpp" else 0
    total = weights + kv + buffers
    assert int(r["buffers_bytes"]) == buffers and int(r["total_bytes"]) == total, (r, buffers)
    assert r["fits"] == ("yes" if got["fit"]["fits"] else "no"), r
    assert int(r["parameters"]) == got["parameters"]["total"] and r["architecture"] == "llama"
assert {r["fits"] for r in rows} == {"yes", "no"}
PY
expect 2 'make a table: --csv' --kv F16,Q8_0 "$llama"
expect 2 'nothing else' --csv --json "$llama"
expect 3 'no.dat' --imatrix no.dat "$llama"
printf 'x' >cut.dat
expect 3 'cut.dat' --imatrix cut.dat "$llama"
expect 2 "unknown type ''" --csv --kv ,F16 "$llama"

# Bad numbers: the message names the key.
refuse 'hidden_size: expected a whole number' '{"model_type": "llama", "hidden_size": -4096}'
refuse 'hidden_size: expected a whole number' '{"model_type": "llama", "hidden_size": 4096.5}'
refuse 'num_hidden_layers: 1000000000000000000 is not between' '{"model_type": "llama", "num_hidden_layers": 1000000000000000000}'
refuse 'num_hidden_layers' '{"model_type": "llama", "num_hidden_layers": 1e400}'
refuse 'mlp_only_layers: expected a list' '{"model_type": "qwen3_moe", "mlp_only_layers": "x"}'
refuse 'layer_types: expected a list' '{"model_type": "gemma2", "layer_types": 4}'
refuse 'hybrid_override_pattern: expected a letter' '{"model_type": "nemotron_h", "hybrid_override_pattern": [1]}'
refuse 'num_experts_per_tok: 9 is more than there are: 8 \(num_experts\)' '{"model_type": "qwen3_moe", "num_experts": 8, "num_experts_per_tok": 9}'
refuse 'num_key_value_heads: 5 does not divide 32 \(num_attention_heads\)' '{"model_type": "llama", "num_key_value_heads": 5}'
refuse 'head_dim is not given, and hidden_size: 4096 is not a multiple of 31 \(num_attention_heads\)' '{"model_type": "llama", "num_attention_heads": 31}'
refuse 'num_experts_per_tok: 9 is more than there are: 8' '{"model_type": "mixtral", "num_experts_per_tok": 9}'
refuse 'vocab_size' '{"model_type": "qwen3", "text_config": {"vocab_size": 0}}'
refuse "unknown architecture 'NewForCausalLM'$" '{"architectures": ["NewForCausalLM"]}'
refuse 'nearest known: qwen2, .*embedding: vocab_size 10 x hidden_size 20 = 200 parameters' '{"model_type": "qwen4", "vocab_size": 10, "hidden_size": 20}'
refuse 'no language model that writes text' '{"architectures": ["BertForMaskedLM"], "model_type": "bert"}'
refuse 'neither a class .* nor a model_type' '{"text_config": {"text_config": {"model_type": "llama"}}}'
refuse 'num_experts_per_tok: 999 is more than there are: 256' '{"model_type": "deepseek_v3", "num_experts_per_tok": 999}'
refuse 'layer_types: 1 entries for 36 layers' '{"model_type": "gpt_oss", "layer_types": ["full_attention"]}'
refuse "layer_types: 'sideways' is not known" '{"model_type": "gemma3_text", "num_hidden_layers": 1, "layer_types": ["sideways"]}'
refuse 'moe_layers: expected numbers of layers' '{"model_type": "llama4_text", "moe_layers": [99]}'
refuse 'no_rope_layers: expected 0 or 1' '{"model_type": "llama4_text", "num_hidden_layers": 1, "no_rope_layers": [2]}'
refuse 'hybrid_override_pattern: letter 1' '{"model_type": "nemotron_h", "hybrid_override_pattern": "MX"}'
refuse 'attn_layer_offset: 9 is more than there are: 8' '{"model_type": "jamba", "attn_layer_offset": 9}'
refuse 'num_kv_shared_layers: 99 is more than' '{"model_type": "gemma4_text", "num_kv_shared_layers": 99}'
refuse 'num_attention_heads_per_layer: 2 entries for 40' '{"model_type": "laguna", "num_attention_heads_per_layer": [1, 2]}'
refuse 'num_attention_heads_per_layer: 0 is not between' '{"model_type": "laguna", "num_attention_heads_per_layer": [1, 0]}'
printf '{"model_type": "gemma2", "max_position_embeddings": 2048}' >window.json
expect 0 'sliding_window: the window \(4096 tokens\) is larger than the context \(2048\)' window.json
printf '{"model_type": "qwen3_5", "vision_config": {}}' >vision.json
expect 0 'sizes are those of the language model alone' vision.json
refuse 'config.json' '[1, 2]'
refuse 'offset' '{"model_type": '
refuse 'do not fit into 64 bits' '{"model_type": "qwen3_moe", "num_hidden_layers": 4096, "hidden_size": 1048576, "moe_intermediate_size": 1048576, "num_experts": 65536}'
refuse 'num_hidden_layers: 0 is not between' '{"model_type": "llama", "num_hidden_layers": 0}'
printf '{"model_type": "llama", "hidden_size": 320, "num_attention_heads": 20}' >odd.json
expect 3 'Q8_0 needs heads of a multiple of 32 elements; these have 16' --kv Q8_0 odd.json
expect 3 'nowhere.json: cannot open' nowhere.json
# a file of weights that is not all that config.json asks for is counted by config.json, and said to be so
mkdir other && cp "$llama/config.json" other && cp "$llama/model.safetensors" other/part.safetensors
sed -i 's/"num_hidden_layers": *4/"num_hidden_layers": 5/' other/config.json
expect 0 'the weights that are there have 2,885,888 elements, config.json asks for 3,' other/part.safetensors
expect 3 'cannot open' nowhere/model.safetensors
mkdir empty
expect 3 'config.json' empty
expect 2 "unknown type 'Q9'" --quant Q9 "$llama"
expect 2 "unknown type 'Q6_K'" --kv Q6_K "$llama"
expect 2 "unknown policy" --policy all "$llama"
expect 2 "ctx: '4.5' is no number" --ctx 4.5 "$llama"
expect 2 "ctx: '' is no number" --ctx 4096, "$llama"
expect 2 "ctx: '-1' is no number" --ctx -1 "$llama"
expect 2 'from 1 up' --parallel 0 "$llama"
expect 2 'no model' --json
# what cannot be converted yet is refused by st2gguf with words that say what can be done
mkdir qwen && printf '{"model_type": "qwen2"}' >qwen/config.json
"$st2gguf" --dry-run qwen 2>stderr
[ $? = 3 ] || fail "st2gguf on what can only be counted"

[ $failed = 0 ]
