/* Errors of tensors against the same sums in one plain loop, whatever the threads; what does not belong together. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <libquant/compare.h>

#include "make_gguf.h"

enum { ROWS = 700, COLS = 512, N = ROWS * COLS, LONG = 600000, TENSORS = 4 };

static const struct make_key keys[] = { { "general.architecture", "none", 0 } };

/* A matrix of several pieces, a row longer than a piece, a norm that stays, and whole numbers. */
struct fixture {
	float *x, *y;
	int32_t ids[3];
	struct make_tensor before[TENSORS], after[TENSORS];
};

static void init_fixture(struct fixture *f)
{
	uint32_t seed = 1;

	f->x = malloc((N + LONG) * sizeof *f->x);
	f->y = malloc((N + LONG) * sizeof *f->y);
	for (size_t i = 0; i < N + LONG; i++) {
		seed = seed * 1664525 + 1013904223;
		f->x[i] = (float)(int32_t)seed * 0x1p-31f;
		f->y[i] = f->x[i] + (float)(seed & 1023) * 0x1p-20f;
	}
	memcpy(f->ids, (int32_t[]){ 1, 2, 3 }, sizeof f->ids);
	f->before[0] = (struct make_tensor){ "matrix.weight", FMT_F32, 2, { ROWS, COLS }, f->x };
	f->before[1] = (struct make_tensor){ "long.weight", FMT_F32, 2, { 1, LONG }, f->x + N };
	f->before[2] = (struct make_tensor){ "norm.weight", FMT_F32, 1, { COLS }, f->x };
	f->before[3] = (struct make_tensor){ "ids", FMT_I32, 1, { 3 }, f->ids };
	memcpy(f->after, f->before, sizeof f->after);
	f->after[0].data = f->y;
	f->after[1].data = f->y + N;
}

static void free_fixture(struct fixture *f)
{
	free(f->x);
	free(f->y);
}

static bool compare(const char *a, const char *b, unsigned n_threads, struct quant_error *errors, struct fmt_err *err)
{
	struct fmt_view *x = fmt_view_open(a, NULL, err), *y = fmt_view_open(b, NULL, err);
	struct quant_pool *pool = quant_pool_create(n_threads);
	struct quant_compare c = { .reference = { x, NULL }, .other = { y, NULL }, .pool = pool };
	bool ok;

	assert_true(x && y && pool);
	ok = quant_compare_run(&c, errors, err);
	quant_pool_destroy(pool);
	fmt_view_close(x);
	fmt_view_close(y);
	return ok;
}

static void check_sums(const struct quant_error *e, const float *x, const float *y, size_t n)
{
	double difference = 0, reference = 0, largest = 0;

	for (size_t i = 0; i < n; i++) {
		double d = (double)y[i] - (double)x[i];

		difference += d * d;
		reference += (double)x[i] * (double)x[i];
		largest = fabs(d) > largest ? fabs(d) : largest;
	}
	assert_true(fabs(e->difference - difference) < 1e-12 * difference);
	assert_true(fabs(e->reference - reference) < 1e-12 * reference);
	assert_true(e->largest == largest && e->n_nonfinite == 0);
	assert_true(fabs(quant_error_relative(e) - sqrt(difference / reference)) < 1e-12);
}

static void as_one_loop(void **state)
{
	const char *a = in_dir(state, "a"), *b = in_dir(state, "b");
	struct quant_error one[TENSORS], more[TENSORS];
	struct fmt_err err = { 0 };
	struct fixture f;

	init_fixture(&f);
	make_gguf(a, keys, 1, f.before, TENSORS);
	make_gguf(b, keys, 1, f.after, TENSORS);
	assert_true(compare(a, b, 1, one, &err));
	check_sums(&one[0], f.x, f.y, N);
	check_sums(&one[1], f.x + N, f.y + N, LONG);
	assert_true(one[2].difference == 0 && one[2].reference > 0 && quant_error_relative(&one[2]) == 0);
	assert_true(quant_error_relative(&one[3]) == 0);
	for (unsigned n = 2; n <= 5; n += 3) {
		assert_true(compare(a, b, n, more, &err));
		assert_memory_equal(one, more, sizeof one);
	}
	free_fixture(&f);
}

/* NaN in the reference is left out and counted; on the other side alone it spoils the figure. */
static void not_finite(void **state)
{
	const char *a = in_dir(state, "a"), *b = in_dir(state, "b");
	struct quant_error errors[TENSORS];
	struct fmt_err err = { 0 };
	struct fixture f;

	init_fixture(&f);
	f.x[7] = NAN;
	f.y[7] = 0;
	f.y[N + 1] = INFINITY;
	make_gguf(a, keys, 1, f.before, TENSORS);
	make_gguf(b, keys, 1, f.after, TENSORS);
	assert_true(compare(a, b, 2, errors, &err));
	assert_int_equal(errors[0].n_nonfinite, 1);
	assert_true(isfinite(quant_error_relative(&errors[0])));
	assert_false(isfinite(quant_error_relative(&errors[1])));
	free_fixture(&f);
}

static void expect_mismatch(const char *a, const char *b, const char *name)
{
	struct quant_error errors[TENSORS];
	struct fmt_err err = { 0 };

	assert_false(compare(a, b, 1, errors, &err));
	assert_int_equal(err.code, FMT_MISMATCH);
	assert_non_null(strstr(err.msg, name));
	assert_string_equal(err.file, b);
}

static void other_tensors(void **state)
{
	const char *a = in_dir(state, "a"), *b = in_dir(state, "b");
	static const int32_t other[3] = { 1, 2, 4 };
	struct quant_error errors[TENSORS];
	struct fmt_err err = { 0 };
	struct fixture f;

	init_fixture(&f);
	make_gguf(a, keys, 1, f.before, TENSORS);
	f.after[3].data = other;
	make_gguf(b, keys, 1, f.after, TENSORS);
	assert_true(compare(a, b, 1, errors, &err));
	assert_true(errors[3].difference == 1 && errors[3].reference == 14 && errors[3].largest == 1);
	strcpy(f.after[2].name, "bias");
	make_gguf(b, keys, 1, f.after, TENSORS);
	expect_mismatch(a, b, "'norm.weight'");
	f.after[0].dims[0] = COLS;
	f.after[0].dims[1] = ROWS;
	make_gguf(b, keys, 1, f.after, TENSORS);
	expect_mismatch(a, b, "'matrix.weight'");
	free_fixture(&f);
}

static void explained(void **state)
{
	const struct fmt_view_tensor bf16 = { .type = FMT_BF16 }, changed = { .type = FMT_BF16, .op = FMT_OP_ADD_ONE };

	(void)state;
	assert_true(quant_error_explained(&bf16, NULL, FMT_F32) == 1e-6 && quant_error_explained(&bf16, NULL, FMT_BF16) == 1e-6);
	assert_true(quant_error_explained(&changed, NULL, FMT_F32) == 1e-6 && quant_error_explained(&changed, NULL, FMT_BF16) == 1e-2);
	assert_true(quant_error_explained(&bf16, NULL, FMT_Q8_0) < quant_error_explained(&bf16, NULL, FMT_Q6_K));
	assert_true(quant_error_explained(&bf16, NULL, FMT_Q4_K) < quant_error_explained(&bf16, NULL, FMT_IQ1_S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(as_one_loop, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(not_finite, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(other_tensors, make_dir, remove_dir),
		cmocka_unit_test(explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
