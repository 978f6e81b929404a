/* Importance matrices while they are collected: what is added up, written, and read back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <libfmt/imatrix_sums.h>

#define S(text) (struct fmt_str){ text, sizeof text - 1 }

static char path[] = "/tmp/assay-imatrix-sums-XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void set(struct fmt_imatrix_sums *s, struct fmt_str name, const double *x, uint64_t n, const uint64_t *counts,
                uint64_t n_counts)
{
	struct fmt_err err = { 0 };
	struct fmt_imatrix_sum *e = fmt_imatrix_sums_at(s, name, n, n_counts, &err);

	assert_non_null(e);
	for (uint64_t i = 0; i < n; i++)
		e->sums[i] += x[i];
	for (uint64_t i = 0; i < n_counts; i++)
		e->counts[i] += counts[i];
}

/* Two experts of which one was used, and a weight of one matrix; in the wrong order. */
static struct fmt_imatrix_sums *good(void)
{
	struct fmt_err err = { 0 };
	struct fmt_imatrix_sums *s = fmt_imatrix_sums_create(4, &err);

	assert_non_null(s);
	set(s, S("blk.1.x"), (double[]){ 8, 24 }, 2, (uint64_t[]){ 8 }, 1);
	set(s, S("blk.0.exps"), (double[]){ 6, 12, 0, 0 }, 4, (uint64_t[]){ 6, 0 }, 2);
	assert_true(fmt_imatrix_sums_dataset(s, S("text.txt"), &err));
	s->n_chunks = 2;
	return s;
}

static bool write_to(const struct fmt_imatrix_sums *s, enum fmt_imatrix_layout layout, struct fmt_err *err)
{
	struct fmt_sink *sink = fmt_sink_create(path, true, err);
	uint64_t n = 0;

	assert_non_null(sink);
	if (fmt_imatrix_sums_write(s, layout, sink, &n, err))
		return fmt_sink_commit(sink, n, err);
	fmt_sink_abort(sink);
	return false;
}

static struct fmt_imatrix *written(const struct fmt_imatrix_sums *s, enum fmt_imatrix_layout layout)
{
	struct fmt_err err = { 0 };
	struct fmt_imatrix *im;

	assert_true(write_to(s, layout, &err));
	im = fmt_imatrix_open(path, &err);
	assert_non_null(im);
	assert_int_equal(im->n_entries, 2);
	assert_true(fmt_str_is(im->entries[0].name, "blk.0.exps"));
	assert_true(fmt_str_is(im->entries[1].name, "blk.1.x"));
	assert_true(fmt_str_is(im->dataset, "text.txt"));
	assert_int_equal(im->n_chunks, 2);
	return im;
}

static void check_floats(const float *x, const float *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_true(fabsf(x[i] - want[i]) <= 1e-6f * want[i]);
}

static void writes_gguf(void **state)
{
	struct fmt_imatrix_sums *s = good();
	struct fmt_imatrix *im = written(s, FMT_IMATRIX_GGUF);

	(void)state;
	assert_int_equal(im->chunk_size, 4);
	assert_int_equal(im->entries[0].n_counts, 2);
	check_floats(im->entries[0].counts, (float[]){ 6, 0 }, 2);
	check_floats(im->entries[0].sums, (float[]){ 6, 12, 0, 0 }, 4);
	check_floats(im->entries[0].values, (float[]){ 1, 2, 0, 0 }, 4);
	check_floats(im->entries[1].values, (float[]){ 1, 3 }, 2);
	fmt_imatrix_close(im);
	fmt_imatrix_sums_destroy(s);
}

/* 6 rows are two windows of 4, the second not whole; an expert without any has 1. */
static void writes_dat(void **state)
{
	struct fmt_imatrix_sums *s = good();
	struct fmt_imatrix *im = written(s, FMT_IMATRIX_DAT);

	(void)state;
	assert_int_equal(im->entries[0].n_calls, 2);
	assert_int_equal(im->entries[0].n_counts, 0);
	check_floats(im->entries[0].values, (float[]){ 1, 2, 1, 1 }, 4);
	check_floats(im->entries[1].values, (float[]){ 1, 3 }, 2);
	fmt_imatrix_close(im);
	fmt_imatrix_sums_destroy(s);
}

static void merges(void **state)
{
	struct fmt_err err = { 0 };
	struct fmt_imatrix_sums *s = good();
	struct fmt_imatrix *im = written(s, FMT_IMATRIX_GGUF);
	const struct fmt_imatrix_sum *e;

	(void)state;
	assert_true(fmt_imatrix_sums_merge(s, im, &err));
	fmt_imatrix_close(im);
	assert_int_equal(s->n_chunks, 4);
	e = fmt_imatrix_sums_at(s, S("blk.0.exps"), 4, 2, &err);
	assert_true(e->sums[0] == 12 && e->sums[1] == 24 && e->sums[2] == 0);
	assert_true(e->counts[0] == 12 && e->counts[1] == 0);
	fmt_imatrix_sums_destroy(s);
}

/* Sums and counts that no float holds, and the names of several texts, come back as they were; what is done with it too. */
static void keeps_unfinished_work(void **state)
{
	const double sum = 1 + 0x1p-40;
	const uint64_t count = (UINT64_C(1) << 40) + 1;
	struct fmt_err err = { 0 };
	struct fmt_imatrix_sums *s = good(), *fresh = fmt_imatrix_sums_create(4, &err);
	struct fmt_imatrix *im;
	const struct fmt_imatrix_sum *e;

	(void)state;
	set(s, S("blk.0.exps"), (double[]){ 0, 0, sum, 0 }, 4, (uint64_t[]){ 0, count }, 2);
	assert_true(fmt_imatrix_sums_dataset(s, S("more.txt"), &err));
	s->work = S("something long");
	s->n_done = 7;
	im = written(s, FMT_IMATRIX_UNFINISHED);
	assert_true(fmt_str_is(im->work, "something long") && im->n_done == 7);
	assert_true(im->n_datasets == 2 && fmt_str_is(im->datasets[1], "more.txt"));
	check_floats(im->entries[1].values, (float[]){ 1, 3 }, 2); /* and whoever wants the usual figures has them */
	assert_non_null(fresh);
	assert_true(fmt_imatrix_sums_merge(fresh, im, &err));
	fmt_imatrix_close(im);
	e = fmt_imatrix_sums_at(fresh, S("blk.0.exps"), 4, 2, &err);
	assert_true(e->sums[0] == 6 && e->sums[2] == sum && e->counts[0] == 6 && e->counts[1] == count);
	im = written(fresh, FMT_IMATRIX_GGUF);
	assert_true(im->n_datasets == 2 && im->work.n == 0 && im->n_done == 0 && !im->entries[0].exact_sums);
	fmt_imatrix_close(im);
	fmt_imatrix_sums_destroy(fresh);
	fmt_imatrix_sums_destroy(s);
}

/* A count per file becomes one per expert, whichever comes first. */
static void merges_dat_with_experts(void **state)
{
	struct fmt_err err = { 0 };
	struct fmt_imatrix_sums *s = good(), *fresh = fmt_imatrix_sums_create(4, &err);
	struct fmt_imatrix *im = written(s, FMT_IMATRIX_DAT);
	const struct fmt_imatrix_sum *e;

	(void)state;
	assert_true(fmt_imatrix_sums_merge(s, im, &err));
	e = fmt_imatrix_sums_at(s, S("blk.0.exps"), 4, 2, &err);
	assert_true(e->counts[0] == 14 && e->counts[1] == 8 && e->sums[0] == 14 && e->sums[2] == 8);
	assert_true(fmt_imatrix_sums_merge(fresh, im, &err));
	e = fmt_imatrix_sums_at(fresh, S("blk.0.exps"), 4, 2, &err);
	assert_true(e->n_counts == 2 && e->counts[0] == 8 && e->counts[1] == 8);
	fmt_imatrix_close(im);
	fmt_imatrix_sums_destroy(fresh);
	fmt_imatrix_sums_destroy(s);
}

static void refuses_other_shapes(void **state)
{
	struct fmt_err err = { 0 }, again = { 0 };
	struct fmt_imatrix_sums *s = good();

	(void)state;
	assert_null(fmt_imatrix_sums_at(s, S("blk.1.x"), 3, 1, &err));
	assert_int_equal(err.code, FMT_MISMATCH);
	assert_non_null(strstr(err.msg, "blk.1.x"));
	assert_null(fmt_imatrix_sums_at(s, S("blk.0.exps"), 4, 4, &again));
	assert_int_equal(again.code, FMT_MISMATCH);
	fmt_imatrix_sums_destroy(s);
}

static void refuses_sums_past_float(void **state)
{
	struct fmt_err err = { 0 };
	struct fmt_imatrix_sums *s = good();

	(void)state;
	set(s, S("blk.1.x"), (double[]){ 0, 1e39 }, 2, (uint64_t[]){ 1 }, 1);
	assert_false(write_to(s, FMT_IMATRIX_GGUF, &err));
	assert_int_equal(err.code, FMT_NONFINITE);
	assert_non_null(strstr(err.msg, "column 1"));
	fmt_imatrix_sums_destroy(s);
}

/* In memory there is to the bit what a file would have. */
static void without_a_file(void **state)
{
	struct fmt_imatrix_sums *s = good();
	struct fmt_err err = { 0 };
	struct fmt_imatrix *file, *memory;

	(void)state;
	set(s, S("blk.0.third"), (double[]){ 1.0 / 3, 1e-30 }, 2, (uint64_t[]){ 7 }, 1);
	assert_true(write_to(s, FMT_IMATRIX_GGUF, &err));
	file = fmt_imatrix_open(path, &err);
	memory = fmt_imatrix_of_sums(s, "name.gguf", &err);
	assert_true(file && memory);
	assert_string_equal(memory->path, "name.gguf");
	assert_int_equal(memory->n_entries, file->n_entries);
	assert_int_equal(memory->n_chunks, file->n_chunks);
	assert_int_equal(memory->chunk_size, file->chunk_size);
	assert_true(fmt_str_eq(memory->dataset, file->dataset));
	for (uint64_t i = 0; i < file->n_entries; i++) {
		const struct fmt_imatrix_entry *a = &file->entries[i], *b = fmt_imatrix_find(memory, a->name);

		assert_non_null(b);
		assert_int_equal(a->n_values, b->n_values);
		assert_int_equal(a->n_counts, b->n_counts);
		assert_memory_equal(a->values, b->values, a->n_values * sizeof(float));
		assert_memory_equal(a->sums, b->sums, a->n_values * sizeof(float));
		assert_memory_equal(a->counts, b->counts, a->n_counts * sizeof(float));
	}
	fmt_imatrix_close(file);
	fmt_imatrix_close(memory);
	s->entries[0].sums[0] = 1e39;
	assert_null(fmt_imatrix_of_sums(s, "name.gguf", &err));
	assert_int_not_equal(err.code, 0);
	fmt_imatrix_sums_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_gguf),
		cmocka_unit_test(writes_dat),
		cmocka_unit_test(merges),
		cmocka_unit_test(keeps_unfinished_work),
		cmocka_unit_test(merges_dat_with_experts),
		cmocka_unit_test(refuses_other_shapes),
		cmocka_unit_test(refuses_sums_past_float),
		cmocka_unit_test(without_a_file),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
