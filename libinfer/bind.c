/* From a view to a model that can run: each weight that the forward pass names is found by its role, its shape checked,
 * and its contents made reachable: where they lie in the mapped file, or read into memory once. */
#include "bind.h"
#include "hyper.h"
#include "next.h"

#include <inttypes.h>
#include <libquant/rows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shape that a need stands for, outermost first. */
struct shape {
	uint32_t n;
	uint64_t dims[3];
};

static struct shape shape_of(uint64_t stack, uint64_t rows, uint64_t cols, bool vector, bool stacked)
{
	if (vector)
		return (struct shape){ 1, { cols } };
	return stacked ? (struct shape){ 3, { stack, rows, cols } } : (struct shape){ 2, { rows, cols } };
}

static const char *show(const uint64_t *dims, uint32_t n, char *out, size_t n_out)
{
	size_t at = 0;

	out[0] = 0;
	for (uint32_t i = 0; i < n && at < n_out; i++)
		at += (size_t)snprintf(out + at, n_out - at, "%s%" PRIu64, i ? ", " : "", dims[i]);
	return out;
}

static bool check_shape(const struct fmt_view_tensor *t, struct shape want, struct fmt_err *err)
{
	char is[100], asked[100];

	if (t->n_dims == want.n && !memcmp(t->dims, want.dims, want.n * sizeof *t->dims))
		return true;
	return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "tensor %.*s: shape [%s], but the keys ask for [%s]",
	                (int)(t->name.n < 80 ? t->name.n : 80), t->name.p, show(t->dims, t->n_dims, is, sizeof is),
	                show(want.dims, want.n, asked, sizeof asked));
}

/* Decoded floats of the whole tensor: for vectors of other types, and for what needs arithmetic after decoding. */
static bool load_floats(const struct infer_model *m, struct infer_w *w, struct fmt_err *err)
{
	size_t n_bytes = quant_rows_scratch(w->tensor, 1);
	size_t n_rows = w->n_stacked * w->rows;
	float *dst;
	void *scratch;
	bool ok;

	w->copied_bytes = w->tensor->n_elems * sizeof *dst;
	if (m->described)
		return true;
	dst = malloc(w->copied_bytes);
	scratch = n_bytes ? malloc(n_bytes) : NULL;
	ok = dst && (scratch || !n_bytes);
	if (!ok)
		fmt_fail_nomem(err, w->tensor->n_elems * sizeof *dst);
	for (size_t row = 0; ok && row < n_rows; row++)
		ok = quant_lora_steps(m->lora, w->tensor) ? quant_lora_rows(m->lora, w->tensor, row, 1, dst + row * w->cols, scratch, err)
		                                          : quant_rows(m->view, w->tensor, row, 1, dst + row * w->cols, scratch, err);
	free(scratch);
	w->owned = dst;
	w->f32 = dst;
	return ok;
}

/* The matrices of a stack where they lie mapped, each for itself. False: they do not, or memory is short. */
static bool map_apart(const struct infer_model *m, struct infer_w *w)
{
	const uint8_t **apart = w->n_stacked > 1 ? calloc(w->n_stacked, sizeof *apart) : NULL;

	for (size_t i = 0; apart && i < w->n_stacked; i++) {
		apart[i] = fmt_view_map_part(m->view, w->tensor, i);
		if (!apart[i]) {
			free(apart);
			return false;
		}
	}
	w->owned = apart;
	w->apart = apart;
	if (!apart)
		return false;
	w->mapped_bytes = w->tensor->n_bytes;
	w->copied_bytes = w->n_stacked * sizeof *apart;
	return true;
}

/* The tensor's bytes: mapped, or else read into memory, in pieces that the view makes on demand. */
static bool load_bytes(const struct infer_model *m, struct infer_w *w, struct fmt_err *err)
{
	const struct fmt_view_tensor *t = w->tensor;
	const void *mapped = fmt_view_map(m->view, t);

	if (!mapped && m->view->weights && map_apart(m, w))
		return true;
	/* Floats are used as they lie, which needs their alignment; kernels read the other types from anywhere. */
	if (!mapped || (t->type == FMT_F32 && (uintptr_t)mapped % sizeof(float))) {
		w->copied_bytes = t->n_bytes;
		if (m->described)
			return true;
		w->owned = malloc(t->n_bytes);
		if (!w->owned)
			return fmt_fail_nomem(err, t->n_bytes);
		mapped = w->owned;
		if (!fmt_view_read(m->view, t, 0, w->n_stacked * w->rows, w->owned, err))
			return false;
	} else {
		w->mapped_bytes = t->n_bytes;
	}
	w->data = mapped;
	w->f32 = t->type == FMT_F32 ? mapped : NULL;
	return true;
}

/* Finds out how the tensor is stored, and loads it. Sizes are those of a file that exists, so they fit in memory's.
 * floats: whatever its type, it is wanted as floats */
static bool load(struct infer_model *m, struct infer_w *w, bool floats, struct fmt_err *err)
{
	const struct fmt_view_tensor *t = w->tensor;
	const struct quant_lora_step *steps = quant_lora_steps(m->lora, t);
	const struct quant_type *q = quant_type(t->type);
	uint64_t row_bytes;

	if (!q)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor %.*s: type %s cannot be computed with",
		                (int)(t->name.n < 80 ? t->name.n : 80), t->name.p, fmt_type_info(t->type)->name);
	if (!fmt_row_bytes(t->type, w->cols, &row_bytes) || t->n_elems > SIZE_MAX / sizeof(float))
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "tensor %.*s: too large",
		                (int)(t->name.n < 80 ? t->name.n : 80), t->name.p);
	w->row_bytes = (size_t)row_bytes;
	w->decode = q->decode;
	if (t->op != FMT_OP_NONE || (t->type != FMT_F32 && (floats || t->n_dims == 1 || t->keep_f32)))
		return load_floats(m, w, err);
	if (!steps)
		return load_bytes(m, w, err);
	if (!infer_delta_fits(w, steps))
		return load_floats(m, w, err);
	for (const struct quant_lora_step *s = steps; s; s = s->next)
		m->max_rank = s->rank > m->max_rank ? (uint32_t)s->rank : m->max_rank;
	return load_bytes(m, w, err) && infer_delta_load(w, steps, m->described, err);
}

/* The factor on a matrix's products that a GGUF may have beside it. */
static bool load_scale(const struct infer_model *m, struct infer_w *w, struct fmt_err *err)
{
	const struct fmt_view_tensor *t;
	size_t n = w->n_stacked;

	if (!fmt_view_scale(m->view, w->tensor, &t, err))
		return false;
	if (!t)
		return true;
	w->copied_bytes += n * sizeof *w->scale;
	if (m->described)
		return true;
	w->scale = malloc(n * sizeof *w->scale);
	if (!w->scale)
		return fmt_fail_nomem(err, n * sizeof *w->scale);
	if (!fmt_view_read(m->view, t, 0, 1, w->scale, err))
		return false;
	for (size_t i = t->n_elems; i < n; i++)
		w->scale[i] = w->scale[0];
	return true;
}

/* A tensor that is not there: fine if the pass can do without it and the description knows models that do. */
static bool accept_absent(const struct infer_model *m, enum fmt_role role, const char *name, const char *end, bool optional,
                          int32_t layer, struct fmt_err *err)
{
	char block[24] = "";

	if (optional && !fmt_arch_requires(m->view->arch, role, layer >= 0))
		return true;
	if (layer >= 0)
		snprintf(block, sizeof block, "blk.%" PRId32 ".", layer);
	return fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "tensor %s%s%s is missing", block, name, end);
}

static bool bind_bias(struct infer_model *m, const struct infer_need *need, int32_t layer, struct infer_w *w,
                      struct infer_w *bias, struct fmt_err *err)
{
	bias->tensor = fmt_view_role(m->view, need->bias, layer);
	if (!bias->tensor)
		return accept_absent(m, need->bias, need->name, ".bias", true, layer, err);
	bias->n_stacked = 1;
	bias->rows = w->n_stacked;
	bias->cols = need->rows == DIM_ONE ? w->cols : w->rows;
	if (!check_shape(bias->tensor, shape_of(1, bias->rows, bias->cols, need->stack == DIM_ONE, false), err) ||
	    !load(m, bias, true, err))
		return false;
	w->bias = bias->f32;
	return true;
}

static bool needed(const struct infer_model *m, const struct infer_layer *l, enum infer_in in)
{
	switch (in) {
	case IN_DENSE:
		return !l->experts;
	case IN_MOE:
		return l->experts;
	case IN_MOE_LATENT:
		return l->experts && m->moe.d_in != m->d_model;
	case IN_BLOCK:
		return l->d_ff != 0;
	case IN_Q_LATENT:
		return m->latent.n_queries != 0;
	case IN_Q_FULL:
		return !m->latent.n_queries;
	case IN_ATTENTION:
		return l->n_head != 0;
	case IN_RECURRENT:
		return l->recurrent;
	case IN_ALL:
		break;
	}
	return true;
}

static bool bind_one(struct infer_model *m, const struct infer_need *need, int32_t layer, struct infer_w *table,
                     struct fmt_err *err)
{
	const struct infer_layer *l = layer < 0 ? NULL : &m->layers[layer];
	uint64_t rows = infer_dim(m, l, need->rows), cols = infer_dim(m, l, need->cols);
	uint64_t stack = infer_dim(m, l, need->stack);
	struct infer_w *w = &table[need->role];
	bool vector;

	if (l && !needed(m, l, need->in))
		return true;
	w->tensor = fmt_view_role(m->view, need->role, layer);
	if (!w->tensor)
		return accept_absent(m, need->role, need->name, need->end ? need->end : ".weight", need->optional, layer, err);
	if (need->cols == DIM_ANY && w->tensor->n_dims == 1)
		cols = w->tensor->dims[0];
	vector = need->rows == DIM_ONE || (need->rows == DIM_ROW && w->tensor->n_dims == 1);
	if (!check_shape(w->tensor, shape_of(stack, rows, cols, vector, need->stack != DIM_ONE), err))
		return false;
	w->n_stacked = (size_t)stack;
	w->rows = (size_t)rows;
	w->cols = (size_t)cols;
	return load(m, w, false, err) && (need->role == FMT_ROLE_TOKEN_EMBD || load_scale(m, w, err)) &&
	       (!need->bias || bind_bias(m, need, layer, w, &table[need->bias], err));
}

static bool bind_table(struct infer_model *m, const struct infer_need *needs, int32_t layer, struct infer_w *table, struct fmt_err *err)
{
	for (; needs->role != FMT_ROLE_NONE; needs++)
		if (!bind_one(m, needs, layer, table, err))
			return false;
	return true;
}

/* What any model may have whose heads rotate. */
static const struct infer_need rotary[] = {
	{ FMT_ROLE_ROPE_FREQS, "rope_freqs", FMT_ROLE_NONE, DIM_ONE, DIM_ANY, .optional = true },
	{ FMT_ROLE_NONE },
};

static bool bind_all(struct infer_model *m, struct fmt_err *err)
{
	if (!bind_table(m, m->forward->global, -1, m->w, err) || !bind_table(m, rotary, -1, m->w, err))
		return false;
	if (!m->w[FMT_ROLE_OUTPUT].tensor) { /* tied: the embedding's contents, which it keeps owning */
		m->w[FMT_ROLE_OUTPUT] = m->w[FMT_ROLE_TOKEN_EMBD];
		m->w[FMT_ROLE_OUTPUT].owned = NULL;
		m->w[FMT_ROLE_OUTPUT].deltas = NULL; /* an embedding has none: it is changed in a copy */
		m->w[FMT_ROLE_OUTPUT].mapped_bytes = m->w[FMT_ROLE_OUTPUT].copied_bytes = 0;
	}
	for (uint32_t i = 0; i < infer_layers(m); i++)
		if (!bind_table(m, m->forward->layer, (int32_t)i, m->layers[i].w, err) ||
		    (m->forward->layer_too && !bind_table(m, m->forward->layer_too, (int32_t)i, m->layers[i].w, err)) ||
		    (i >= m->n_layers && !bind_table(m, infer_next_needs, (int32_t)i, m->layers[i].w, err)))
			return false;
	return true;
}

/* What is wanted of a model beside what every run needs, or instead of it. */
enum wanted { WANT_USUAL, WANT_DESCRIBED, WANT_NEXT };

static struct infer_model *create(const struct fmt_view *v, const struct quant_lora *lora, struct quant_pool *pool, enum wanted wanted,
                                  struct fmt_err *err)
{
	struct infer_model *m = calloc(1, sizeof *m);

	if (!m) {
		fmt_fail_nomem(err, sizeof *m);
		return NULL;
	}
	m->view = v;
	m->lora = lora;
	m->pool = pool;
	m->described = wanted == WANT_DESCRIBED;
	m->forward = infer_forward_find(v->arch_name);
	if (v->is_adapter)
		fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "an adapter, not a model: give the model, and this with --lora");
	else if (!m->forward)
		fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "architecture '%.*s' can be read but not run",
		         (int)(v->arch_name.n < 60 ? v->arch_name.n : 60), v->arch_name.p);
	else if (infer_hyper_read(m, wanted == WANT_NEXT, err) && bind_all(m, err) && infer_rope_init(m, err))
		return m;
	fmt_err_file(err, v->path);
	infer_model_destroy(m);
	return NULL;
}

struct infer_model *infer_model_create(const struct fmt_view *v, struct quant_pool *pool, struct fmt_err *err)
{
	return create(v, NULL, pool, WANT_USUAL, err);
}

struct infer_model *infer_model_create_adapted(const struct fmt_view *v, const struct quant_lora *lora, struct quant_pool *pool,
                                               struct fmt_err *err)
{
	return create(v, lora, pool, WANT_USUAL, err);
}

struct infer_model *infer_model_describe(const struct fmt_view *v, struct fmt_err *err)
{
	return create(v, NULL, NULL, WANT_DESCRIBED, err);
}

struct infer_model *infer_model_create_next(const struct fmt_view *v, const struct quant_lora *lora, struct quant_pool *pool,
                                            struct fmt_err *err)
{
	return create(v, lora, pool, WANT_NEXT, err);
}

struct infer_w infer_w_rows(const struct infer_w *w, size_t first, size_t n)
{
	struct infer_w part = *w;

	part.rows = n;
	part.owned = NULL;
	part.delta_row = w->delta_row + first;
	part.later_rows = w->later_rows || first > 0;
	if (w->f32)
		part.f32 = w->f32 + first * w->cols;
	if (w->data)
		part.data = w->data + first * w->row_bytes;
	if (w->bias)
		part.bias = w->bias + first;
	return part;
}

static void free_weights(struct infer_w *table)
{
	for (size_t i = 0; i < FMT_ROLE_COUNT; i++) {
		free(table[i].owned);
		free(table[i].scale);
		infer_delta_free(table[i].deltas);
	}
}

void infer_model_destroy(struct infer_model *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; m->layers && i < infer_layers(m); i++)
		free_weights(m->layers[i].w);
	free_weights(m->w);
	infer_rope_finish(&m->rope);
	free(m->layers);
	free(m);
}

static void add_weights(const struct infer_w *table, struct infer_weights_memory *memory)
{
	for (size_t i = 0; i < FMT_ROLE_COUNT; i++) {
		memory->mapped += table[i].mapped_bytes;
		memory->copied += table[i].copied_bytes;
	}
}

void infer_weights_memory(const struct infer_model *m, struct infer_weights_memory *memory)
{
	*memory = (struct infer_weights_memory){ 0 };
	add_weights(m->w, memory);
	for (uint32_t i = 0; i < infer_layers(m); i++)
		add_weights(m->layers[i].w, memory);
}

uint32_t infer_n_vocab(const struct infer_model *m)
{
	return m->n_vocab;
}

uint32_t infer_n_next(const struct infer_model *m)
{
	return m->n_next;
}

uint32_t infer_n_ctx_train(const struct infer_model *m)
{
	return m->n_ctx_train;
}
