/* Importance matrices in both layouts: what is read, and what is refused. Files that llama-imatrix wrote are read by
 * scripts/compare-recipes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <libfmt/imatrix.h>
#include <libfmt/write.h>

struct bytes {
	uint8_t p[1024];
	size_t n;
};

static void put(struct bytes *b, const void *p, size_t n)
{
	assert_true(b->n + n <= sizeof b->p);
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void put_i32(struct bytes *b, int32_t v)
{
	put(b, &v, sizeof v);
}

static void put_entry(struct bytes *b, const char *name, int32_t calls, const float *x, int32_t n)
{
	put_i32(b, (int32_t)strlen(name));
	put(b, name, strlen(name));
	put_i32(b, calls);
	put_i32(b, n);
	put(b, x, (size_t)n * sizeof *x);
}

static char path[] = "/tmp/assay-imatrix-XXXXXX";

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

static void write_file(const struct bytes *b, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(b->p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Two entries of 3 and 4 values, made in 2 calls over 5 chunks of text.txt. */
static struct bytes good_dat(void)
{
	struct bytes b = { .n = 0 };

	put_i32(&b, 2);
	put_entry(&b, "blk.0.attn_q.weight", 2, (const float[]){ 2, 4, 0 }, 3);
	put_entry(&b, "blk.0.ffn_down_exps.weight", 2, (const float[]){ 1, 3, 0, 0 }, 4);
	put_i32(&b, 5);
	put_i32(&b, 8);
	put(&b, "text.txt", 8);
	return b;
}

static void dat(void **state)
{
	struct bytes b = good_dat();
	struct fmt_err err = { 0 };
	struct fmt_imatrix *im;
	const struct fmt_imatrix_entry *e;

	(void)state;
	write_file(&b, b.n);
	im = fmt_imatrix_open(path, &err);
	assert_non_null(im);
	assert_int_equal(im->n_entries, 2);
	assert_int_equal(im->n_chunks, 5);
	assert_true(fmt_str_is(im->dataset, "text.txt"));
	e = fmt_imatrix_find(im, FMT_STR("blk.0.attn_q.weight"));
	assert_ptr_equal(e, &im->entries[0]);
	assert_true(e->n_values == 3 && e->values[0] == 1 && e->values[1] == 2 && e->values[2] == 0 && e->n_counts == 0);
	assert_null(fmt_imatrix_find(im, FMT_STR("blk.1.attn_q.weight")));
	fmt_imatrix_close(im);
}

/* Without the last part, as the oldest files are. */
static void dat_without_source(void **state)
{
	struct bytes b = good_dat();
	struct fmt_err err = { 0 };
	struct fmt_imatrix *im;

	(void)state;
	write_file(&b, b.n - 16);
	im = fmt_imatrix_open(path, &err);
	assert_non_null(im);
	assert_true(im->n_entries == 2 && im->n_chunks == 0 && im->dataset.n == 0);
	fmt_imatrix_close(im);
}

static void refused(enum fmt_code code, const char *text)
{
	struct fmt_err err = { 0 };

	assert_null(fmt_imatrix_open(path, &err));
	if (err.code != code || !strstr(err.msg, text))
		fail_msg("%d, '%s', not '%s'", err.code, err.msg, text);
}

static void dat_cut_anywhere(void **state)
{
	struct bytes b = good_dat();

	(void)state;
	for (size_t n = 0; n < b.n - 16; n++) {
		struct fmt_err err = { 0 };

		write_file(&b, n);
		assert_null(fmt_imatrix_open(path, &err));
		assert_true(err.code && err.msg[0]);
	}
}

static void dat_bad(void **state)
{
	struct bytes b = { .n = 0 };

	(void)state;
	put_i32(&b, 0);
	write_file(&b, b.n);
	refused(FMT_MALFORMED, "no entries");
	b.n = 0;
	put_i32(&b, -1);
	write_file(&b, b.n);
	refused(FMT_LIMIT, "its number of entries: 4294967295");
	b.n = 0;
	put_i32(&b, 1);
	put_entry(&b, "a", 1, (const float[]){ 1, -1 }, 2);
	write_file(&b, b.n);
	refused(FMT_MALFORMED, "entry 'a': value 1 is -1");
	b.n = 0;
	put_i32(&b, 1);
	put_entry(&b, "a", 1, (const float[]){ NAN }, 1);
	write_file(&b, b.n);
	refused(FMT_MALFORMED, "entry 'a': value 0 is");
	b.n = 0;
	put_i32(&b, 2);
	put_entry(&b, "a", 1, (const float[]){ 1 }, 1);
	put_entry(&b, "a", 1, (const float[]){ 1 }, 1);
	write_file(&b, b.n);
	refused(FMT_MALFORMED, "twice");
}

struct tensor {
	const char *name;
	enum fmt_type type;
	uint64_t dims[2];
	float x[4];
};

static void write_gguf(const struct tensor *t, size_t n)
{
	struct fmt_err err = { 0 };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_GGUF, &err);
	struct fmt_str set = FMT_STR("a.txt");
	const struct fmt_kv kv[] = {
		{ FMT_STR("imatrix.datasets"), { .type = FMT_KV_ARR, .elem = FMT_KV_STR, .n = 1, .as.strs = &set } },
		{ FMT_STR("imatrix.chunk_count"), { .type = FMT_KV_U32, .as.u = 7 } },
	};
	struct fmt_sink *s;
	uint64_t bytes;
	uint32_t index;

	assert_true(fmt_writer_kv(w, &kv[0], &err) && fmt_writer_kv(w, &kv[1], &err));
	for (size_t i = 0; i < n; i++)
		assert_true(fmt_writer_tensor(w, (struct fmt_str){ t[i].name, strlen(t[i].name) }, t[i].type, 2, t[i].dims, &index,
		                              &err));
	assert_true(fmt_writer_layout(w, &bytes, &err));
	s = fmt_sink_create(path, true, &err);
	assert_non_null(s);
	assert_true(fmt_writer_header(w, s, &err));
	for (size_t i = 0; i < n; i++)
		assert_true(fmt_writer_data(w, s, (uint32_t)i, 0, t[i].x, (size_t)fmt_writer_bytes(w, (uint32_t)i), &err));
	assert_true(fmt_sink_commit(s, bytes, &err));
	fmt_writer_destroy(w);
}

/* Two experts of two columns, of which the second was never used. */
static void gguf(void **state)
{
	static const struct tensor t[] = {
		{ "blk.0.ffn_up_exps.weight.in_sum2", FMT_F32, { 2, 2 }, { 6, 3, 0, 0 } },
		{ "blk.0.ffn_up_exps.weight.counts", FMT_F32, { 2, 1 }, { 3, 0 } },
		{ "blk.0.ffn_up_exps.weight.in_sum", FMT_F32, { 2, 2 }, { -6, -3, 0, 0 } }, /* not read */
	};
	struct fmt_err err = { 0 };
	struct fmt_imatrix *im;

	(void)state;
	write_gguf(t, 3);
	im = fmt_imatrix_open(path, &err);
	assert_non_null(im);
	assert_true(im->n_entries == 1 && im->n_chunks == 7 && fmt_str_is(im->dataset, "a.txt"));
	assert_true(fmt_str_is(im->entries[0].name, "blk.0.ffn_up_exps.weight"));
	assert_true(im->entries[0].n_values == 4 && im->entries[0].n_counts == 2);
	assert_true(im->entries[0].values[0] == 2 && im->entries[0].values[1] == 1 && im->entries[0].values[2] == 0);
	fmt_imatrix_close(im);
}

static void gguf_bad(void **state)
{
	static const struct tensor lonely[] = { { "a.weight.in_sum2", FMT_F32, { 1, 2 }, { 1, 1 } } };
	static const struct tensor uneven[] = { { "a.weight.in_sum2", FMT_F32, { 1, 3 }, { 1, 1, 1 } },
		                                { "a.weight.counts", FMT_F32, { 1, 2 }, { 1, 1 } } };
	static const struct tensor other[] = { { "a.weight.in_sum2", FMT_F16, { 1, 2 }, { 1, 1 } },
		                               { "a.weight.counts", FMT_F32, { 1, 1 }, { 1 } } };
	static const struct tensor negative[] = { { "a.weight.in_sum2", FMT_F32, { 1, 2 }, { 1, -1 } },
		                                  { "a.weight.counts", FMT_F32, { 1, 1 }, { 1 } } };

	(void)state;
	write_gguf(lonely, 1);
	refused(FMT_MISSING, "entry 'a.weight': its counts are missing");
	write_gguf(uneven, 2);
	refused(FMT_MISMATCH, "entry 'a.weight': 3 sums do not go with 2 counts");
	write_gguf(other, 2);
	refused(FMT_UNSUPPORTED, "type F16");
	write_gguf(negative, 2);
	refused(FMT_MALFORMED, "value 1 is -1");
	write_gguf(uneven + 1, 1);
	refused(FMT_MALFORMED, "no entries");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dat),          cmocka_unit_test(dat_without_source), cmocka_unit_test(dat_cut_anywhere),
		cmocka_unit_test(dat_bad),      cmocka_unit_test(gguf),               cmocka_unit_test(gguf_bad),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
