/* cursor.c, source.c, arena.c, index.c, utf8.c: the base under all readers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <libfmt/utf8.h>

#include "ckd.h"
#include "cursor.h"
#include "gguf_build.h"
#include "index.h"

static void checked_sizes(void **state)
{
	uint64_t r;

	(void)state;
	assert_false(ckd_align(&r, 33, 32) || r != 64);
	assert_false(ckd_align(&r, 64, 32) || r != 64);
	assert_false(ckd_align(&r, 25, 24) || r != 48);
	assert_true(ckd_align(&r, UINT64_MAX - 1, 32));
	assert_true(ckd_mul(&r, UINT64_C(1) << 62, 4));
	assert_true(ckd_add(&r, UINT64_MAX, 1));
}

static void numbers_in_both_orders(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
	struct fmt_err err = { 0 };
	struct fmt_cur c;

	(void)state;
	fmt_cur_init(&c, bytes, sizeof bytes, &err);
	assert_int_equal(fmt_cur_u8(&c, "a"), 1);
	assert_int_equal(fmt_cur_u16(&c, "b"), 0x0302);
	assert_int_equal(fmt_cur_u32(&c, "c"), 0x07060504);
	assert_true(fmt_cur_u64(&c, "d") == UINT64_C(0x0f0e0d0c0b0a0908));
	fmt_cur_init(&c, bytes, sizeof bytes, &err);
	c.big_endian = true;
	assert_int_equal(fmt_cur_u8(&c, "a"), 1);
	assert_int_equal(fmt_cur_u16(&c, "b"), 0x0203);
	assert_int_equal(fmt_cur_u32(&c, "c"), 0x04050607);
	assert_true(fmt_cur_u64(&c, "d") == UINT64_C(0x08090a0b0c0d0e0f));
	assert_int_equal(fmt_cur_left(&c), 0);
	assert_true(fmt_cur_ok(&c));
}

static void first_failure_sticks(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5 };
	struct fmt_err err = { 0 };
	struct fmt_cur c;

	(void)state;
	fmt_cur_init(&c, bytes, sizeof bytes, &err);
	fmt_cur_u16(&c, "first");
	assert_int_equal(fmt_cur_u32(&c, "second"), 0);
	assert_int_equal(err.code, FMT_TRUNCATED);
	assert_int_equal(err.off, 2);
	assert_string_equal(err.msg, "second: need 4 bytes, 3 left");
	assert_int_equal(fmt_cur_u8(&c, "third"), 0); /* though there is a byte */
	assert_false(fmt_cur_skip(&c, 1, "fourth"));
	assert_int_equal(c.pos, 2);
}

static void counts_are_bounded(void **state)
{
	static const uint8_t bytes[80] = { 0 };
	struct fmt_err err = { 0 };
	struct fmt_cur c;

	(void)state;
	fmt_cur_init(&c, bytes, sizeof bytes, &err);
	assert_int_equal(fmt_cur_count(&c, 10, 8, 0, "items"), 10);
	assert_int_equal(fmt_cur_count(&c, 11, 8, 3, "items"), 0);
	assert_int_equal(err.code, FMT_LIMIT);
	assert_int_equal(err.off, 3);
	err.code = FMT_OK;
	assert_int_equal(fmt_cur_count(&c, UINT64_MAX, 8, 0, "items"), 0);
	assert_int_equal(err.code, FMT_LIMIT);
}

/* A file of several windows, read in pieces that cross their borders, backwards too. */
static void windows_of_a_file(void **state)
{
	const size_t n = 300001;
	uint8_t *bytes = malloc(n), *copy = malloc(n);
	struct fmt_err err = { 0 };
	struct fmt_source s;
	struct fmt_cur c;
	char path[64];

	(void)state;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	assert_true(save_bytes(bytes, n, path));
	assert_true(fmt_source_open(&s, path, &err));
	unlink(path);
	fmt_cur_file(&c, &s, 0, n, &err);
	for (size_t at = 0, k = 1; at < n; at += k, k = k * 3 % 7919 + 1) {
		size_t want = n - at < k ? n - at : k;
		const uint8_t *p = fmt_cur_take(&c, want, "piece");

		assert_non_null(p);
		assert_memory_equal(p, bytes + at, want);
	}
	assert_true(fmt_cur_seek(&c, 5, "back"));
	assert_true(fmt_cur_bytes(&c, copy, 200000, "much"));
	assert_memory_equal(copy, bytes + 5, 200000);
	assert_int_equal(fmt_cur_u8(&c, "next"), bytes[200005]);
	assert_true(fmt_cur_skip(&c, 90000, "over"));
	assert_int_equal(fmt_cur_u8(&c, "next"), bytes[290006]);
	assert_false(fmt_cur_seek(&c, n + 1, "out"));
	fmt_cur_finish(&c);
	fmt_source_close(&s);
	free(bytes);
	free(copy);
}

static void a_file_that_is_cut(void **state)
{
	char path[64], bytes[1000] = { 1 };
	struct fmt_err err = { 0 };
	struct fmt_source s;

	(void)state;
	assert_true(save_bytes(bytes, sizeof bytes, path));
	assert_true(fmt_source_open(&s, path, &err));
	assert_true(fmt_source_read(&s, 10, bytes, 990, &err));
	assert_false(fmt_source_read(&s, 10, bytes, 991, &err));
	assert_int_equal(err.code, FMT_TRUNCATED);
	err = (struct fmt_err){ 0 };
	assert_int_equal(truncate(path, 500), 0);
	assert_false(fmt_source_read(&s, 10, bytes, 990, &err));
	assert_int_equal(err.code, FMT_TRUNCATED);
	assert_non_null(strstr(err.msg, "cut while it was read"));
	assert_string_equal(err.file, path);
	err = (struct fmt_err){ 0 };
	assert_false(fmt_source_unchanged(&s, &err));
	assert_int_equal(err.code, FMT_IO);
	fmt_source_close(&s);
	unlink(path);
}

static void only_regular_files(void **state)
{
	char path[64];
	struct fmt_err err = { 0 };
	struct fmt_source s;

	(void)state;
	assert_false(fmt_source_open(&s, "/", &err));
	assert_int_equal(err.code, FMT_IO);
	assert_string_equal(err.msg, "is a directory, not a file");
	err = (struct fmt_err){ 0 };
	assert_true(save_bytes("", 0, path));
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(fmt_source_open(&s, path, &err)); /* must not wait for a writer */
	assert_non_null(strstr(err.msg, "pipe"));
	unlink(path);
	err = (struct fmt_err){ 0 };
	assert_false(fmt_source_open(&s, path, &err));
	assert_int_equal(err.code, FMT_MISSING);
}

static void arena_grows_and_ends(void **state)
{
	struct fmt_err err = { 0 };
	struct fmt_arena a;
	uint32_t *list = NULL;

	(void)state;
	fmt_arena_init(&a, 1 << 20);
	for (uint64_t n = 1; n <= 65536; n *= 2) { /* from a shared block to one of its own, which then moves */
		list = fmt_arena_grow(&a, list, n / 2, n, sizeof *list, &err);
		assert_non_null(list);
		assert_int_equal(list[n - 1], 0);
		for (uint64_t i = n / 2; i < n; i++)
			list[i] = (uint32_t)i;
		assert_non_null(fmt_arena_alloc(&a, 10000, 1, &err));
	}
	for (uint32_t i = 0; i < 65536; i++)
		assert_int_equal(list[i], i);
	assert_null(fmt_arena_alloc(&a, 1 << 20, 1, &err));
	assert_int_equal(err.code, FMT_LIMIT);
	err = (struct fmt_err){ 0 };
	assert_null(fmt_arena_alloc(&a, UINT64_MAX / 2, 4, &err));
	assert_int_equal(err.code, FMT_NOMEM);
	fmt_arena_finish(&a);
}

static void index_of_many_names(void **state)
{
	enum { N = 20000 };
	static char text[N][16];
	struct fmt_err err = { 0 };
	struct fmt_index x;
	uint32_t v;

	(void)state;
	fmt_index_init(&x);
	assert_false(fmt_index_find(&x, FMT_STR("n1"), &v));
	for (uint32_t i = 0; i < N; i++) {
		struct fmt_str name = { text[i], (size_t)snprintf(text[i], sizeof text[i], "blk.%u.w", i) };

		assert_int_equal(fmt_index_add(&x, name, i, &err), FMT_INDEX_ADDED);
		assert_int_equal(fmt_index_add(&x, name, i + 1, &err), FMT_INDEX_THERE);
	}
	for (uint32_t i = 0; i < N; i++) {
		assert_true(fmt_index_find(&x, (struct fmt_str){ text[i], strlen(text[i]) }, &v));
		assert_int_equal(v, i);
	}
	assert_false(fmt_index_find(&x, FMT_STR("blk.20000.w"), &v));
	assert_int_equal(fmt_index_add(&x, (struct fmt_str){ NULL, 0 }, 7, &err), FMT_INDEX_ADDED);
	assert_true(fmt_index_find(&x, FMT_STR(""), &v));
	assert_int_equal(v, 7);
	fmt_index_finish(&x);
}

/* Borders from table 3-7 of the Unicode standard. */
static void utf8(void **state)
{
	static const char *const good[] = { "", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
		                            "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
		                           "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xc2", "\xe0\xa0", "\xf0\x90\x80", "\xc2g" };
	char out[FMT_SHOW_BYTES], longer[300];
	size_t at;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(fmt_utf8_valid(good[i], strlen(good[i]), NULL));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(fmt_utf8_valid(bad[i], strlen(bad[i]), NULL));
	assert_false(fmt_utf8_valid("ab\xff", 3, &at));
	assert_int_equal(at, 2);
	assert_string_equal(fmt_show(FMT_STR("\033]0;x\a\xc3\xa9\xff\0y"), out), "'\\x1b]0;x\\x07\xc3\xa9\\xff\\x00y'");
	assert_string_equal(fmt_show(FMT_STR("\xe2\x80\xae"), out), "'\\xe2\\x80\\xae'"); /* right-to-left override */
	memset(longer, 1, sizeof longer);
	fmt_show((struct fmt_str){ longer, sizeof longer }, out);
	assert_true(strlen(out) < FMT_SHOW_BYTES);
	assert_string_equal(out + strlen(out) - 4, "...'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checked_sizes),      cmocka_unit_test(numbers_in_both_orders),
		cmocka_unit_test(first_failure_sticks), cmocka_unit_test(counts_are_bounded),
		cmocka_unit_test(windows_of_a_file),  cmocka_unit_test(a_file_that_is_cut),
		cmocka_unit_test(only_regular_files), cmocka_unit_test(arena_grows_and_ends),
		cmocka_unit_test(index_of_many_names), cmocka_unit_test(utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
