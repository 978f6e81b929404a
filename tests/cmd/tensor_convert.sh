#!/bin/sh
# tensor-convert end to end: round trips give the same bytes, mistakes give their exit status and one line, and no
# output is left behind by a failure.
# usage: tensor_convert.sh PROGRAM SOURCE_DIR
program=$(realpath "$1")
root=$2
data=$root/testdata
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
failed=0

fail() {
	echo "$*"
	failed=1
}

# run STATUS ARGUMENT...
run() {
	status=$1
	shift
	"$program" "$@" >out 2>err
	got=$?
	[ "$got" = "$status" ] || fail "tensor-convert $*: exit status $got, expected $status: $(cat err)"
}

# says TEXT: the last run printed one line on stderr, with TEXT in it
says() {
	grep -qF -- "$1" err || fail "expected on stderr: $1; got: $(cat err)"
}

model=$data/models/llama/model.safetensors
run 0 "$model" -o a.pt
says "wrote a.pt: "
run 0 a.pt -o b.safetensors --quiet
[ -s err ] && fail "--quiet: $(cat err)"
run 0 b.safetensors -o c.gguf
run 0 c.gguf -o d.safetensors
cmp b.safetensors d.safetensors || fail "a round trip changed bytes"
run 0 --to safetensors "$model" -o same
cmp "$model" same || fail "safetensors to safetensors is no copy"

# the forms of one tensor
for form in zip zip64 big-endian deflated-pickle legacy legacy-big-endian; do
	run 0 "$data/torch/good-$form.pt" -o "$form.safetensors"
	cmp zip.safetensors "$form.safetensors" || fail "good-$form.pt: other bytes"
done

# several files, metadata that has no place
run 0 "$data"/safetensors/good-plain.safetensors "$data"/safetensors/good-types.safetensors -o both.safetensors
run 3 "$data"/safetensors/good-plain.safetensors "$data"/safetensors/good-plain.safetensors -o twice.safetensors
says "tensor 'a.weight' is there twice"
run 0 "$data"/gguf/good-v3.gguf -o v3.pt
says "4 of 4 metadata keys are left out: PyTorch files hold none"

# --json
run 0 --json a.pt -o j.safetensors
grep -q '"output": *"j.safetensors"' out || fail "--json: $(cat out)"
run 3 --json "$data/torch/bad-os-system.pt" -o j2.pt
grep -q '"error"' out || fail "--json: $(cat out)"

# mistakes
run 2
run 2 a.pt
says "give -o OUT"
run 2 a.pt -o a.xyz
says "names no format"
run 2 --to zip a.pt -o a.zip
says "unknown format 'zip'"
run 2 a.pt -o b.safetensors
says "(--force replaces it)"
run 0 a.pt -o b.safetensors --force
run 4 a.pt -o nowhere/x.safetensors
says "nowhere/x.safetensors: there is no directory 'nowhere'"
run 3 missing.pt -o x.pt
says "missing.pt"
run 3 "$data/torch/bad-os-system.pt" -o x.safetensors
says "bad-os-system.pt: pickle asks for 'os.system': not a tensor"
run 3 "$data/torch/unsupported-tar.pt" -o x.safetensors
says "a tar archive"
run 3 "$data/gguf/good-quantized.gguf" -o x.pt
says "PyTorch has no type Q8_0"
head -c 100000 "$model" >cut.safetensors
run 3 cut.safetensors -o x.pt
says "cut.safetensors: tensor "
[ -e x.pt ] || [ -e x.safetensors ] && fail "a failure left an output behind"
ls -A | grep -q tmp && fail "a temporary file was left behind"

exit $failed
