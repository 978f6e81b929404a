/* GGUF files as they should be: every version and byte order, contents, split files, and what the writer makes. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <libfmt/write.h>

#include "gguf_build.h"

static const char *const scalar_keys[13] = { "u8",   "i8",  "u16", "i16", "u32", "i32", "f32",
	                                     "bool", "str", NULL,  "u64", "i64", "f64" };

/* One key of every type, an array of every type, arrays of arrays; tensors of several. */
static struct build everything(uint32_t version, bool big_endian)
{
	static const uint64_t dims[3] = { 4, 3, 2 }, block[1] = { 256 };
	struct build b = begin(version, big_endian, 3, 12 + 3);
	const float numbers[2] = { 1.5f, -0.25f };
	uint32_t bits;

	for (uint32_t type = 0; type < 13; type++) {
		static const unsigned bytes[13] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

		if (type == 9)
			continue;
		put_key(&b, scalar_keys[type], type);
		if (type == 8)
			put_str(&b, "text");
		else if (type == 6)
			put_u32(&b, 0x3fc00000); /* 1.5 */
		else if (type == 12)
			put_u64(&b, UINT64_C(0xc004000000000000)); /* -2.5 */
		else
			put_n(&b, type == 7 ? 1 : (uint64_t)-2, bytes[type]);
	}
	put_key(&b, "array.f32", 9);
	put_u32(&b, 6);
	put_len(&b, 2);
	for (int i = 0; i < 2; i++) {
		memcpy(&bits, &numbers[i], 4);
		put_u32(&b, bits);
	}
	put_key(&b, "array.str", 9);
	put_u32(&b, 8);
	put_len(&b, 3);
	put_str(&b, "a");
	put_str(&b, "");
	put_str(&b, "\xe2\x96\x81\x62");
	put_key(&b, "array.array", 9);
	put_u32(&b, 9);
	put_len(&b, 2);
	put_u32(&b, 3); /* i16 */
	put_len(&b, 2);
	put_n(&b, (uint64_t)-7, 2);
	put_n(&b, 300, 2);
	put_u32(&b, 8);
	put_len(&b, 1);
	put_str(&b, "deep");
	put_tensor(&b, "numbers", 3, dims, 0, 0);
	put_tensor(&b, "halves", 1, dims, 1, 96);
	put_tensor(&b, "block", 1, block, 12, 128);
	put_pad(&b, 32);
	for (uint32_t i = 0; i < 24; i++) {
		const float f = (float)i;

		memcpy(&bits, &f, 4);
		put_u32(&b, bits);
	}
	for (uint32_t i = 0; i < 4; i++)
		put_n(&b, 0x3c00 + i, 2);
	put_pad(&b, 32);
	put_n(&b, 0x1234, 2); /* the two scales of Q4_K, then bytes */
	put_n(&b, 0x5678, 2);
	for (uint32_t i = 0; i < 140; i++)
		put_n(&b, i, 1);
	return b;
}

static void check_scalars(const struct fmt_model *m)
{
	assert_int_equal(fmt_model_get(m, "u8")->as.u, 254);
	assert_int_equal(fmt_model_get(m, "u16")->as.u, 65534);
	assert_int_equal(fmt_model_get(m, "u32")->as.u, 4294967294);
	assert_true(fmt_model_get(m, "u64")->as.u == UINT64_MAX - 1);
	assert_int_equal(fmt_model_get(m, "i8")->as.i, -2);
	assert_int_equal(fmt_model_get(m, "i16")->as.i, -2);
	assert_int_equal(fmt_model_get(m, "i32")->as.i, -2);
	assert_int_equal(fmt_model_get(m, "i64")->as.i, -2);
	assert_true(fmt_model_get(m, "f32")->as.f == 1.5);
	assert_true(fmt_model_get(m, "f64")->as.f == -2.5);
	assert_true(fmt_model_get(m, "bool")->as.b);
	assert_true(fmt_str_is(fmt_model_get(m, "str")->as.s, "text"));
	assert_null(fmt_model_get(m, "absent"));
}

static void check_arrays(const struct fmt_model *m)
{
	const struct fmt_value *v = fmt_model_get(m, "array.f32");

	assert_int_equal(v->n, 2);
	assert_true(((const float *)v->as.data)[0] == 1.5f && ((const float *)v->as.data)[1] == -0.25f);
	v = fmt_model_get(m, "array.str");
	assert_int_equal(v->n, 3);
	assert_true(fmt_str_is(v->as.strs[1], "") && fmt_str_is(v->as.strs[2], "\xe2\x96\x81\x62"));
	v = fmt_model_get(m, "array.array");
	assert_int_equal(v->elem, FMT_KV_ARR);
	assert_int_equal(((const int16_t *)v->as.arrs[0].as.data)[0], -7);
	assert_int_equal(((const int16_t *)v->as.arrs[0].as.data)[1], 300);
	assert_true(fmt_str_is(v->as.arrs[1].as.strs[0], "deep"));
}

static void check_contents(const struct fmt_model *m)
{
	const struct fmt_tensor *t = fmt_model_find(m, FMT_STR("numbers"));
	struct fmt_err err = { 0 };
	uint8_t bytes[144], want[4];
	uint16_t half;
	float f[8];

	assert_int_equal(t->n_dims, 3);
	assert_true(t->dims[0] == 2 && t->dims[1] == 3 && t->dims[2] == 4); /* innermost last */
	assert_int_equal(fmt_tensor_rows(t), 6);
	assert_int_equal(fmt_tensor_cols(t), 4);
	assert_true(fmt_tensor_read(m, t, 2, 2, f, &err));
	for (int i = 0; i < 8; i++)
		assert_true(f[i] == (float)(8 + i)); /* as this machine is little endian */
	assert_int_equal(fmt_tensor_map(m, t) != NULL, !m->big_endian);
	assert_false(fmt_tensor_read(m, t, 5, 2, f, &err));
	assert_int_equal(err.code, FMT_USAGE);
	err = (struct fmt_err){ 0 };
	t = fmt_model_find(m, FMT_STR("halves"));
	assert_true(fmt_tensor_read(m, t, 0, 1, bytes, &err));
	memcpy(&half, bytes + 6, 2);
	assert_int_equal(half, 0x3c03);
	t = fmt_model_find(m, FMT_STR("block"));
	assert_true(fmt_tensor_read(m, t, 0, 1, bytes, &err));
	memcpy(want, "\x34\x12\x78\x56", 4);
	assert_memory_equal(bytes, want, 4);
	for (int i = 0; i < 140; i++)
		assert_int_equal(bytes[4 + i], i);
}

static void versions_and_byte_orders(void **state)
{
	(void)state;
	for (uint32_t version = 1; version <= 3; version++) {
		for (int big = 0; big < 2; big++) {
			struct fmt_err err = { 0 };
			struct build b = everything(version, big);
			struct fmt_model *m = open_built(&b, &err);

			if (!m)
				fail_msg("version %u: %s", version, err.msg);
			assert_int_equal(m->container, FMT_GGUF);
			assert_int_equal(m->version, version);
			assert_int_equal(m->big_endian, big);
			assert_int_equal(m->alignment, 32);
			assert_int_equal(m->n_kv, 15);
			assert_int_equal(m->n_tensors, 3);
			check_scalars(m);
			check_arrays(m);
			check_contents(m);
			fmt_model_close(m);
		}
	}
}

/* Whether the magic is turned with the rest or not. */
static void turned_magic(void **state)
{
	struct build b = everything(3, true);
	struct fmt_err err = { 0 };
	struct fmt_model *m;

	(void)state;
	memcpy(b.p, "FUGG", 4);
	m = open_built(&b, &err);
	assert_non_null(m);
	assert_true(m->big_endian);
	check_scalars(m);
	fmt_model_close(m);
}

/* Types whose order in a big endian file is not settled are listed but not read. */
static void unsettled_byte_order(void **state)
{
	static const uint64_t dims[1] = { 256 };
	struct build b = begin(3, true, 1, 0);
	struct fmt_err err = { 0 };
	struct fmt_model *m;
	uint8_t bytes[66];

	(void)state;
	put_tensor(&b, "t", 1, dims, 16, 0);
	put_pad(&b, 32);
	put_zeros(&b, 66);
	m = open_built(&b, &err);
	assert_non_null(m);
	assert_false(fmt_tensor_read(m, &m->tensors[0], 0, 1, bytes, &err));
	assert_int_equal(err.code, FMT_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "IQ2_XXS"));
	fmt_model_close(m);
}

/* Writes all of m to a file; contents are read and written row by row, backwards. */
static void copy_model(const struct fmt_model *m, const char *path)
{
	struct fmt_err err = { 0 };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_GGUF, &err);
	struct fmt_sink *s = fmt_sink_create(path, true, &err);
	uint64_t file_bytes;
	uint32_t index;

	for (uint64_t i = 0; i < m->n_kv; i++)
		assert_true(fmt_writer_kv(w, &m->kv[i], &err));
	for (uint64_t i = 0; i < m->n_tensors; i++) {
		const struct fmt_tensor *t = &m->tensors[i];

		assert_true(fmt_writer_tensor(w, t->name, t->type, t->n_dims, t->dims, &index, &err));
		assert_int_equal(index, i);
	}
	assert_true(fmt_writer_layout(w, &file_bytes, &err));
	for (uint32_t i = (uint32_t)m->n_tensors; i-- > 0;) {
		const struct fmt_tensor *t = &m->tensors[i];
		uint64_t rows = fmt_tensor_rows(t), row_bytes = t->n_bytes / rows;
		uint8_t *row = malloc(row_bytes);

		for (uint64_t r = rows; r-- > 0;) {
			assert_true(fmt_tensor_read(m, t, r, 1, row, &err));
			assert_true(fmt_writer_data(w, s, i, r * row_bytes, row, row_bytes, &err));
		}
		free(row);
	}
	assert_true(fmt_writer_header(w, s, &err));
	assert_true(fmt_sink_commit(s, file_bytes, &err));
	fmt_writer_destroy(w);
}

/* From any version and byte order the writer makes the same file, and it is the one built by hand. */
static void written_as_built(void **state)
{
	struct build want = everything(3, false);
	uint8_t *got = malloc(want.n + 100);

	(void)state;
	put_pad(&want, 32); /* the last tensor is padded too */
	for (uint32_t version = 1; version <= 3; version++) {
		for (int big = 0; big < 2; big++) {
			struct build b = everything(version, big);
			struct fmt_err err = { 0 };
			struct fmt_model *m = open_built(&b, &err);
			char path[64];
			FILE *f;

			assert_true(save_bytes("", 0, path));
			copy_model(m, path);
			fmt_model_close(m);
			f = fopen(path, "rb");
			assert_int_equal(fread(got, 1, want.n + 100, f), want.n);
			fclose(f);
			unlink(path);
			assert_memory_equal(got, want.p, want.n);
		}
	}
	free(want.p);
	free(got);
}

/* What the writer refuses. */
static void unwritable(void **state)
{
	static const uint64_t dims[5] = { 1, 1, 1, 1, 48 };
	const struct fmt_kv align = { FMT_STR("general.alignment"), { .type = FMT_KV_U32, .as.u = 7 } };
	const struct fmt_kv key = { FMT_STR("k"), { .type = FMT_KV_U8, .as.u = 7 } };
	struct fmt_err err = { 0 };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_GGUF, &err);
	uint64_t n;
	uint32_t i;

	(void)state;
	assert_false(fmt_writer_kv(w, &align, &err));
	err = (struct fmt_err){ 0 };
	assert_true(fmt_writer_kv(w, &key, &err));
	assert_false(fmt_writer_kv(w, &key, &err));
	assert_int_equal(err.code, FMT_USAGE);
	err = (struct fmt_err){ 0 };
	assert_false(fmt_writer_tensor(w, FMT_STR("t"), FMT_F32, 5, dims, &i, &err));
	assert_int_equal(err.code, FMT_UNSUPPORTED);
	err = (struct fmt_err){ 0 };
	assert_false(fmt_writer_tensor(w, FMT_STR("t"), FMT_U16, 1, dims, &i, &err));
	assert_int_equal(err.code, FMT_UNSUPPORTED);
	err = (struct fmt_err){ 0 };
	assert_false(fmt_writer_tensor(w, FMT_STR("t"), FMT_Q4_0, 1, dims + 4, &i, &err));
	assert_int_equal(err.code, FMT_MALFORMED);
	err = (struct fmt_err){ 0 };
	assert_true(fmt_writer_tensor(w, FMT_STR("t"), FMT_F32, 1, dims, &i, &err));
	assert_false(fmt_writer_tensor(w, FMT_STR("t"), FMT_F32, 1, dims, &i, &err));
	err = (struct fmt_err){ 0 };
	assert_true(fmt_writer_layout(w, &n, &err));
	assert_int_equal(fmt_writer_bytes(w, 0), 4);
	assert_int_equal(fmt_writer_offset(w, 0) % 32, 0);
	assert_int_equal(n, fmt_writer_offset(w, 0) + 32);
	assert_false(fmt_writer_kv(w, &align, &err));
	err = (struct fmt_err){ 0 };
	assert_false(fmt_writer_data(w, NULL, 0, 2, "abc", 3, &err)); /* past the tensor's end */
	assert_int_equal(err.code, FMT_USAGE);
	fmt_writer_destroy(w);
}

static void save_built(struct build *b, const char *path)
{
	FILE *f = fopen(path, "wb");

	fwrite(b->p, 1, b->n, f);
	fclose(f);
	free(b->p);
}

/* One part: `no` of `count`, with a tensor of that name. */
static void save_part(const char *path, uint32_t no, uint32_t count, uint32_t total, const char *tensor)
{
	static const uint64_t dims[1] = { 2 };
	struct build b = begin(3, false, 1, 4);

	put_key(&b, "split.no", 2);
	put_n(&b, no, 2);
	put_key(&b, "split.count", 2);
	put_n(&b, count, 2);
	put_key(&b, "split.tensors.count", 5);
	put_u32(&b, total);
	put_kv_u32(&b, "of.part", no);
	put_tensor(&b, tensor, 1, dims, 0, 0);
	put_pad(&b, 32);
	put_n(&b, 0x3f800000 + no, 4);
	put_zeros(&b, 28);
	save_built(&b, path);
}

struct parts {
	char dir[64], path[3][128];
};

/* A folder with a %n in its name: a prefix is never a format. */
static struct parts make_parts(void)
{
	struct parts p;

	snprintf(p.dir, sizeof p.dir, "/tmp/assay-%%n%%s-XXXXXX");
	assert_non_null(mkdtemp(p.dir));
	for (uint32_t i = 0; i < 3; i++) {
		snprintf(p.path[i], sizeof p.path[i], "%s/m-0000%u-of-00003.gguf", p.dir, i + 1);
		save_part(p.path[i], i, 3, 3, i == 0 ? "a" : i == 1 ? "b" : "c");
	}
	return p;
}

static void drop_parts(struct parts *p)
{
	for (int i = 0; i < 3; i++)
		unlink(p->path[i]);
	rmdir(p->dir);
}

static void part_refused(const char *path, enum fmt_code code, const char *words)
{
	struct fmt_err err = { 0 };
	struct fmt_model *m = fmt_model_open(path, &err);

	if (m || err.code != code || !strstr(err.msg, words))
		fail_msg("expected code %d with '%s', got code %d: %s", code, words, err.code, err.msg);
}

static void split_files(void **state)
{
	struct parts p = make_parts();
	const char *paths[3] = { p.path[0], p.path[1], p.path[2] };
	struct fmt_err err = { 0 };
	struct fmt_model *m = fmt_model_open(p.path[0], &err);
	const struct fmt_tensor *t;
	uint32_t row[2];

	(void)state;
	if (!m)
		fail_msg("%s: %s", err.file, err.msg);
	assert_int_equal(m->n_files, 3);
	assert_string_equal(m->files[2], p.path[2]);
	assert_int_equal(m->n_tensors, 3);
	assert_int_equal(m->n_kv, 4); /* the first part's */
	assert_int_equal(fmt_model_get(m, "of.part")->as.u, 0);
	t = fmt_model_find(m, FMT_STR("c"));
	assert_int_equal(t->file, 2);
	assert_true(fmt_tensor_read(m, t, 0, 1, row, &err));
	assert_int_equal(row[0], 0x3f800002);
	fmt_model_close(m);
	m = fmt_model_open_shards(paths, 3, &err);
	assert_non_null(m);
	fmt_model_close(m);
	assert_null(fmt_model_open_shards(paths, 2, &err));
	assert_int_equal(err.code, FMT_MISSING);
	drop_parts(&p);
}

static void wrong_splits(void **state)
{
	struct parts p = make_parts();
	char other[128];

	(void)state;
	part_refused(p.path[1], FMT_MISMATCH, "part 2 of 3");
	save_part(p.path[2], 1, 3, 3, "c");
	part_refused(p.path[0], FMT_MISMATCH, "part 2 of 3, expected part 3");
	save_part(p.path[2], 2, 4, 3, "c");
	part_refused(p.path[0], FMT_MISMATCH, "split.count is 4");
	save_part(p.path[2], 2, 3, 3, "a");
	part_refused(p.path[0], FMT_MALFORMED, "'a' is there twice");
	save_part(p.path[2], 2, 3, 3, "c");
	save_part(p.path[0], 0, 3, 4, "a");
	part_refused(p.path[0], FMT_MISMATCH, "split.tensors.count is 4");
	save_part(p.path[0], 0, 3, 3, "a");
	snprintf(other, sizeof other, "%s/renamed.gguf", p.dir);
	assert_int_equal(rename(p.path[0], other), 0);
	part_refused(other, FMT_MISMATCH, "does not end in -00001-of-00003.gguf");
	assert_int_equal(rename(other, p.path[0]), 0);
	unlink(p.path[1]);
	part_refused(p.path[0], FMT_MISSING, "cannot open");
	drop_parts(&p);
}

static struct fmt_kv number(float x)
{
	return (struct fmt_kv){ FMT_STR("x"), { .type = FMT_KV_F32, .as.f = (double)x } };
}

static struct fmt_kv list(const float *x, uint64_t n)
{
	return (struct fmt_kv){ FMT_STR("xs"), { .type = FMT_KV_ARR, .elem = FMT_KV_F32, .n = n, .as.data = x } };
}

/* Values that become known after the layout stand where they were announced; others cannot change. */
static void replaced(void **state)
{
	static const float before[2] = { 0, 0 }, after[2] = { 1, 2 };
	const struct fmt_kv first[] = { number(0), list(before, 2) }, then[] = { number(0.5f), list(after, 2) };
	const struct fmt_kv text = { FMT_STR("x"), { .type = FMT_KV_STR, .as.s = FMT_STR("a") } };
	const struct fmt_kv longer = list(before, 1), other = { FMT_STR("y"), { .type = FMT_KV_F32, .as.f = 0 } };
	struct fmt_err err = { 0 };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_GGUF, &err);
	struct fmt_sink *s;
	struct fmt_model *m;
	char path[64];
	uint64_t n;

	(void)state;
	assert_true(fmt_writer_kv(w, &first[0], &err) && fmt_writer_kv(w, &first[1], &err));
	assert_true(fmt_writer_layout(w, &n, &err));
	assert_true(save_bytes("", 0, path));
	s = fmt_sink_create(path, true, &err);
	assert_true(fmt_writer_header(w, s, &err));
	assert_true(fmt_writer_kv_replace(w, &then[0], &err) && fmt_writer_kv_replace(w, &then[1], &err));
	assert_true(fmt_writer_header(w, s, &err));
	for (int i = 0; i < 3; i++) {
		struct fmt_err refused = { 0 };

		assert_false(fmt_writer_kv_replace(w, i == 0 ? &text : i == 1 ? &longer : &other, &refused));
		assert_int_equal(refused.code, FMT_USAGE);
	}
	assert_true(fmt_sink_commit(s, n, &err));
	fmt_writer_destroy(w);
	m = fmt_model_open(path, &err);
	assert_non_null(m);
	assert_true(fmt_model_get(m, "x")->as.f == 0.5);
	assert_memory_equal(fmt_model_get(m, "xs")->as.data, after, sizeof after);
	fmt_model_close(m);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_and_byte_orders), cmocka_unit_test(turned_magic), cmocka_unit_test(unsettled_byte_order),
		cmocka_unit_test(written_as_built),         cmocka_unit_test(unwritable),
		cmocka_unit_test(replaced),
		cmocka_unit_test(split_files),              cmocka_unit_test(wrong_splits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
