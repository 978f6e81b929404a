/* tensor_read.c: views with strides, against the formula that defines them, over a file whose element i is i. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gguf_build.h"
#include "model_impl.h"

#define ELEMS 40000

static struct fmt_model *open_counting(void)
{
	static const uint64_t dims[1] = { ELEMS };
	struct build b = begin(3, false, 1, 0);
	struct fmt_err err = { 0 };
	struct fmt_model *m;

	put_tensor(&b, "t", 1, dims, 26, 0);
	put_pad(&b, 32);
	for (uint32_t i = 0; i < ELEMS; i++)
		put_u32(&b, i);
	m = open_built(&b, &err);
	assert_non_null(m);
	return m;
}

/* What element `e` (row major) of the view is. */
static uint32_t expected(const struct fmt_tensor *t, uint64_t first, uint64_t e)
{
	uint64_t at = first;

	for (uint32_t i = t->n_dims; i-- > 0; e /= t->dims[i])
		at += e % t->dims[i] * (uint64_t)t->strides[i];
	return (uint32_t)at;
}

static void check_view(const struct fmt_model *m, uint64_t first, uint32_t n_dims, const uint64_t *dims,
                       const int64_t *strides)
{
	struct fmt_tensor t = { .name = FMT_STR("view"), .type = FMT_I32, .n_dims = n_dims, .strides = strides };
	struct fmt_err err = { 0 };
	uint64_t rows, cols, reach;
	uint32_t *got;

	t.off = m->tensors[0].off + 4 * first;
	memcpy(t.dims, dims, n_dims * sizeof *dims);
	assert_true(fmt_tensor_measure(&t, &err));
	assert_true(fmt_tensor_reach(&t, &reach, &err));
	assert_true(t.off + reach <= m->file_bytes[0]);
	rows = fmt_tensor_rows(&t);
	cols = fmt_tensor_cols(&t);
	got = malloc((size_t)t.n_bytes + 1);
	/* at a stroke, then in threes */
	for (uint64_t step = rows; step; step = step == rows && rows > 3 ? 3 : 0) {
		for (uint64_t row = 0; row < rows; row += step) {
			uint64_t n = rows - row < step ? rows - row : step;

			assert_true(fmt_tensor_read(m, &t, row, n, got, &err));
			for (uint64_t e = 0; e < n * cols; e++)
				assert_int_equal(got[e], expected(&t, first, row * cols + e));
		}
	}
	assert_null(fmt_tensor_map(m, &t));
	free(got);
}

static void views(void **state)
{
	struct fmt_model *m = open_counting();

	(void)state;
	check_view(m, 0, 2, (uint64_t[]){ 100, 37 }, (int64_t[]){ 37, 1 });              /* contiguous after all */
	check_view(m, 5, 2, (uint64_t[]){ 37, 100 }, (int64_t[]){ 1, 37 });              /* transposed */
	check_view(m, 9, 2, (uint64_t[]){ 10, 20 }, (int64_t[]){ 1000, 1 });             /* rows of something wider */
	check_view(m, 3, 2, (uint64_t[]){ 10, 20 }, (int64_t[]){ 50, 2 });               /* every second column */
	check_view(m, 3, 2, (uint64_t[]){ 7, 20 }, (int64_t[]){ 0, 3 });                 /* one row, again and again */
	check_view(m, 3, 2, (uint64_t[]){ 7, 20 }, (int64_t[]){ 3, 0 });                 /* one column, again and again */
	check_view(m, 0, 3, (uint64_t[]){ 5, 6, 7 }, (int64_t[]){ 7, 35, 1 });           /* outer two exchanged */
	check_view(m, 0, 3, (uint64_t[]){ 7, 6, 5 }, (int64_t[]){ 1, 7, 42 });           /* all reversed */
	check_view(m, 1, 1, (uint64_t[]){ 19 }, (int64_t[]){ 2000 });                    /* steps of more than a page */
	check_view(m, 1, 1, (uint64_t[]){ 3000 }, (int64_t[]){ 13 });
	check_view(m, 1, 3, (uint64_t[]){ 19, 1, 1 }, (int64_t[]){ 2000, 1, 1 });
	check_view(m, 7, 2, (uint64_t[]){ 19, 2 }, (int64_t[]){ 1, 19000 });
	check_view(m, 39999, 2, (uint64_t[]){ 1, 1 }, (int64_t[]){ 1, 1 });
	fmt_model_close(m);
}

static void no_rows(void **state)
{
	struct fmt_model *m = open_counting();
	struct fmt_tensor t = { .name = FMT_STR("view"), .type = FMT_I32, .n_dims = 2, .dims = { 0, 5 },
		                .strides = (int64_t[]){ 5, 1 } };
	struct fmt_err err = { 0 };

	(void)state;
	assert_true(fmt_tensor_measure(&t, &err));
	assert_true(fmt_tensor_read(m, &t, 0, 0, NULL, &err));
	assert_false(fmt_tensor_read(m, &t, 0, 1, NULL, &err));
	assert_int_equal(err.code, FMT_USAGE);
	fmt_model_close(m);
}

static void impossible_strides(void **state)
{
	struct fmt_tensor t = { .name = FMT_STR("view"), .type = FMT_I32, .n_dims = 2, .dims = { 3, 5 } };
	struct fmt_err err = { 0 };
	uint64_t reach;

	(void)state;
	assert_true(fmt_tensor_measure(&t, &err));
	t.strides = (int64_t[]){ -1, 1 };
	assert_false(fmt_tensor_reach(&t, &reach, &err));
	assert_int_equal(err.code, FMT_UNSUPPORTED);
	err = (struct fmt_err){ 0 };
	t.strides = (int64_t[]){ INT64_MAX, INT64_MAX };
	assert_false(fmt_tensor_reach(&t, &reach, &err));
	assert_int_equal(err.code, FMT_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(views), cmocka_unit_test(no_rows),
		                            cmocka_unit_test(impossible_strides) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
