/* gguf-inspect --check: what our reader accepts but another refuses, and what contradicts itself. What llama.cpp
 * demands is as of August 2026 (gguf.cpp, llama-model-loader.cpp). */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

#define LLAMA_NAME_BYTES 63
#define LLAMA_LAYERS     512

void inspect_found(struct inspect *in, const char *kind, const char *format, ...)
{
	struct inspect_findings *f = &in->findings;
	va_list args;

	if (f->n == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 16;
		struct inspect_finding *items = realloc(f->items, cap * sizeof *items);

		if (!items) {
			f->failed = true;
			return;
		}
		f->items = items;
		f->cap = cap;
	}
	f->items[f->n].kind = kind;
	va_start(args, format);
	vsnprintf(f->items[f->n].text, sizeof f->items[f->n].text, format, args);
	va_end(args);
	f->n++;
}

static uint64_t padded(uint64_t n, uint64_t alignment)
{
	uint64_t rest = alignment ? n % alignment : 0;

	return rest ? n + (alignment - rest) : n;
}

/* llama.cpp wants the contents in the order of the table, one after the other, each padded. */
static void check_layout(struct inspect *in, uint32_t file)
{
	const struct fmt_model *m = in->model;
	uint64_t expected = m->data_off, end = 0;
	bool known = !file, ordered = true; /* where the contents of a further file begin is not known */
	char name[100];

	for (uint64_t i = 0; i < m->n_tensors; i++) {
		const struct fmt_tensor *t = &m->tensors[i];

		if (t->file != file)
			continue;
		if (known && ordered && t->off != expected) {
			inspect_found(in, "layout",
			              "%s lies at %" PRIu64 ", llama.cpp expects it at %" PRIu64 " and refuses the file",
			              inspect_shown(t->name, name), t->off, expected);
			ordered = false;
		}
		known = true;
		expected = padded(t->off + t->n_bytes, m->alignment);
		end = expected > end ? expected : end;
	}
	if (!end)
		return;
	if (m->file_bytes[file] > end)
		inspect_found(in, "trailing", "%" PRIu64 " bytes follow the last tensor", m->file_bytes[file] - end);
	if (m->file_bytes[file] < end)
		inspect_found(in, "padding", "the last tensor is not padded to %" PRIu64 " bytes; some readers refuse that",
		              m->alignment);
}

static void check_tensor(struct inspect *in, const struct inspect_tensor *t)
{
	char name[100];

	inspect_shown(t->name, name);
	if (in->model->container == FMT_GGUF && t->name.n > LLAMA_NAME_BYTES)
		inspect_found(in, "name", "%s: the name has %zu bytes, llama.cpp takes %d", name, t->name.n, LLAMA_NAME_BYTES);
	if (!t->n_elems)
		inspect_found(in, "empty", "%s has no elements", name);
}

static void check_keys(struct inspect *in)
{
	struct fmt_str arch = inspect_text_of(fmt_model_get(in->model, "general.architecture"));
	bool quantized = false;
	char name[100];

	if (in->model->version == 1)
		inspect_found(in, "version", "llama.cpp no longer reads GGUF version 1");
	if (!arch.n)
		inspect_found(in, "architecture", "general.architecture is missing or not a text");
	for (int t = 0; t < FMT_TYPE_COUNT; t++)
		quantized |= in->types[t].n_tensors && fmt_type_info((enum fmt_type)t)->block_elems > 1;
	if (quantized && !fmt_model_get(in->model, "general.quantization_version"))
		inspect_found(in, "quantization", "general.quantization_version is missing, and there are quantized tensors");
	for (uint64_t i = 0; i < in->model->n_kv; i++) {
		const struct fmt_kv *kv = &in->model->kv[i];

		if (kv->value.type == FMT_KV_ARR && kv->value.elem == FMT_KV_ARR)
			inspect_found(in, "nested", "%s is an array of arrays, which llama.cpp refuses",
			              inspect_shown(kv->key, name));
	}
}

/* One past the largest N of "blk.N." */
static uint64_t layers_by_name(const struct inspect *in)
{
	uint64_t layers = 0;

	for (uint64_t i = 0; i < in->n_tensors; i++) {
		struct fmt_str s = in->tensors[i].name;
		uint64_t n = 0;
		size_t at = 4;

		if (s.n < 6 || memcmp(s.p, "blk.", 4))
			continue;
		while (at < s.n && at < 12 && s.p[at] >= '0' && s.p[at] <= '9')
			n = n * 10 + (uint64_t)(s.p[at++] - '0');
		if (at > 4 && at < s.n && s.p[at] == '.' && n + 1 > layers)
			layers = n + 1;
	}
	return layers;
}

static void check_layers(struct inspect *in)
{
	uint64_t said, found = layers_by_name(in);

	if (!found)
		return;
	if (!inspect_number_of(inspect_arch_get(in, "block_count"), &said))
		inspect_found(in, "layers", "tensors are numbered up to blk.%" PRIu64 ", but block_count is missing", found - 1);
	else if (said != found)
		inspect_found(in, "layers", "block_count is %" PRIu64 ", but tensors are numbered up to blk.%" PRIu64, said,
		              found - 1);
	if (found > LLAMA_LAYERS)
		inspect_found(in, "layers", "%" PRIu64 " layers; llama.cpp takes %d", found, LLAMA_LAYERS);
}

static void check_length(struct inspect *in, const char *key, uint64_t n_tokens)
{
	const struct fmt_value *v = inspect_get(in, key);

	if (v && v->type != FMT_KV_ARR)
		inspect_found(in, "vocabulary", "%s is not an array", key);
	else if (v && v->n != n_tokens)
		inspect_found(in, "vocabulary", "%s has %" PRIu64 " elements for %" PRIu64 " tokens", key, v->n, n_tokens);
}

static void check_special_ids(struct inspect *in, uint64_t n_tokens)
{
	static const char first[] = "tokenizer.ggml.", last[] = "_token_id";
	char name[100];

	for (uint64_t i = 0; i < in->n_kv; i++) {
		struct fmt_str key = in->kv[i].key;
		uint64_t id;

		if (key.n < sizeof first + sizeof last || memcmp(key.p, first, sizeof first - 1) ||
		    memcmp(key.p + key.n - (sizeof last - 1), last, sizeof last - 1))
			continue;
		if (!inspect_number_of(&in->kv[i].value, &id) || id >= n_tokens)
			inspect_found(in, "vocabulary", "%s is not the id of one of %" PRIu64 " tokens",
			              inspect_shown(key, name), n_tokens);
	}
}

static int by_text(const void *a, const void *b)
{
	const struct fmt_str *x = *(const struct fmt_str *const *)a, *y = *(const struct fmt_str *const *)b;
	int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

	return c ? c : (x->n > y->n) - (x->n < y->n);
}

static bool check_duplicates(struct inspect *in, const struct fmt_value *tokens, struct fmt_err *err)
{
	const struct fmt_str **sorted = calloc(tokens->n + 1, sizeof *sorted), *example = NULL;
	uint64_t repeated = 0;
	char name[100];

	if (!sorted)
		return fmt_fail_nomem(err, tokens->n * sizeof *sorted);
	for (uint64_t i = 0; i < tokens->n; i++)
		sorted[i] = &tokens->as.strs[i];
	qsort(sorted, tokens->n, sizeof *sorted, by_text);
	for (uint64_t i = 1; i < tokens->n; i++) {
		if (!fmt_str_eq(*sorted[i - 1], *sorted[i]))
			continue;
		repeated++;
		example = sorted[i];
	}
	if (example)
		inspect_found(in, "vocabulary", "%" PRIu64 " tokens have the text of another, %s for one", repeated,
		              inspect_shown(*example, name));
	free(sorted);
	return true;
}

static bool check_vocabulary(struct inspect *in, struct fmt_err *err)
{
	const struct fmt_value *tokens = inspect_get(in, "tokenizer.ggml.tokens");
	struct fmt_str model = inspect_text_of(inspect_get(in, "tokenizer.ggml.model"));
	const struct fmt_tensor *embd = fmt_model_find(in->model, FMT_STR("token_embd.weight"));

	if (!tokens)
		return true;
	if (tokens->type != FMT_KV_ARR || tokens->elem != FMT_KV_STR) {
		inspect_found(in, "vocabulary", "tokenizer.ggml.tokens is not an array of texts");
		return true;
	}
	if (embd && embd->n_dims == 2 && embd->dims[0] != tokens->n)
		inspect_found(in, "vocabulary", "%" PRIu64 " tokens, but token_embd.weight has %" PRIu64 " rows", tokens->n,
		              embd->dims[0]);
	check_length(in, "tokenizer.ggml.scores", tokens->n);
	check_length(in, "tokenizer.ggml.token_type", tokens->n);
	check_special_ids(in, tokens->n);
	if (fmt_str_is(model, "gpt2") && !inspect_get(in, "tokenizer.ggml.merges"))
		inspect_found(in, "vocabulary", "a byte-level tokenizer without tokenizer.ggml.merges");
	return check_duplicates(in, tokens, err);
}

static void incomplete(void *ctx, const char *line)
{
	inspect_found(ctx, "incomplete", "%s", line);
}

bool inspect_check(struct inspect *in, struct fmt_err *err)
{
	bool ok = true;

	if (in->view_err.code && in->view_err.code != FMT_UNSUPPORTED)
		incomplete(in, in->view_err.msg);
	if (in->view && !in->view->from_dir)
		fmt_view_audit(in->view, incomplete, in);
	if (in->model->container == FMT_GGUF) {
		check_keys(in);
		check_layers(in);
		for (uint32_t i = 0; i < in->model->n_files; i++)
			check_layout(in, i);
	}
	ok = check_vocabulary(in, err);
	for (uint64_t i = 0; ok && i < in->n_tensors; i++) {
		check_tensor(in, &in->tensors[i]);
		ok = inspect_check_values(in, &in->tensors[i], err);
	}
	if (ok && in->findings.failed)
		return fmt_fail_nomem(err, in->findings.n * sizeof *in->findings.items);
	return ok;
}
