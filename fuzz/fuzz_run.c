/* A GGUF all the way: seen as a model, its vocabulary used, two tokens computed, also with a layer less. What a file may claim about its
 * architecture (layers, heads, widths, ids) is checked there and not by the reader. */
#include <stdlib.h>

#include <libinfer/infer.h>
#include <libinfer/tokenizer.h>

#include "fuzz.h"

#define MAX_VOCAB 65536 /* logits of more would only be slow */

static void use_vocabulary(const struct fmt_view *v)
{
	static const char text[] = " abc\xc3\xa9<s>\xff";
	struct fmt_err err = { 0 };
	struct infer_tokenizer *t = infer_tokenizer_create(v, &err);
	struct infer_tokens tokens = { 0 };
	char *back = NULL;
	size_t n;

	if (t && infer_tokenize(t, text, sizeof text - 1, INFER_TOK_ADD_SPECIAL | INFER_TOK_PARSE_SPECIAL, &tokens, &err)) {
		for (uint64_t i = 0; i < tokens.n; i++)
			if (!infer_token_text(t, tokens.ids[i]).p)
				abort();
		infer_detokenize(t, tokens.ids, (size_t)tokens.n, false, &back, &n, &err);
	}
	free(back);
	infer_tokens_finish(&tokens);
	infer_tokenizer_destroy(t);
}

static void look(void *user, const struct infer_inputs *in)
{
	(void)user;
	for (size_t t = 0; t < in->n; t++)
		for (size_t i = 0; i < in->cols; i++)
			if (in->x[t * in->stride + i] > 0 && in->matrix >= in->n_stacked)
				abort();
}

static void compute(const struct fmt_view *v, struct quant_pool *pool)
{
	static const int32_t ids[2] = { 1, 5 };
	struct fmt_err err = { 0 };
	struct infer_model *m = infer_model_create_next(v, NULL, pool, &err);
	struct infer_run *r = m && infer_n_vocab(m) <= MAX_VOCAB ? infer_run_create(m, 4, 2, &err) : NULL;
	float *logits = r ? malloc(2 * sizeof *logits * infer_n_vocab(m)) : NULL;

	if (r)
		infer_run_watch(r, look, NULL);
	if (logits)
		infer_eval(r, ids, 2, true, logits, &err);
	free(logits);
	infer_run_destroy(r);
	infer_model_destroy(m);
}

/* The same without its first layer, which need not be there. */
static void use_pruned(struct fmt_view *v, struct quant_pool *pool)
{
	static const uint32_t first = 0;
	struct fmt_err err = { 0 };

	if (!fmt_view_prune(v, &first, 1, &err)) {
		if (!err.code || !err.msg[0])
			abort();
		return;
	}
	for (uint64_t i = 0; i < v->n_tensors; i++)
		if (fmt_view_find(v, v->tensors[i].name) != &v->tensors[i])
			abort();
	compute(v, pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct quant_pool *pool;
	struct fmt_err err = { 0 };
	struct fmt_view *v;

	if (n < 4 || (data[0] != 'G' && data[0] != 'F'))
		return 0;
	if (!pool)
		pool = quant_pool_create(1);
	v = fmt_view_open(fuzz_file(data, n), NULL, &err);
	if (!v && (!err.code || !err.msg[0]))
		abort();
	if (v) {
		use_vocabulary(v);
		compute(v, pool);
		use_pruned(v, pool);
	}
	fmt_view_close(v);
	return 0;
}
