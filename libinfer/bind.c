/* From a view to a model that can run: each weight that the forward pass names is found by its role, its shape checked,
 * and its contents made reachable: where they lie in the mapped file, or read into memory once. */
#include "bind.h"
#include "hyper.h"

#include <inttypes.h>
#include <libquant/rows.h>
#include <stdlib.h>

static bool wrong_shape(const struct fmt_view_tensor *t, uint64_t rows, uint64_t cols, struct fmt_err *err)
{
	return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET,
	                "tensor %.*s: shape [%" PRIu64 ", %" PRIu64 "] (%u dimensions), but the keys ask for [%" PRIu64
	                ", %" PRIu64 "]",
	                (int)(t->name.n < 80 ? t->name.n : 80), t->name.p, t->n_dims > 1 ? t->dims[t->n_dims - 2] : 1,
	                t->n_dims ? t->dims[t->n_dims - 1] : 1, t->n_dims, rows, cols);
}

static bool check_shape(const struct fmt_view_tensor *t, uint64_t rows, uint64_t cols, bool vector, struct fmt_err *err)
{
	if (vector ? t->n_dims == 1 && t->dims[0] == cols
	           : t->n_dims == 2 && t->dims[0] == rows && t->dims[1] == cols)
		return true;
	return wrong_shape(t, rows, cols, err);
}

/* Decoded floats of the whole tensor: for vectors, and for what needs arithmetic after decoding. */
static bool load_floats(const struct infer_model *m, struct infer_w *w, struct fmt_err *err)
{
	size_t n_bytes = quant_rows_scratch(w->tensor, 1);
	float *dst = malloc(w->rows * w->cols * sizeof *dst);
	void *scratch = n_bytes ? malloc(n_bytes) : NULL;
	bool ok = dst && (scratch || !n_bytes);

	if (!ok)
		fmt_fail_nomem(err, w->tensor->n_elems * sizeof *dst);
	for (size_t row = 0; ok && row < w->rows; row++)
		ok = quant_rows(m->view, w->tensor, row, 1, dst + row * w->cols, scratch, err);
	free(scratch);
	w->owned = dst;
	w->f32 = dst;
	return ok;
}

/* The tensor's bytes: mapped, or else read into memory, in pieces that the view makes on demand. */
static bool load_bytes(const struct infer_model *m, struct infer_w *w, struct fmt_err *err)
{
	const struct fmt_view_tensor *t = w->tensor;
	const void *mapped = fmt_view_map(m->view, t);

	/* Floats are used as they lie, which needs their alignment; kernels read the other types from anywhere. */
	if (!mapped || (t->type == FMT_F32 && (uintptr_t)mapped % sizeof(float))) {
		w->owned = malloc(t->n_bytes);
		if (!w->owned)
			return fmt_fail_nomem(err, t->n_bytes);
		mapped = w->owned;
		if (!fmt_view_read(m->view, t, 0, w->rows, w->owned, err))
			return false;
	}
	w->data = mapped;
	w->f32 = t->type == FMT_F32 ? mapped : NULL;
	return true;
}

/* Finds out how the tensor is stored, and loads it. Sizes are those of a file that exists, so they fit in memory's. */
static bool load(const struct infer_model *m, struct infer_w *w, struct fmt_err *err)
{
	const struct fmt_view_tensor *t = w->tensor;
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
	if (t->n_dims == 1 || t->op != FMT_OP_NONE)
		return load_floats(m, w, err);
	return load_bytes(m, w, err);
}

static bool bind_bias(const struct infer_model *m, enum fmt_role role, int32_t layer, struct infer_w *w,
                      struct infer_w *bias, struct fmt_err *err)
{
	bias->tensor = role == FMT_ROLE_NONE ? NULL : fmt_view_role(m->view, role, layer);
	if (!bias->tensor)
		return true;
	bias->rows = 1;
	bias->cols = w->rows;
	if (!check_shape(bias->tensor, 1, w->rows, true, err) || !load(m, bias, err))
		return false;
	w->bias = bias->f32;
	return true;
}

static bool bind_one(const struct infer_model *m, const struct infer_need *need, int32_t layer, struct infer_w *table,
                     struct fmt_err *err)
{
	const struct infer_layer *l = layer < 0 ? NULL : &m->layers[layer];
	uint64_t rows = infer_dim(m, l, need->rows), cols = infer_dim(m, l, need->cols);
	struct infer_w *w = &table[need->role];

	w->tensor = fmt_view_role(m->view, need->role, layer);
	if (!w->tensor && need->optional)
		return true;
	if (!w->tensor && layer < 0)
		return fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "tensor %s.weight is missing", need->name);
	if (!w->tensor)
		return fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "tensor blk.%d.%s.weight is missing", (int)layer,
		                need->name);
	if (need->cols == DIM_ANY && w->tensor->n_dims == 1)
		cols = w->tensor->dims[0];
	if (!check_shape(w->tensor, rows, cols, need->rows == DIM_ONE, err))
		return false;
	w->rows = (size_t)rows;
	w->cols = (size_t)cols;
	return load(m, w, err) && bind_bias(m, need->bias, layer, w, &table[need->bias], err);
}

static bool bind_all(struct infer_model *m, struct fmt_err *err)
{
	for (const struct infer_need *n = m->forward->global; n->role != FMT_ROLE_NONE; n++)
		if (!bind_one(m, n, -1, m->w, err))
			return false;
	if (!m->w[FMT_ROLE_OUTPUT].tensor) { /* tied: the embedding's contents, which it keeps owning */
		m->w[FMT_ROLE_OUTPUT] = m->w[FMT_ROLE_TOKEN_EMBD];
		m->w[FMT_ROLE_OUTPUT].owned = NULL;
	}
	for (uint32_t i = 0; i < m->n_layers; i++)
		for (const struct infer_need *n = m->forward->layer; n->role != FMT_ROLE_NONE; n++)
			if (!bind_one(m, n, (int32_t)i, m->layers[i].w, err))
				return false;
	return true;
}

struct infer_model *infer_model_create(const struct fmt_view *v, struct quant_pool *pool, struct fmt_err *err)
{
	struct infer_model *m = calloc(1, sizeof *m);

	if (!m) {
		fmt_fail_nomem(err, sizeof *m);
		return NULL;
	}
	m->view = v;
	m->pool = pool;
	m->forward = infer_forward_find(v->arch_name);
	if (!m->forward)
		fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "architecture '%.*s' can be read but not run",
		         (int)(v->arch_name.n < 60 ? v->arch_name.n : 60), v->arch_name.p);
	else if (infer_hyper_read(m, err) && bind_all(m, err) && infer_rope_init(m, err))
		return m;
	fmt_err_file(err, v->path);
	infer_model_destroy(m);
	return NULL;
}

static void free_weights(struct infer_w *table)
{
	for (size_t i = 0; i < FMT_ROLE_COUNT; i++)
		free(table[i].owned);
}

void infer_model_destroy(struct infer_model *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; m->layers && i < m->n_layers; i++)
		free_weights(m->layers[i].w);
	free_weights(m->w);
	infer_rope_finish(&m->rope);
	free(m->layers);
	free(m);
}

uint32_t infer_n_vocab(const struct infer_model *m)
{
	return m->n_vocab;
}

uint32_t infer_n_ctx_train(const struct infer_model *m)
{
	return m->n_ctx_train;
}
