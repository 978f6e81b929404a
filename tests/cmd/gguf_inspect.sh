#!/bin/sh
# gguf-inspect end to end: exact output, exit statuses, one-line messages, JSON that parses.
# usage: gguf_inspect.sh PROGRAM SOURCE_DIR; with UPDATE=1 in the environment the expected files are rewritten
program=$(realpath "$1")
root=$2
here=$root/tests/cmd
expected=$here/expected/gguf_inspect
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
python3 "$here/inspect_cases.py" "$scratch" || exit 1
cd "$scratch" || exit 1
failed=0

# expect NAME STATUS ARGUMENT...: stdout, stderr and the status are as in expected/NAME.txt
expect() {
	name=$1 status=$2
	shift 2
	"$program" "$@" >out 2>err
	got=$?
	{
		cat out
		sed 's/^/stderr: /' err
	} | sed 's/; known: .*/; known: .../' >"$name.txt" # the list of architectures grows
	if [ "$got" != "$status" ]; then
		echo "$name: exit status $got, expected $status"
		failed=1
	fi
	if [ -n "$UPDATE" ]; then
		cp "$name.txt" "$expected/$name.txt"
	elif ! diff -u "$expected/$name.txt" "$name.txt"; then
		echo "$name: differs"
		failed=1
	fi
}

expect summary 0 good.gguf
expect big-endian 0 big.gguf
expect tensors 0 -t good.gguf
expect metadata 0 -m good.gguf
expect metadata-full 0 -m --full --filter '*.t?kens' good.gguf
expect filter 0 -t --filter 'blk.1.*' good.gguf
expect safetensors 0 -a infinite.safetensors
expect like-pickle 0 -t like-pickle.safetensors
expect hostile-names 0 -a hostile.gguf
expect json 0 --json good.gguf
expect json-error 3 --json good.gguf short.gguf -t --filter nothing
expect hash 0 --hash good.gguf

expect check-good 0 --check good.gguf
expect check-v1 1 --check v1.gguf
expect check-nan 1 --check nan.gguf
expect check-gap 1 --check gap.gguf
expect check-late 1 --check late.gguf
expect check-trailing 1 --check trailing.gguf
expect check-layers 1 --check layers.gguf
expect check-vocabulary 1 --check vocabulary.gguf
expect check-llama 0 --check llama.gguf
expect check-lacking 1 --check lacking.gguf
expect check-shape 1 --check shape.gguf
expect check-heads 1 --check heads.gguf
expect check-hostile 1 --check hostile.gguf
expect check-infinite 1 --check infinite.safetensors

expect bad-missing 3 -t missing.gguf
expect bad-empty 3 empty.gguf
expect bad-magic 3 magic.gguf
expect bad-short 3 short.gguf
expect bad-cut 3 cut.gguf
expect bad-other 3 other.gguf
expect bad-among-good 3 -t short.gguf --filter token_embd.weight good.gguf
expect bad-option 2 --frobnicate good.gguf
expect no-operand 2

# directories: one whose config.json contradicts its weights, one of an unknown architecture, one without a shard
if [ -d "$root/testdata/models/llama" ]; then
	for name in wrong unknown; do
		mkdir $name
		cp "$root"/testdata/models/llama/*.* $name
	done
	sed 's/"num_hidden_layers": 4/"num_hidden_layers": 5/' wrong/config.json >config && mv config wrong/config.json
	sed 's/LlamaForCausalLM/ToyForCausalLM/' unknown/config.json >config && mv config unknown/config.json
	expect dir-wrong 1 --check -t -f lm_head.weight wrong
	expect dir-wrong-as-gguf 3 --as-gguf wrong
	expect dir-unknown 0 unknown
	expect dir-unknown-check 0 --check unknown

	# --as-gguf foretells what st2gguf writes
	"$(dirname "$program")/st2gguf" --quiet "$root/testdata/models/llama" -o model.gguf || failed=1
	"$program" --json -t -m --as-gguf "$root/testdata/models/llama" >foretold.json
	"$program" --json -t -m model.gguf >written.json
	python3 - <<-'END' || failed=1
		import json
		a, b = (json.load(open(name + '.json'))['files'][0] for name in ('foretold', 'written'))
		for t in b['tensors']:
		    del t['offset'], t['file']
		assert a['metadata'] == b['metadata'] and a['tensors'] == b['tensors'], '--as-gguf differs from what st2gguf wrote'
	END
fi
mkdir shards empty
echo '{"weight_map": {"model.norm.weight": "model-00001-of-00001.safetensors"}}' >shards/model.safetensors.index.json
expect dir-no-shard 3 shards
expect dir-empty 3 empty

# every version and byte order holds the same model
for file in good v1 v2 big trailing; do
	"$program" --json --hash -s "$file.gguf" | grep '"xxh3_128"' >>hashes
done
if [ "$(sort -u hashes | wc -l)" != 1 ]; then
	echo "hashes depend on version or byte order:"
	cat hashes
	failed=1
fi

# the files of testdata by their verdict: one line that names the file, and nothing else
for file in "$root"/testdata/*/bad-* "$root"/testdata/*/unsupported-*; do
	[ -f "$file" ] || continue
	"$program" "$file" >out 2>err
	got=$?
	if [ $got != 3 ] || [ -s out ] || [ "$(wc -l <err)" != 1 ] || ! grep -q "^gguf-inspect: $file" err; then
		echo "$file: exit status $got"
		cat out err
		failed=1
	fi
done
set --
for file in "$root"/testdata/*/good-*; do
	case $file in
	*-0000[2-9]-of-*) ;; # the first part leads to them
	*) [ -f "$file" ] && set -- "$@" "$file" ;;
	esac
done
if [ $# -gt 0 ] && ! "$program" -a --hash "$@" >good.txt; then
	echo "good files of testdata are refused"
	failed=1
fi

"$program" --json --hash --check good.gguf hostile.gguf missing.gguf infinite.safetensors 2>/dev/null >all.json
if ! python3 -m json.tool all.json >/dev/null; then
	echo "--json: not JSON"
	failed=1
fi

"$program" --json --hash good.gguf v1.gguf infinite.safetensors >hashed.json
python3 "$here/inspect_hash.py" hashed.json || failed=1

# a reader that stops early is no error to speak of
if "$program" -a good.gguf good.gguf 2>pipe.err | head -n 1 >/dev/null && [ -s pipe.err ]; then
	cat pipe.err
	failed=1
fi
if [ -e /dev/full ]; then
	"$program" good.gguf >/dev/full 2>full.err
	if [ $? != 4 ] || ! grep -q 'cannot write' full.err; then
		echo "a full device went unnoticed"
		failed=1
	fi
fi
exit $failed
