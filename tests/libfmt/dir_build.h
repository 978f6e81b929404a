/* Hugging Face directories for tests: a tiny Llama, of which a test changes what it is about. */
#ifndef DIR_BUILD_H
#define DIR_BUILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <libfmt/view.h>
#include <libfmt/write.h>

/* Two layers, width 8, two heads of 4, one of keys, feed-forward 12, ten tokens. */
#define TINY_CONFIG                                                                                                    \
	"\"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": 8, \"intermediate_size\": 12, "                   \
	"\"num_hidden_layers\": 2, \"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"vocab_size\": 10"

/* Byte-level BPE with three tokens, one merge and one added token. */
#define TINY_TOKENIZER                                                                                                 \
	"{\"added_tokens\": [{\"id\": 3, \"content\": \"<s>\", \"special\": true}], \"pre_tokenizer\": {\"type\": "    \
	"\"ByteLevel\"}, \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2}, \"merges\": [\"a b\"]}}"

struct built_tensor {
	const char *name;
	uint32_t n_dims;
	uint64_t dims[4];
	bool leave_out;
	float first;          /* element i is first + i */
	enum fmt_type type;   /* FMT_F32 or another of which all bytes are valid */
};

struct built_dir {
	char path[64];
	struct built_tensor tensors[80];
	size_t n;
};

static inline struct built_tensor *add_tensor(struct built_dir *d, const char *name, uint64_t rows, uint64_t cols)
{
	struct built_tensor *t = &d->tensors[d->n++];

	assert_true(d->n <= sizeof d->tensors / sizeof *d->tensors);
	*t = (struct built_tensor){ name, cols ? 2 : 1, { rows, cols }, .type = FMT_F32 };
	return t;
}

static inline struct built_tensor *find_tensor(struct built_dir *d, const char *name)
{
	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->tensors[i].name, name))
			return &d->tensors[i];
	fail_msg("no tensor %s", name);
	return NULL;
}

static inline void write_file(const struct built_dir *d, const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", d->path, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

/* config.json: what is given, between braces. */
static inline void write_config(const struct built_dir *d, const char *members)
{
	char text[4096];

	snprintf(text, sizeof text, "{ %s }", members);
	write_file(d, "config.json", text);
}

/* A directory with config.json and tokenizer.json, and a list of tensors that are not written yet. */
static inline struct built_dir tiny_dir(void)
{
	static const struct {
		const char *name;
		uint64_t rows, cols;
	} rows[] = {
		{ "model.layers.%u.input_layernorm.weight", 8, 0 },
		{ "model.layers.%u.self_attn.q_proj.weight", 8, 8 },
		{ "model.layers.%u.self_attn.k_proj.weight", 4, 8 },
		{ "model.layers.%u.self_attn.v_proj.weight", 4, 8 },
		{ "model.layers.%u.self_attn.o_proj.weight", 8, 8 },
		{ "model.layers.%u.post_attention_layernorm.weight", 8, 0 },
		{ "model.layers.%u.mlp.gate_proj.weight", 12, 8 },
		{ "model.layers.%u.mlp.up_proj.weight", 12, 8 },
		{ "model.layers.%u.mlp.down_proj.weight", 8, 12 },
	};
	static char names[2][9][64];
	struct built_dir d = { .path = "/tmp/assay-test-XXXXXX" };

	assert_non_null(mkdtemp(d.path));
	write_config(&d, TINY_CONFIG);
	write_file(&d, "tokenizer.json", TINY_TOKENIZER);
	add_tensor(&d, "model.embed_tokens.weight", 10, 8);
	add_tensor(&d, "model.norm.weight", 8, 0);
	add_tensor(&d, "lm_head.weight", 10, 8);
	for (unsigned layer = 0; layer < 2; layer++) {
		for (size_t i = 0; i < 9; i++) {
			char *p = names[layer][i];
			const char *at = strchr(rows[i].name, '%');

			snprintf(p, 64, "%.*s%u%s", (int)(at - rows[i].name), rows[i].name, layer, at + 2);
			add_tensor(&d, p, rows[i].rows, rows[i].cols);
		}
	}
	return d;
}

/* Writes the tensors. */
static inline void write_weights(struct built_dir *d, const char *name, enum fmt_out_format format)
{
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_writer *w = fmt_writer_create(format, &err);
	uint32_t index[sizeof d->tensors / sizeof *d->tensors];
	struct fmt_sink *s;
	uint64_t n_bytes;
	char path[128];
	float x[256];

	snprintf(path, sizeof path, "%s/%s", d->path, name);
	for (size_t i = 0; i < d->n; i++)
		if (!d->tensors[i].leave_out)
			assert_true(fmt_writer_tensor(w, (struct fmt_str){ d->tensors[i].name, strlen(d->tensors[i].name) },
			                              d->tensors[i].type, d->tensors[i].n_dims, d->tensors[i].dims, &index[i], &err));
	assert_true(fmt_writer_layout(w, &n_bytes, &err));
	s = fmt_sink_create(path, true, &err);
	assert_non_null(s);
	assert_true(fmt_writer_header(w, s, &err));
	for (size_t i = 0; i < d->n; i++) {
		if (d->tensors[i].leave_out)
			continue;
		for (size_t k = 0; k < 256; k++)
			x[k] = d->tensors[i].first + (float)k;
		assert_true(fmt_writer_data(w, s, index[i], 0, x, (size_t)fmt_writer_bytes(w, index[i]), &err));
	}
	assert_true(fmt_sink_commit(s, n_bytes, &err));
	fmt_writer_destroy(w);
}

static inline void remove_dir(struct built_dir *d)
{
	char command[128];

	snprintf(command, sizeof command, "rm -r '%s'", d->path);
	assert_int_equal(system(command), 0);
}

/* The view of a directory that must open. The caller closes it. */
static inline struct fmt_view *open_view(const struct built_dir *d, const struct fmt_view_opts *opts)
{
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_view *v = fmt_view_open(d->path, opts, &err);
	char line[800];

	fmt_err_line(&err, line, sizeof line);
	if (!v)
		fail_msg("%s", line);
	return v;
}

/* Note i of a view, not counting that on rows of the embedding that have no token, which the tiny vocabulary leaves; NULL past
 * the last. */
static inline const char *note(const struct fmt_view *v, uint32_t i)
{
	for (uint32_t k = 0; k < v->n_notes; k++)
		if (!strstr(v->notes[k], "rows have no token") && !i--)
			return v->notes[k];
	return NULL;
}

static inline uint32_t n_notes(const struct fmt_view *v)
{
	uint32_t n = 0;

	while (note(v, n))
		n++;
	return n;
}

/* Opens a directory that must be refused so. */
static inline void assert_refused(const struct built_dir *d, const struct fmt_view_opts *opts, enum fmt_code code,
                                  const char *words)
{
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_view *v = fmt_view_open(d->path, opts, &err);
	char line[800];

	fmt_err_line(&err, line, sizeof line);
	if (v || err.code != code || !strstr(line, words))
		fail_msg("expected code %d with '%s', got code %d: %s", code, words, err.code, v ? "accepted" : line);
}

#endif
