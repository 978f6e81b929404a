/* Importance matrices in both layouts. See <libfmt/imatrix.h>. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/imatrix.h>
#include <libfmt/utf8.h>

#include "arena.h"
#include "cursor.h"
#include "imatrix_impl.h"
#include "index.h"
#include "limit.h"
#include "prune.h"

struct fmt_imatrix_impl {
	struct fmt_imatrix pub;
	struct fmt_arena mem;
	struct fmt_index names;
	struct fmt_imatrix_entry *entries;
	uint64_t cap;
};

static bool add(struct fmt_imatrix_impl *im, const struct fmt_imatrix_entry *e, struct fmt_err *err)
{
	uint64_t n = im->pub.n_entries, cap = im->cap ? 2 * im->cap : 64;
	char name[FMT_SHOW_BYTES];

	if (n == im->cap) {
		im->entries = fmt_arena_grow(&im->mem, im->entries, im->cap, cap, sizeof *im->entries, err);
		if (!im->entries)
			return false;
		im->cap = cap;
	}
	switch (fmt_index_add(&im->names, e->name, (uint32_t)n, err)) {
	case FMT_INDEX_ADDED:
		break;
	case FMT_INDEX_THERE:
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "entry %s is there twice", fmt_show(e->name, name));
	case FMT_INDEX_FAILED:
		return false;
	}
	im->entries[n] = *e;
	im->pub.n_entries = n + 1;
	im->pub.entries = im->entries;
	return true;
}

static bool check_values(const struct fmt_imatrix_entry *e, const float *x, uint64_t n, struct fmt_err *err)
{
	char name[FMT_SHOW_BYTES];

	for (uint64_t i = 0; i < n; i++)
		if (!(x[i] >= 0) || !isfinite(x[i]))
			return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "entry %s: value %" PRIu64 " is %g; importance is a finite "
			                "number, and not negative", fmt_show(e->name, name), i, (double)x[i]);
	return true;
}

/* Contents of a tensor of the GGUF, F32 or F64; *exact stays NULL of the first. */
static bool read_numbers(struct fmt_imatrix_impl *im, const struct fmt_model *m, const struct fmt_tensor *t, const float **out,
                         const double **exact, struct fmt_err *err)
{
	char name[FMT_SHOW_BYTES];
	double *wide;
	float *x;

	if (t->type != FMT_F32 && t->type != FMT_F64)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor %s: type %s, but importance is F32", fmt_show(t->name, name),
		                fmt_type_info(t->type)->name);
	*out = x = fmt_arena_alloc(&im->mem, t->n_elems, sizeof *x, err);
	if (t->type == FMT_F32)
		return x && fmt_tensor_read(m, t, 0, fmt_tensor_rows(t), x, err);
	*exact = wide = x ? fmt_arena_alloc(&im->mem, t->n_elems, sizeof *wide, err) : NULL;
	if (!wide || !fmt_tensor_read(m, t, 0, fmt_tensor_rows(t), wide, err))
		return false;
	for (uint64_t i = 0; i < t->n_elems; i++)
		x[i] = (float)wide[i];
	return true;
}

/* Sums and counts become means; an expert that was never used has none. */
static bool divide(struct fmt_imatrix_impl *im, struct fmt_imatrix_entry *e, struct fmt_err *err)
{
	uint64_t n = e->n_counts ? e->n_values / e->n_counts : 0;
	char name[FMT_SHOW_BYTES];
	float *values;

	if (!n || e->n_values % e->n_counts)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "entry %s: %" PRIu64 " sums do not go with %" PRIu64 " counts",
		                fmt_show(e->name, name), e->n_values, e->n_counts);
	e->values = values = fmt_arena_alloc(&im->mem, e->n_values, sizeof *values, err);
	for (uint64_t i = 0; values && i < e->n_values; i++)
		values[i] = e->counts[i / n] > 0 ? e->sums[i] / e->counts[i / n] : 0;
	return values != NULL;
}

static bool ends_with(struct fmt_str s, const char *end, struct fmt_str *rest)
{
	size_t n = strlen(end);

	if (s.n <= n || memcmp(s.p + s.n - n, end, n))
		return false;
	*rest = (struct fmt_str){ s.p, s.n - n };
	return true;
}

static bool read_entry_gguf(struct fmt_imatrix_impl *im, const struct fmt_model *m, const struct fmt_tensor *t,
                            struct fmt_str weight, struct fmt_err *err)
{
	struct fmt_imatrix_entry e = { .name = fmt_arena_str(&im->mem, weight, err), .n_values = t->n_elems };
	char counts_name[LIMIT_GGUF_NAME_BYTES + 16], shown[FMT_SHOW_BYTES];
	const struct fmt_tensor *counts;
	int n = snprintf(counts_name, sizeof counts_name, "%.*s.counts", (int)weight.n, weight.p);

	if (err->code)
		return false;
	counts = fmt_model_find(m, (struct fmt_str){ counts_name, (size_t)n });
	if (!counts)
		return fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "entry %s: its counts are missing", fmt_show(weight, shown));
	e.n_counts = counts->n_elems;
	return read_numbers(im, m, t, &e.sums, &e.exact_sums, err) &&
	       read_numbers(im, m, counts, &e.counts, &e.exact_counts, err) && check_values(&e, e.sums, e.n_values, err) && check_values(&e, e.counts, e.n_counts, err) &&
	       divide(im, &e, err) && add(im, &e, err);
}

static bool set_datasets(struct fmt_imatrix_impl *im, const struct fmt_str *names, uint64_t n, struct fmt_err *err)
{
	struct fmt_str *copies = fmt_arena_alloc(&im->mem, n, sizeof *copies, err);

	for (uint64_t i = 0; copies && i < n; i++)
		copies[i] = fmt_arena_str(&im->mem, names[i], err);
	if (err->code)
		return false;
	im->pub.datasets = copies;
	im->pub.n_datasets = n;
	im->pub.dataset = copies[0];
	return true;
}

static uint64_t get_u32(const struct fmt_model *m, const char *key)
{
	const struct fmt_value *v = fmt_model_get(m, key);

	return v && v->type == FMT_KV_U32 ? v->as.u : 0;
}

/* What the keys say of where it came from. */
static bool read_source(struct fmt_imatrix_impl *im, const struct fmt_model *m, struct fmt_err *err)
{
	const struct fmt_value *sets = fmt_model_get(m, "imatrix.datasets"), *work = fmt_model_get(m, "imatrix.work");

	if (sets && sets->type == FMT_KV_ARR && sets->elem == FMT_KV_STR && sets->n && !set_datasets(im, sets->as.strs, sets->n, err))
		return false;
	if (work && work->type == FMT_KV_STR)
		im->pub.work = fmt_arena_str(&im->mem, work->as.s, err);
	im->pub.n_chunks = get_u32(m, "imatrix.chunk_count");
	im->pub.chunk_size = get_u32(m, "imatrix.chunk_size");
	im->pub.n_done = get_u32(m, "imatrix.done");
	return !err->code;
}

static bool read_gguf(struct fmt_imatrix_impl *im, struct fmt_err *err)
{
	struct fmt_model *m = fmt_model_open(im->pub.path, err);
	bool ok = m && read_source(im, m, err);

	for (uint64_t i = 0; ok && i < m->n_tensors; i++) {
		struct fmt_str weight;

		if (ends_with(m->tensors[i].name, ".in_sum2", &weight))
			ok = read_entry_gguf(im, m, &m->tensors[i], weight, err);
	}
	fmt_model_close(m);
	return ok;
}

/* A count in the .dat layout: 32 bits, never negative. */
static uint64_t dat_count(struct fmt_cur *c, uint64_t item_min, const char *what)
{
	uint64_t off = c->pos;

	return fmt_cur_count(c, fmt_cur_u32(c, what), item_min, off, what);
}

static bool read_entry_dat(struct fmt_imatrix_impl *im, struct fmt_cur *c, struct fmt_err *err)
{
	struct fmt_imatrix_entry e = { .n_values = 0 };
	char shown[FMT_SHOW_BYTES];
	uint32_t calls;
	float *x;

	e.name = fmt_cur_str(c, dat_count(c, 1, "the length of a name"), &im->mem, "a name");
	calls = fmt_cur_u32(c, "a number of calls");
	e.n_values = dat_count(c, sizeof *x, "a number of values");
	x = fmt_cur_ok(c) ? fmt_arena_alloc(&im->mem, e.n_values, sizeof *x, err) : NULL;
	if (!x || !fmt_cur_bytes(c, x, (size_t)e.n_values * sizeof *x, "values"))
		return false;
	e.values = x;
	if (!check_values(&e, x, e.n_values, err))
		return false;
	if (calls > INT32_MAX)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "entry %s: %" PRId32 " calls", fmt_show(e.name, shown),
		                (int32_t)calls);
	e.n_calls = calls;
	for (uint64_t i = 0; i < e.n_values && calls > 0; i++)
		x[i] /= (float)calls;
	return add(im, &e, err);
}

/* Older files end with the entries. */
static bool read_tail_dat(struct fmt_imatrix_impl *im, struct fmt_cur *c)
{
	if (fmt_cur_left(c) < 8)
		return true;
	im->pub.n_chunks = fmt_cur_u32(c, "the number of chunks");
	im->pub.dataset = fmt_cur_str(c, dat_count(c, 1, "the length of the text's name"), &im->mem, "the text's name");
	im->pub.datasets = &im->pub.dataset;
	im->pub.n_datasets = im->pub.dataset.n > 0;
	return fmt_cur_ok(c);
}

static bool read_dat(struct fmt_imatrix_impl *im, const struct fmt_source *s, struct fmt_err *err)
{
	struct fmt_cur c;
	uint64_t n;
	bool ok = true;

	fmt_cur_file(&c, s, 0, s->n_bytes, err);
	n = dat_count(&c, 12, "no importance matrix, or a damaged one: its number of entries");
	for (uint64_t i = 0; ok && i < n; i++)
		ok = read_entry_dat(im, &c, err);
	ok = ok && fmt_cur_ok(&c) && read_tail_dat(im, &c);
	if (ok && !n)
		ok = fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "no importance matrix: it has no entries");
	fmt_cur_finish(&c);
	return ok;
}

static bool read_either(struct fmt_imatrix_impl *im, struct fmt_err *err)
{
	struct fmt_source s;
	uint8_t magic[4] = { 0 };
	bool ok;

	if (!fmt_source_open(&s, im->pub.path, err))
		return false;
	fmt_arena_init(&im->mem, LIMIT_ARENA_BASE + LIMIT_ARENA_FACTOR * s.n_bytes);
	ok = fmt_source_read(&s, 0, magic, s.n_bytes < sizeof magic ? (size_t)s.n_bytes : sizeof magic, err);
	if (ok && memcmp(magic, "GGUF", sizeof magic))
		ok = read_dat(im, &s, err);
	else if (ok)
		ok = read_gguf(im, err);
	fmt_source_close(&s);
	if (ok && !im->pub.n_entries)
		ok = fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "no importance matrix: it has no entries");
	return ok;
}

static struct fmt_imatrix_impl *create(const char *path, struct fmt_err *err)
{
	struct fmt_imatrix_impl *im = calloc(1, sizeof *im);

	if (!im) {
		fmt_fail_nomem(err, sizeof *im);
		return NULL;
	}
	im->pub.path = path;
	im->pub.impl = im;
	fmt_index_init(&im->names);
	return im;
}

struct fmt_imatrix *fmt_imatrix_open(const char *path, struct fmt_err *err)
{
	struct fmt_imatrix_impl *im = create(path, err);

	if (!im)
		return NULL;
	if (read_either(im, err))
		return &im->pub;
	fmt_err_file(err, path);
	fmt_imatrix_close(&im->pub);
	return NULL;
}

/* Rounded to floats as in a file. */
static bool add_sum(struct fmt_imatrix_impl *im, const struct fmt_imatrix_sum *s, struct fmt_err *err)
{
	float *sums = fmt_arena_alloc(&im->mem, s->n_values, sizeof *sums, err);
	float *counts = fmt_arena_alloc(&im->mem, s->n_counts, sizeof *counts, err);
	struct fmt_imatrix_entry e = { .name = fmt_arena_str(&im->mem, s->name, err), .n_values = s->n_values, .n_counts = s->n_counts,
	                               .sums = sums, .counts = counts };

	if (err->code)
		return false;
	for (uint64_t i = 0; i < s->n_values; i++)
		sums[i] = (float)s->sums[i];
	for (uint64_t i = 0; i < s->n_counts; i++)
		counts[i] = (float)s->counts[i];
	return check_values(&e, sums, e.n_values, err) && divide(im, &e, err) && add(im, &e, err);
}

struct fmt_imatrix *fmt_imatrix_of_sums(const struct fmt_imatrix_sums *s, const char *path, struct fmt_err *err)
{
	struct fmt_imatrix_impl *im = create(path, err);

	if (!im)
		return NULL;
	fmt_arena_init(&im->mem, UINT64_MAX / 2); /* of numbers that are in memory already */
	im->pub.n_chunks = s->n_chunks;
	im->pub.chunk_size = s->chunk_size;
	if (s->impl->n_datasets)
		set_datasets(im, s->impl->datasets, s->impl->n_datasets, err);
	for (uint64_t i = 0; i < s->n_entries && !err->code; i++)
		add_sum(im, &s->entries[i], err);
	if (!err->code)
		return &im->pub;
	fmt_imatrix_close(&im->pub);
	return NULL;
}

static bool prune_entries(struct fmt_imatrix_impl *im, const struct prune *p, struct fmt_err *err)
{
	uint64_t n = im->pub.n_entries;

	fmt_index_finish(&im->names);
	fmt_index_init(&im->names);
	im->pub.n_entries = 0;
	for (uint64_t i = 0; i < n; i++) {
		struct fmt_imatrix_entry e = im->entries[i];
		int32_t layer;

		im->mem.limit_bytes += e.name.n + 16;
		if (prune_name(p, &im->mem, &e.name, &layer, err) ? !add(im, &e, err) : err->code)
			return false;
	}
	return true;
}

bool fmt_imatrix_prune(struct fmt_imatrix *im, const uint32_t *layers, size_t n, struct fmt_err *err)
{
	struct prune p;
	bool ok = prune_init(&p, layers, n, err) && prune_entries(im->impl, &p, err);

	prune_finish(&p);
	return ok;
}

void fmt_imatrix_close(struct fmt_imatrix *im)
{
	if (!im)
		return;
	fmt_index_finish(&im->impl->names);
	fmt_arena_finish(&im->impl->mem);
	free(im->impl);
}

const struct fmt_imatrix_entry *fmt_imatrix_find(const struct fmt_imatrix *im, struct fmt_str name)
{
	uint32_t i;

	return fmt_index_find(&im->impl->names, name, &i) ? &im->entries[i] : NULL;
}
