/* Matrix products with weights of any type, and rows picked from them. */
#include "op.h"

#include <string.h>

#include "next.h"

/* Rows that a worker takes at a time, and of those decoded together: a few rows of floats stay in the nearest caches
 * while every token of the batch is multiplied with them. */
enum { ROWS_PER_ITEM = 32, ROWS_DECODED = 4 };

size_t op_linear_scratch(size_t cols, size_t n_batch)
{
	return ROWS_DECODED * (cols + n_batch);
}

/* Rows row .. row + n - 1 of a matrix of w as floats: where they lie, or decoded into dst. */
static const float *weight_rows(const struct infer_w *w, size_t matrix, size_t row, size_t n, float *dst)
{
	size_t at = matrix * w->rows + row;
	const uint8_t *data;

	if (w->f32)
		return w->f32 + at * w->cols;
	data = w->apart ? w->apart[matrix] + row * w->row_bytes : w->data + at * w->row_bytes;
	for (size_t i = 0; i < n; i++)
		w->decode(data + i * w->row_bytes, dst + i * w->cols, w->cols);
	return dst;
}

void op_embed(struct infer_run *r, float *x, const struct infer_w *w)
{
	for (uint32_t t = 0; t < r->n_tok; t++) {
		float *dst = x + t * w->cols;
		const float *row = weight_rows(w, 0, (size_t)r->ids[t], 1, dst);

		if (row != dst)
			memcpy(dst, row, w->cols * sizeof *dst);
	}
	op_done(r, "embedding", w, x, r->n_tok, w->cols, false);
}

void op_add_positions(struct infer_run *r, float *x, const struct infer_w *w)
{
	for (uint32_t t = 0; t < r->n_tok; t++) {
		const float *row = weight_rows(w, 0, (size_t)r->pos + t, 1, r->scratch);

		for (size_t i = 0; i < w->cols; i++)
			x[t * w->cols + i] += row[i];
	}
	op_done(r, "positions", w, x, r->n_tok, w->cols, true);
}

void op_wanted(struct infer_run *r, float *x)
{
	size_t n = r->model->d_model, skip = r->n_tok - r->n_wanted;

	infer_next_keep(r, x);
	memmove(x, x + skip * n, r->n_wanted * n * sizeof *x);
	r->n_tok = r->n_wanted;
}

struct linear {
	const struct infer_run *r;
	float *y;
	const float *x;
	const struct infer_w *w;
	const struct infer_group *groups; /* NULL: matrix i has the rows of all tokens that begin at i steps */
	size_t x_step, x_row;             /* from row `first` of one group to that of the next; from row to row: floats */
	size_t y_step, y_row;
	bool add;
};

static struct infer_group group_at(const struct linear *c, uint64_t i)
{
	return c->groups ? c->groups[i] : (struct infer_group){ .matrix = (uint32_t)i, .first = (uint32_t)i, .n = c->r->n_tok };
}

/* Products out [n, ROWS_DECODED] of n_w rows of the weight, from row `row` of a matrix, go to their columns of y. */
static void store(const struct linear *c, const struct infer_group *g, size_t row, size_t n_w, const float *out)
{
	const float *bias = c->w->bias ? c->w->bias + (c->groups ? g->matrix * c->w->rows : 0) : NULL;
	const float *scale = c->w->scale ? c->w->scale + (c->w->n_stacked > 1 ? g->matrix : 0) : NULL;

	for (size_t t = 0; t < g->n; t++) {
		float *y = c->y + g->first * c->y_step + t * c->y_row + row;

		for (size_t i = 0; i < n_w; i++) {
			float value = out[t * ROWS_DECODED + i];

			if (scale)
				value *= *scale;
			if (bias)
				value += bias[row + i];
			y[i] = c->add ? y[i] + value : value;
		}
	}
}

static size_t items_per_matrix(const struct infer_w *w)
{
	return (w->rows + ROWS_PER_ITEM - 1) / ROWS_PER_ITEM;
}

static void linear_rows(void *ctx, uint64_t item, unsigned worker)
{
	const struct linear *c = ctx;
	const struct infer_w *w = c->w;
	struct infer_group g = group_at(c, item / items_per_matrix(w));
	float *decoded = infer_scratch(c->r, worker), *out = decoded + ROWS_DECODED * w->cols;
	size_t row = (size_t)(item % items_per_matrix(w)) * ROWS_PER_ITEM, left = w->rows - row;
	size_t end = row + (left < ROWS_PER_ITEM ? left : ROWS_PER_ITEM);

	for (size_t n; row < end; row += n) {
		n = end - row < ROWS_DECODED ? end - row : ROWS_DECODED;
		c->r->kernels->tile(weight_rows(w, g.matrix, row, n, decoded), w->cols, n,
		                    c->x + g.first * c->x_step, c->x_row, g.n, w->cols, out, ROWS_DECODED);
		store(c, &g, row, n, out);
	}
}

/* Shows the rows that go into the matrices; a tensor's later parts get the same as its first. */
static void watch(const struct linear *c, uint64_t n_matrices)
{
	const struct infer_w *w = c->w;
	struct infer_inputs in = { .tensor = w->tensor, .n_stacked = w->n_stacked, .routed = c->groups != NULL, .cols = w->cols,
	                           .stride = c->x_row };

	if (w->later_rows)
		return;
	for (uint64_t i = 0; i < n_matrices; i++) {
		struct infer_group g = group_at(c, i);

		in.matrix = g.matrix;
		in.x = c->x + g.first * c->x_step;
		in.n = g.n;
		if (in.n)
			c->r->watch(c->r->watch_user, &in);
	}
}

static void run_rows(struct linear *c, uint64_t n_matrices)
{
	quant_pool_run(c->r->pool, n_matrices * items_per_matrix(c->w), linear_rows, c);
}

/* What adapters add: two narrow products, by the same tokens. */
static void add_deltas(const struct linear *c, uint64_t n_matrices)
{
	for (const struct infer_delta *d = c->w->deltas; d; d = d->next) {
		struct infer_w b = infer_w_rows(&d->b, c->w->delta_row, c->w->rows);
		struct linear in = *c, out = *c;

		in.w = &d->a;
		in.y = c->r->low;
		in.y_step = in.y_row = d->a.rows;
		in.add = false;
		run_rows(&in, n_matrices);
		out.w = &b;
		out.x = c->r->low;
		out.x_step = out.x_row = d->a.rows;
		out.add = true;
		run_rows(&out, n_matrices);
	}
}

static void multiply(struct linear *c, uint64_t n_matrices)
{
	if (c->r->watch)
		watch(c, n_matrices);
	run_rows(c, n_matrices);
	add_deltas(c, n_matrices);
}

void op_watch(struct infer_run *r, const float *x, const struct infer_w *w)
{
	struct linear c = { .r = r, .x = x, .w = w, .x_row = w->cols };

	if (r->watch && r->n_tok)
		watch(&c, 1);
}

static void linear(struct infer_run *r, float *y, const float *x, const struct infer_w *w, bool add)
{
	struct linear c = { .r = r, .y = y, .x = x, .w = w, .x_row = w->cols, .y_row = w->rows, .add = add };

	if (r->n_tok)
		multiply(&c, 1);
	op_done(r, "linear", w, y, r->n_tok, w->rows, add);
}

void op_linear(struct infer_run *r, float *y, const float *x, const struct infer_w *w)
{
	linear(r, y, x, w, false);
}

void op_linear_add(struct infer_run *r, float *y, const float *x, const struct infer_w *w)
{
	linear(r, y, x, w, true);
}

void op_qkv(struct infer_run *r, const float *x, const struct infer_w *w)
{
	const struct infer_model *m = r->model;
	const struct infer_layer *l = &m->layers[r->layer];
	size_t n_q = (size_t)l->n_head * m->d_k, n_k = (size_t)l->n_head_kv * m->d_k, n_v = (size_t)l->n_head_kv * m->d_v;
	struct infer_w q = infer_w_rows(w, 0, n_q), k = infer_w_rows(w, n_q, n_k), v = infer_w_rows(w, n_q + n_k, n_v);

	op_linear(r, r->q, x, &q);
	op_linear(r, r->k, x, &k);
	op_linear(r, r->v, x, &v);
}

void op_linear_groups(struct infer_run *r, float *y, const float *x, const struct infer_w *w,
                      const struct infer_group *groups, size_t n_groups)
{
	struct linear c = { .r = r, .y = y, .x = x, .w = w, .groups = groups, .x_step = w->cols, .x_row = w->cols, .y_step = w->rows,
	                    .y_row = w->rows };

	multiply(&c, n_groups);
	op_done(r, "linear", w, y, n_groups ? groups[n_groups - 1].first + groups[n_groups - 1].n : 0, w->rows, false);
}

void op_linear_heads(struct infer_run *r, float *y, size_t y_width, const float *x, size_t x_width, const struct infer_w *w)
{
	struct linear c = { .r = r, .y = y, .x = x, .w = w, .x_step = x_width, .x_row = x_width * w->n_stacked, .y_step = y_width,
	                    .y_row = y_width * w->n_stacked };

	multiply(&c, w->n_stacked);
	if (y_width == w->rows) /* of rows with something else between nothing is shown: who fills them shows the whole */
		op_done(r, "linear", w, y, r->n_tok, y_width * w->n_stacked, false);
}
