/* The pipeline on small GGUFs: what it writes is what the encoders give row by row, whatever the threads; bad values
 * stop it and are named. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <libquant/quant.h>
#include <libquant/transcode.h>

#include "make_gguf.h"

enum { ROWS = 700, COLS = 512, LONG = 600000 };

static const struct make_key keys[] = { { "general.architecture", "none", 0 } };

struct fixture {
	float *matrix, *longest, *norm;
	struct make_tensor tensors[4];
	size_t n;
};

/* A matrix of several pieces, a tensor without elements, one row longer than a piece, and a small F32. */
static void init_fixture(struct fixture *f)
{
	uint32_t seed = 1;

	f->matrix = malloc(ROWS * COLS * sizeof(float));
	f->longest = malloc(LONG * sizeof(float));
	f->norm = malloc(COLS * sizeof(float));
	for (size_t i = 0; i < ROWS * COLS; i++) {
		seed = seed * 1664525 + 1013904223;
		f->matrix[i] = (float)(int32_t)seed * 0x1p-31f;
	}
	for (size_t i = 0; i < LONG; i++)
		f->longest[i] = f->matrix[i % (ROWS * COLS)] * 3.0f;
	for (size_t i = 0; i < COLS; i++)
		f->norm[i] = 1.0f + f->matrix[i];
	f->n = 4;
	f->tensors[0] = (struct make_tensor){ "matrix.weight", FMT_F32, 2, { ROWS, COLS }, f->matrix };
	f->tensors[1] = (struct make_tensor){ "empty.weight", FMT_F32, 2, { 0, COLS }, NULL };
	f->tensors[2] = (struct make_tensor){ "long.weight", FMT_F32, 2, { 1, LONG }, f->longest };
	f->tensors[3] = (struct make_tensor){ "norm.weight", FMT_F32, 1, { COLS }, f->norm };
}

static void free_fixture(struct fixture *f)
{
	free(f->matrix);
	free(f->longest);
	free(f->norm);
}

struct run {
	enum fmt_type types[4];
	unsigned n_threads;
	bool allow_nonfinite;
	const atomic_int *stop;
	uint64_t done, total; /* as progress was told last */
};

static void progress(void *ctx, uint64_t done, uint64_t total)
{
	struct run *r = ctx;

	assert_true(done > r->done);
	r->done = done;
	r->total = total;
}

static bool transcode(const char *from, const char *to, struct run *r, struct fmt_err *err)
{
	struct fmt_view *v = fmt_view_open(from, NULL, err);
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_GGUF, err);
	struct fmt_sink *sink = fmt_sink_create(to, true, err);
	struct quant_pool *pool = quant_pool_create(r->n_threads);
	const struct quant_part part = { .writer = w, .sink = sink };
	struct quant_transcode t = {
		.view = v, .types = r->types, .parts = &part, .n_parts = 1, .pool = pool, .allow_nonfinite = r->allow_nonfinite,
		.stop = r->stop, .progress = progress, .progress_ctx = r,
	};
	uint64_t file_bytes;
	uint32_t index;
	bool ok;

	assert_true(v && w && sink && pool);
	for (uint64_t i = 0; i < v->n_tensors; i++)
		assert_true(fmt_writer_tensor(w, v->tensors[i].name, r->types[i], v->tensors[i].n_dims, v->tensors[i].dims, &index,
		                              err));
	assert_true(fmt_writer_layout(w, &file_bytes, err));
	assert_true(fmt_writer_header(w, sink, err));
	ok = quant_transcode_run(&t, err);
	if (ok)
		ok = fmt_sink_commit(sink, file_bytes, err);
	else
		fmt_sink_abort(sink);
	quant_pool_destroy(pool);
	fmt_writer_destroy(w);
	fmt_view_close(v);
	return ok;
}

/* Tensor `index` of the file holds what the encoder makes of x, row by row. */
static void check_tensor(const char *path, uint32_t index, const float *x, size_t rows, size_t cols)
{
	struct fmt_err err = { 0 };
	struct fmt_model *m = fmt_model_open(path, &err);
	const struct fmt_tensor *t;
	uint8_t *got, *want;
	size_t row_bytes;

	assert_non_null(m);
	t = &m->tensors[index];
	row_bytes = (size_t)t->n_bytes / rows;
	got = malloc((size_t)t->n_bytes);
	want = malloc(row_bytes);
	assert_true(fmt_tensor_read(m, t, 0, rows, got, &err));
	for (size_t r = 0; r < rows; r++) {
		quant_type(t->type)->encode(x + r * cols, NULL, QUANT_NORMAL, want, cols);
		assert_memory_equal(got + r * row_bytes, want, row_bytes);
	}
	free(got);
	free(want);
	fmt_model_close(m);
}

static void as_the_encoders(void **state)
{
	static const enum fmt_type types[] = { FMT_F32, FMT_F16, FMT_BF16, FMT_Q8_0 };
	const char *from = in_dir(state, "from.gguf"), *to = in_dir(state, "to.gguf");
	struct fixture f;

	init_fixture(&f);
	make_gguf(from, keys, 1, f.tensors, f.n);
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
		for (unsigned n_threads = 1; n_threads <= 5; n_threads += n_threads == 1 ? 1 : 3) {
			struct run r = { .types = { types[i], FMT_F32, types[i], FMT_F32 }, .n_threads = n_threads };
			struct fmt_err err = { 0 };

			assert_true(transcode(from, to, &r, &err));
			assert_int_equal(r.done, (ROWS * COLS + LONG + COLS) * sizeof(float));
			assert_int_equal(r.total, r.done);
			check_tensor(to, 0, f.matrix, ROWS, COLS);
			check_tensor(to, 2, f.longest, 1, LONG);
			check_tensor(to, 3, f.norm, 1, COLS);
		}
	}
	free_fixture(&f);
}

/* Converts the fixture, and says what went wrong. */
static enum fmt_code try(void **state, const struct fixture *f, struct run *r, char *line, size_t cap)
{
	const char *from = in_dir(state, "from.gguf"), *to = in_dir(state, "to.gguf");
	struct fmt_err err = { 0 };

	make_gguf(from, keys, 1, f->tensors, f->n);
	transcode(from, to, r, &err);
	fmt_err_line(&err, line, cap);
	return err.code;
}

static void bad_values_are_named(void **state)
{
	char line[700];
	struct fixture f;

	init_fixture(&f);
	f.matrix[123456] = NAN; /* a later one must not be the one that is named */
	f.matrix[300000] = INFINITY;
	f.longest[5] = NAN;
	for (unsigned n_threads = 1; n_threads <= 3; n_threads++) {
		for (int copy = 0; copy < 2; copy++) {
			enum fmt_type type = copy ? FMT_F32 : FMT_Q8_0;
			struct run r = { .types = { type, FMT_F32, type, FMT_F32 }, .n_threads = n_threads };

			assert_int_equal(try(state, &f, &r, line, sizeof line), FMT_NONFINITE);
			assert_non_null(strstr(line, "'matrix.weight': element 123456 is not a number"));
		}
	}
	f.matrix[123456] = 1e6f;
	struct run f16 = { .types = { FMT_F16, FMT_F32, FMT_F16, FMT_F32 }, .n_threads = 2 };
	assert_int_equal(try(state, &f, &f16, line, sizeof line), FMT_NONFINITE);
	assert_non_null(strstr(line, "element 123456 is 1e+06, too large for F16"));
	free_fixture(&f);
}

static void allowed_nonfinite(void **state)
{
	struct run r = { .types = { FMT_Q8_0, FMT_F32, FMT_BF16, FMT_F32 }, .n_threads = 2, .allow_nonfinite = true };
	char line[700];
	struct fixture f;

	init_fixture(&f);
	f.matrix[123456] = NAN;
	f.longest[5] = -INFINITY;
	assert_int_equal(try(state, &f, &r, line, sizeof line), FMT_OK);
	f.matrix[123456] = 0.0f; /* a block has no place for NaN */
	check_tensor(in_dir(state, "to.gguf"), 0, f.matrix, ROWS, COLS);
	check_tensor(in_dir(state, "to.gguf"), 2, f.longest, 1, LONG);
	free_fixture(&f);
}

/* Q4_1 whose scales are infinite, or two NaNs: what processors make of them differs, what is written does not. */
static void broken_scales_decode_alike(void **state)
{
	enum { N = 32 };
	uint8_t blocks[2][20] = { { 0x00, 0x7c, 0x00, 0x3c }, { 0x01, 0x7e, 0x77, 0xfe } };
	struct make_tensor tensor = { "broken.weight", FMT_Q4_1, 2, { 2, N }, blocks };
	struct run r = { .types = { FMT_F32 }, .n_threads = 1, .allow_nonfinite = true };
	const char *from = in_dir(state, "from.gguf"), *to = in_dir(state, "to.gguf");
	struct fmt_err err = { 0 };
	float want[2 * N];

	blocks[0][4] = 0x10; /* all codes are 0, and infinity times zero is not a number, but for element 16 */
	for (int i = 0; i < 2 * N; i++)
		want[i] = i == 16 ? INFINITY : NAN;
	make_gguf(from, keys, 1, &tensor, 1);
	assert_true(transcode(from, to, &r, &err));
	check_tensor(to, 0, want, 2, N);
}

/* 65519.99 is the last that F16 rounds to its largest number. */
static void edge_of_f16(void **state)
{
	struct run r = { .types = { FMT_F16, FMT_F32, FMT_F16, FMT_F32 }, .n_threads = 1 };
	char line[700];
	struct fixture f;

	init_fixture(&f);
	f.matrix[7] = -65519.99f;
	assert_int_equal(try(state, &f, &r, line, sizeof line), FMT_OK);
	f.matrix[7] = -65520.0f;
	r.done = 0;
	assert_int_equal(try(state, &f, &r, line, sizeof line), FMT_NONFINITE);
	free_fixture(&f);
}

static void stops_when_told(void **state)
{
	atomic_int stop = 1;
	struct run r = { .types = { FMT_F16, FMT_F32, FMT_F16, FMT_F32 }, .n_threads = 2, .stop = &stop };
	char line[700];
	struct fixture f;

	init_fixture(&f);
	assert_int_equal(try(state, &f, &r, line, sizeof line), FMT_IO);
	assert_int_equal(r.done, 0);
	free_fixture(&f);
}

static void types_without_a_kernel(void **state)
{
	struct run r = { .types = { FMT_Q8_K, FMT_F32, FMT_F32, FMT_F32 }, .n_threads = 1 };
	char line[700];
	struct fixture f;

	init_fixture(&f);
	assert_int_equal(try(state, &f, &r, line, sizeof line), FMT_UNSUPPORTED);
	assert_non_null(strstr(line, "'matrix.weight': type Q8_K cannot be written"));
	free_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_encoders),
		cmocka_unit_test(bad_values_are_named),
		cmocka_unit_test(allowed_nonfinite),
		cmocka_unit_test(broken_scales_decode_alike),
		cmocka_unit_test(edge_of_f16),
		cmocka_unit_test(stops_when_told),
		cmocka_unit_test(types_without_a_kernel),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
