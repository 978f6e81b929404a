/* Recipes against the rules of llama-quantize as they are written down (layers with more bits of a model of 28, and so
 * on). The programs themselves are compared by scripts/compare-recipes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <libquant/recipe.h>

#include "make_gguf.h"

enum { MAX_TENSORS = 512 };

struct shape {
	const char *arch;
	uint32_t n_layers, n_heads, n_kv, n_experts;
	uint64_t cols;
	bool tied;
};

struct plan {
	struct fmt_view *view;
	enum fmt_type types[MAX_TENSORS];
	const char *why[MAX_TENSORS];
};

static void add(struct make_tensor *t, size_t *n, enum fmt_type type, uint64_t rows, uint64_t cols, const char *format,
                unsigned layer)
{
	struct make_tensor *m = &t[(*n)++];

	assert_true(*n <= MAX_TENSORS);
	memset(m, 0, sizeof *m);
	snprintf(m->name, sizeof m->name, format, layer);
	m->type = type;
	m->n_dims = rows ? 2 : 1;
	m->dims[0] = rows ? rows : cols;
	m->dims[1] = cols;
}

/* Layers in the order 0, 1, 10, 11, 2, ... of names, to see that the order in the file does not matter. */
static unsigned by_name(unsigned n, unsigned i)
{
	unsigned order[MAX_TENSORS], k = 0;

	for (unsigned a = 0; a < n && a < 10; a++) {
		order[k++] = a;
		for (unsigned b = a * 10; a && b < a * 10 + 10 && b < n; b++)
			order[k++] = b;
	}
	return order[i];
}

static void make_model(const char *path, const struct shape *s)
{
	static struct make_tensor t[MAX_TENSORS];
	char keys[5][64];
	const struct make_key list[] = {
		{ "general.architecture", s->arch, 0 },     { keys[0], NULL, s->n_layers }, { keys[1], NULL, s->n_heads },
		{ keys[2], NULL, s->n_kv },                 { keys[3], NULL, s->n_experts },
	};
	size_t n = 0;

	snprintf(keys[0], sizeof keys[0], "%s.block_count", s->arch);
	snprintf(keys[1], sizeof keys[1], "%s.attention.head_count", s->arch);
	snprintf(keys[2], sizeof keys[2], "%s.attention.head_count_kv", s->arch);
	snprintf(keys[3], sizeof keys[3], "%s.expert_count", s->arch);
	add(t, &n, FMT_F16, 4, s->cols, "token_embd.weight", 0);
	if (!s->tied)
		add(t, &n, FMT_F16, 4, s->cols, "output.weight", 0);
	for (unsigned k = 0; k < s->n_layers; k++) {
		unsigned i = by_name(s->n_layers, k);

		add(t, &n, FMT_F32, 0, s->cols, "blk.%u.attn_norm.weight", i);
		add(t, &n, FMT_F16, 4, s->cols, "blk.%u.attn_k.weight", i);
		add(t, &n, FMT_F16, 4, s->cols, "blk.%u.attn_v.weight", i);
		add(t, &n, FMT_F16, 4, s->cols, "blk.%u.attn_output.weight", i);
		add(t, &n, FMT_F16, 4, s->cols, s->n_experts ? "blk.%u.ffn_down_exps.weight" : "blk.%u.ffn_down.weight", i);
		if (!s->n_experts)
			continue;
		add(t, &n, FMT_F32, 4, s->cols, "blk.%u.ffn_gate_inp.weight", i);
		add(t, &n, FMT_F32, 1, s->cols, "blk.%u.ffn_gate_inp_shexp.weight", i); /* a matrix of one row is no matrix */
	}
	make_gguf(path, list, sizeof list / sizeof list[0], t, n);
}

static void open_plan(void **state, struct plan *p, const struct shape *s, const char *recipe)
{
	struct fmt_err err = { 0 };
	const char *path = in_dir(state, "model.gguf");

	make_model(path, s);
	p->view = fmt_view_open(path, NULL, &err);
	assert_non_null(p->view);
	assert_true(quant_recipe_plan(p->view, quant_recipe_find(recipe), NULL, p->types, p->why, &err));
}

static enum fmt_type type_of(const struct plan *p, const char *format, unsigned layer)
{
	char name[64];
	const struct fmt_view_tensor *t;

	snprintf(name, sizeof name, format, layer);
	t = fmt_view_find(p->view, (struct fmt_str){ name, strlen(name) });
	assert_non_null(t);
	return p->types[t - p->view->tensors];
}

static void check_type(const struct plan *p, const char *format, unsigned layer, enum fmt_type want)
{
	assert_string_equal(fmt_type_info(type_of(p, format, layer))->name, fmt_type_info(want)->name);
}

static void names(void **state)
{
	size_t n;
	const struct quant_recipe *list = quant_recipe_list(&n);

	(void)state;
	for (size_t i = 0; i < n; i++)
		assert_ptr_equal(quant_recipe_find(list[i].name), &list[i]);
	assert_string_equal(quant_recipe_find("q4_k")->name, "Q4_K_M");
	assert_string_equal(quant_recipe_find("Q3_K")->name, "Q3_K_M");
	assert_string_equal(quant_recipe_find("q5_K")->name, "Q5_K_M");
	assert_int_equal(quant_recipe_find("bf16")->file_type, 32);
	assert_null(quant_recipe_find("Q9_K"));
	assert_null(quant_recipe_find(""));
}

static void layers_with_more_bits(void **state)
{
	static const unsigned more[] = { 0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 24, 25, 26, 27 };
	static const struct shape s = { "llama", 28, 32, 32, 0, 256, false };
	struct plan p;
	size_t k = 0;

	open_plan(state, &p, &s, "Q4_K_M");
	for (unsigned i = 0; i < 28; i++) {
		bool is_more = k < sizeof more / sizeof more[0] && more[k] == i;

		check_type(&p, "blk.%u.attn_v.weight", i, is_more ? FMT_Q6_K : FMT_Q4_K);
		check_type(&p, "blk.%u.ffn_down.weight", i, is_more ? FMT_Q6_K : FMT_Q4_K);
		check_type(&p, "blk.%u.attn_k.weight", i, FMT_Q4_K);
		check_type(&p, "blk.%u.attn_norm.weight", i, FMT_F32);
		k += is_more;
	}
	check_type(&p, "output.weight", 0, FMT_Q6_K);
	check_type(&p, "token_embd.weight", 0, FMT_Q4_K);
	fmt_view_close(p.view);
}

static void tied_embedding_is_output(void **state)
{
	static const struct shape s = { "llama", 2, 8, 2, 0, 256, true };
	struct plan p;

	open_plan(state, &p, &s, "Q2_K");
	check_type(&p, "token_embd.weight", 0, FMT_Q6_K);
	check_type(&p, "blk.%u.attn_v.weight", 0, FMT_Q4_K); /* 4 query heads share it */
	check_type(&p, "blk.%u.attn_output.weight", 0, FMT_Q3_K);
	check_type(&p, "blk.%u.attn_k.weight", 0, FMT_Q2_K);
	fmt_view_close(p.view);
}

/* Llama's heads decide, Qwen 2's do not (Qwen 1.5 72B has as many key heads as query heads); Qwen 3 has no such size. */
static void seventy_billion(void **state)
{
	static const struct {
		struct shape shape;
		enum fmt_type values;
	} cases[] = {
		{ { "llama", 80, 64, 8, 0, 256, false }, FMT_Q5_K },  { { "llama", 80, 64, 64, 0, 256, false }, FMT_Q3_K },
		{ { "llama", 79, 64, 8, 0, 256, false }, FMT_Q3_K },  { { "qwen2", 80, 64, 8, 0, 256, false }, FMT_Q5_K },
		{ { "qwen2", 80, 64, 64, 0, 256, false }, FMT_Q5_K }, { { "qwen3", 80, 64, 8, 0, 256, false }, FMT_Q3_K },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct plan p;

		open_plan(state, &p, &cases[i].shape, "Q3_K_S");
		check_type(&p, "blk.%u.attn_v.weight", 40, cases[i].values);
		check_type(&p, "blk.%u.ffn_down.weight", 40, FMT_Q3_K);
		fmt_view_close(p.view);
	}
}

/* One matrix is embedding and output: --embedding-type comes first, then what is asked for the output, then expressions. */
static void options_of_a_tied_embedding(void **state)
{
	static const struct shape s = { "llama", 2, 8, 2, 0, 256, true };
	static const struct {
		bool embedding, output, leave;
		enum fmt_type want;
	} cases[] = {
		{ true, true, true, FMT_Q5_0 }, { true, false, false, FMT_Q5_0 }, { false, true, false, FMT_Q5_1 },
		{ false, false, true, FMT_F16 }, { false, false, false, FMT_Q4_1 },
	};
	struct fmt_err err = { 0 };
	struct quant_overrides *o = quant_overrides_create(&err);
	struct plan p;

	assert_true(quant_overrides_add(o, "Token=Q4_1", &err));
	open_plan(state, &p, &s, "Q2_K");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct quant_recipe_opts opts = {
			.embedding_given = cases[i].embedding, .embedding = FMT_Q5_0, .output_given = cases[i].output, .output = FMT_Q5_1,
			.leave_output = cases[i].leave, .overrides = o,
		};

		assert_true(quant_recipe_plan(p.view, quant_recipe_find("Q2_K"), &opts, p.types, p.why, &err));
		check_type(&p, "token_embd.weight", 0, cases[i].want);
		check_type(&p, "blk.%u.attn_k.weight", 0, FMT_Q2_K);
	}
	quant_overrides_destroy(o);
	fmt_view_close(p.view);
}

/* A matrix of one row is a vector, whatever an expression says. */
static void one_row_stays(void **state)
{
	static const struct shape s = { "llama", 2, 8, 2, 4, 256, false };
	struct fmt_err err = { 0 };
	struct quant_overrides *o = quant_overrides_create(&err);
	const struct quant_recipe_opts opts = { .overrides = o };
	struct plan p;

	assert_true(quant_overrides_add(o, "ffn_=Q4_0", &err));
	open_plan(state, &p, &s, "Q4_K_M");
	assert_true(quant_recipe_plan(p.view, quant_recipe_find("Q4_K_M"), &opts, p.types, p.why, &err));
	check_type(&p, "blk.%u.ffn_gate_inp_shexp.weight", 1, FMT_F32);
	check_type(&p, "blk.%u.ffn_down_exps.weight", 1, FMT_Q4_0);
	quant_overrides_destroy(o);
	fmt_view_close(p.view);
}

/* GLM 5's mixers and gates stay, its latent queries are Q8_0; in a model of another kind the same names are like others. */
static void small_matrices(void **state)
{
	static const struct {
		const char *name;
		enum fmt_type glm, llama;
	} cases[] = {
		{ "blk.0.hc_attn_fn.weight", FMT_F16, FMT_Q4_K },   { "blk.0.indexer.attn_q_b.weight", FMT_F16, FMT_Q4_K },
		{ "blk.0.ssm_beta.weight", FMT_F16, FMT_Q4_K },     { "blk.0.attn_q_a.weight", FMT_Q8_0, FMT_Q4_K },
		{ "blk.0.attn_output.weight", FMT_Q4_K, FMT_Q4_K }, { "blk.0.indexer_compressor_kv.weight", FMT_Q4_K, FMT_Q4_K },
	};
	enum { N = sizeof cases / sizeof cases[0] };

	for (int llama = 0; llama < 2; llama++) {
		const struct make_key key = { "general.architecture", llama ? "llama" : "glm5-next", 0 };
		struct make_tensor t[N];
		struct fmt_err err = { 0 };
		struct plan p;
		size_t n = 0;

		for (size_t i = 0; i < N; i++)
			add(t, &n, FMT_F16, 4, 256, cases[i].name, 0);
		make_gguf(in_dir(state, "model.gguf"), &key, 1, t, n);
		p.view = fmt_view_open(in_dir(state, "model.gguf"), NULL, &err);
		assert_non_null(p.view);
		assert_true(quant_recipe_plan(p.view, quant_recipe_find("Q4_K_S"), NULL, p.types, p.why, &err));
		for (size_t i = 0; i < N; i++)
			check_type(&p, cases[i].name, 0, llama ? cases[i].llama : cases[i].glm);
		fmt_view_close(p.view);
	}
}

/* Some rules leave Falcon out, one does not: the first layers of IQ4_XS. */
static void falcon(void **state)
{
	static const struct shape s = { "falcon", 32, 8, 8, 0, 256, false };
	struct plan p;

	open_plan(state, &p, &s, "IQ4_XS");
	check_type(&p, "blk.%u.ffn_down.weight", 3, FMT_Q5_K);
	check_type(&p, "blk.%u.ffn_down.weight", 4, FMT_IQ4_XS);
	check_type(&p, "output.weight", 0, FMT_Q8_0);
	fmt_view_close(p.view);
	open_plan(state, &p, &s, "Q4_K_S");
	check_type(&p, "blk.%u.ffn_down.weight", 3, FMT_Q4_K);
	check_type(&p, "blk.%u.attn_output.weight", 3, FMT_Q4_K);
	fmt_view_close(p.view);
}

static void eight_experts(void **state)
{
	static const struct shape s = { "llama", 16, 8, 8, 8, 256, false };
	struct plan p;

	open_plan(state, &p, &s, "Q4_K_M");
	for (unsigned i = 0; i < 16; i++) {
		bool more = i < 2 || i >= 14 || (i - 2) % 3 == 2;

		check_type(&p, "blk.%u.attn_v.weight", i, FMT_Q8_0);
		check_type(&p, "blk.%u.attn_k.weight", i, FMT_Q8_0);
		check_type(&p, "blk.%u.attn_output.weight", i, FMT_Q5_K);
		check_type(&p, "blk.%u.ffn_gate_inp.weight", i, FMT_F32);
		check_type(&p, "blk.%u.ffn_gate_inp_shexp.weight", i, FMT_F32);
		check_type(&p, "blk.%u.ffn_down_exps.weight", i, more ? FMT_Q6_K : FMT_Q4_K);
	}
	fmt_view_close(p.view);
}

static void rows_that_do_not_fit(void **state)
{
	static const struct {
		const char *recipe;
		uint64_t cols;
		enum fmt_type key, output;
	} cases[] = {
		{ "Q4_K_M", 96, FMT_Q5_0, FMT_Q8_0 },   { "Q5_K_S", 96, FMT_Q5_1, FMT_Q8_0 }, { "Q6_K", 96, FMT_Q8_0, FMT_Q8_0 },
		{ "IQ4_XS", 96, FMT_IQ4_NL, FMT_Q8_0 }, { "Q2_K", 96, FMT_Q4_0, FMT_Q8_0 },   { "Q4_0", 96, FMT_Q4_0, FMT_Q8_0 },
		{ "Q4_K_M", 48, FMT_F16, FMT_F16 },     { "Q8_0", 48, FMT_F16, FMT_F16 },     { "BF16", 48, FMT_BF16, FMT_BF16 },
	};
	struct plan p;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct shape s = { "llama", 1, 8, 8, 0, cases[i].cols, false };

		open_plan(state, &p, &s, cases[i].recipe);
		check_type(&p, "blk.%u.attn_k.weight", 0, cases[i].key);
		check_type(&p, "output.weight", 0, cases[i].output);
		fmt_view_close(p.view);
	}
}

static void unknown_architecture(void **state)
{
	static const struct shape s = { "not-known-here", 8, 0, 0, 0, 256, false };
	struct plan p;

	open_plan(state, &p, &s, "Q4_K_S");
	check_type(&p, "blk.%u.attn_v.weight", 3, FMT_Q5_K);
	check_type(&p, "blk.%u.attn_v.weight", 4, FMT_Q4_K);
	fmt_view_close(p.view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(layers_with_more_bits),
		cmocka_unit_test(tied_embedding_is_output),
		cmocka_unit_test(seventy_billion),
		cmocka_unit_test(options_of_a_tied_embedding),
		cmocka_unit_test(one_row_stays),
		cmocka_unit_test(small_matrices),
		cmocka_unit_test(falcon),
		cmocka_unit_test(eight_experts),
		cmocka_unit_test(rows_that_do_not_fit),
		cmocka_unit_test(unknown_architecture),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
