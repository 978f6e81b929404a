#!/usr/bin/env python3
"""llm-mem --fit and --gpu: what is printed, that it adds up, the exit status, and what is refused with which words.

usage: llm_mem_fit.py LLM_MEM SOURCE_ROOT

The arithmetic has its own test (test_fit); here it is asked for real models, whose config.json may be absent.
Exit status: 0; 1 something is wrong; 77 skipped: no testdata/models/llama.
"""
import json
import os
import subprocess
import sys

mem, root = sys.argv[1:3]
llama = root + "/testdata/models/llama"
configs = root + "/../shared/configs/"
MIB, GIB = 1 << 20, 1 << 30
if not os.path.isdir(llama):
    print("skipped: no testdata/models/llama")
    sys.exit(77)


def run(*args, status=None):
    p = subprocess.run([mem, "--quiet", *args], capture_output=True, text=True)
    assert status is None or p.returncode == status, (args, p.returncode, p.stdout[-500:], p.stderr)
    return p


def ask(*args, status=None):
    return json.loads(run("--json", *args, status=status).stdout)


def refused(words, *args, status=2):
    p = run(*args, status=status)
    assert words in p.stderr, (args, p.stderr)


def test_one_memory():
    fit = ask("--fit", "1GiB", llama, status=0)["fit"]
    assert fit["margin_bytes"] == 128 * MIB and fit["fits"] and fit["best"] == fit["quants"][0]["quant"]
    assert ask("--fit", "16GiB", llama)["fit"]["margin_bytes"] == GIB
    # under a policy without buffers the sum is the weights, the cache and nothing else
    r = ask("--fit", "3MiB", "--quant", "Q4_K_M", "--policy", "ideal", "--ctx", "100", "--margin", "0", llama, status=0)
    weights, per_token = r["weights"][0]["tensor_bytes"], 2 * r["kv_cache"]["elements_per_token_all_layers"]
    assert r["weights"][0]["longest_context"] == (3 * MIB - weights) // per_token
    assert r["fit"]["quants"][0]["needed_bytes"] == weights + 100 * per_token
    assert r["fit"]["quants"][0]["most_sequences"] == (3 * MIB - weights) // (100 * per_token)
    # to the byte: exactly enough fits, one less does not
    needed = ask("--fit", "1GiB", "--quant", "Q4_K_M", "--ctx", "512", llama)["fit"]["quants"][0]["needed_bytes"]
    one = ["--quant", "Q4_K_M", "--ctx", "512", "--margin", "1000"]
    assert ask("--fit", str(needed + 1000), *one, llama, status=0)["fit"]["best"] == "Q4_K_M"
    missing = ask("--fit", str(needed + 999), *one, llama, status=1)["fit"]
    assert missing["missing_bytes"] == 1 and missing["nearest"] == "Q4_K_M"
    # what is said to fit does
    assert missing["would_fit"].keys() >= {"context", "kv_type", "quant"}, missing
    size = str(needed + 999)
    for change in (["--ctx", str(missing["would_fit"]["context"])], ["--kv", missing["would_fit"]["kv_type"]],
                   ["--quant", missing["would_fit"]["quant"]]):
        args = dict(zip(one[::2], one[1::2]))
        args[change[0]] = change[1]
        run("--fit", size, *(word for pair in args.items() for word in pair), llama, status=0)
    text = run("--fit", "1MiB", llama, status=1).stdout
    assert "nothing fits" in text and "no single change" in text, text
    assert "fits, with" in run("--fit", "1GiB", llama, status=0).stdout


def check_devices(r, quants=None):
    """Every layer has one place; totals are sums and leave the margin free."""
    cards = r["devices"]["cards"]
    for q in r["devices"]["quants"]:
        places = q["places"]
        assert len(places) == len(cards) + 1 and places[-1]["name"] == "CPU"
        for card, p in zip(cards + [None], places):
            assert p["total_bytes"] == sum(p[k + "_bytes"] for k in ("weights", "cache", "state", "compute")), p
            if card:
                assert p["free_bytes"] == card["bytes"] - p["total_bytes"], p
                assert p["total_bytes"] == 0 or p["free_bytes"] >= card["margin_bytes"], p
        on_devices = sum(p["layers"] + p["output"] for p in places[:-1])
        assert on_devices == q["gpu_layers"] and f"-ngl {on_devices}" in q["options"], q
        assert sum(p["output"] for p in places) == 1
        if q["tensor_split"]:
            assert "-ts " + ",".join(str(p["layers"] + p["output"]) for p in places[:-1]) in q["options"], q
        assert q["fits"] == (q["longest_context"] >= r["devices"]["context"]), q
    assert r["devices"]["fits"] == any(q["fits"] for q in r["devices"]["quants"])
    return {q["quant"]: q for q in r["devices"]["quants"]}


def test_devices():
    q = check_devices(ask("--gpu", "1G,1G", llama, status=0))
    # 4 layers and the output: slots 0, 1 and 2 are below 1/2 of 5
    assert [p["layers"] for p in q["Q8_0"]["places"]] == [3, 1, 0] and q["Q8_0"]["options"] == "-ngl 5", q
    q = check_devices(ask("--gpu", "7M", "--quant", "Q8_0", "--ctx", "1024", llama, status=1))["Q8_0"]
    assert 0 < q["gpu_layers"] < 5 and q["places"][-1]["layers"] == 5 - q["gpu_layers"], q
    assert check_devices(ask("--gpu", "1M", "--quant", "Q8_0", llama, status=1))["Q8_0"]["gpu_layers"] == 0
    check_devices(ask("--gpu", "1G", "--ctx", "4096", llama, status=0)) # past what it was trained for
    names = [c["name"] for c in ask("--gpu", "RTX4090,2xrtx3060-12g,8G", llama)["devices"]["cards"]]
    assert names == ["RTX4090", "rtx3060-12g", "rtx3060-12g", "8G"], names
    text = run("--gpu", "1G,1G", llama, status=0).stdout
    assert "-ngl 5" in text and "CPU" in text and "out" in text, text
    assert "stay in the CPU's memory" in run("--gpu", "1M", llama, status=1).stdout


def test_real_models():
    """Mixtures, latent attention, state, ties, windows."""
    if not os.path.isdir(configs):
        print("without shared/configs: real models were not asked")
        return
    moe = configs + "Qwen3-30B-A3B.json"
    q = check_devices(ask("--gpu", "rtx4090", "--ctx", "32K", moe, status=0))
    assert q["Q4_K_M"]["options"] == "-ngl 49" and q["Q8_0"]["cpu_moe_layers"] > 0, q
    assert q["Q8_0"]["gpu_layers"] == 49 and "--n-cpu-moe" in q["Q8_0"]["options"]
    n = q["Q8_0"]["cpu_moe_layers"]
    # as few as possible: one less does not fit, and asked for by name it is whole
    less = check_devices(ask("--gpu", "rtx4090", "--ctx", "32K", "--quant", "Q8_0", "--n-cpu-moe", str(n - 1), moe, status=1))
    assert less["Q8_0"]["gpu_layers"] < 49
    same = check_devices(ask("--gpu", "rtx4090", "--ctx", "32K", "--quant", "Q8_0", "--n-cpu-moe", str(n), moe, status=0))
    assert same["Q8_0"]["places"] == q["Q8_0"]["places"]
    all_ = check_devices(ask("--gpu", "8G", "--ctx", "8K", "--quant", "Q8_0", "--cpu-moe", moe, status=0))["Q8_0"]
    assert all_["options"] == "-ngl 49 --cpu-moe", all_
    fit = ask("--fit", "8G", "--quant", "Q8_0", moe, status=1)["fit"]
    assert fit["would_fit"].get("cpu_moe") is True, fit
    for name in ("DeepSeek-V2-Lite", "Qwen3-Next-80B-A3B", "Mamba-2.8b", "Gemma-2-9B", "Llama-3.2-1B", "Nemotron-H-56B",
                 "Falcon-180B", "GPT-2"):
        path = configs + name + ".json"
        for gpu in ("24G,24G,8G", "6G"):
            r = ask("--gpu", gpu, "--kv", "F16", path)
            check_devices(r)
            for split, w in zip(r["devices"]["quants"], r["weights"]):
                more = sum(p["weights_bytes"] for p in split["places"]) - w["tensor_bytes"]
                # a tied output matrix is on a device once more, and nothing else of any size
                assert (more > 1000) == (r["parameters"]["tied_embeddings"] and split["gpu_layers"] > 0), (name, more)
            kept = r["buffers"][str(r["devices"]["context"])]
            for s in r["devices"]["quants"]:
                assert sum(p["state_bytes"] for p in s["places"]) == kept["state_bytes"], name
                assert sum(p["cache_bytes"] for p in s["places"]) == kept["kv_bytes"], name


def test_refusals():
    refused("0 bytes", "--fit", "0", llama)
    refused("size", "--fit", "-1", llama)
    refused("size", "--fit", "99999999999G", llama)
    refused("nothing is left of --fit", "--fit", "1G", "--margin", "1G", llama)
    refused("nothing is left of '8G'", "--gpu", "24G,8G", "--margin", "8G", llama)
    refused("one of them", "--fit", "1G", "--gpu", "1G", llama)
    refused("--margin", "--margin", "1G", llama)
    refused("--gpu", "--cpu-moe", llama)
    refused("--gpu", "--n-cpu-moe", "3", "--fit", "1G", llama)
    refused("no experts", "--cpu-moe", "--gpu", "1G", llama)
    refused("no other --policy", "--policy", "ideal", "--gpu", "1G", llama)
    refused("no --csv", "--csv", "--gpu", "1G", llama)
    for bad in ("", "24G,", ",24G", "rtx409", "0x24G", "x", "24Q", "-24G", "99999999999T", "24G;8G", "a" * 100):
        refused("is neither a size", "--gpu", bad, llama)
    refused("a size has a unit", "--gpu", "24", llama)
    refused("a size has a unit", "--gpu", "0", llama)
    refused("at most 16 devices", "--gpu", "17x24G", llama)
    refused("at most 16 devices", "--gpu", "9xh100,8x24G", llama)


def test_list():
    text = run("--gpu", "list", status=0).stdout
    assert all(len(line) <= 80 for line in text.splitlines())
    cards = ask("--gpu", "list", status=0)["cards"]
    assert len(cards) == len(text.splitlines()) - 1
    card, = [c for c in cards if c["name"] == "rtx4090"]
    assert card["usable_bytes"] == 24564 * MIB and card["gb_per_second"] == 1008


for name, test in sorted(globals().items()):
    if name.startswith("test_"):
        test()
