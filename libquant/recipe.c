/* A type for every tensor: what may not change stays, then the recipe's mix, then a fallback where rows do not fit. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libquant/recipe.h>

#include "mix.h"

/* The numbers are llama.cpp's enum llama_ftype. */
static const struct quant_recipe recipes[RECIPE_COUNT] = {
	[RECIPE_F32] = { "F32", FMT_F32, 0, "32-bit floats" },
	[RECIPE_BF16] = { "BF16", FMT_BF16, 32, "bfloat16" },
	[RECIPE_F16] = { "F16", FMT_F16, 1, "16-bit floats" },
	[RECIPE_Q8_0] = { "Q8_0", FMT_Q8_0, 7, "8.5 bits: next to lossless" },
	[RECIPE_Q6_K] = { "Q6_K", FMT_Q6_K, 18, "6.6 bits: very little loss" },
	[RECIPE_Q5_K_M] = { "Q5_K_M", FMT_Q5_K, 17, "5.5 bits, some tensors 6.6" },
	[RECIPE_Q5_K_S] = { "Q5_K_S", FMT_Q5_K, 16, "5.5 bits" },
	[RECIPE_Q5_1] = { "Q5_1", FMT_Q5_1, 9, "6 bits, old and fast" },
	[RECIPE_Q5_0] = { "Q5_0", FMT_Q5_0, 8, "5.5 bits, old and fast" },
	[RECIPE_Q4_K_M] = { "Q4_K_M", FMT_Q4_K, 15, "4.5 bits, some tensors 6.6: the usual choice" },
	[RECIPE_Q4_K_S] = { "Q4_K_S", FMT_Q4_K, 14, "4.5 bits, a few tensors 5.5" },
	[RECIPE_Q4_1] = { "Q4_1", FMT_Q4_1, 3, "5 bits, old and fast" },
	[RECIPE_Q4_0] = { "Q4_0", FMT_Q4_0, 2, "4.5 bits, old and fast" },
	[RECIPE_IQ4_NL] = { "IQ4_NL", FMT_IQ4_NL, 25, "4.5 bits, uneven steps" },
	[RECIPE_IQ4_XS] = { "IQ4_XS", FMT_IQ4_XS, 30, "4.25 bits, uneven steps" },
	[RECIPE_Q3_K_L] = { "Q3_K_L", FMT_Q3_K, 13, "3.4 bits, many tensors 5.5" },
	[RECIPE_Q3_K_M] = { "Q3_K_M", FMT_Q3_K, 12, "3.4 bits, many tensors 4.5" },
	[RECIPE_Q3_K_S] = { "Q3_K_S", FMT_Q3_K, 11, "3.4 bits: visible loss" },
	[RECIPE_IQ3_M] = { "IQ3_M", FMT_IQ3_S, 27, "3.4 bits from a grid, some tensors 4.5" },
	[RECIPE_IQ3_S] = { "IQ3_S", FMT_IQ3_S, 26, "3.4 bits from a grid" },
	[RECIPE_IQ3_XS] = { "IQ3_XS", FMT_IQ3_S, 22, "3.4 bits from a grid, many tensors 3.1" },
	[RECIPE_IQ3_XXS] = { "IQ3_XXS", FMT_IQ3_XXS, 23, "3.1 bits from a grid" },
	[RECIPE_Q2_K] = { "Q2_K", FMT_Q2_K, 10, "2.6 bits, many tensors 3.4: heavy loss" },
	[RECIPE_Q2_K_S] = { "Q2_K_S", FMT_Q2_K, 21, "2.6 bits, few tensors more" },
	[RECIPE_IQ2_M] = { "IQ2_M", FMT_IQ2_S, 29, "2.6 bits from a grid" },
	[RECIPE_IQ2_S] = { "IQ2_S", FMT_IQ2_XS, 28, "2.3 bits from a grid, some tensors 3.4" },
	[RECIPE_IQ2_XS] = { "IQ2_XS", FMT_IQ2_XS, 20, "2.3 bits from a grid" },
	[RECIPE_IQ2_XXS] = { "IQ2_XXS", FMT_IQ2_XXS, 19, "2.1 bits from a grid" },
	[RECIPE_IQ1_M] = { "IQ1_M", FMT_IQ1_M, 31, "1.75 bits from a grid: a last resort" },
	[RECIPE_IQ1_S] = { "IQ1_S", FMT_IQ1_S, 24, "1.56 bits from a grid: a last resort" },
	[RECIPE_MXFP4_MOE] = { "MXFP4_MOE", FMT_MXFP4, 38, "experts in 4-bit floats, the rest Q8_0" },
	[RECIPE_Q2_0] = { "Q2_0", FMT_Q2_0, 41, "2.25 bits, four levels: for models trained so" },
	[RECIPE_Q1_0] = { "Q1_0", FMT_Q1_0, 40, "1.125 bits, signs: for models trained so" },
	[RECIPE_TQ2_0] = { "TQ2_0", FMT_TQ2_0, 37, "2.06 bits, ternary: for models trained so" },
	[RECIPE_TQ1_0] = { "TQ1_0", FMT_TQ1_0, 36, "1.69 bits, ternary: for models trained so" },
};

static const struct {
	const char *name;
	enum quant_recipe_id recipe;
} aliases[] = {
	{ "Q3_K", RECIPE_Q3_K_M },
	{ "Q4_K", RECIPE_Q4_K_M },
	{ "Q5_K", RECIPE_Q5_K_M },
};

static bool is_float(enum fmt_type t)
{
	return t == FMT_F32 || t == FMT_F16 || t == FMT_BF16;
}

const struct quant_recipe *quant_recipe_find(const char *name)
{
	for (size_t i = 0; i < RECIPE_COUNT; i++)
		if (!strcasecmp(recipes[i].name, name))
			return &recipes[i];
	for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
		if (!strcasecmp(aliases[i].name, name))
			return &recipes[aliases[i].recipe];
	return NULL;
}

const struct quant_recipe *quant_recipe_numbered(int file_type)
{
	for (size_t i = 0; i < RECIPE_COUNT; i++)
		if (recipes[i].file_type == file_type)
			return &recipes[i];
	return NULL;
}

const char quant_recipe_mix[] = "llama.cpp since 2026-03";

bool quant_recipe_mixes(const struct quant_recipe *r)
{
	return !is_float(r->base) && r->base != FMT_Q8_0;
}

const struct quant_recipe *quant_recipe_list(size_t *n)
{
	*n = RECIPE_COUNT;
	return recipes;
}

const char quant_recipe_fallback[] = "rows are no whole number of blocks: next type that fits";

const char quant_recipe_kept[] = "kept";

const char quant_recipe_by_expression[] = "asked for (--tensor-type)";

/* What a type becomes where a row is no whole number of its blocks. F16 holds any row. */
static enum fmt_type fallback(enum fmt_type t)
{
	switch (t) {
	case FMT_IQ1_S:
	case FMT_IQ1_M:
	case FMT_IQ2_XXS:
	case FMT_IQ2_XS:
	case FMT_IQ2_S:
	case FMT_IQ3_XXS:
	case FMT_IQ3_S:
	case FMT_IQ4_XS:
		return FMT_IQ4_NL;
	case FMT_Q2_K:
	case FMT_Q3_K:
	case FMT_Q2_0:
	case FMT_TQ1_0:
	case FMT_TQ2_0:
		return FMT_Q4_0;
	case FMT_Q4_K:
		return FMT_Q5_0;
	case FMT_Q5_K:
		return FMT_Q5_1;
	case FMT_Q6_K:
		return FMT_Q8_0;
	default:
		return FMT_F16;
	}
}

static bool fits(enum fmt_type t, const struct fmt_view_tensor *vt)
{
	uint64_t cols = vt->n_dims ? vt->dims[vt->n_dims - 1] : 1;

	return cols % fmt_type_info(t)->block_elems == 0;
}

static enum fmt_type fit(enum fmt_type t, const struct fmt_view_tensor *vt, const char **why)
{
	while (!fits(t, vt)) {
		t = fallback(t);
		*why = quant_recipe_fallback;
	}
	return t;
}

struct tensor_facts {
	enum quant_mix_kind kind;
	bool allowed; /* the name is none of those that are left alone */
};

struct quant_recipe_model {
	const struct fmt_view *view;
	struct quant_mix_model facts;
	struct tensor_facts *tensors;         /* in the view's order */
	const struct fmt_view_tensor **order; /* the view's tensors from the first layer to the last */
};

/* Facts about the model that rules ask for. Keys that are absent count as 0; of per-layer arrays layer 0 speaks. */
static bool learn_model(const struct fmt_view *v, struct quant_mix_model *m, struct fmt_err *err)
{
	uint32_t n_heads, n_kv;

	if (!fmt_view_u32(v, "block_count", -1, 0, &m->n_layers, err) ||
	    !fmt_view_u32(v, "expert_count", -1, 0, &m->n_experts, err) ||
	    !fmt_view_u32(v, "attention.head_count", 0, 0, &n_heads, err) ||
	    !fmt_view_u32(v, "attention.head_count_kv", 0, n_heads, &n_kv, err))
		return false;
	m->arch = v->arch_name;
	m->n_gqa = n_kv ? n_heads / n_kv : 0;
	m->grouped = n_heads != n_kv;
	m->tied = !fmt_view_find(v, FMT_STR("output.weight"));
	return true;
}

static void learn_names(struct quant_recipe_model *m)
{
	for (uint64_t i = 0; i < m->view->n_tensors; i++) {
		struct fmt_str name = m->view->tensors[i].name;

		m->tensors[i] = (struct tensor_facts){ quant_mix_kind(&m->facts, name), quant_mix_allowed(m->facts.arch, name) };
		m->facts.n_values += quant_mix_is_value(m->tensors[i].kind);
	}
}

static int by_layer_and_name(const void *a, const void *b)
{
	const struct fmt_view_tensor *x = *(const struct fmt_view_tensor *const *)a;
	const struct fmt_view_tensor *y = *(const struct fmt_view_tensor *const *)b;
	int order;

	if (x->layer != y->layer)
		return x->layer < y->layer ? -1 : 1;
	order = memcmp(x->name.p, y->name.p, x->name.n < y->name.n ? x->name.n : y->name.n);
	return order ? order : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

/* Rules count tensors of a kind through the model from the first layer to the last, whatever their order in the file. */
static void put_in_order(struct quant_recipe_model *m)
{
	for (uint64_t i = 0; i < m->view->n_tensors; i++)
		m->order[i] = &m->view->tensors[i];
	qsort(m->order, m->view->n_tensors, sizeof *m->order, by_layer_and_name);
}

void quant_recipe_forget(struct quant_recipe_model *m)
{
	if (!m)
		return;
	free(m->tensors);
	free(m->order);
	free(m);
}

struct quant_recipe_model *quant_recipe_learn(const struct fmt_view *v, struct fmt_err *err)
{
	struct quant_recipe_model *m = calloc(1, sizeof *m);
	bool ok = m != NULL;

	if (m) {
		m->view = v;
		m->tensors = calloc(v->n_tensors + 1, sizeof *m->tensors);
		m->order = calloc(v->n_tensors + 1, sizeof *m->order);
		ok = m->tensors && m->order;
	}
	if (!ok)
		fmt_fail_nomem(err, (v->n_tensors + 1) * (sizeof *m->tensors + sizeof *m->order));
	if (!ok || !learn_model(v, &m->facts, err)) {
		quant_recipe_forget(m);
		return NULL;
	}
	learn_names(m);
	put_in_order(m);
	return m;
}

/* Where the tensor stands among its kind: counted, but for experts, of which a layer may have several tensors. */
static struct quant_mix_tensor place(const struct quant_mix_model *m, const struct fmt_view_tensor *vt,
                                     enum quant_mix_kind kind, enum fmt_type base, uint32_t *counts)
{
	struct quant_mix_tensor t = { .kind = kind, .fits = fits(base, vt) };
	bool value = quant_mix_is_value(t.kind);

	t.n = value ? m->n_values : m->n_layers;
	t.count = t.i = counts[value ? MIX_ATTN_V : t.kind]++;
	t.stacked = vt->n_dims > 2 && vt->dims[0] > 1;
	if (!value && m->n_experts > 1)
		t.i = vt->layer < 0 ? 0 : (uint32_t)vt->layer;
	return t;
}

/* The type of a tensor that no recipe changes. From a checkpoint it is what an unquantized GGUF of it would hold. */
static enum fmt_type kept_type(const struct fmt_view *v, const struct fmt_view_tensor *vt)
{
	if (v->from_dir && (vt->keep_f32 || vt->op == FMT_OP_JOIN || !is_float(vt->type)))
		return FMT_F32;
	return vt->type;
}

/* Dimensions as llama.cpp counts them: a matrix of one row is a vector. */
static uint32_t n_dims(const struct fmt_view_tensor *vt)
{
	uint32_t skip = 0;

	while (skip < vt->n_dims && vt->dims[skip] == 1)
		skip++;
	return vt->n_dims - skip;
}

/* A checkpoint is converted by the rules of convert_hf_to_gguf.py, which the view knows (keep_f32); Q8_0 is one of its
 * types. A GGUF, and everything else that is quantized, goes by the rules of llama-quantize. */
static bool by_converter(const struct fmt_view *v, const struct quant_recipe *r)
{
	return v->from_dir && !quant_recipe_mixes(r);
}

static bool may_change(const struct fmt_view *v, const struct fmt_view_tensor *vt, bool allowed)
{
	return !(v->from_dir && vt->keep_f32) && n_dims(vt) >= 2 && allowed;
}

/* Which option besides --tensor-type says what becomes of a matrix. One that is embedding and output is called an embedding. */
enum own_option { OWN_NONE, OWN_EMBEDDING, OWN_LEAVE, OWN_OUTPUT };

static enum own_option own_option(const struct quant_recipe_opts *o, enum quant_mix_kind kind, bool tied)
{
	if (o->embedding_given && (kind == MIX_TOKEN_EMBD || (kind == MIX_OUTPUT && tied)))
		return OWN_EMBEDDING;
	if (kind == MIX_OUTPUT && o->leave_output)
		return OWN_LEAVE;
	return kind == MIX_OUTPUT && o->output_given ? OWN_OUTPUT : OWN_NONE;
}

/* What the person asked for by name; the type that the recipe would give otherwise. */
static enum fmt_type asked(const struct quant_recipe_opts *o, const struct quant_recipe_model *m,
                           const struct fmt_view_tensor *vt, enum quant_mix_kind kind, enum fmt_type type,
                           const char **why)
{
	int i = quant_overrides_find(o->overrides, vt->name);

	switch (own_option(o, kind, m->facts.tied)) {
	case OWN_EMBEDDING:
		*why = "asked for (--embedding-type)";
		return fit(o->embedding, vt, why);
	case OWN_LEAVE:
		*why = "left as it is (--leave-output)";
		return kept_type(m->view, vt);
	case OWN_OUTPUT:
		*why = "asked for (--output-type)";
		return fit(o->output, vt, why);
	case OWN_NONE:
		break;
	}
	if (i < 0)
		return type;
	*why = quant_recipe_by_expression;
	return fit(quant_overrides_type(o->overrides, i), vt, why);
}

void quant_recipe_plan_of(const struct quant_recipe_model *model, const struct quant_recipe *r,
                          const struct quant_recipe_opts *opts, enum fmt_type *types, const char **why)
{
	static const struct quant_recipe_opts nothing = { .imatrix = false };
	const struct quant_recipe_opts *o = opts ? opts : &nothing;
	const struct fmt_view *v = model->view;
	struct quant_mix_model m = model->facts;
	uint32_t counts[MIX_KIND_COUNT] = { 0 };

	m.imatrix = o->imatrix;
	for (uint64_t i = 0; i < v->n_tensors; i++) {
		const struct fmt_view_tensor *vt = model->order[i];
		const struct tensor_facts *t = &model->tensors[vt - v->tensors];
		const char *text = "the recipe's own type";
		enum fmt_type type = r ? r->base : vt->type;

		if (!r || (o->keep_blocks && (vt->type == FMT_MXFP4 || vt->type == FMT_NVFP4))) {
			type = vt->type;
			text = quant_recipe_kept;
		} else if (v->from_dir && vt->keep_f32) {
			type = FMT_F32;
			text = "norms, biases and the like stay F32";
		} else if (by_converter(v, r)) {
			type = fit(type, vt, &text);
		} else if (n_dims(vt) < 2 || !t->allowed) {
			type = kept_type(v, vt);
			text = "never quantized";
		} else if (!is_float(type)) {
			struct quant_mix_tensor mix = place(&m, vt, t->kind, r->base, counts);

			if (!o->pure)
				type = quant_mix_type(&m, &mix, (enum quant_recipe_id)(r - recipes), type, &text);
			type = fit(type, vt, &text);
		}
		if (may_change(v, vt, t->allowed))
			type = asked(o, model, vt, t->kind, type, &text);
		types[vt - v->tensors] = type;
		if (why)
			why[vt - v->tensors] = text;
	}
}

bool quant_recipe_plan(const struct fmt_view *v, const struct quant_recipe *r, const struct quant_recipe_opts *opts,
                       enum fmt_type *types, const char **why, struct fmt_err *err)
{
	struct quant_recipe_model *m = quant_recipe_learn(v, err);

	if (!m)
		return false;
	quant_recipe_plan_of(m, r, opts, types, why);
	quant_recipe_forget(m);
	return true;
}
