/* PyTorch files: torch.save's own (../shared/models), and broken ones built here around a zip and a pickle by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libfmt/model.h>

#include "shards.h"

/* A path below ../shared; skips the whole program where that is not there. */
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
	const char *dir = shared("models/llama-pth-sharded/../llama-pth-sharded/config.json");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zip_equals_safetensors),
		cmocka_unit_test(legacy_equals_safetensors),
		cmocka_unit_test(shards_equal_safetensors),
	};

	if (!shared("models/llama/model.safetensors"))
		return 77;
	return cmocka_run_group_tests_name("torch", tests, NULL, NULL);
}
