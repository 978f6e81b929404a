/* Sums of squared activations, by weight. See <libfmt/imatrix_sums.h>. */
#include <libfmt/utf8.h>

#include "imatrix_impl.h"

#include <inttypes.h>
#include <stdlib.h>

#include "ckd.h"

/* Rows are counted exactly as long as a double can. */
#define MOST_ROWS 9007199254740992.0

struct fmt_imatrix_sums *fmt_imatrix_sums_create(uint32_t chunk_size, struct fmt_err *err)
{
	struct fmt_imatrix_sums_impl *s = calloc(1, sizeof *s);

	if (!s) {
		fmt_fail_nomem(err, sizeof *s);
		return NULL;
	}
	fmt_arena_init(&s->mem, UINT64_MAX / 2);
	fmt_index_init(&s->names);
	s->pub.chunk_size = chunk_size;
	s->pub.impl = s;
	return &s->pub;
}

void fmt_imatrix_sums_destroy(struct fmt_imatrix_sums *s)
{
	if (!s)
		return;
	fmt_index_finish(&s->impl->names);
	fmt_arena_finish(&s->impl->mem);
	free(s->impl);
}

static struct fmt_imatrix_sum *add(struct fmt_imatrix_sums_impl *s, struct fmt_str name, uint64_t n_values, uint64_t n_counts,
                                   struct fmt_err *err)
{
	uint64_t n = s->pub.n_entries, cap = s->cap ? 2 * s->cap : 64;
	struct fmt_imatrix_sum *e;

	if (n == s->cap) {
		e = fmt_arena_grow(&s->mem, s->pub.entries, s->cap, cap, sizeof *e, err);
		if (!e)
			return NULL;
		s->pub.entries = e;
		s->cap = cap;
	}
	e = &s->pub.entries[n];
	*e = (struct fmt_imatrix_sum){ .name = fmt_arena_str(&s->mem, name, err), .n_values = n_values, .n_counts = n_counts };
	e->sums = fmt_arena_alloc(&s->mem, n_values, sizeof *e->sums, err);
	e->counts = fmt_arena_alloc(&s->mem, n_counts, sizeof *e->counts, err);
	if (!e->name.p || !e->sums || !e->counts || fmt_index_add(&s->names, e->name, (uint32_t)n, err) != FMT_INDEX_ADDED)
		return NULL;
	s->pub.n_entries++;
	return e;
}

/* One count becomes n of its value. */
static bool spread(struct fmt_imatrix_sums_impl *s, struct fmt_imatrix_sum *e, uint64_t n, struct fmt_err *err)
{
	uint64_t *counts = fmt_arena_alloc(&s->mem, n, sizeof *counts, err);

	if (!counts)
		return false;
	for (uint64_t i = 0; i < n; i++)
		counts[i] = e->counts[0];
	e->counts = counts;
	e->n_counts = n;
	return true;
}

struct fmt_imatrix_sum *fmt_imatrix_sums_at(struct fmt_imatrix_sums *s, struct fmt_str name, uint64_t n_values,
                                            uint64_t n_counts, struct fmt_err *err)
{
	char shown[FMT_SHOW_BYTES];
	struct fmt_imatrix_sum *e;
	uint32_t i;

	if (!fmt_index_find(&s->impl->names, name, &i))
		return add(s->impl, name, n_values, n_counts, err);
	e = &s->entries[i];
	if (e->n_values == n_values && e->n_counts == 1 && n_counts > 1)
		return spread(s->impl, e, n_counts, err) ? e : NULL;
	if (e->n_values == n_values && e->n_counts == n_counts)
		return e;
	fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "entry %s: %" PRIu64 " values with %" PRIu64 " counts do not go with %" PRIu64
	         " and %" PRIu64 ": they are of another model", fmt_show(name, shown), n_values, n_counts, e->n_values, e->n_counts);
	return NULL;
}

bool fmt_imatrix_sums_dataset(struct fmt_imatrix_sums *s, struct fmt_str name, struct fmt_err *err)
{
	struct fmt_imatrix_sums_impl *p = s->impl;
	uint64_t cap = p->cap_datasets ? 2 * p->cap_datasets : 4;

	if (p->n_datasets == p->cap_datasets) {
		struct fmt_str *more = fmt_arena_grow(&p->mem, p->datasets, p->cap_datasets, cap, sizeof *more, err);

		if (!more)
			return false;
		p->datasets = more;
		p->cap_datasets = cap;
	}
	p->datasets[p->n_datasets] = fmt_arena_str(&p->mem, name, err);
	return p->datasets[p->n_datasets++].p != NULL;
}

/* Rows behind matrix i of an entry of a file. */
static bool rows_of(const struct fmt_imatrix_sums *s, const struct fmt_imatrix_entry *e, uint64_t i, uint64_t *rows,
                    struct fmt_err *err)
{
	uint64_t at = e->n_counts > 1 ? i : 0;
	double n = e->exact_counts ? e->exact_counts[at] : e->n_counts ? (double)e->counts[at] : (double)e->n_calls * s->chunk_size;
	char shown[FMT_SHOW_BYTES];

	if (!(n < MOST_ROWS))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "entry %s: a count of %g cannot be", fmt_show(e->name, shown), n);
	*rows = (uint64_t)n;
	return true;
}

static bool merge_entry(struct fmt_imatrix_sums *s, const struct fmt_imatrix_entry *e, struct fmt_err *err)
{
	uint64_t n_counts = e->n_counts ? e->n_counts : 1, known = 0, width;
	struct fmt_imatrix_sum *to;
	uint32_t at;

	if (fmt_index_find(&s->impl->names, e->name, &at))
		known = s->entries[at].n_counts;
	to = fmt_imatrix_sums_at(s, e->name, e->n_values, n_counts == 1 && known ? known : n_counts, err);
	if (!to)
		return false;
	width = to->n_values / to->n_counts;
	for (uint64_t m = 0; m < to->n_counts; m++) {
		uint64_t rows = 0;

		if (!rows_of(s, e, m, &rows, err))
			return false;
		for (uint64_t i = m * width; i < (m + 1) * width; i++)
			to->sums[i] += e->exact_sums ? e->exact_sums[i] : e->sums ? (double)e->sums[i] : (double)e->values[i] * (double)rows;
		to->counts[m] += rows;
	}
	return true;
}

bool fmt_imatrix_sums_merge(struct fmt_imatrix_sums *s, const struct fmt_imatrix *im, struct fmt_err *err)
{
	bool ok = true;

	for (uint64_t i = 0; ok && i < im->n_datasets; i++)
		ok = fmt_imatrix_sums_dataset(s, im->datasets[i], err);
	for (uint64_t i = 0; ok && i < im->n_entries; i++)
		ok = merge_entry(s, &im->entries[i], err);
	if (ok && (ckd_add(&s->n_chunks, s->n_chunks, im->n_chunks) || s->n_chunks > UINT32_MAX))
		ok = fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "more windows of text than a file can say");
	if (!ok)
		fmt_err_file(err, im->path);
	return ok;
}
