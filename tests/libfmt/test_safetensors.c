/* safetensors: what is read from scripts/testdata_safetensors.py's files, and the bytes that are written. That each bad-*
 * of these files is refused is test_testdata's business. */
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

static struct fmt_model *open_testdata(const char *name)
{
	const char *dir = getenv("ASSAY_TESTDATA");
	char path[4096];
	struct fmt_err err = { 0 };
	struct fmt_model *m;

	snprintf(path, sizeof path, "%s/safetensors/%s.safetensors", dir ? dir : "testdata", name);
	m = fmt_model_open(path, &err);
	if (!m)
		fail_msg("%s: %s", path, err.msg);
	return m;
}

static const struct fmt_tensor *find(const struct fmt_model *m, const char *name)
{
	const struct fmt_tensor *t = fmt_model_find(m, (struct fmt_str){ name, strlen(name) });

	assert_non_null(t);
	return t;
}

static void plain(void **state)
{
	struct fmt_model *m = open_testdata("good-plain");
	const struct fmt_tensor *t = find(m, "a.weight");
	struct fmt_err err = { 0 };
	float got[4];

	(void)state;
	assert_int_equal(m->container, FMT_SAFETENSORS);
	assert_int_equal(m->n_kv, 1);
	assert_true(fmt_str_is(fmt_model_get(m, "format")->as.s, "pt"));
	assert_true(fmt_tensor_read(m, t, 0, 2, got, &err));
	assert_memory_equal(got, ((float[]){ 0, 1, 2, 3 }), sizeof got);
	assert_true(fmt_tensor_read(m, t, 1, 1, got, &err));
	assert_true(got[0] == 2 && got[1] == 3);
	fmt_model_close(m);
}

static void all_types(void **state)
{
	struct fmt_model *m = open_testdata("good-types");
	unsigned n = 0;

	(void)state;
	for (int type = 0; type < FMT_TYPE_COUNT; type++) {
		const char *name = fmt_type_info((enum fmt_type)type)->st_name;

		if (!name)
			continue;
		assert_int_equal(find(m, name)->type, type);
		n++;
	}
	assert_int_equal(n, 22); /* safetensors 0.8 */
	assert_int_equal(find(m, "F4")->n_bytes, 3);
	assert_int_equal(find(m, "F6_E2M3")->n_bytes, 3);
	fmt_model_close(m);
}

static void names_and_shapes(void **state)
{
	struct fmt_model *m = open_testdata("good-escapes");
	static const char name[] = "\0\n\xf0\x9f\x98\x80\x7f\"";

	(void)state;
	assert_non_null(fmt_model_find(m, (struct fmt_str){ name, sizeof name - 1 }));
	fmt_model_close(m);
	m = open_testdata("good-scalar-and-empty");
	assert_int_equal(find(m, "s")->n_dims, 0);
	assert_int_equal(find(m, "s")->n_elems, 1);
	assert_int_equal(find(m, "e")->n_elems, 0);
	assert_int_equal(find(m, "e")->dims[1], 5);
	fmt_model_close(m);
}

/* Writes what was announced, with contents that count up from 0 in each tensor, and gives the whole file. */
static size_t write_file(struct fmt_writer *w, uint32_t n_tensors, char *out, size_t cap)
{
	static const uint8_t bytes[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	struct fmt_err err = { 0 };
	char path[64];
	uint64_t n_bytes;
	struct fmt_sink *s;
	FILE *f;
	size_t n;

	assert_true(save_bytes("", 0, path));
	s = fmt_sink_create(path, true, &err);
	assert_non_null(s);
	assert_true(fmt_writer_layout(w, &n_bytes, &err));
	assert_true(fmt_writer_header(w, s, &err));
	for (uint32_t i = 0; i < n_tensors; i++)
		assert_true(fmt_writer_data(w, s, i, 0, bytes, (size_t)fmt_writer_bytes(w, i), &err));
	assert_true(fmt_sink_commit(s, n_bytes, &err));
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(out, 1, cap, f);
	fclose(f);
	unlink(path);
	assert_int_equal(n, n_bytes);
	return n;
}

/* The same call in Python gives these bytes:
 *   safetensors.torch.save({"b": zeros(2, dtype=uint8), "a": zeros(1, dtype=uint8), "z": zeros(2), "i": zeros((), dtype=int64)},
 *                          {"k": '"\n\x01é'}) */
static void written_bytes(void **state)
{
	static const char header[] =
		"{\"__metadata__\":{\"k\":\"\\\"\\n\\u0001\xc3\xa9\"},"
		"\"i\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
		"\"z\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]},"
		"\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[16,17]},"
		"\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[17,19]}}";
	struct fmt_kv kv = { FMT_STR("k"), { .type = FMT_KV_STR, .as.s = FMT_STR("\"\n\x01\xc3\xa9") } };
	struct fmt_err err = { 0 };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_SAFETENSORS, &err);
	const uint64_t one = 1, two = 2;
	char got[4096];
	uint32_t index;
	size_t n, header_n = (sizeof header - 1 + 7) / 8 * 8;

	(void)state;
	assert_true(fmt_writer_kv(w, &kv, &err));
	assert_true(fmt_writer_tensor(w, FMT_STR("b"), FMT_U8, 1, &two, &index, &err));
	assert_true(fmt_writer_tensor(w, FMT_STR("a"), FMT_U8, 1, &one, &index, &err));
	assert_true(fmt_writer_tensor(w, FMT_STR("z"), FMT_F32, 1, &two, &index, &err));
	assert_true(fmt_writer_tensor(w, FMT_STR("i"), FMT_I64, 0, NULL, &index, &err));
	assert_int_equal(index, 3);
	n = write_file(w, 4, got, sizeof got);
	assert_int_equal(n, 8 + header_n + 19);
	assert_int_equal((uint8_t)got[0] | (uint8_t)got[1] << 8, header_n);
	assert_memory_equal(got + 8, header, sizeof header - 1);
	for (size_t i = sizeof header - 1; i < header_n; i++)
		assert_int_equal(got[8 + i], ' ');
	assert_memory_equal(got + 8 + header_n, "\0\1\2\3\4\5\6\7\0\1\2\3\4\5\6\7\0\0\1", 19);
	fmt_writer_destroy(w);
}

static void refused_by_the_writer(void **state)
{
	struct fmt_kv number = { FMT_STR("n"), { .type = FMT_KV_U32, .as.u = 1 } };
	struct fmt_kv latin1 = { FMT_STR("n"), { .type = FMT_KV_STR, .as.s = FMT_STR("\xe9") } };
	struct fmt_err errs[5] = { { 0 } };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_SAFETENSORS, &errs[0]);
	const uint64_t dim = 32;
	uint32_t index;

	(void)state;
	assert_false(fmt_writer_kv(w, &number, &errs[0]));
	assert_false(fmt_writer_kv(w, &latin1, &errs[1]));
	assert_false(fmt_writer_tensor(w, FMT_STR("q"), FMT_Q8_0, 1, &dim, &index, &errs[2]));
	assert_false(fmt_writer_tensor(w, FMT_STR("__metadata__"), FMT_U8, 1, &dim, &index, &errs[3]));
	assert_false(fmt_writer_tensor(w, FMT_STR("\xff"), FMT_U8, 1, &dim, &index, &errs[4]));
	for (int i = 0; i < 5; i++)
		assert_int_equal(errs[i].code, FMT_UNSUPPORTED);
	fmt_writer_destroy(w);
}

/* 100 000 entries open in no noticeable time; a header of only brackets does not take memory. */
static void many_tensors(void **state)
{
	size_t n = 100000, cap = n * 80 + 64, at = 8;
	char *p = malloc(cap);
	struct fmt_err err = { 0 };
	struct fmt_model *m;

	(void)state;
	assert_non_null(p);
	p[at++] = '{';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(p + at, cap - at, "%s\"t%zu\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
		                       i ? "," : "", i);
	p[at++] = '}';
	for (int k = 0; k < 8; k++)
		p[k] = (char)((at - 8) >> 8 * k);
	m = open_bytes(p, at, &err);
	assert_non_null(m);
	assert_int_equal(m->n_tensors, n);
	fmt_model_close(m);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(all_types),
		cmocka_unit_test(names_and_shapes),
		cmocka_unit_test(written_bytes),
		cmocka_unit_test(refused_by_the_writer),
		cmocka_unit_test(many_tensors),
	};

	return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}
