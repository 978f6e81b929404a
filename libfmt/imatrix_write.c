/* Importance matrices written in both layouts. See <libfmt/imatrix_sums.h>. */
#include "imatrix_impl.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/utf8.h>
#include <libfmt/write.h>

struct out {
	const struct fmt_imatrix_sums *sums;
	const struct fmt_imatrix_sum **order; /* by name */
	float *values;                        /* room for those of the longest entry, */
	double *counts;                       /* and for counts, where they are written in 64 bits */
	bool unfinished;
	struct fmt_sink *sink;
	struct fmt_writer *writer;            /* GGUF */
	uint64_t pos;                         /* .dat: bytes written */
};

static int by_name(const void *a, const void *b)
{
	const struct fmt_str x = (*(struct fmt_imatrix_sum *const *)a)->name, y = (*(struct fmt_imatrix_sum *const *)b)->name;
	int d = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

	return d ? d : (x.n > y.n) - (x.n < y.n);
}

static bool prepare(struct out *o, struct fmt_err *err)
{
	uint64_t n = o->sums->n_entries, longest = 1, counts = 1;

	o->order = malloc((n ? n : 1) * sizeof *o->order);
	if (!o->order)
		return fmt_fail_nomem(err, n * sizeof *o->order);
	for (uint64_t i = 0; i < n; i++) {
		const struct fmt_imatrix_sum *e = o->order[i] = &o->sums->entries[i];

		longest = e->n_values > longest ? e->n_values : longest;
		longest = e->n_counts > longest ? e->n_counts : longest;
		counts = e->n_counts > counts ? e->n_counts : counts;
	}
	qsort(o->order, n, sizeof *o->order, by_name);
	o->values = malloc(longest * sizeof *o->values);
	o->counts = malloc(counts * sizeof *o->counts);
	return (o->values && o->counts) || fmt_fail_nomem(err, longest * sizeof *o->values);
}

/* A sum must fit what it is written as. */
static bool check_float(const struct fmt_imatrix_sum *e, uint64_t i, float x, struct fmt_err *err)
{
	char shown[FMT_SHOW_BYTES];

	return isfinite(x) || fmt_fail(err, FMT_NONFINITE, FMT_NO_OFFSET, "entry %s: the sum of column %" PRIu64 " is %g, past what a "
	                               "float can hold", fmt_show(e->name, shown), i, e->sums[i]);
}

static struct fmt_str literal(const char *s)
{
	return (struct fmt_str){ s, strlen(s) };
}

static bool announce_keys(const struct out *o, struct fmt_err *err)
{
	const struct fmt_imatrix_sums_impl *p = o->sums->impl;
	struct fmt_kv kv[] = {
		{ literal("general.type"), { .type = FMT_KV_STR, .as.s = literal("imatrix") } },
		{ literal("imatrix.datasets"), { .type = FMT_KV_ARR, .elem = FMT_KV_STR, .n = p->n_datasets, .as.strs = p->datasets } },
		{ literal("imatrix.chunk_count"), { .type = FMT_KV_U32, .as.u = o->sums->n_chunks } },
		{ literal("imatrix.chunk_size"), { .type = FMT_KV_U32, .as.u = o->sums->chunk_size } },
		{ literal("imatrix.work"), { .type = FMT_KV_STR, .as.s = o->sums->work } },
		{ literal("imatrix.done"), { .type = FMT_KV_U32, .as.u = o->sums->n_done } },
	};
	size_t n = sizeof kv / sizeof *kv - (o->unfinished ? 0 : 2);

	for (size_t i = 0; i < n; i++)
		if (!fmt_writer_kv(o->writer, &kv[i], err))
			return false;
	return true;
}

/* A tensor [n_counts, width] called NAME and `end`; one row has one dimension. */
static bool announce(const struct out *o, const struct fmt_imatrix_sum *e, const char *end, uint64_t width, struct fmt_err *err)
{
	uint64_t dims[2] = { e->n_counts, width };
	uint32_t index, flat = e->n_counts == 1;
	size_t n = strlen(end);
	char *name = malloc(e->name.n + n);
	bool ok;

	if (!name)
		return fmt_fail_nomem(err, e->name.n + n);
	memcpy(name, e->name.p, e->name.n);
	memcpy(name + e->name.n, end, n);
	ok = fmt_writer_tensor(o->writer, (struct fmt_str){ name, e->name.n + n }, o->unfinished ? FMT_F64 : FMT_F32, 2 - flat, dims + flat, &index, err);
	free(name);
	return ok;
}

/* Sums and counts of the entry whose tensors begin with number `at`, as they are. */
static bool write_exact(struct out *o, uint32_t at, const struct fmt_imatrix_sum *e, struct fmt_err *err)
{
	for (uint64_t k = 0; k < e->n_counts; k++)
		o->counts[k] = (double)e->counts[k];
	return fmt_writer_data(o->writer, o->sink, at, 0, e->sums, e->n_values * sizeof *e->sums, err) &&
	       fmt_writer_data(o->writer, o->sink, at + 1, 0, o->counts, e->n_counts * sizeof *o->counts, err);
}

/* The same in 32 bits. */
static bool write_rounded(struct out *o, uint32_t at, const struct fmt_imatrix_sum *e, struct fmt_err *err)
{
	for (uint64_t k = 0; k < e->n_values; k++) {
		o->values[k] = (float)e->sums[k];
		if (!check_float(e, k, o->values[k], err))
			return false;
	}
	if (!fmt_writer_data(o->writer, o->sink, at, 0, o->values, e->n_values * sizeof *o->values, err))
		return false;
	for (uint64_t k = 0; k < e->n_counts; k++)
		o->values[k] = (float)e->counts[k];
	return fmt_writer_data(o->writer, o->sink, at + 1, 0, o->values, e->n_counts * sizeof *o->values, err);
}

static bool write_gguf(struct out *o, uint64_t *n_bytes, struct fmt_err *err)
{
	bool ok = (o->writer = fmt_writer_create(FMT_OUT_GGUF, err)) && announce_keys(o, err);

	for (uint64_t i = 0; ok && i < o->sums->n_entries; i++)
		ok = announce(o, o->order[i], ".in_sum2", o->order[i]->n_values / o->order[i]->n_counts, err) &&
		     announce(o, o->order[i], ".counts", 1, err);
	ok = ok && fmt_writer_layout(o->writer, n_bytes, err) && fmt_writer_header(o->writer, o->sink, err);
	for (uint32_t i = 0; ok && i < o->sums->n_entries; i++)
		ok = (o->unfinished ? write_exact : write_rounded)(o, 2 * i, o->order[i], err);
	fmt_writer_destroy(o->writer);
	return ok;
}

static bool put(struct out *o, const void *data, size_t n, struct fmt_err *err)
{
	bool ok = fmt_sink_write(o->sink, o->pos, data, n, err);

	o->pos += n;
	return ok;
}

static bool put_i32(struct out *o, uint64_t v, struct fmt_err *err)
{
	const uint8_t bytes[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };

	return v <= INT32_MAX ? put(o, bytes, sizeof bytes, err)
	                      : fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "%" PRIu64 " is too much for the .dat layout: write a GGUF", v);
}

static bool put_str(struct out *o, struct fmt_str s, struct fmt_err *err)
{
	return put_i32(o, s.n, err) && put(o, s.p, s.n, err);
}

static uint64_t most_rows(const struct fmt_imatrix_sum *e)
{
	uint64_t most = 0;

	for (uint64_t i = 0; i < e->n_counts; i++)
		most = e->counts[i] > most ? e->counts[i] : most;
	return most;
}

/* Means times calls, the windows that the most used matrix saw: what readers divide by. */
static bool put_entry(struct out *o, const struct fmt_imatrix_sum *e, struct fmt_err *err)
{
	uint64_t size = o->sums->chunk_size ? o->sums->chunk_size : 1, most = most_rows(e);
	uint64_t calls = most / size + (most % size != 0), width = e->n_values / e->n_counts;

	for (uint64_t i = 0; i < e->n_values; i++) {
		uint64_t rows = e->counts[i / width];

		o->values[i] = (float)((rows ? e->sums[i] / (double)rows : 1) * (double)calls);
		if (!check_float(e, i, o->values[i], err))
			return false;
	}
	return put_str(o, e->name, err) && put_i32(o, calls, err) && put_i32(o, e->n_values, err) &&
	       put(o, o->values, e->n_values * sizeof *o->values, err);
}

static bool write_dat(struct out *o, uint64_t *n_bytes, struct fmt_err *err)
{
	const struct fmt_imatrix_sums_impl *p = o->sums->impl;
	struct fmt_str last = p->n_datasets ? p->datasets[p->n_datasets - 1] : (struct fmt_str){ "", 0 };
	uint64_t used = 0;
	bool ok;

	for (uint64_t i = 0; i < o->sums->n_entries; i++)
		used += most_rows(o->order[i]) > 0;
	ok = put_i32(o, used, err);
	for (uint64_t i = 0; ok && i < o->sums->n_entries; i++)
		ok = !most_rows(o->order[i]) || put_entry(o, o->order[i], err);
	ok = ok && put_i32(o, o->sums->n_chunks, err) && put_str(o, last, err);
	*n_bytes = o->pos;
	return ok;
}

bool fmt_imatrix_sums_write(const struct fmt_imatrix_sums *s, enum fmt_imatrix_layout layout, struct fmt_sink *sink,
                            uint64_t *n_bytes, struct fmt_err *err)
{
	struct out o = { .sums = s, .sink = sink, .unfinished = layout == FMT_IMATRIX_UNFINISHED };
	bool ok = prepare(&o, err) && (layout == FMT_IMATRIX_DAT ? write_dat : write_gguf)(&o, n_bytes, err);

	free(o.order);
	free(o.values);
	free(o.counts);
	return ok;
}
