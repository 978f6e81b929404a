/* The zip that is written: read back here, and by torch in scripts/compare-containers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <libfmt/model.h>
#include <libfmt/write.h>

#include "gguf_build.h"

static const enum fmt_type types[] = {
	FMT_F32, FMT_F16, FMT_BF16, FMT_F64, FMT_I64, FMT_I32, FMT_I16, FMT_I8, FMT_U8, FMT_BOOL, FMT_C64,
	FMT_U16, FMT_U32, FMT_U64, FMT_F8_E4M3, FMT_F8_E5M2, FMT_F8_E4M3FNUZ, FMT_F8_E5M2FNUZ, FMT_F8_E8M0,
};

#define N_TYPES (sizeof types / sizeof *types)

/* Creates a file of all types, [3, 2] each, every byte its index; gives its path. */
static void write_all(char *path)
{
	static const uint64_t dims[] = { 3, 2 };
	struct fmt_err err = { 0 };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_TORCH, &err);
	uint64_t n_bytes;
	struct fmt_sink *s;
	uint8_t bytes[64];
	uint32_t index;

	for (size_t i = 0; i < N_TYPES; i++) {
		const char *name = fmt_type_info(types[i])->name;

		assert_true(fmt_writer_tensor(w, (struct fmt_str){ name, strlen(name) }, types[i], 2, dims, &index, &err));
	}
	assert_true(fmt_writer_tensor(w, FMT_STR("scalar"), FMT_F32, 0, NULL, &index, &err));
	assert_true(fmt_writer_tensor(w, FMT_STR("empty"), FMT_F32, 2, (uint64_t[]){ 0, 7 }, &index, &err));
	assert_true(fmt_writer_layout(w, &n_bytes, &err));
	assert_true(save_bytes("", 0, path));
	s = fmt_sink_create(path, true, &err);
	assert_true(fmt_writer_header(w, s, &err));
	for (uint32_t i = 0; i < N_TYPES + 2; i++) {
		memset(bytes, (int)i, sizeof bytes);
		assert_int_equal(fmt_writer_offset(w, i) % 64, 0);
		assert_true(fmt_writer_data(w, s, i, 0, bytes, (size_t)fmt_writer_bytes(w, i), &err));
	}
	assert_true(fmt_sink_commit(s, n_bytes, &err));
	fmt_writer_destroy(w);
}

static void every_type(void **state)
{
	struct fmt_err err = { 0 };
	uint8_t got[64];
	char path[64];
	struct fmt_model *m;

	(void)state;
	write_all(path);
	m = fmt_model_open(path, &err);
	if (!m)
		fail_msg("%s", err.msg);
	assert_int_equal(m->container, FMT_TORCH_ZIP);
	assert_int_equal(m->n_tensors, N_TYPES + 2);
	for (uint64_t i = 0; i < N_TYPES; i++) {
		const struct fmt_tensor *t = &m->tensors[i];

		assert_int_equal(t->type, types[i]);
		assert_true(t->n_dims == 2 && t->dims[0] == 3 && t->dims[1] == 2);
		assert_true(fmt_tensor_read(m, t, 0, 3, got, &err));
		for (uint64_t k = 0; k < t->n_bytes; k++)
			assert_int_equal(got[k], i);
	}
	assert_int_equal(m->tensors[N_TYPES].n_dims, 0);
	assert_int_equal(m->tensors[N_TYPES + 1].n_elems, 0);
	fmt_model_close(m);
	unlink(path);
}

static size_t slurp(const char *path, char *out, size_t cap)
{
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(out, 1, cap, f) : 0;

	if (f)
		fclose(f);
	unlink(path);
	return n;
}

static void same_bytes_again(void **state)
{
	static char a[16384], b[16384];
	char path[64];
	size_t n;

	(void)state;
	write_all(path);
	n = slurp(path, a, sizeof a);
	write_all(path);
	assert_int_equal(slurp(path, b, sizeof b), n);
	assert_true(n > 1000 && n < sizeof a);
	assert_memory_equal(a, b, n);
}

/* Beyond 4 GiB: a file of holes, so it takes no space. */
static void large(void **state)
{
	static const uint64_t dims[] = { 5, (uint64_t)1 << 30 };
	struct fmt_err err = { 0 };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_TORCH, &err);
	uint64_t n_bytes;
	struct fmt_model *m;
	struct fmt_sink *s;
	uint32_t index;
	char path[64];
	uint8_t last;

	(void)state;
	assert_true(fmt_writer_tensor(w, FMT_STR("large"), FMT_U8, 2, dims, &index, &err));
	assert_true(fmt_writer_tensor(w, FMT_STR("behind"), FMT_U8, 1, dims, &index, &err));
	assert_true(fmt_writer_layout(w, &n_bytes, &err));
	assert_true(save_bytes("", 0, path));
	s = fmt_sink_create(path, true, &err);
	assert_true(fmt_writer_header(w, s, &err));
	assert_true(fmt_writer_data(w, s, 0, 5 * dims[1] - 1, "a", 1, &err));
	assert_true(fmt_writer_data(w, s, 1, 0, "bcdef", 5, &err));
	assert_true(fmt_sink_commit(s, n_bytes, &err));
	fmt_writer_destroy(w);
	m = fmt_model_open(path, &err);
	if (!m)
		fail_msg("%s", err.msg);
	assert_int_equal(m->tensors[0].n_bytes, 5 * dims[1]);
	assert_true(m->tensors[1].off > 5 * dims[1]);
	struct fmt_tensor end = m->tensors[0]; /* its last byte */
	end.n_dims = 1;
	end.dims[0] = end.n_elems = end.n_bytes = 1;
	end.off += 5 * dims[1] - 1;
	assert_true(fmt_tensor_read(m, &end, 0, 1, &last, &err));
	assert_int_equal(last, 'a');
	fmt_model_close(m);
	unlink(path);
}

static void refused(void **state)
{
	struct fmt_kv kv = { FMT_STR("k"), { .type = FMT_KV_STR, .as.s = FMT_STR("v") } };
	struct fmt_err errs[3] = { { 0 } };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_TORCH, &errs[0]);
	const uint64_t dim = 32;
	uint32_t index;

	(void)state;
	assert_false(fmt_writer_kv(w, &kv, &errs[0]));
	assert_false(fmt_writer_tensor(w, FMT_STR("q"), FMT_Q8_0, 1, &dim, &index, &errs[1]));
	assert_false(fmt_writer_tensor(w, FMT_STR("\xff"), FMT_U8, 1, &dim, &index, &errs[2]));
	for (int i = 0; i < 3; i++)
		assert_int_equal(errs[i].code, FMT_UNSUPPORTED);
	fmt_writer_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type),
		cmocka_unit_test(same_bytes_again),
		cmocka_unit_test(large),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests_name("torch_write", tests, NULL, NULL);
}
