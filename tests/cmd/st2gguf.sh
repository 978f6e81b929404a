#!/bin/bash
# st2gguf end to end: what it writes, what it refuses and with which exit status, and that nothing is left after errors.
# usage: st2gguf.sh ST2GGUF SOURCE_ROOT
set -u
st2gguf=$(realpath "$1") root=$(realpath "$2")
llama=$root/testdata/models/llama
shared=$root/../shared/models
[ -d "$llama" ] || { echo "skipped: no testdata/models/llama"; exit 77; }
work=$(mktemp -d) || exit 1
# No trap removes it: children that are killed before they become another program would run that too.
cd "$work" || exit 1
failed=0

fail() { echo "FAILED: $*"; failed=1; }

# expect STATUS PATTERN ARG...: st2gguf ARG... ends with the status, stderr matches, and is one line (usage errors: two)
expect() {
    local status=$1 pattern=$2 got
    shift 2
    "$st2gguf" "$@" >stdout 2>stderr
    got=$?
    [ $got = "$status" ] || fail "$*: exit status $got, not $status: $(cat stderr)"
    [ -z "$pattern" ] || grep -qE -- "$pattern" stderr || fail "$*: stderr does not match '$pattern': $(cat stderr)"
    [ "$status" = 0 ] || [ "$(wc -l <stderr)" -le $((status == 2 ? 2 : 1)) ] || fail "$*: more than a line: $(cat stderr)"
}

# gone NAME...: none of these exists, nor anything that a run might have left beside them
gone() {
    for f; do
        [ -z "$(find . -maxdepth 1 -name "*$f*" -print -quit)" ] || fail "left: $(ls -A)"
    done
}

# edit DIR PYTHON: a copy of the model with its tensors `h` ({name: {dtype, shape, data}}) and `config` changed
edit() {
    cp -r "$llama" "$1"
    python3 - "$1" "$2" <<'PY' || fail "edit $1"
import json, struct, sys
folder, code = sys.argv[1:]
path = folder + "/model.safetensors"
raw = open(path, "rb").read()
n, = struct.unpack("<Q", raw[:8])
h = json.loads(raw[8:8 + n])
h.pop("__metadata__", None)
for t in h.values():
    begin, end = t.pop("data_offsets")
    t["data"] = bytearray(raw[8 + n + begin:8 + n + end])
config = json.load(open(folder + "/config.json"))
exec(code)
body = bytearray()
for t in h.values():
    body += t["data"]
    t["data_offsets"] = [len(body) - len(t.pop("data")), len(body)]
text = json.dumps(h).encode()
open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)
json.dump(config, open(folder + "/config.json", "w"))
PY
}

# The result does not depend on threads, and the plan's size is the result's.
for quant in auto F32 F16 Q8_0 Q4_0 Q5_1 Q2_K Q3_K_M Q4_K_M Q6_K IQ4_XS; do
    expect 0 '' --quiet --threads 2 --quant $quant "$llama" -o 2.gguf
    for threads in 1 5; do
        case $quant in auto | Q8_0 | Q3_K_M | Q4_K_M) ;; *) continue ;; esac
        expect 0 '' --quiet --threads $threads --quant $quant "$llama" -o other.gguf
        cmp 2.gguf other.gguf || fail "$quant: the output depends on the threads"
        rm -f other.gguf
    done
    expect 0 '' --dry-run --json --quant $quant "$llama" -o dry.gguf
    size=$(python3 -c 'import json; print(json.load(open("stdout"))["file_bytes"])')
    [ "$size" = "$(stat -c %s 2.gguf)" ] || fail "$quant: the plan says $size bytes, not $(stat -c %s 2.gguf)"
    [ ! -e dry.gguf ] || fail "a dry run wrote a file"
    rm -f ./*.gguf
done

# An importance matrix: KIND of it to stdout. Columns count from 1 up; of the two layouts this is the older one.
imatrix() {
    python3 - "$llama" "$1" <<'PY'
import json, struct, sys
folder, kind = sys.argv[1:]
raw = open(folder + "/model.safetensors", "rb").read()
n, = struct.unpack("<Q", raw[:8])
names = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
entries = []
for name, t in json.loads(raw[8:8 + n]).items():
    for hf, gguf in names.items():
        if hf + ".weight" in name:
            cols = t["shape"][1] - (kind == "narrow")
            entries.append(("blk.%s.%s.weight" % (name.split(".")[2], gguf), [1.0 + i for i in range(cols)]))
if kind == "hole":
    entries.pop()
if kind == "other":
    entries = [("x." + name, x) for name, x in entries]
if kind == "negative":
    entries[0][1][3] = -1.0
if kind == "zero":
    entries = [(name, [0.0] * len(x)) for name, x in entries]
if kind == "zeros":
    entries[2] = (entries[2][0], [0.0] * len(entries[2][1]))
out = struct.pack("<i", len(entries))
for name, x in entries:
    out += struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii%df" % len(x), -1 if kind == "calls" else 1, len(x), *x)
sys.stdout.buffer.write(out)
PY
}
imatrix whole >whole.dat
expect 2 'IQ2_XS needs an importance matrix \(--imatrix FILE, or --imatrix-from TEXT\) for tensor ' --quant IQ2_XS "$llama" -o no.gguf
for quant in IQ2_XXS Q4_K_M; do
    expect 0 '' --quiet --strict --imatrix whole.dat --threads 2 --quant $quant "$llama" -o 2.gguf
    expect 0 '' --quiet --strict --imatrix whole.dat --threads 5 --quant $quant "$llama" -o 5.gguf
    cmp 2.gguf 5.gguf || fail "$quant with importance: the output depends on the threads"
    rm -f 2.gguf 5.gguf
done
expect 0 '' --quiet --quant Q4_K_M "$llama" -o without.gguf
expect 0 '' --quiet --imatrix whole.dat --quant Q4_K_M "$llama" -o with.gguf
[ "$(cmp -l without.gguf with.gguf 2>/dev/null | wc -l)" -gt 10000 ] || fail "importance changes nothing"

# embed-tokenizer: the text whole, and only where asked for or needed (st2gguf_tokens.py); a GGUF that has it keeps it, one that does not cannot get it
expect 0 '' --quiet --vocab-only "$llama" -o keys.gguf
expect 0 '' --quiet --vocab-only --embed-tokenizer never "$llama" -o never.gguf
cmp keys.gguf never.gguf || fail "tokenizer.json goes along though nothing is lost without it"
expect 0 '' --quiet --vocab-only --embed-tokenizer always "$llama" -o embedded.gguf
python3 -c 'import sys; a, b = (open(f, "rb").read() for f in sys.argv[1:]); sys.exit(a not in b)' \
    "$llama/tokenizer.json" embedded.gguf || fail "tokenizer.json is not in the output"
expect 0 '' --quiet --embed-tokenizer always embedded.gguf -o again.gguf
cmp embedded.gguf again.gguf || fail "the embedded tokenizer.json changes from GGUF to GGUF"
expect 3 'keys.gguf: no tokenizer.json to keep' --embed-tokenizer always keys.gguf -o no.gguf
expect 2 "'maybe' is not auto, always or never" --embed-tokenizer maybe "$llama" -o no.gguf
rm -f keys.gguf never.gguf embedded.gguf again.gguf

# effort: other bytes, the same types and size, and no thread changes them
for effort in fast normal best; do
    expect 0 '' --quiet --threads 2 --effort $effort --quant Q4_K_M "$llama" -o $effort.gguf
done
cmp without.gguf normal.gguf || fail "normal is not the default effort"
expect 0 '' --quiet --threads 5 --effort best --quant Q4_K_M "$llama" -o 5.gguf
cmp best.gguf 5.gguf || fail "best effort: the output depends on the threads"
for effort in fast best; do
    [ "$(stat -c %s $effort.gguf)" = "$(stat -c %s normal.gguf)" ] || fail "--effort $effort changes the size"
    [ "$(cmp -l $effort.gguf normal.gguf 2>/dev/null | wc -l)" -gt 10000 ] || fail "--effort $effort changes nothing"
done
rm -f 5.gguf fast.gguf best.gguf normal.gguf
expect 2 "unknown effort 'more'" --effort more --quant Q4_K_M "$llama" -o no.gguf
imatrix hole >hole.dat
expect 0 'no data for 1 tensors' --imatrix hole.dat --quant Q4_K_M "$llama" -o hole.gguf
expect 3 'no data for 1 tensors.*--strict' --strict --imatrix hole.dat --quant Q4_K_M "$llama" -o no.gguf
imatrix narrow >narrow.dat
expect 3 'narrow.dat: entry .?blk.* made from another model' --imatrix narrow.dat --quant Q4_K_M "$llama" -o no.gguf
imatrix other >other.dat
expect 3 'other.dat: none of its .* entries is a tensor of this model' --imatrix other.dat --quant Q4_K_M "$llama" -o no.gguf
imatrix negative >negative.dat
expect 3 'negative.dat: entry .blk.*: value 3 is -1;' --imatrix negative.dat --quant Q4_K_M "$llama" -o no.gguf
imatrix zero >zero.dat
expect 3 'zero.dat: nothing but zeros' --imatrix zero.dat --quant Q4_K_M "$llama" -o no.gguf
imatrix zeros >zeros.dat
expect 0 "has only zeros for 1 tensors, which are quantized without: 'blk" --imatrix zeros.dat --quant Q4_K_M "$llama" -o zeros.gguf
expect 3 'has only zeros for 1 tensors.*--strict' --strict --imatrix zeros.dat --quant Q4_K_M "$llama" -o no.gguf
imatrix calls >calls.dat
expect 3 'calls.dat: entry .blk.*: -1 calls' --imatrix calls.dat --quant Q4_K_M "$llama" -o no.gguf
expect 0 "no tensor's type uses importance" --dry-run --imatrix whole.dat --quant Q8_0 "$llama" -o no.gguf
# importance for a part of the tensors: the others come out as without
expect 0 '' --quiet --strict --imatrix whole.dat --exclude-weights attn_v --exclude-weights ffn --exclude-weights attn_q \
    --exclude-weights attn_k --exclude-weights attn_output --quant IQ3_S "$llama" -o none.gguf
expect 0 '' --quiet --quant IQ3_S "$llama" -o plain.gguf
cmp <(tail -c 1000000 none.gguf) <(tail -c 1000000 plain.gguf) || fail "what is excluded uses importance"
expect 0 '' --quiet --imatrix whole.dat --include-weights attn_v --quant IQ3_S "$llama" -o some.gguf
n=$(cmp -l <(tail -c 1000000 some.gguf) <(tail -c 1000000 plain.gguf) | wc -l)
[ "$n" -gt 1000 ] && [ "$n" -le $((4 * 14080)) ] || fail "included is attn_v alone: $n bytes differ"
expect 0 "no tensor has 'xyz' in its name" --dry-run --imatrix whole.dat --include-weights xyz --quant IQ3_S "$llama" -o no.gguf
expect 2 'either --include-weights or' --imatrix whole.dat --include-weights a --exclude-weights b --quant IQ3_S "$llama" -o no.gguf
expect 2 'choose from --imatrix' --include-weights a --quant IQ3_S "$llama" -o no.gguf
expect 2 'not nothing' --imatrix whole.dat --include-weights '' --quant IQ3_S "$llama" -o no.gguf
head -c 100 whole.dat >cut.dat
expect 3 'cut.dat: ' --imatrix cut.dat --quant Q4_K_M "$llama" -o no.gguf
[ ! -e no.gguf ] || fail "an error left an output"
rm -f ./*.gguf ./*.dat

# Types asked for by name change those tensors and no others; what nothing uses is said.
types() { python3 -c 'import json; [print(t["name"], t["type"]) for t in json.load(open("stdout"))["tensors"]]'; }
expect 0 '' --dry-run --json --quant Q4_K_M "$llama" -o x.gguf
types >before
expect 0 '' --dry-run --json --quiet --quant Q4_K_M --tensor-type 'blk\.\d\.ffn_down=iq4_nl' --tensor-type 'ffn_down=F32' \
    --output-type q5_K --embedding-type BF16 "$llama" -o x.gguf
types >after
[ "$(grep -c 'ffn_down.* IQ4_NL' after)" = "$(grep -c ffn_down before)" ] || fail "overrides: $(diff before after)"
grep -q '^output.weight Q5_K' after && grep -q '^token_embd.weight BF16' after || fail "types of the ends: $(cat after)"
diff <(grep -vE 'ffn_down|^output.weight|^token_embd' before) <(grep -vE 'ffn_down|^output.weight|^token_embd' after) ||
    fail "an override changed other tensors"
expect 0 '--tensor-type ffn_down=F32 is used by no tensor: earlier expressions take all' --dry-run --quant Q4_K_M --tensor-type ffn_down=Q8_0 \
    --tensor-type ffn_down=F32 "$llama" -o x.gguf
expect 0 'is used by no tensor: all that have such a name stay as they are' --dry-run --quant Q4_K_M \
    --tensor-type attn_norm=Q8_0 "$llama" -o x.gguf
expect 0 'is used by no tensor: .*an option of their own' --dry-run --quant Q4_K_M --output-type Q5_K \
    --tensor-type '^output\.=Q8_0' "$llama" -o x.gguf
expect 3 'is used by no tensor: none has such a name.*--strict' --strict --dry-run --quant Q4_K_M --tensor-type nothing=Q8_0 "$llama" -o x.gguf
expect 2 'no regular expression' --quant Q4_K_M --tensor-type 'a(=Q8_0' "$llama" -o x.gguf
for regex in '(((a{200}){200}){200})' 'a{9999999999}' '(.*)*\1' 'attn(?!_v)' "$(printf '(%.0s' $(seq 2100))"; do
    expect 2 'is no regular expression: ' --dry-run --quant Q4_K_M --tensor-type "$regex=Q8_0" "$llama" -o x.gguf
done
expect 0 '' --dry-run --json --quiet --quant Q4_K_M --tensor-type 'blk\.(?:[\d])\.attn_v=Q8_0' "$llama" -o x.gguf
types >after
[ "$(grep -c 'attn_v.* Q8_0' after)" = 4 ] || fail "(?:[\d]): $(cat after)"
expect 0 '' --dry-run --json --quiet --strict --quant Q4_K_M --output-type Q5_K --embedding-type Q5_0 --tensor-type 'O.*T=Q8_0' \
    --tensor-type 'EMBD|ATTN_V=Q2_K' "$llama" -o x.gguf
types >after
[ "$(grep -E '^output.weight|^token_embd|0.attn_output|0.attn_v' after)" = 'output.weight Q5_K
token_embd.weight Q5_0
blk.0.attn_output.weight Q8_0
blk.0.attn_v.weight Q2_K' ] || fail "which of several options counts: $(cat after)"
expect 2 "is not REGEX=TYPE" --quant Q4_K_M --tensor-type Q8_0 "$llama" -o x.gguf
expect 2 "unknown type 'Q4_K_M'" --quant Q4_K_M --tensor-type attn_v=Q4_K_M "$llama" -o x.gguf
expect 2 'two things at once' --quant Q4_K_M --output-type Q6_K --leave-output "$llama" -o x.gguf
expect 2 "unknown type 'Q9' for --output-type" --quant Q4_K_M --output-type Q9 "$llama" -o x.gguf
printf '# values\nattn_v=Q8_0 attn_k=Q6_K\n' >list
expect 0 '' --dry-run --json --quiet --quant Q4_K_M --tensor-type-file list "$llama" -o x.gguf
types >after
grep -q 'attn_v.weight Q8_0' after && grep -q 'attn_k.weight Q6_K' after || fail "--tensor-type-file"
echo '# nothing' >list
expect 2 'list: has no REGEX=TYPE' --dry-run --quant Q4_K_M --tensor-type-file list "$llama" -o x.gguf
expect 0 '' --dry-run --json --quiet --quant Q4_K_M --pure --leave-output "$llama" -o x.gguf
types >after
[ "$(grep weight after | grep -v norm | grep -v rope | grep -vc Q4_K)" = 1 ] || fail "--pure --leave-output: $(cat after)"
grep -q '^output.weight BF16' after || fail "--leave-output: $(cat after)"
expect 3 'no-such-list: cannot open it' --dry-run --tensor-type-file no-such-list "$llama" -o x.gguf
rm -f before after list

# Through a GGUF the same bits come out as straight from the directory.
expect 0 '' --quiet "$llama" -o bf16.gguf
for quant in Q4_K_M Q6_K; do
    expect 0 '' --quiet --quant $quant "$llama" -o direct.gguf
    expect 0 '' --quiet --quant $quant bf16.gguf -o second.gguf
    cmp direct.gguf second.gguf || fail "$quant: through BF16 it differs"
    rm direct.gguf second.gguf
done
imatrix whole >whole.dat
expect 0 '' --quiet --quant F32 "$llama" -o f32.gguf
for quant in Q4_K_M IQ2_XXS; do
    expect 0 '' --quiet --imatrix whole.dat --quant $quant "$llama" -o direct.gguf
    expect 0 '' --quiet --imatrix whole.dat --quant $quant f32.gguf -o second.gguf
    cmp direct.gguf second.gguf || fail "$quant with importance: through F32 it differs"
    rm direct.gguf second.gguf
done
expect 0 '' --quiet bf16.gguf -o copy.gguf
cmp bf16.gguf copy.gguf || fail "a GGUF with its types kept differs"
expect 0 '' --quiet --quant COPY bf16.gguf -o word.gguf
cmp copy.gguf word.gguf || fail "--quant COPY is not a copy"
expect 0 '' --dry-run --json --quiet --output-type Q6_K --tensor-type attn_v=Q5_0 bf16.gguf -o x.gguf
types >after
[ "$(grep -cE '^output.weight Q6_K|attn_v.weight Q5_0' after)" = 5 ] && [ "$(grep -c BF16 after)" = 25 ] ||
    fail "types asked for of a GGUF that keeps the others: $(cat after)"
expect 0 '' --quiet --quant Q8_0 bf16.gguf -o q8.gguf
expect 0 'quantizing the original would lose less' --quant Q4_0 q8.gguf
expect 0 '' --allow-requantize --quant Q4_0 q8.gguf -o again.gguf
! grep -q 'lose less' stderr || fail "--allow-requantize still warns: $(cat stderr)"
cmp again.gguf q8-Q4_0.gguf || fail "--allow-requantize changes the result"
[ -e q8-Q4_0.gguf ] || fail "the default name of q8.gguf to Q4_0: $(ls)"

# llama-quantize's numbers and keys. Which mix gave the types is in the file, unless there was none.
expect 0 '' --quiet --quant 15 "$llama" -o number.gguf
expect 0 '' --quiet --quant Q4_K_M "$llama" -o name.gguf
cmp number.gguf name.gguf || fail "--quant 15 is not Q4_K_M"
expect 2 "unknown type '4'" --quant 4 "$llama" -o x.gguf
grep -aq 'quantize.mix.*llama.cpp since 2026-03' name.gguf || fail "the mix is not in the file"
for options in '--quant Q8_0' '--quant Q4_K_M --pure'; do
    expect 0 '' --quiet $options name.gguf -o unmixed.gguf
    ! grep -aq quantize.mix unmixed.gguf || fail "$options names a mix"
    rm unmixed.gguf
done
expect 0 '' --quiet --override-kv llama.context_length=int:99 --override-kv general.url=str:x=y:z \
    --override-kv tokenizer.ggml.add_bos_token=bool:false --override-kv a.b=f64:-1e300 "$llama" -o keys.gguf
python3 - "$root" <<'PY' || fail "--override-kv"
import struct, sys
sys.path.insert(0, sys.argv[1] + "/scripts")
sys.dont_write_bytecode = True
import sparse_header
raw = open("keys.gguf", "rb").read()
for key, value in (("llama.context_length", struct.pack("<II", 4, 99)), ("general.url", struct.pack("<IQ", 8, 5) + b"x=y:z"),
                   ("tokenizer.ggml.add_bos_token", struct.pack("<IB", 7, 0)), ("a.b", struct.pack("<Id", 12, -1e300))):
    assert raw.count(sparse_header.text(key) + value) == 1, key
PY
for key in a a=b =int:5 a=int:5x a=int:4294967296 llama.context_length=int:-1 a=i8:-129 a=f32:1e39 a=bool:1 a=what:1 \
    general.name=int:5 general.alignment=u32:64 split.no=u16:1 'a b=int:1'; do
    expect 2 "--override-kv '$key': " --override-kv "$key" "$llama" -o bad.gguf
done
expect 2 'set twice' --override-kv a=int:1 --override-kv a=int:2 "$llama" -o bad.gguf
gone bad.gguf
rm -f number.gguf name.gguf keys.gguf

# Names of the output; nothing is replaced unless asked.
expect 0 '' --quant q8_0 "$llama"
grep -q '^llama-Q8_0.gguf: .* bits per weight' stdout || fail "result: $(cat stdout)"
expect 2 'llama-Q8_0.gguf: is there already.*--force' --quant q8_0 "$llama"
expect 0 '' --quant q8_0 --force --json "$llama"
python3 -c 'import json; d = json.load(open("stdout")); assert d["output"] == "llama-Q8_0.gguf" and d["seconds"] >= 0' || fail "JSON: $(cat stdout)"
expect 0 '' --quiet --outtype bf16 --outfile alias.gguf --name 'A b' "$llama"
expect 0 '' --quiet bf16.gguf --name 'A b' -o named.gguf
cmp alias.gguf named.gguf || fail "--outtype and --outfile differ from --quant and --output"
cp -r "$llama" inside
(cd inside && "$st2gguf" . >stdout 2>stderr; echo $? >status)
[ "$(cat inside/status)" = 2 ] || fail "wrote into the model's own directory"
expect 0 '' --quiet inside/model.safetensors
[ -e inside-BF16.gguf ] || fail "the default name of inside/model.safetensors: $(ls)"
cmp bf16.gguf <("$st2gguf" --quiet --force "$llama" -o again.gguf; cat again.gguf) || fail "the name of the output is in it"
rm -f ./*.gguf

# PyTorch files give the same bytes, a zip, zips with views, the pickle before them, a directory or its file.
if [ -d "$shared/llama-pth" ]; then
    for variant in llama llama-pth llama-pth-sharded llama-pth-legacy; do
        mkdir -p "as/$variant" && cp -r "$shared/$variant" "as/$variant/llama"
        expect 0 '' --quiet --quant Q5_K_M "as/$variant/llama" -o "$variant.gguf"
        cmp llama.gguf "$variant.gguf" || fail "$variant differs from llama"
    done
    expect 0 '' --quiet --quant Q5_K_M as/llama-pth-legacy/llama/pytorch_model.bin -o file.gguf
    cmp llama.gguf file.gguf || fail "pytorch_model.bin differs from its directory"
    rm -rf as ./*.gguf
fi

# config.json alone is enough for a plan: the same tensors, types and bytes.
expect 0 '' --dry-run --json --quant Q4_K_M "$llama"
types | sort >before
expect 0 'without a tokenizer' --dry-run --json --quant Q4_K_M "$llama/config.json"
types | sort >after
cmp before after || fail "the plan of config.json alone: $(diff before after)"
grep -q '"output": "llama-Q4_K_M.gguf"' stdout || fail "the name of config.json's output: $(grep output stdout)"
expect 2 'config.json: a config.json has no weights' --quant Q4_K_M "$llama/config.json"

# Nor does a plan need a tokenizer; a file does.
mkdir bare && cp "$llama/config.json" "$llama/model.safetensors" bare
expect 0 'no tokenizer beside the weights' --dry-run --json --quant Q4_K_M bare
types | sort >after
cmp before after || fail "the plan without a tokenizer: $(diff before after)"
expect 3 'no tokenizer in' --quant Q4_K_M bare -o bad.gguf
rm -rf bare before after

# Wrong usage.
expect 2 "unknown type 'Q9'.*Q4_K_M" --quant Q9 "$llama" -o bad.gguf
expect 2 'no SOURCE' --quant Q8_0
expect 2 'one SOURCE' "$llama" bad.gguf
expect 2 'threads' --threads 1000000 "$llama" -o bad.gguf

# Bad input.
expect 3 'missing: ' --quant Q8_0 missing -o bad.gguf
edit lacking 'del h["model.layers.1.mlp.up_proj.weight"]'
expect 3 'model.layers.1.mlp.up_proj.weight' lacking -o bad.gguf
edit misshapen 'h["model.layers.1.mlp.up_proj.weight"]["shape"].reverse()'
expect 3 'model.layers.1.mlp.up_proj.weight.*shape|shape.*model.layers.1.mlp.up_proj.weight' misshapen -o bad.gguf
edit renamed 'h["model.layers.1.mlp.surplus.weight"] = h.pop("model.layers.1.mlp.up_proj.weight")'
expect 3 'model.layers.1.mlp.(up_proj|surplus).weight' renamed -o bad.gguf
edit unknown 'config["architectures"] = ["NeverHeardOfForCausalLM"]; config["model_type"] = "never"'
expect 3 'NeverHeardOf' unknown -o bad.gguf
for type in $(sed -n 's/.*; known: //p' stderr | tr -d ,); do # none is cut off, and each is in the docs
    grep -q "| $type |\\|, $type |\\|| $type, " "$root/docs/architectures.md" || fail "docs/architectures.md lacks '$type'"
done
edit nan 'h["model.layers.1.mlp.up_proj.weight"]["data"][2000:2002] = bytes([0xc1, 0x7f])'
expect 3 "'blk.1.ffn_up.weight': element 1000 is not a number .*--allow-nonfinite" --quant Q4_K_M nan -o bad.gguf
expect 3 "'blk.1.ffn_up.weight': element 1000 is not a number" nan -o bad.gguf
expect 0 '' --quiet --allow-nonfinite --quant Q4_K_M nan -o nan.gguf
rm nan.gguf
cp -r "$llama" cut && truncate -s -1000 cut/model.safetensors
expect 3 'cut/model.safetensors: ' cut -o bad.gguf
rm cut/model.safetensors
expect 3 'cut' cut -o bad.gguf
python3 - cut <<'PY'
import pickle, sys, zipfile
class Evil:
    def __reduce__(self):
        return __import__("os").system, ("touch executed",)
with zipfile.ZipFile(sys.argv[1] + "/pytorch_model.bin", "w") as z:
    z.writestr("archive/data.pkl", pickle.dumps({"model.norm.weight": Evil()}, 2))
    z.writestr("archive/version", "3\n")
PY
expect 3 'pytorch_model.bin: ' cut -o bad.gguf
[ ! -e executed ] || fail "a pickle was executed"
if [ -d "$shared/llama2-sharded" ]; then
    cp -r "$shared/llama2-sharded" shards && chmod -R u+w shards
    expect 3 'is one part of several.*give the directory' shards/model-00001-of-00003.safetensors -o bad.gguf
    rm shards/model-00002-of-00003.safetensors
    expect 3 'model-00002-of-00003.safetensors' shards -o bad.gguf
fi
expect 4 "nowhere/bad.gguf: there is no directory 'nowhere'" "$llama" -o nowhere/bad.gguf
expect 3 '.' /dev/null -o bad.gguf
gone bad.gguf

# A full disk (the limit on the size of files stands in for it): an error, and nothing left.
(ulimit -f 100; trap '' XFSZ; "$st2gguf" --quiet "$llama" -o big.gguf) 2>stderr
[ $? = 4 ] || fail "a full disk: exit status is not 4: $(cat stderr)"
gone big.gguf

# A disk with too little room is seen before anything is written, and what would be replaced stays.
mkdir small
if unshare -rm true 2>/dev/null; then
    unshare -rm sh -c '
        mount -t tmpfs -o size=100k tmpfs small || exit 77
        echo precious >small/old.gguf
        "$1" --quiet --force "$2" -o small/old.gguf
        status=$?
        [ "$(cat small/old.gguf)" = precious ] && [ "$(ls -A small)" = old.gguf ] || echo "damaged"
        exit $status' sh "$st2gguf" "$llama" >stdout 2>stderr
    case $?:$(cat stdout stderr) in
    4:st2gguf:\ small/old.gguf:\ needs\ *iB,\ and\ its\ file\ system\ has\ *iB\ free*) ;;
    77:*) echo "skipped: no small file system can be mounted here" ;;
    *) fail "too little room: $(cat stdout stderr)" ;;
    esac
else
    echo "skipped: no mount namespace here (a chroot, or not allowed), so no small file system"
fi

# Killed at any moment there is nothing under the output's name, or all of it; with SIGTERM nothing else either.
"$st2gguf" --quiet --quant Q6_K "$llama" -o whole.gguf
for delay in 0 0.01 0.03 0.06 0.12; do
    for signal in KILL TERM; do
        mkdir killed
        "$st2gguf" --quiet --quant Q6_K "$llama" -o killed/out.gguf &
        pid=$!
        sleep $delay
        kill -$signal $pid 2>/dev/null
        wait $pid 2>/dev/null
        [ ! -e killed/out.gguf ] || cmp -s whole.gguf killed/out.gguf || fail "SIG$signal after $delay s left a part"
        rm -f killed/out.gguf
        [ $signal = KILL ] || [ -z "$(ls -A killed)" ] || fail "SIGTERM after $delay s left $(ls -A killed)"
        rm -rf killed
    done
done
# What was there stays when the run that would replace it is killed.
echo precious >old.gguf
"$st2gguf" --quiet --force --quant Q6_K "$llama" -o old.gguf & pid=$!
sleep 0.01; kill -KILL $pid 2>/dev/null; wait $pid 2>/dev/null
[ "$(head -c 8 old.gguf)" = precious ] || cmp -s old.gguf whole.gguf || fail "a killed run damaged the old file"

rm -rf "$work"
[ $failed = 0 ] && echo "all as it should be"
exit $failed
