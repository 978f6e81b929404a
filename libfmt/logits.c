/* llama-perplexity's base file. See <libfmt/logits.h>. */
#include <libfmt/logits.h>

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ckd.h"
#include "cursor.h"
#include "limit.h"

#define MAGIC "_logits_"
#define HEADER_BYTES 20
#define ROW_HEADER_BYTES 8
#define SPAN 16 /* nats below the most likely token that are kept */

struct fmt_logits_impl {
	struct fmt_logits pub;
	struct fmt_source source;
	struct fmt_cur cur;
	uint64_t row, n_rows;
};

uint32_t fmt_logits_rows(const struct fmt_logits_shape *s)
{
	return s->n_ctx - 1 - s->n_ctx / 2;
}

static uint64_t row_bytes(const struct fmt_logits_shape *s)
{
	return ROW_HEADER_BYTES + 2 * ((uint64_t)s->n_vocab + s->n_vocab % 2);
}

static uint64_t rows_begin(const struct fmt_logits_shape *s)
{
	return HEADER_BYTES + 4 * (uint64_t)s->n_windows * s->n_ctx;
}

bool fmt_logits_bytes(const struct fmt_logits_shape *s, uint64_t *n_bytes)
{
	return !ckd_mul(n_bytes, (uint64_t)s->n_windows * fmt_logits_rows(s), row_bytes(s)) &&
	       !ckd_add(n_bytes, *n_bytes, rows_begin(s));
}

/* Counts that are positive, and bytes that are just those they ask for. */
static bool check_shape(const struct fmt_logits_shape *s, uint64_t n_bytes, struct fmt_err *err)
{
	uint64_t want = 0;

	if (s->n_ctx < 2 || s->n_ctx > INT32_MAX || s->n_vocab < 1 || s->n_vocab > INT32_MAX || s->n_windows < 1 ||
	    s->n_windows > INT32_MAX)
		return fmt_fail(err, FMT_MALFORMED, 8, "a window of %" PRIu32 " tokens, a vocabulary of %" PRIu32 ", %" PRIu32 " windows: no "
		                "such file can be", s->n_ctx, s->n_vocab, s->n_windows);
	if (!fmt_logits_bytes(s, &want) || want != n_bytes)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "%" PRIu64 " bytes, where %" PRIu32 " windows of %" PRIu32 " tokens and a "
		                "vocabulary of %" PRIu32 " take %" PRIu64 ": it was not written to its end", n_bytes, s->n_windows,
		                s->n_ctx, s->n_vocab, want);
	return true;
}

static bool read_header(struct fmt_logits_impl *im, struct fmt_err *err)
{
	struct fmt_logits_shape *s = &im->pub.shape;
	struct fmt_cur *c = &im->cur;
	uint8_t magic[8] = { 0 };
	uint64_t n_ids;

	if (!fmt_source_read(&im->source, 0, magic, im->source.n_bytes < 8 ? (size_t)im->source.n_bytes : 8, err))
		return false;
	if (im->source.n_bytes < HEADER_BYTES || memcmp(magic, MAGIC, 8))
		return fmt_fail(err, FMT_MALFORMED, 0, "no base file of llama-perplexity: it does not begin with " MAGIC);
	fmt_cur_file(c, &im->source, 8, im->source.n_bytes - 8, err);
	s->n_ctx = fmt_cur_u32(c, "the context");
	s->n_vocab = fmt_cur_u32(c, "the vocabulary");
	s->n_windows = fmt_cur_u32(c, "the number of windows");
	if (!fmt_cur_ok(c) || !check_shape(s, im->source.n_bytes, err))
		return false;
	n_ids = (uint64_t)s->n_windows * s->n_ctx; /* no more than the file has */
	im->n_rows = (uint64_t)s->n_windows * fmt_logits_rows(s);
	im->pub.ids = malloc(n_ids * sizeof *im->pub.ids);
	if (!im->pub.ids)
		return fmt_fail_nomem(err, n_ids * sizeof *im->pub.ids);
	for (uint64_t i = 0; i < n_ids; i++) {
		uint32_t id = fmt_cur_u32(c, "a token");

		if (fmt_cur_ok(c) && id >= s->n_vocab)
			return fmt_fail(err, FMT_MALFORMED, c->pos - 4, "token %" PRIu32 " of a vocabulary of %" PRIu32, id, s->n_vocab);
		im->pub.ids[i] = (int32_t)id;
	}
	return fmt_cur_ok(c);
}

struct fmt_logits *fmt_logits_open(const char *path, struct fmt_err *err)
{
	struct fmt_logits_impl *im = calloc(1, sizeof *im);

	if (!im) {
		fmt_fail_nomem(err, sizeof *im);
		return NULL;
	}
	im->pub.impl = im;
	if (!fmt_source_open(&im->source, path, err)) {
		free(im);
		return NULL;
	}
	if (read_header(im, err))
		return &im->pub;
	fmt_err_file(err, path);
	fmt_logits_close(&im->pub);
	return NULL;
}

void fmt_logits_close(struct fmt_logits *l)
{
	if (!l)
		return;
	fmt_cur_finish(&l->impl->cur);
	fmt_source_close(&l->impl->source);
	free(l->ids);
	free(l->impl);
}

static float f32(uint32_t bits)
{
	float f;

	memcpy(&f, &bits, sizeof f);
	return f;
}

bool fmt_logits_next(struct fmt_logits *l, float *log_p, float *least, struct fmt_err *err)
{
	struct fmt_logits_impl *im = l->impl;
	struct fmt_cur *c = &im->cur;
	uint64_t at = c->pos;
	float step;

	if (im->row == im->n_rows)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "the base file has no more rows");
	c->err = err;
	step = f32(fmt_cur_u32(c, "a step"));
	*least = f32(fmt_cur_u32(c, "the least logarithm"));
	if (fmt_cur_ok(c) && !(isfinite(step) && step >= 0 && isfinite(*least) && *least <= 0))
		return fmt_fail(err, FMT_MALFORMED, at, "a row of steps of %g from %g: these are no probabilities", (double)step,
		                (double)*least);
	for (uint32_t i = 0; i < l->shape.n_vocab; i++)
		log_p[i] = step * (float)fmt_cur_u16(c, "a probability") + *least;
	if (l->shape.n_vocab % 2)
		fmt_cur_u16(c, "a filler");
	im->row++;
	return fmt_cur_ok(c);
}

static void put_u32(uint8_t *p, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(n >> 8 * i);
}

static void put_f32(uint8_t *p, float f)
{
	uint32_t bits;

	memcpy(&bits, &f, sizeof bits);
	put_u32(p, bits);
}

bool fmt_logits_write_header(struct fmt_sink *sink, const struct fmt_logits_shape *s, const int32_t *ids, struct fmt_err *err)
{
	uint64_t n = (uint64_t)s->n_windows * s->n_ctx;
	uint8_t head[HEADER_BYTES] = MAGIC, *bytes = malloc(4 * n + 1);
	bool ok;

	if (!bytes)
		return fmt_fail_nomem(err, 4 * n + 1);
	put_u32(head + 8, s->n_ctx);
	put_u32(head + 12, s->n_vocab);
	put_u32(head + 16, s->n_windows);
	for (uint64_t i = 0; i < n; i++)
		put_u32(bytes + 4 * i, (uint32_t)ids[i]);
	ok = fmt_sink_write(sink, 0, head, sizeof head, err) && fmt_sink_write(sink, HEADER_BYTES, bytes, 4 * n, err);
	free(bytes);
	return ok;
}

bool fmt_logits_write_row(struct fmt_sink *sink, const struct fmt_logits_shape *s, uint64_t row, const float *logits,
                          double log_sum_exp, struct fmt_err *err)
{
	uint64_t n = row_bytes(s);
	uint8_t *bytes = calloc(1, n);
	float most = logits[0], least = logits[0];
	bool finite = true, ok;
	double step;

	if (!bytes)
		return fmt_fail_nomem(err, n);
	for (uint32_t i = 1; i < s->n_vocab; i++) {
		most = logits[i] > most ? logits[i] : most;
		least = logits[i] < least ? logits[i] : least;
	}
	for (uint32_t i = 0; i < s->n_vocab; i++)
		finite = finite && isfinite(logits[i]);
	least = least < most - SPAN ? most - SPAN : least;
	step = ((double)most - (double)least) / UINT16_MAX;
	put_f32(bytes, (float)step);
	put_f32(bytes + 4, (float)((double)least - log_sum_exp));
	for (uint32_t i = 0; i < s->n_vocab && finite && step > 0; i++) {
		uint16_t steps = logits[i] > least ? (uint16_t)(((double)logits[i] - (double)least) / step + 0.5) : 0;

		bytes[ROW_HEADER_BYTES + 2 * (uint64_t)i] = (uint8_t)steps;
		bytes[ROW_HEADER_BYTES + 2 * (uint64_t)i + 1] = (uint8_t)(steps >> 8);
	}
	if (finite)
		ok = fmt_sink_write(sink, rows_begin(s) + row * n, bytes, n, err);
	else
		ok = fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "row %" PRIu64 ": a score that is no number", row);
	free(bytes);
	return ok;
}
