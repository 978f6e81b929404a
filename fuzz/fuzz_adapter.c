/* A LoRA adapter's directory: adapter_config.json is the input up to its first zero byte, the shapes and names of a few tensors
 * are made of what follows. Whatever is accepted is merged into its base without a fault. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libfmt/write.h>
#include <libquant/lora.h>
#include <libquant/rows.h>

#include "fuzz.h"

#define CONFIG "{\"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": 8, \"intermediate_size\": 12, "                \
               "\"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"vocab_size\": 6, "       \
               "\"tie_word_embeddings\": false}"

static char dir[] = "/tmp/assay-fuzz-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void write_text(const char *name, const void *text, size_t n)
{
	FILE *f = fopen(path_of(name), "wb");

	if (!f || fwrite(text, 1, n, f) != n || fclose(f))
		abort();
}

static void remove_dir(void)
{
	unlink(path_of("adapter_config.json"));
	unlink(path_of("adapter_model.safetensors"));
	unlink(path_of("base/config.json"));
	rmdir(path_of("base"));
	rmdir(dir);
}

static void make_dir(void)
{
	if (!mkdtemp(dir) || atexit(remove_dir) || mkdir(path_of("base"), 0700))
		abort();
	write_text("base/config.json", CONFIG, sizeof CONFIG - 1);
}

/* Tensors by four bytes each: which name, and two sides. */
static void write_weights(const uint8_t *p, size_t n)
{
	static const char *const names[] = {
		"model.layers.0.self_attn.q_proj.lora_A.weight", "model.layers.0.self_attn.q_proj.lora_B.weight",
		"model.layers.0.self_attn.q_proj.lora_magnitude_vector", "model.embed_tokens.lora_embedding_A",
		"model.embed_tokens.lora_embedding_B", "model.norm.weight", "lm_head.weight", "model.layers.0.mlp.down_proj.lora_A.weight",
		"model.layers.0.mlp.down_proj.lora_B.weight", "else",
	};
	enum { N_NAMES = sizeof names / sizeof *names };
	static const float zeros[16 * 16];
	struct fmt_err err = { 0 };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_SAFETENSORS, &err);
	struct fmt_sink *s = fmt_sink_create(path_of("adapter_model.safetensors"), true, &err);
	uint64_t bytes[N_NAMES], n_bytes;
	uint32_t index, n_tensors = 0;
	bool there[N_NAMES] = { false };

	for (size_t i = 0; i + 4 <= n; i += 4) {
		unsigned name = p[i] % N_NAMES;
		uint64_t dims[2] = { p[i + 1] % 15 + 1, p[i + 2] % 15 + 1 };
		char text[100];
		int len = snprintf(text, sizeof text, "base_model.model.%s", names[name]);

		if (there[name])
			continue;
		there[name] = true;
		bytes[n_tensors++] = dims[0] * (p[i + 3] & 1 ? dims[1] : 1) * sizeof(float);
		fmt_writer_tensor(w, (struct fmt_str){ text, (size_t)len }, FMT_F32, p[i + 3] & 1 ? 2 : 1, dims, &index, &err);
	}
	if (!fmt_writer_layout(w, &n_bytes, &err) || !fmt_writer_header(w, s, &err))
		abort();
	for (uint32_t i = 0; i < n_tensors; i++)
		fmt_writer_data(w, s, i, 0, zeros, (size_t)bytes[i], &err);
	if (!fmt_sink_commit(s, n_bytes, &err))
		abort();
	fmt_writer_destroy(w);
}

/* Every row of every tensor of the adapter, and its steps for the base. */
static void merge(const struct fmt_view *adapter)
{
	struct fmt_err err = { 0 };
	struct fmt_view_opts plan = { .plan_only = true, .no_tokenizer = true };
	char base_path[128];
	struct fmt_view *base;
	struct quant_lora *l;

	snprintf(base_path, sizeof base_path, "%s", path_of("base"));
	base = fmt_view_open(base_path, &plan, &err);
	l = base ? quant_lora_create(base, &err) : NULL;
	if (!l || !quant_lora_add(l, adapter, 1, &err)) /* what a directory may hold fits its base */
		abort();
	for (uint64_t i = 0; i < adapter->n_tensors; i++) {
		const struct fmt_view_tensor *t = &adapter->tensors[i];

		free(quant_lora_floats(adapter, t, 0, t->n_elems / t->dims[t->n_dims - 1], &err));
	}
	if (err.code)
		abort();
	quant_lora_destroy(l);
	fmt_view_close(base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool made;
	const uint8_t *end = memchr(data, 0, size);
	size_t n = end ? (size_t)(end - data) : size;
	struct fmt_err err = { 0 };
	char base[128];
	struct fmt_view_opts opts = { .base = base };
	struct fmt_view *v;

	if (!made)
		make_dir();
	made = true;
	write_text("adapter_config.json", data, n);
	write_weights(end ? end + 1 : data, end ? size - n - 1 : 0);
	snprintf(base, sizeof base, "%s", path_of("base"));
	v = fmt_view_open(dir, &opts, &err);
	if (v)
		merge(v);
	else if (!err.code || !err.msg[0])
		abort();
	fmt_view_close(v);
	return 0;
}
