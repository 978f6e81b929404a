/* Two views side by side, in pieces. See <libquant/compare.h>. */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include <libquant/compare.h>
#include <libquant/rows.h>

#include "pieces.h"

/* The rows of one side. */
struct rows {
	float *x;
	uint8_t *bytes; /* as the view gives them */
};

struct job {
	const struct quant_compare *c;
	struct pieces pieces;                 /* of the reference */
	const struct fmt_view_tensor **other; /* per tensor of the reference */
	struct quant_error *sums;             /* per piece */
	struct rows (*rows)[2];               /* per worker: reference, other */
	uint64_t elems_total;
	pthread_mutex_t lock;                 /* of what follows */
	uint64_t elems_done, failed;          /* the lowest piece that failed; UINT64_MAX: none */
	struct fmt_err err;
};

double quant_error_relative(const struct quant_error *e)
{
	return e->difference == 0 ? 0 : sqrt(e->difference / e->reference);
}

double quant_error_explained(const struct fmt_view_tensor *from, const struct quant_lora *lora, enum fmt_type to)
{
	const struct fmt_type_info *info = fmt_type_info(to);
	double bits = 8.0 * info->block_bytes / info->block_elems;

	if (to == FMT_F32 || (from->type == to && from->op == FMT_OP_NONE && !quant_lora_steps(lora, from)))
		return 1e-6;
	return to == FMT_F16  ? 2e-3 :
	       to == FMT_BF16 ? 1e-2 :
	       bits >= 8      ? 3e-2 :
	       bits >= 6      ? 6e-2 :
	       bits >= 5      ? 0.1 :
	       bits >= 4      ? 0.2 :
	       bits >= 3      ? 0.4 :
	       bits >= 2      ? 0.7 :
	                        0.9;
}

/* Elements i, i + LANES, i + 2 LANES ... are one sum, so that the compiler may add them side by side. */
static void add_elements(struct quant_error *e, const float *x, const float *y, size_t n)
{
	enum { LANES = 8 };
	double difference[LANES] = { 0 }, reference[LANES] = { 0 };

	for (size_t i = 0; i < n; i += LANES)
		for (size_t k = 0; k < LANES && i + k < n; k++) {
			bool there = isfinite(x[i + k]);
			double a = there ? (double)x[i + k] : 0, d = there ? (double)y[i + k] - a : 0;

			difference[k] += d * d;
			reference[k] += a * a;
			e->largest = fabs(d) > e->largest ? fabs(d) : e->largest;
			e->n_nonfinite += !there;
		}
	for (size_t k = 0; k < LANES; k++) {
		e->difference += difference[k];
		e->reference += reference[k];
	}
}

static bool read_rows(const struct quant_side *s, const struct fmt_view_tensor *t, const struct piece *p, struct rows *r,
                      struct fmt_err *err)
{
	return quant_lora_steps(s->lora, t) ? quant_lora_rows(s->lora, t, p->row, p->n_rows, r->x, r->bytes, err)
	                                    : quant_rows(s->view, t, p->row, p->n_rows, r->x, r->bytes, err);
}

static bool compare_piece(const struct job *j, const struct piece *p, struct rows *r, struct quant_error *e, struct fmt_err *err)
{
	const struct fmt_view_tensor *other = j->other[p->index];

	if (j->c->stop && atomic_load_explicit(j->c->stop, memory_order_relaxed))
		return fmt_fail(err, FMT_IO, FMT_NO_OFFSET, "interrupted");
	if (!read_rows(&j->c->reference, p->vt, p, &r[0], err) || !read_rows(&j->c->other, other, p, &r[1], err))
		return false;
	add_elements(e, r[0].x, r[1].x, (size_t)(p->n_rows * p->cols));
	return true;
}

static void run_piece(void *ctx, uint64_t item, unsigned worker)
{
	struct job *j = ctx;
	struct piece p = piece_at(&j->pieces, item);
	struct fmt_err err = { 0 };
	bool skip;

	pthread_mutex_lock(&j->lock);
	skip = item > j->failed;
	pthread_mutex_unlock(&j->lock);
	if (skip)
		return;
	compare_piece(j, &p, j->rows[worker], &j->sums[item], &err);
	pthread_mutex_lock(&j->lock);
	if (err.code && item < j->failed) {
		j->failed = item;
		j->err = err;
	}
	j->elems_done += p.n_rows * p.cols;
	if (!err.code && j->c->progress)
		j->c->progress(j->c->progress_ctx, j->elems_done, j->elems_total);
	pthread_mutex_unlock(&j->lock);
}

/* Finds each tensor of the reference on the other side. */
static bool match(struct job *j, struct fmt_err *err)
{
	const struct fmt_view *v = j->c->reference.view;

	j->other = calloc(v->n_tensors + 1, sizeof *j->other);
	if (!j->other)
		return fmt_fail_nomem(err, (v->n_tensors + 1) * sizeof *j->other);
	for (uint64_t i = 0; i < v->n_tensors; i++) {
		const struct fmt_view_tensor *t = &v->tensors[i], *o = fmt_view_find(j->c->other.view, t->name);

		if (!o || o->n_elems != t->n_elems || pieces_cols(o) != pieces_cols(t)) {
			fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "tensor '%.*s' of the reference %s", (int)t->name.n, t->name.p,
			         o ? "has another shape here" : "is not there");
			fmt_err_file(err, j->c->other.view->path);
			return false;
		}
		j->other[i] = o;
		j->elems_total += t->n_elems;
	}
	return true;
}

static void grow(size_t *n, size_t to)
{
	*n = to > *n ? to : *n;
}

/* Buffers of each worker, for the largest piece on either side. */
static bool alloc_rows(struct job *j, struct fmt_err *err)
{
	unsigned n_threads = quant_pool_threads(j->c->pool);
	size_t elems = 1, bytes = 1;

	for (uint64_t i = 0; i < j->pieces.view->n_tensors; i++) {
		const struct fmt_view_tensor *sides[2] = { &j->pieces.view->tensors[i], j->other[i] };
		struct piece p = piece_first(sides[0]);

		grow(&elems, (size_t)(p.n_rows * p.cols));
		for (int k = 0; k < 2; k++)
			grow(&bytes, quant_rows_scratch(sides[k], p.n_rows));
	}
	j->rows = calloc(n_threads, sizeof *j->rows);
	if (!j->rows)
		return fmt_fail_nomem(err, n_threads * sizeof *j->rows);
	for (unsigned i = 0; i < 2 * n_threads; i++) {
		struct rows *r = &j->rows[i / 2][i % 2];

		r->x = malloc(elems * sizeof *r->x);
		r->bytes = malloc(bytes);
		if (!r->x || !r->bytes)
			return fmt_fail_nomem(err, elems * sizeof *r->x + bytes);
	}
	return true;
}

static bool prepare(struct job *j, struct fmt_err *err)
{
	if (!match(j, err) || !pieces_init(&j->pieces, j->c->reference.view, err) || !alloc_rows(j, err))
		return false;
	j->sums = calloc(pieces_count(&j->pieces) + 1, sizeof *j->sums);
	return j->sums || fmt_fail_nomem(err, (pieces_count(&j->pieces) + 1) * sizeof *j->sums);
}

static void finish(struct job *j)
{
	for (unsigned i = 0; j->rows && i < 2 * quant_pool_threads(j->c->pool); i++) {
		free(j->rows[i / 2][i % 2].x);
		free(j->rows[i / 2][i % 2].bytes);
	}
	free(j->rows);
	free(j->sums);
	free(j->other);
	pieces_finish(&j->pieces);
}

/* The pieces of each tensor, in order. */
static void add_up(const struct job *j, struct quant_error *errors)
{
	for (uint64_t i = 0; i < j->pieces.view->n_tensors; i++) {
		errors[i] = (struct quant_error){ .difference = 0 };
		for (uint64_t k = j->pieces.first[i]; k < j->pieces.first[i + 1]; k++) {
			const struct quant_error *p = &j->sums[k];

			errors[i].difference += p->difference;
			errors[i].reference += p->reference;
			errors[i].largest = p->largest > errors[i].largest ? p->largest : errors[i].largest;
			errors[i].n_nonfinite += p->n_nonfinite;
		}
	}
}

bool quant_compare_run(const struct quant_compare *c, struct quant_error *errors, struct fmt_err *err)
{
	struct job j = { .c = c, .failed = UINT64_MAX };
	bool ok = prepare(&j, err);

	if (ok) {
		pthread_mutex_init(&j.lock, NULL);
		quant_pool_run(c->pool, pieces_count(&j.pieces), run_piece, &j);
		pthread_mutex_destroy(&j.lock);
		ok = !j.err.code;
		if (ok)
			add_up(&j, errors);
		else
			*err = j.err;
	}
	finish(&j);
	return ok;
}
