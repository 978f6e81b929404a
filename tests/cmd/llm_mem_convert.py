#!/usr/bin/env python3
"""llm-mem --convert against what st2gguf takes: bytes of the file, memory beyond mapped files while it runs.

usage: llm_mem_convert.py LLM_MEM ST2GGUF PLAIN MODEL_DIR...

PLAIN is "plain", or "sanitized" for a build whose memory is not the program's own: only disk is compared then. Model
directories that are not there are left out.
"""
import json
import os
import subprocess
import sys
import tempfile

mem, st2gguf, plain, *models = sys.argv[1:]


def beyond_mapped(pid):
    """Resident bytes that are no pages of mapped files; 0 where the process is gone."""
    try:
        lines = dict(line.split(":", 1) for line in open("/proc/%d/status" % pid) if ":" in line)
        return sum(int(lines[k].split()[0]) for k in ("RssAnon", "RssShmem")) * 1024
    except (OSError, KeyError):
        return 0


def peak(command):
    p = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    most = 0
    while p.poll() is None:
        most = max(most, beyond_mapped(p.pid))
    assert p.returncode == 0, command
    return most


def conversion(path, *args, status=0):
    p = subprocess.run([mem, "--quiet", "--json", *args, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert p.returncode == status, p.stderr
    return json.loads(p.stdout).get("conversion") if status == 0 else p.stderr


checked = 0
for model in models:
    if not os.path.isdir(model):
        continue
    with tempfile.TemporaryDirectory() as work:
        for threads in (1, 4):
            c = conversion(model, "--quant", "BF16,Q4_K_M", "--convert", str(threads))
            sizes = {t["quant"]: t["disk_bytes"] for t in c["types"]}
            assert c["threads"] == threads and c["tokenizer_counted"]
            for t in c["types"]:
                out = os.path.join(work, "out.gguf")
                most = peak([st2gguf, "--quiet", "--force", "--threads", str(threads), "--quant", t["quant"], model, "-o", out])
                assert os.path.getsize(out) == t["disk_bytes"], (model, t)
                assert t["two_step_disk_bytes"] == sizes["BF16"] + t["disk_bytes"], (model, t)
                if plain == "plain":
                    assert 0 < most <= t["memory_bytes_at_most"], (model, threads, t, most)
                    print("%s, %s, %d threads: %.1f MiB, at most %.1f" % (os.path.basename(model), t["quant"], threads,
                                                                          most / 2**20, t["memory_bytes_at_most"] / 2**20))
        # a GGUF needs no step between, a config.json alone has no tokenizer to count
        c = conversion(out, "--quant", "Q8_0", "--convert", "1")
        assert "two_step_disk_bytes" not in c["types"][0], c
        assert not conversion(os.path.join(model, "config.json"), "--convert", "1")["tokenizer_counted"]
    checked += 1
assert checked, models
assert conversion(models[0]) is None
for wrong in ("0", "4097"):
    assert "threads, from 1 to 4096" in conversion(models[0], "--convert", wrong, status=2)
