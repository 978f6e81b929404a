/* The pipeline: pieces of rows, numbered through all tensors, each read, decoded, checked, encoded and written by one
 * worker. Pieces are handed out in order, so that the files are read and written nearly in sequence. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <libquant/quant.h>
#include <libquant/rows.h>
#include <libquant/transcode.h>

#include "pieces.h"

struct buffers {
	float *x;      /* decoded rows */
	uint8_t *src;  /* rows as the view gives them */
	uint8_t *dst;  /* rows as they are written */
};

struct job {
	const struct quant_transcode *t;
	struct pieces pieces;
	struct buffers *buffers;      /* per worker */
	atomic_uint_fast64_t failed;  /* the lowest piece that failed; UINT64_MAX: none */
	uint64_t bytes_total;
	pthread_mutex_t lock;         /* of what follows */
	uint64_t bytes_done;
	struct fmt_err err;           /* of piece `failed` */
};

/* Largest magnitude that the type does not round to infinity. */
static float largest(enum fmt_type t)
{
	switch (t) {
	case FMT_F16:
		return 0x1.ffdffep15f; /* the float below 65520, which is halfway to 2^16 */
	case FMT_BF16:
		return 0x1.fefffep127f;
	default:
		return FLT_MAX;
	}
}

/* Index of the first element that is NaN or beyond the limit; n if there is none. */
static size_t first_bad(const float *x, size_t n, float limit)
{
	enum { CHUNK = 256 };
	size_t i = 0;

	for (; i + CHUNK <= n; i += CHUNK) {
		int bad = 0;

		for (size_t k = 0; k < CHUNK; k++) /* without a branch: the compiler makes it a vector loop */
			bad |= !(fabsf(x[i + k]) <= limit);
		if (bad)
			break;
	}
	while (i < n && fabsf(x[i]) <= limit)
		i++;
	return i;
}

static bool check_finite(const struct piece *p, const float *x, enum fmt_type to, struct fmt_err *err)
{
	size_t n = (size_t)(p->n_rows * p->cols), at = first_bad(x, n, largest(to));
	uint64_t element = p->row * p->cols + at;
	int len = (int)p->vt->name.n;
	const char *name = p->vt->name.p;

	if (at == n)
		return true;
	if (isfinite(x[at]))
		return fmt_fail(err, FMT_NONFINITE, FMT_NO_OFFSET,
		                "tensor '%.*s': element %" PRIu64 " is %g, too large for %s (BF16 and F32 can hold it)", len,
		                name, element, (double)x[at], fmt_type_info(to)->name);
	return fmt_fail(err, FMT_NONFINITE, FMT_NO_OFFSET, "tensor '%.*s': element %" PRIu64 " is %s", len, name, element,
	                isnan(x[at]) ? "not a number" : "infinite");
}

static bool is_block_type(enum fmt_type t)
{
	return fmt_type_info(t)->block_elems > 1;
}

/* Block types have no place for NaN and infinity, and their encoders need not expect them. */
static void drop_nonfinite(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			x[i] = 0.0f;
}

/* Processors differ in the sign of the NaN that infinity times zero gives, and compilers in which of two NaNs a sum
 * keeps: one stands for all. */
static void same_nan(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (isnan(x[i]))
			x[i] = NAN;
}

/* Bytes of the piece's rows in a type that the plan has checked. */
static size_t piece_bytes(const struct piece *p, enum fmt_type t)
{
	uint64_t row_bytes = 0;

	fmt_row_bytes(t, p->cols, &row_bytes);
	return (size_t)(row_bytes * p->n_rows);
}

/* Nothing happens to a tensor but that it is moved. */
static bool stays(const struct quant_transcode *t, const struct fmt_view_tensor *vt, enum fmt_type to)
{
	return vt->type == to && vt->op == FMT_OP_NONE && !quant_lora_steps(t->lora, vt);
}

/* The type stays: copied, and checked where its values can be computed with. */
static bool copy_piece(const struct quant_transcode *t, const struct piece *p, struct buffers *b, struct fmt_err *err)
{
	const struct quant_type *q = quant_type(p->vt->type);
	size_t row_bytes = piece_bytes(p, p->vt->type) / (size_t)p->n_rows;

	if (!fmt_view_read(t->view, p->vt, p->row, p->n_rows, b->dst, err))
		return false;
	if (!q || t->allow_nonfinite)
		return true;
	for (uint64_t i = 0; i < p->n_rows; i++)
		q->decode(b->dst + i * row_bytes, b->x + i * p->cols, (size_t)p->cols);
	return check_finite(p, b->x, p->vt->type, err);
}

/* Rows of one matrix, from the piece's row `from` on. */
static uint64_t rows_alike(const struct quant_transcode *t, const struct piece *p, uint64_t from)
{
	const struct quant_weights *w = t->weights ? &t->weights[p->index] : NULL;
	uint64_t left = p->n_rows - from, mat_rows, rest;

	if (!w || !w->values)
		return left;
	mat_rows = pieces_rows(p->vt) / w->n_mats;
	rest = mat_rows - (p->row + from) % mat_rows;
	return left < rest ? left : rest;
}

/* The importance of a row's columns; experts have theirs each. */
static const float *importance_of(const struct quant_transcode *t, const struct piece *p, uint64_t row)
{
	const struct quant_weights *w = t->weights ? &t->weights[p->index] : NULL;

	if (!w || !w->values)
		return NULL;
	return w->values + row / (pieces_rows(p->vt) / w->n_mats) * p->cols;
}

static bool encode_piece(const struct quant_transcode *t, const struct piece *p, struct buffers *b, struct fmt_err *err)
{
	enum fmt_type to = t->types[p->index];
	const struct quant_type *q = quant_type(to);
	size_t row_bytes = piece_bytes(p, to) / (size_t)p->n_rows;

	if (quant_lora_steps(t->lora, p->vt) ? !quant_lora_rows(t->lora, p->vt, p->row, p->n_rows, b->x, b->src, err)
	                                     : !quant_rows(t->view, p->vt, p->row, p->n_rows, b->x, b->src, err))
		return false;
	if (!t->allow_nonfinite) {
		if (!check_finite(p, b->x, to, err))
			return false;
	} else if (is_block_type(to)) {
		drop_nonfinite(b->x, (size_t)(p->n_rows * p->cols));
	} else if (is_block_type(p->vt->type) || p->vt->op == FMT_OP_JOIN) {
		same_nan(b->x, (size_t)(p->n_rows * p->cols));
	}
	for (uint64_t i = 0, n; i < p->n_rows; i += n) {
		n = rows_alike(t, p, i);
		quant_encode_rows(q, b->x + i * p->cols, importance_of(t, p, p->row + i), t->effort, b->dst + i * row_bytes,
		                  (size_t)n, (size_t)p->cols);
	}
	return true;
}

/* The file that a tensor is in: the last that does not begin behind it. */
static const struct quant_part *part_of(const struct quant_transcode *t, uint64_t tensor)
{
	size_t low = 0, high = t->n_parts;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (t->parts[middle].first <= tensor)
			low = middle;
		else
			high = middle;
	}
	return &t->parts[low];
}

static bool do_piece(const struct quant_transcode *t, const struct piece *p, struct buffers *b, struct fmt_err *err)
{
	const struct quant_part *part = part_of(t, p->index);
	enum fmt_type to = t->types[p->index];
	bool copy = stays(t, p->vt, to);
	size_t bytes = piece_bytes(p, to);

	if (t->stop && atomic_load_explicit(t->stop, memory_order_relaxed))
		return fmt_fail(err, FMT_IO, FMT_NO_OFFSET, "interrupted");
	if (!(copy ? copy_piece(t, p, b, err) : encode_piece(t, p, b, err))) {
		fmt_err_file(err, t->view->path);
		return false;
	}
	return fmt_writer_data(part->writer, part->sink, (uint32_t)(p->index - part->first), p->row * (bytes / p->n_rows), b->dst,
	                       bytes, err);
}

/* Keeps the failure of the lowest piece. Pieces are handed out in order and those below a failed one are still done, so
 * it is the same whatever the number of threads. */
static void record_failure(struct job *j, uint64_t item, const struct fmt_err *err)
{
	pthread_mutex_lock(&j->lock);
	if (item < atomic_load(&j->failed)) {
		atomic_store(&j->failed, item);
		j->err = *err;
	}
	pthread_mutex_unlock(&j->lock);
}

static void run_piece(void *ctx, uint64_t item, unsigned worker)
{
	struct job *j = ctx;
	const struct quant_transcode *t = j->t;
	struct fmt_err err = { 0 };
	struct piece p;

	if (item > atomic_load_explicit(&j->failed, memory_order_relaxed))
		return;
	p = piece_at(&j->pieces, item);
	if (!do_piece(t, &p, &j->buffers[worker], &err)) {
		record_failure(j, item, &err);
		return;
	}
	pthread_mutex_lock(&j->lock);
	j->bytes_done += piece_bytes(&p, p.vt->type);
	if (t->progress)
		t->progress(t->progress_ctx, j->bytes_done, j->bytes_total);
	pthread_mutex_unlock(&j->lock);
}

/* Refuses what cannot be done before anything is written. */
static bool check_types(const struct quant_transcode *t, struct fmt_err *err)
{
	for (uint64_t i = 0; i < t->view->n_tensors; i++) {
		const struct fmt_view_tensor *vt = &t->view->tensors[i];
		const struct quant_type *q = quant_type(t->types[i]);
		uint64_t row_bytes;

		if (!fmt_row_bytes(t->types[i], pieces_cols(vt), &row_bytes) || !fmt_row_bytes(vt->type, pieces_cols(vt), &row_bytes))
			return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "tensor '%.*s': rows of %" PRIu64 " do not fit %s",
			                (int)vt->name.n, vt->name.p, pieces_cols(vt), fmt_type_info(t->types[i])->name);
		if (stays(t, vt, t->types[i]))
			continue;
		if (!quant_type(vt->type))
			return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor '%.*s': type %s cannot be decoded",
			                (int)vt->name.n, vt->name.p, fmt_type_info(vt->type)->name);
		if (!q || !q->encode)
			return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor '%.*s': type %s cannot be written",
			                (int)vt->name.n, vt->name.p, fmt_type_info(t->types[i])->name);
	}
	return true;
}

struct sizes {
	size_t x, src, dst; /* bytes of the buffers */
};

static void grow(size_t *n, size_t to)
{
	if (to > *n)
		*n = to;
}

static void grow_for(struct sizes *most, const struct fmt_view_tensor *vt, enum fmt_type to)
{
	struct piece p = piece_first(vt);

	grow(&most->x, (size_t)(p.n_rows * p.cols * sizeof(float)));
	grow(&most->src, quant_rows_scratch(vt, p.n_rows));
	grow(&most->dst, piece_bytes(&p, to));
}

size_t quant_transcode_thread_bytes(const struct fmt_view *v, const enum fmt_type *types)
{
	struct sizes most = { 0 };

	for (uint64_t i = 0; i < v->n_tensors; i++)
		grow_for(&most, &v->tensors[i], types[i]);
	return most.x + most.src + most.dst;
}

/* What there is to do, and what the largest piece needs. */
static void measure(struct job *j, struct sizes *most)
{
	const struct fmt_view *v = j->t->view;

	for (uint64_t i = 0; i < v->n_tensors; i++) {
		j->bytes_total += v->tensors[i].n_bytes;
		grow_for(most, &v->tensors[i], j->t->types[i]);
	}
}

static void free_job(struct job *j)
{
	for (unsigned i = 0; j->buffers && i < quant_pool_threads(j->t->pool); i++) {
		free(j->buffers[i].x);
		free(j->buffers[i].src);
		free(j->buffers[i].dst);
	}
	free(j->buffers);
	pieces_finish(&j->pieces);
}

static void *alloc_buffer(size_t n_bytes, struct fmt_err *err)
{
	void *p = malloc(n_bytes ? n_bytes : 1);

	if (!p)
		fmt_fail_nomem(err, n_bytes);
	return p;
}

static bool alloc_buffers(struct job *j, const struct sizes *n, struct fmt_err *err)
{
	unsigned n_threads = quant_pool_threads(j->t->pool);

	j->buffers = calloc(n_threads, sizeof *j->buffers);
	if (!j->buffers)
		return fmt_fail_nomem(err, n_threads * sizeof *j->buffers);
	for (unsigned i = 0; i < n_threads; i++) {
		struct buffers *b = &j->buffers[i];

		b->x = alloc_buffer(n->x, err);
		b->src = alloc_buffer(n->src, err);
		b->dst = alloc_buffer(n->dst, err);
	}
	return !err->code;
}

bool quant_transcode_run(const struct quant_transcode *t, struct fmt_err *err)
{
	struct job j = { .t = t };
	struct sizes most = { 0 };

	if (!check_types(t, err))
		return false;
	measure(&j, &most);
	if (!pieces_init(&j.pieces, t->view, err) || !alloc_buffers(&j, &most, err)) {
		free_job(&j);
		return false;
	}
	atomic_init(&j.failed, UINT64_MAX);
	pthread_mutex_init(&j.lock, NULL);
	quant_pool_run(t->pool, pieces_count(&j.pieces), run_piece, &j);
	pthread_mutex_destroy(&j.lock);
	free_job(&j);
	if (j.err.code) {
		*err = j.err;
		return false;
	}
	return true;
}
