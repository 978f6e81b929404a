/* Layers for multi-token prediction: run for who watches, on the tokens that have others before them, whatever the batches. */
#include <math.h>

#include "gguf_recipe.h"

enum { TOKENS = 5 };

static const int32_t ids[TOKENS] = { 1, 4, 2, 9, 3 };

/* GLM-4.5 without experts: one layer, and one more for the next token but one. */
static struct recipe glm(void)
{
	static const char *const layers[] = { "blk.0.", "blk.1." };
	static char names[2][9][48], keys[MAX_KEYS][80];
	struct recipe r = usual(), whole = usual();
	size_t n = 0;

	for (size_t i = 1; i < r.n_keys; i++) {
		snprintf(keys[i], sizeof keys[i], "glm4moe.%s", r.keys[i].name + strlen("llama."));
		r.keys[i].name = keys[i];
	}
	key(&r, "general.architecture")->text = "glm4moe";
	put(&r, "glm4moe.block_count", FMT_KV_U32, 2, NULL);
	put(&r, "glm4moe.nextn_predict_layers", FMT_KV_U32, 1, NULL);
	r.n_tensors = 2;
	for (size_t layer = 0; layer < 2; layer++)
		for (size_t i = n = 0; i < whole.n_tensors; i++) {
			const char *name = whole.tensors[i].name;

			if (strncmp(name, layers[0], strlen(layers[0])))
				continue;
			name = strcmp(name, "blk.0.ffn_norm.weight") ? name + strlen(layers[0]) : "post_attention_norm.weight";
			snprintf(names[layer][n], sizeof *names[layer], "%s%s", layers[layer], name);
			r.tensors[r.n_tensors] = whole.tensors[i];
			r.tensors[r.n_tensors++].name = names[layer][n++];
		}
	*tensor(&r, "blk.1.nextn.eh_proj.weight") = (struct tensor){ "blk.1.nextn.eh_proj.weight", D, 2 * D, 0 };
	*tensor(&r, "blk.1.nextn.enorm.weight") = (struct tensor){ "blk.1.nextn.enorm.weight", 0, D, 0 };
	*tensor(&r, "blk.1.nextn.hnorm.weight") = (struct tensor){ "blk.1.nextn.hnorm.weight", 0, D, 0 };
	*tensor(&r, "blk.1.nextn.shared_head_norm.weight") = (struct tensor){ "blk.1.nextn.shared_head_norm.weight", 0, D, 0 };
	return r;
}

static struct opened open_next(const struct recipe *r, struct fmt_err *err)
{
	struct opened o = { 0 };

	write_gguf(r);
	o.view = fmt_view_open(path, NULL, err);
	if (o.view)
		o.m = infer_model_create_next(o.view, NULL, NULL, err);
	return o;
}

struct seen {
	size_t rows, last;         /* that went into eh_proj, and into the layer's last matrix */
	double squares[2 * D];     /* of the first */
};

static void look(void *user, const struct infer_inputs *in)
{
	struct seen *s = user;

	s->last += fmt_str_is(in->tensor->name, "blk.1.ffn_down.weight") ? in->n : 0;
	if (!fmt_str_is(in->tensor->name, "blk.1.nextn.eh_proj.weight"))
		return;
	assert_int_equal(in->cols, 2 * D);
	s->rows += in->n;
	for (size_t t = 0; t < in->n; t++)
		for (size_t i = 0; i < in->cols; i++)
			s->squares[i] += (double)in->x[t * in->stride + i] * (double)in->x[t * in->stride + i];
}

static struct seen run(const struct infer_model *m, uint32_t n_batch)
{
	struct fmt_err err = { 0 };
	struct infer_run *r = infer_run_create(m, CTX, n_batch, &err);
	struct seen s[2] = { 0 };

	assert_non_null(r);
	for (int i = 0; i < 2; i++) { /* another text has nothing of the one before */
		infer_run_watch(r, look, &s[i]);
		assert_true(infer_eval(r, ids, TOKENS, false, NULL, &err));
		infer_run_reset(r);
	}
	assert_memory_equal(&s[0], &s[1], sizeof *s);
	infer_run_destroy(r);
	return s[0];
}

/* As gguf_recipe.h fills tensors. */
static double element(size_t i)
{
	return (double)(float)((double)(i * 7919 % 101) / 100 - 0.5);
}

/* What goes in first of each token but the text's first: its embedding, normed. */
static double squares_of_embeddings(size_t column)
{
	double sum = 0;

	for (int t = 1; t < TOKENS; t++) {
		double squares = 0, x = element((size_t)ids[t] * D + column) * element(column);

		for (size_t i = 0; i < D; i++)
			squares += pow(element((size_t)ids[t] * D + i), 2);
		sum += x * x / (squares / D + 1e-5);
	}
	return sum;
}

static void tokens_go_in_with_the_one_before(void **state)
{
	struct fmt_err err = { 0 };
	struct recipe r = glm();
	struct opened o = open_next(&r, &err);
	struct seen whole, other;

	(void)state;
	if (!o.m)
		fail_msg("%s", err.msg);
	assert_int_equal(infer_n_next(o.m), 1);
	whole = run(o.m, TOKENS);
	assert_int_equal(whole.rows, TOKENS - 1);
	assert_int_equal(whole.last, TOKENS - 1);
	for (size_t i = 0; i < D; i++)
		assert_true(fabs(whole.squares[i] - squares_of_embeddings(i)) < 1e-5);
	for (uint32_t n_batch = 1; n_batch < TOKENS; n_batch++) {
		other = run(o.m, n_batch);
		assert_memory_equal(&other, &whole, sizeof whole);
	}
	close_model(&o);
}

static void nothing_changes(void **state)
{
	struct fmt_err err = { 0 };
	struct recipe r = glm();
	struct opened with = open_next(&r, &err), without = open_model(&r, &err);
	struct seen s = { 0 };
	float logits[2][TOKENS * VOCAB];

	(void)state;
	assert_true(with.m && without.m);
	assert_int_equal(infer_n_next(without.m), 0);
	for (int i = 0; i < 2; i++) {
		struct infer_run *run = infer_run_create(i ? with.m : without.m, CTX, 2, &err);

		infer_run_watch(run, look, &s);
		assert_true(infer_eval(run, ids, TOKENS, true, logits[i], &err));
		assert_int_equal(infer_run_back(run, 2), !i);
		infer_run_destroy(run);
	}
	assert_memory_equal(logits[0], logits[1], sizeof *logits);
	assert_int_equal(s.rows, TOKENS - 1);
	close_model(&with);
	close_model(&without);
}

static void what_is_missing(void **state)
{
	struct fmt_err err = { 0 };
	struct recipe r = glm();
	struct opened o;

	(void)state;
	tensor(&r, "blk.1.nextn.eh_proj.weight")->cols = D;
	o = open_next(&r, &err);
	assert_null(o.m);
	assert_int_equal(err.code, FMT_MISMATCH);
	assert_non_null(strstr(err.msg, "blk.1.nextn.eh_proj.weight: shape [8, 8], but the keys ask for [8, 16]"));
	close_model(&o);

	err = (struct fmt_err){ 0 };
	r = glm();
	drop_tensor(&r, "blk.1.nextn.hnorm.weight");
	o = open_next(&r, &err);
	assert_null(o.m);
	assert_non_null(strstr(err.msg, "blk.1.nextn.hnorm.weight is missing"));
	close_model(&o);

	err = (struct fmt_err){ 0 };
	r = glm();
	drop_tensor(&r, "blk.1.nextn.eh_proj.weight"); /* a file that has lost the layer: it runs without */
	o = open_next(&r, &err);
	assert_non_null(o.m);
	assert_int_equal(infer_n_next(o.m), 0);
	assert_int_equal(run(o.m, 2).rows, 0);
	close_model(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_go_in_with_the_one_before),
		cmocka_unit_test(nothing_changes),
		cmocka_unit_test(what_is_missing),
	};

	return cmocka_run_group_tests(tests, make_path, drop_path);
}
