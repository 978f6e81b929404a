/* PyTorch files: torch.save's own (../shared/models), and those that scripts/testdata_torch.py puts together by hand.
 * That each bad-* of these is refused is test_testdata's business. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libfmt/model.h>

#include "shards.h"

/* A path below ../shared; NULL where that is not there. */
static const char *shared(const char *name)
{
	static char path[4096];
	const char *dir = getenv("ASSAY_SHARED");
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir ? dir : "../shared", name);
	f = fopen(path, "rb");
	if (!f)
		return NULL;
	fclose(f);
	return path;
}

static void equal_models(const struct fmt_model *a, const struct fmt_model *b)
{
	assert_int_equal(a->n_tensors, b->n_tensors);
	for (uint64_t i = 0; i < a->n_tensors; i++) {
		const struct fmt_tensor *x = &a->tensors[i], *y = fmt_model_find(b, x->name);
		struct fmt_err err = { 0 };
		void *p = malloc((size_t)x->n_bytes), *q = malloc((size_t)x->n_bytes);

		assert_non_null(y);
		assert_int_equal(x->type, y->type);
		assert_int_equal(x->n_dims, y->n_dims);
		assert_memory_equal(x->dims, y->dims, sizeof x->dims);
		assert_true(fmt_tensor_read(a, x, 0, fmt_tensor_rows(x), p, &err));
		assert_true(fmt_tensor_read(b, y, 0, fmt_tensor_rows(y), q, &err));
		assert_memory_equal(p, q, (size_t)x->n_bytes);
		free(p);
		free(q);
	}
}

static struct fmt_model *open_shared(const char *name)
{
	const char *path = shared(name);
	struct fmt_err err = { 0 };
	struct fmt_model *m = NULL;

	if (!path)
		skip();
	m = fmt_model_open(path, &err);
	if (!m)
		fail_msg("%s: %s", path, err.msg);
	return m;
}

static void zip_equals_safetensors(void **state)
{
	struct fmt_model *a = open_shared("models/llama/model.safetensors");
	struct fmt_model *b = open_shared("models/llama-pth/pytorch_model.bin");

	(void)state;
	assert_int_equal(a->container, FMT_SAFETENSORS);
	assert_int_equal(b->container, FMT_TORCH_ZIP);
	equal_models(a, b);
	fmt_model_close(a);
	fmt_model_close(b);
}

static void legacy_equals_safetensors(void **state)
{
	struct fmt_model *a = open_shared("models/llama/model.safetensors");
	struct fmt_model *b = open_shared("models/llama-pth-legacy/pytorch_model.bin");

	(void)state;
	assert_int_equal(b->container, FMT_TORCH_LEGACY);
	equal_models(a, b);
	fmt_model_close(a);
	fmt_model_close(b);
}

/* Three zips: a shared storage, an offset, a transposed stride. */
static void shards_equal_safetensors(void **state)
{
	struct fmt_model *a = open_shared("models/llama/model.safetensors"), *b;
	const char *dir = shared("models/llama-pth-sharded/config.json");
	char path[4096];
	struct fmt_err err = { 0 };
	struct shards_extra extra;

	(void)state;
	snprintf(path, sizeof path, "%.*s", (int)(strrchr(dir, '/') - dir), dir);
	b = shards_open(path, "pytorch_model.bin.index.json", &extra, &err);
	if (!b)
		fail_msg("%s", err.msg);
	assert_int_equal(b->n_files, 3);
	assert_int_equal(extra.n, 0);
	equal_models(a, b);
	fmt_model_close(a);
	fmt_model_close(b);
}

/* A file of testdata/torch. */
static struct fmt_model *open_testdata(const char *name)
{
	const char *dir = getenv("ASSAY_TESTDATA");
	char path[4096];
	struct fmt_err err = { 0 };
	struct fmt_model *m;

	snprintf(path, sizeof path, "%s/torch/%s.pt", dir ? dir : "testdata", name);
	m = fmt_model_open(path, &err);
	if (!m)
		fail_msg("%s: %s", path, err.msg);
	return m;
}

/* The floats of a tensor, all rows at once and row by row. */
static void holds(const struct fmt_model *m, const char *name, uint32_t n, const float *want)
{
	const struct fmt_tensor *t = fmt_model_find(m, (struct fmt_str){ name, strlen(name) });
	struct fmt_err err = { 0 };
	float got[16];
	uint64_t cols;

	assert_non_null(t);
	assert_int_equal(t->type, FMT_F32);
	assert_int_equal(t->n_elems, n);
	assert_true(fmt_tensor_read(m, t, 0, fmt_tensor_rows(t), got, &err));
	assert_memory_equal(got, want, n * sizeof *want);
	cols = fmt_tensor_cols(t);
	for (uint64_t r = 0; n && r < fmt_tensor_rows(t); r++) {
		assert_true(fmt_tensor_read(m, t, r, 1, got, &err));
		assert_memory_equal(got, want + r * cols, (size_t)cols * sizeof *want);
	}
}

/* Every way to say [[0, 1, 2], [3, 4, 5]]. */
static void one_tensor(void **state)
{
	static const char *const names[] = {
		"good-zip", "good-zip-as-torch", "good-zip64", "good-old", "good-big-endian", "good-deflated-pickle",
		"good-crc-0", "good-legacy", "good-legacy-big-endian",
	};
	static const float six[] = { 0, 1, 2, 3, 4, 5 };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct fmt_model *m = open_testdata(names[i]);

		assert_int_equal(m->n_tensors, 1);
		assert_int_equal(m->tensors[0].n_dims, 2);
		assert_int_equal(m->tensors[0].dims[0], 2);
		holds(m, "a.weight", 6, six);
		fmt_model_close(m);
	}
}

static void views(void **state)
{
	struct fmt_model *m = open_testdata("good-views");

	(void)state;
	holds(m, "turned", 6, (const float[]){ 0, 3, 1, 4, 2, 5 });
	holds(m, "part", 4, (const float[]){ 1, 2, 4, 5 });
	holds(m, "spread", 4, (const float[]){ 2, 2, 2, 2 });
	holds(m, "scalar", 1, (const float[]){ 5 });
	holds(m, "empty", 0, NULL);
	assert_int_equal(m->n_tensors, 5);
	fmt_model_close(m);
	m = open_testdata("good-legacy-view");
	holds(m, "a", 3, (const float[]){ 3, 4, 5 }); /* elements 1.. of the part that begins at 2 */
	fmt_model_close(m);
}

static void wrapped(void **state)
{
	struct fmt_model *m = open_testdata("good-wrapped");

	(void)state;
	assert_int_equal(m->n_tensors, 1);
	holds(m, "a.b", 6, (const float[]){ 0, 1, 2, 3, 4, 5 });
	fmt_model_close(m);
}

static void float8(void **state)
{
	struct fmt_model *m = open_testdata("good-fp8");
	struct fmt_err err = { 0 };
	uint8_t got[4];

	(void)state;
	assert_int_equal(m->tensors[0].type, FMT_F8_E4M3);
	assert_true(fmt_tensor_read(m, &m->tensors[0], 0, 1, got, &err));
	assert_memory_equal(got, "\x80\x3f\0\0", 4); /* the upper half of 1.0f, the lower of 2.0f */
	fmt_model_close(m);
}

/* What a person reads about a pickle that wants more than tensors. */
static void unsafe(void **state)
{
	static const char *const names[] = { "bad-os-system", "bad-os-system-hidden", "bad-legacy-os-system" };
	const char *dir = getenv("ASSAY_TESTDATA");

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[4096];
		struct fmt_err err = { 0 };

		snprintf(path, sizeof path, "%s/torch/%s.pt", dir ? dir : "testdata", names[i]);
		assert_null(fmt_model_open(path, &err));
		assert_int_equal(err.code, FMT_UNSAFE);
		assert_non_null(strstr(err.msg, "pickle asks for 'os.system': not a tensor"));
		assert_true(err.off != FMT_NO_OFFSET);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zip_equals_safetensors),
		cmocka_unit_test(legacy_equals_safetensors),
		cmocka_unit_test(shards_equal_safetensors),
		cmocka_unit_test(one_tensor),
		cmocka_unit_test(views),
		cmocka_unit_test(wrapped),
		cmocka_unit_test(float8),
		cmocka_unit_test(unsafe),
	};

	int failed = cmocka_run_group_tests_name("torch", tests, NULL, NULL);

	return failed || shared("models/llama/model.safetensors") ? failed : 77;
}
