"""The other half of compare-mem: runs among the peers, where transformers, the reference converter and llama.cpp are.

usage: compare_mem.py make FOLDER CONFIG...   FOLDER/NAME.gguf of each config.json: whole headers, holes for data
       compare_mem.py plan GGUF ROWS          what llama.cpp plans for each line of ROWS, as lines of numbers
       compare_mem.py check LLM_MEM MODEL ROWS PLAN   those beside llm-mem's; exit status 1 past the limits (see LIMITS)

A row is "context sequences ubatch type flash_attention": tokens of one sequence, on or off. A planned line has
MiB of cache, state, compute and output buffer; "-" where llama.cpp refuses.
"""
import json
import math
import os
import re
import runpy
import shutil
import struct
import subprocess
import sys

# Deviation of the compute buffer, in percent, that is no finding: of models with attention alone, and of others.
LIMITS = 5, 20
CONVERTER = ('/usr/share/llama.cpp/llama.cpp-tools', '/usr/share/doc/llama.cpp-tools/scripts/convert_hf_to_gguf.py')


def shapes(config):
    """The checkpoint's tensors: the class's own, with experts one by one as checkpoints have them."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    with torch.device('meta'):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(config))
    tied = getattr(model.config.get_text_config(), 'tie_word_embeddings', False)
    names = {'mixtral': ('w1', 'w3', 'w2')}.get(model.config.model_type, ('gate_proj', 'up_proj', 'down_proj'))
    for name, t in model.state_dict().items():
        shape = list(t.shape)
        if tied and name == 'lm_head.weight':
            continue
        if model.config.model_type == 'mixtral':
            name = name.replace('.mlp.', '.block_sparse_moe.')
        if name.endswith('.experts.gate_up_proj'):
            for e in range(shape[0]):
                for part in names[:2]:
                    yield name.replace('gate_up_proj', f'{e}.{part}.weight'), [shape[1] // 2, shape[2]]
        elif name.endswith('.experts.down_proj'):
            for e in range(shape[0]):
                yield name.replace('down_proj', f'{e}.{names[2]}.weight'), shape[1:]
        else:
            yield name, shape


def write_hole(path, tensors):
    header, at = {}, 0
    for name, shape in tensors:
        n = 2 * math.prod(shape)
        header[name] = {'dtype': 'BF16', 'shape': shape, 'data_offsets': [at, at + n]}
        at += n
    text = json.dumps(header).encode()
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        f.truncate(8 + len(text) + at)


def convert(folder, out):
    """The reference converter's own header; no vocabulary, and of the data only the size."""
    sys.path.insert(1, CONVERTER[0])
    import conversion
    import gguf

    def classes(c):
        yield c
        for sub in c.__subclasses__():
            yield from classes(sub)

    def no_vocabulary(self):
        self.gguf_writer.add_tokenizer_model('no_vocab')
        self.gguf_writer.add_vocab_size((self.hparams.get('text_config') or self.hparams)['vocab_size'])

    def hole(self, *, progress=False):
        self.write_ti_data_to_file()
        for f, tensors in zip(self.fout, self.tensors):
            n = sum(self.ggml_pad(t.nbytes, self.data_alignment) for t in tensors.values())
            f.truncate(self.ggml_pad(f.tell(), self.data_alignment) + n)

    conversion.load_all_models()
    for c in classes(conversion.ModelBase):
        if 'set_vocab' in vars(c):
            c.set_vocab = no_vocabulary
    gguf.GGUFWriter.write_tensors_to_file = hole
    sys.argv = ['convert_hf_to_gguf.py', folder, '--outfile', out, '--outtype', 'f16']
    runpy.run_path(CONVERTER[1], run_name='__main__')


def make(folder, configs):
    for path in configs:
        name = os.path.splitext(os.path.basename(path))[0]
        source = os.path.join(folder, name)
        os.makedirs(source, exist_ok=True)
        shutil.copy(path, os.path.join(source, 'config.json'))
        write_hole(os.path.join(source, 'model.safetensors'), shapes(source))
        if os.fork() == 0:  # the converter ends its process
            convert(source, os.path.join(folder, name + '.gguf'))
            os._exit(0)
        if os.wait()[1]:
            print(name, 'is not converted', file=sys.stderr)
        shutil.rmtree(source)


def planned(gguf, row):
    """What was logged may end before its last lines, so that a row without them is asked for again."""
    context, sequences, ubatch, kv, flash = row
    args = ['-m', gguf, '-c', str(int(context) * int(sequences)), '-np', sequences, '-ub', ubatch, '-b',
            str(max(int(ubatch), 2048)), '-ctk', kv, '-ctv', kv, '-fa', flash, '--no-repack', '--fit-print', 'on', '-v']
    for _ in range(5):
        p = subprocess.run(['llama-fit-params', *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           errors='replace')

        def mib(what):
            return sum(float(n) for n in re.findall(what + r' =\s*([\d.]+)', p.stdout))

        if 'failed to' in p.stdout:
            break
        if 'compute buffer size' in p.stdout:
            return '%.2f %.2f %.2f %.2f' % (mib('llama_kv_cache: size'), mib('RS buffer size'), mib('compute buffer size'),
                                            mib('output buffer size'))
    return '-'


def ours(llm_mem, model, row):
    context, sequences, ubatch, kv, flash = row
    p = subprocess.run([llm_mem, '--quiet', '--json', '--quant', 'BF16', '--runtime', 'llama.cpp-0.7', '--ctx', context,
                        '--parallel', sequences, '--ubatch', ubatch, '--batch', str(max(int(ubatch), 2048)), '--kv', kv.upper(),
                        '--flash-attn', flash, model], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if p.returncode:
        return None
    b = json.loads(p.stdout)['buffers'][context]
    return [b[what + '_bytes'] / 2 ** 20 for what in ('kv', 'state', 'compute', 'output')]


def check(llm_mem, model, rows, plan):
    """One line of the table. Cache, state and output have to be equal as printed, each layer's cache rounded on its own."""
    rows, plan = ([line.split() for line in open(f)] for f in (rows, plan))
    worst, at, exact, other, refused, ok = 0, '', 0, [], 0, True
    for row, want in zip(rows, plan):
        got = ours(llm_mem, model, row)
        if want == ['-'] or got is None:
            refused += 1
            ok = ok and want == ['-']
            continue
        want = [float(n) for n in want]
        if any(abs(got[i] - want[i]) > 0.02 for i in (0, 1, 3)):
            other.append(f'{" ".join(row)}: {got} instead of {want}')
        exact += abs(got[2] - want[2]) <= 0.011
        deviation = 100 * (got[2] - want[2]) / want[2]
        if abs(deviation) > abs(worst):
            worst, at = deviation, ' '.join(row)
    recurrent = any(len(want) > 1 and float(want[1]) for want in plan)
    ok = ok and not other and abs(worst) <= LIMITS[recurrent]
    name = os.path.splitext(os.path.basename(model))[0]
    print(f'{name:24} {len(rows):5} {exact:6} {refused:8} {worst:+9.2f}%  {at}')
    for line in other[:5]:
        print('   cache, state or output:', line)
    return ok


if sys.argv[1] == 'make':
    make(sys.argv[2], sys.argv[3:])
elif sys.argv[1] == 'check':
    sys.exit(not check(*sys.argv[2:]))
else:
    with open(sys.argv[3]) as f:
        for line in f:
            print(planned(sys.argv[2], line.split()))
