/* gguf_read.c, gguf_value.c: files that lie. Each is built in code, and each must be refused with the right code at the
 * right place, without a crash and without taking memory that the file's size does not justify. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gguf_build.h"

#define ANYWHERE UINT64_MAX

/* Opens, expects a refusal, frees what was built. */
static void refused(struct build *b, enum fmt_code code, uint64_t off, const char *words)
{
	struct fmt_err err = { 0 };
	struct fmt_model *m = open_built(b, &err);

	if (m || err.code != code || !strstr(err.msg, words) || (off != ANYWHERE && err.off != off))
		fail_msg("expected code %d at %llu with '%s', got code %d at %llu: %s", code, (unsigned long long)off, words,
		         err.code, (unsigned long long)err.off, m ? "accepted" : err.msg);
	assert_true(err.file[0]);
}

static void accepted(struct build *b)
{
	struct fmt_err err = { 0 };
	struct fmt_model *m = open_built(b, &err);

	if (!m)
		fail_msg("refused: %s", err.msg);
	fmt_model_close(m);
}

/* A file with one key, whose value the caller appends. */
static struct build one_key(const char *key, uint32_t type)
{
	struct build b = begin(3, false, 0, 1);

	put_key(&b, key, type);
	return b;
}

/* A file with one tensor of `data` bytes of contents. */
static struct build one_tensor(const char *name, uint32_t n_dims, const uint64_t *dims, uint32_t type, uint64_t off,
                               size_t data)
{
	struct build b = begin(3, false, 1, 0);

	put_tensor(&b, name, n_dims, dims, type, off);
	put_pad(&b, 32);
	put_zeros(&b, data);
	return b;
}

static void beginnings(void **state)
{
	(void)state;
	for (size_t n = 0; n < 24; n++) { /* a whole header with its end cut off */
		struct build b = begin(3, false, 0, 0);

		b.n = n;
		refused(&b, n == 0 || n >= 4 ? FMT_TRUNCATED : FMT_UNSUPPORTED, ANYWHERE, "");
	}
	struct build whole = begin(3, false, 0, 0);
	accepted(&whole);
	struct build magic = begin(3, false, 0, 0);
	magic.p[3] = 'X';
	refused(&magic, FMT_UNSUPPORTED, ANYWHERE, "not a model file");
}

static void versions(void **state)
{
	static const uint32_t unknown[] = { 0, 4, 0x04000000, 0x00030000, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		struct build b = begin(3, false, 0, 0);

		memcpy(b.p + 4, &unknown[i], 4);
		refused(&b, FMT_UNSUPPORTED, 4, "GGUF version");
	}
}

static void counts(void **state)
{
	static const uint64_t lies[] = { 1, UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 61, UINT64_C(1) << 32 };

	(void)state;
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		struct build tensors = begin(3, false, lies[i], 0), keys = begin(3, false, 0, lies[i]);

		refused(&tensors, FMT_LIMIT, 8, "tensors");
		refused(&keys, FMT_LIMIT, 16, "keys");
	}
	/* room for the least of them, but not what they then say */
	struct build b = begin(3, false, 0, 1);
	put_zeros(&b, 14);
	refused(&b, FMT_MALFORMED, 24, "empty key");
}

static struct build long_key(size_t n)
{
	struct build b = begin(3, false, 0, 1);

	put_len(&b, n);
	for (size_t i = 0; i < n; i++)
		put(&b, "k", 1);
	put_u32(&b, 0);
	put(&b, "x", 1);
	return b;
}

static void keys(void **state)
{
	static const char *const not_ascii[] = { "a\xc3\xa9", "a\nb", "\x7f", "\xff" };
	struct build b = long_key(65535);

	(void)state;
	accepted(&b);
	b = long_key(65536);
	refused(&b, FMT_LIMIT, 24, "65536");
	for (size_t i = 0; i < sizeof not_ascii / sizeof *not_ascii; i++) {
		b = one_key(not_ascii[i], 0);
		put(&b, "", 1);
		refused(&b, FMT_MALFORMED, 24, "ASCII");
	}
	b = begin(3, false, 0, 1);
	put_len(&b, 3);
	put(&b, "a\0b", 3);
	put_u32(&b, 0);
	put(&b, "", 1);
	refused(&b, FMT_MALFORMED, 24, "ASCII");
	b = begin(3, false, 0, 2);
	put_kv_u32(&b, "a.b", 1);
	put_kv_u32(&b, "a.b", 1);
	refused(&b, FMT_MALFORMED, 24 + 19, "'a.b' is there twice");
}

static void strings(void **state)
{
	static const uint64_t lies[] = { UINT64_MAX, UINT64_MAX - 7, UINT64_C(1) << 63, (UINT64_C(1) << 30) + 1 };
	struct build b;

	(void)state;
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		b = one_key("k", 8);
		put_len(&b, lies[i]);
		put_zeros(&b, 100);
		refused(&b, FMT_LIMIT, 37, "string");
		b = begin(3, false, 0, 1);
		put_len(&b, lies[i]);
		put_zeros(&b, 100);
		refused(&b, FMT_LIMIT, 24, "key");
	}
	b = one_key("k", 8);
	put_len(&b, 4); /* one past the end */
	put_zeros(&b, 3);
	refused(&b, FMT_LIMIT, 37, "string");
}

static struct build nested(unsigned depth)
{
	struct build b = one_key("k", 9);

	for (unsigned i = 1; i < depth; i++) {
		put_u32(&b, 9);
		put_len(&b, 1);
	}
	put_u32(&b, 0);
	put_len(&b, 0);
	return b;
}

static void arrays(void **state)
{
	struct build b = nested(8);

	(void)state;
	accepted(&b);
	b = nested(9);
	refused(&b, FMT_LIMIT, ANYWHERE, "nested");
	b = nested(5000);
	refused(&b, FMT_LIMIT, ANYWHERE, "nested");
	b = one_key("k", 9);
	put_u32(&b, 13);
	put_len(&b, 1);
	put_zeros(&b, 8);
	refused(&b, FMT_MALFORMED, 37, "type 13");
	for (uint32_t type = 0; type < 13; type++) { /* count * size wraps, or just does not fit */
		b = one_key("k", 9);
		put_u32(&b, type);
		put_len(&b, (UINT64_C(1) << 61) + 1);
		put_zeros(&b, 64);
		refused(&b, FMT_LIMIT, 41, "array");
		b = one_key("k", 9);
		put_u32(&b, type);
		put_len(&b, 65);
		put_zeros(&b, 64);
		refused(&b, FMT_LIMIT, 41, "array elements");
	}
	b = one_key("k", 13);
	put_zeros(&b, 16);
	refused(&b, FMT_MALFORMED, 33, "type 13");
}

static void truth_values(void **state)
{
	struct build b = one_key("k", 7);

	(void)state;
	put(&b, "\2", 1);
	refused(&b, FMT_MALFORMED, 37, "truth value of 2");
	b = one_key("k", 9);
	put_u32(&b, 7);
	put_len(&b, 3);
	put(&b, "\0\1\xff", 3);
	refused(&b, FMT_MALFORMED, 37 + 12 + 2, "truth value of 255");
}

static void alignments(void **state)
{
	static const uint32_t good[] = { 1, 8, 16, 24, 32, 64, 4096, 1 << 24 }, bad[] = { 0, 3, 7, 12, 33 };
	struct build b;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		b = begin(3, false, 0, 1);
		put_kv_u32(&b, "general.alignment", good[i]);
		accepted(&b);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		b = begin(3, false, 0, 1);
		put_kv_u32(&b, "general.alignment", bad[i]);
		refused(&b, FMT_MALFORMED, 24, "general.alignment");
	}
	b = begin(3, false, 0, 1);
	put_kv_u32(&b, "general.alignment", UINT32_C(1) << 31);
	refused(&b, FMT_LIMIT, 24, "general.alignment");
	b = one_key("general.alignment", 10);
	put_u64(&b, 32);
	refused(&b, FMT_MALFORMED, 24, "not a u32");
	b = begin(3, false, 0, 2);
	put_kv_u32(&b, "general.alignment", 32);
	put_kv_u32(&b, "general.alignment", 64);
	refused(&b, FMT_MALFORMED, 24 + 33, "twice");
}

static void dimensions(void **state)
{
	static const uint64_t dims[5] = { 1, 1, 1, 1, 1 }, wrap[2] = { INT64_MAX, 2 }, wrap4[4] = { 4, UINT64_C(1) << 62, 1, 1 };
	static const uint64_t zeros[4] = { 0, INT64_MAX, INT64_MAX, 1 }, zero[2] = { 32, 0 }, negative[1] = { UINT64_MAX };
	struct build b = one_tensor("t", 5, dims, 0, 0, 32);

	(void)state;
	refused(&b, FMT_LIMIT, 33, "5 dimensions");
	b = begin(3, false, 1, 0);
	put_str(&b, "t");
	put_u32(&b, UINT32_MAX);
	put_zeros(&b, 64);
	refused(&b, FMT_LIMIT, 33, "4294967295 dimensions");
	b = one_tensor("t", 2, wrap, 24, 0, 64);
	refused(&b, FMT_LIMIT, 24, "overflows");
	b = one_tensor("t", 4, wrap4, 0, 0, 64);
	refused(&b, FMT_LIMIT, 24, "overflows");
	b = one_tensor("t", 4, zeros, 0, 0, 64);
	refused(&b, FMT_LIMIT, 24, "overflows");
	b = one_tensor("t", 1, negative, 0, 0, 64);
	refused(&b, FMT_LIMIT, 24, "overflows");
	b = one_tensor("t", 2, zero, 0, 0, 0);
	accepted(&b);
	b = one_tensor("t", 0, NULL, 0, 0, 4);
	accepted(&b);
}

static void blocks(void **state)
{
	static const uint64_t part[2] = { 48, 2 }, whole[2] = { 64, 2 }, transposed[2] = { 1, 256 };
	struct build b = one_tensor("t", 2, part, 8, 0, 256);

	(void)state;
	refused(&b, FMT_MALFORMED, 24, "blocks of 32");
	b = one_tensor("t", 2, transposed, 12, 0, 256); /* whole blocks in all, but not in a row */
	refused(&b, FMT_MALFORMED, 24, "blocks of 256");
	b = one_tensor("t", 2, whole, 8, 0, 136);
	accepted(&b);
	b = one_tensor("t", 2, whole, 8, 0, 135);
	refused(&b, FMT_TRUNCATED, 24, "needs 136 bytes");
}

static void types(void **state)
{
	static const uint32_t removed[] = { 4, 5, 31, 32, 33, 36, 37, 38 }, foreign[] = { 43, 97, 133, 202, UINT32_MAX };
	static const uint64_t dims[1] = { 256 };
	struct build b;

	(void)state;
	for (size_t i = 0; i < sizeof removed / sizeof *removed; i++) {
		b = one_tensor("t", 1, dims, removed[i], 0, 1024);
		refused(&b, FMT_UNSUPPORTED, 45, "no longer");
	}
	for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
		b = one_tensor("t", 1, dims, foreign[i], 0, 1024);
		refused(&b, FMT_UNSUPPORTED, 45, "not known");
	}
}

static void offsets(void **state)
{
	static const uint64_t dims[1] = { 8 };
	static const uint64_t lies[] = { 32, UINT64_C(1) << 62, UINT64_MAX - 31, UINT64_MAX - 63 };
	struct build b = one_tensor("t", 1, dims, 0, 16, 64);

	(void)state;
	refused(&b, FMT_MALFORMED, 49, "multiple of the alignment");
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		b = one_tensor("t", 1, dims, 0, lies[i], 32);
		refused(&b, i < 2 ? FMT_TRUNCATED : FMT_LIMIT, 24, i < 2 ? "needs 32 bytes" : "overflow");
	}
	b = one_tensor("t", 1, dims, 0, 0, 31);
	refused(&b, FMT_TRUNCATED, 24, "needs 32 bytes");
	b = begin(3, false, 1, 0); /* the file ends with the header, before its padding */
	put_tensor(&b, "t", 1, dims, 0, 0);
	refused(&b, FMT_TRUNCATED, 24, "needs 32 bytes");
}

/* What the specification allows and the reference reader does not: gaps, any order. And what nobody allows. */
static void order_of_contents(void **state)
{
	static const uint64_t dims[1] = { 8 };
	static const struct {
		uint64_t a, b;
		bool good;
	} cases[] = { { 0, 32, true }, { 32, 0, true }, { 0, 96, true }, { 64, 32, true }, { 0, 0, false }, { 32, 32, false } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct build b = begin(3, false, 2, 0);

		put_tensor(&b, "a", 1, dims, 0, cases[i].a);
		put_tensor(&b, "b", 1, dims, 0, cases[i].b);
		put_pad(&b, 32);
		put_zeros(&b, 128);
		if (cases[i].good)
			accepted(&b);
		else
			refused(&b, FMT_MALFORMED, ANYWHERE, "overlap");
	}
	/* one within the other */
	static const uint64_t large[1] = { 32 };
	struct build b = begin(3, false, 2, 0);
	put_tensor(&b, "b", 1, dims, 0, 64);
	put_tensor(&b, "a", 1, large, 0, 0);
	put_pad(&b, 32);
	put_zeros(&b, 128);
	refused(&b, FMT_MALFORMED, ANYWHERE, "overlap");
}

static void names(void **state)
{
	static const uint64_t dims[1] = { 0 };
	char name[66];
	struct build b;

	(void)state;
	for (size_t n = 63; n <= 65; n++) {
		memset(name, 'n', n);
		name[n] = 0;
		b = one_tensor(name, 1, dims, 0, 0, 0);
		if (n <= 64)
			accepted(&b);
		else
			refused(&b, FMT_LIMIT, 24, "65 bytes");
	}
	b = one_tensor("\xc3\xa9\033]0;", 1, dims, 0, 0, 0); /* odd, but text */
	accepted(&b);
	b = one_tensor("\xff", 1, dims, 0, 0, 0);
	refused(&b, FMT_MALFORMED, 24, "UTF-8");
	b = begin(3, false, 1, 0);
	put_len(&b, 2);
	put(&b, "a", 2);
	put_zeros(&b, 64);
	refused(&b, FMT_MALFORMED, 24, "UTF-8");
	b = begin(3, false, 2, 0);
	put_tensor(&b, "a", 1, dims, 0, 0);
	put_tensor(&b, "a", 1, dims, 0, 0);
	put_pad(&b, 32);
	refused(&b, FMT_MALFORMED, 24 + 33, "twice");
}

/* 200 000 names with a long common beginning: a search per name would take minutes. */
static void many_names(void **state)
{
	static const uint64_t dims[1] = { 0 };
	const unsigned n = 200000;
	struct build b = begin(3, false, n, 0);
	struct fmt_err err = { 0 };
	struct fmt_model *m;
	char name[64];

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof name, "a.common.beginning.of.the.name.of.every.tensor.%08u", i);
		put_tensor(&b, name, 1, dims, 0, 0);
	}
	put_pad(&b, 32);
	m = open_built(&b, &err);
	assert_non_null(m);
	assert_int_equal(m->n_tensors, n);
	assert_ptr_equal(fmt_model_find(m, (struct fmt_str){ name, strlen(name) }), &m->tensors[n - 1]);
	fmt_model_close(m);
}

/* Every prefix of a file that uses everything is refused or, past the last byte that matters, accepted; every single
 * byte changed gives an answer and nothing worse. */
static void cut_and_changed_anywhere(void **state)
{
	static const uint64_t dims[2] = { 32, 2 };
	struct build b = begin(3, false, 2, 4);
	struct fmt_err err = { 0 };

	(void)state;
	put_kv_u32(&b, "general.alignment", 8);
	put_key(&b, "s", 8);
	put_str(&b, "text");
	put_key(&b, "a", 9);
	put_u32(&b, 8);
	put_len(&b, 2);
	put_str(&b, "x");
	put_str(&b, "");
	put_key(&b, "n", 9);
	put_u32(&b, 9);
	put_len(&b, 1);
	put_u32(&b, 5);
	put_len(&b, 1);
	put_u32(&b, 7);
	put_tensor(&b, "one", 2, dims, 8, 0);
	put_tensor(&b, "two", 1, dims, 0, 72);
	put_pad(&b, 8);
	put_zeros(&b, 72 + 128);
	for (size_t n = 0; n < b.n; n++) {
		err = (struct fmt_err){ 0 };
		assert_null(open_bytes(b.p, n, &err));
		assert_int_not_equal(err.code, FMT_OK);
	}
	for (size_t i = 0; i < b.n - 200; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			struct fmt_model *m;

			b.p[i] ^= (uint8_t)(1u << bit);
			err = (struct fmt_err){ 0 };
			m = open_bytes(b.p, b.n, &err);
			assert_true(m || err.msg[0]);
			fmt_model_close(m);
			b.p[i] ^= (uint8_t)(1u << bit);
		}
	}
	accepted(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beginnings), cmocka_unit_test(versions),     cmocka_unit_test(counts),
		cmocka_unit_test(keys),       cmocka_unit_test(strings),      cmocka_unit_test(arrays),
		cmocka_unit_test(truth_values), cmocka_unit_test(alignments), cmocka_unit_test(dimensions),
		cmocka_unit_test(blocks),     cmocka_unit_test(types),        cmocka_unit_test(offsets),
		cmocka_unit_test(order_of_contents), cmocka_unit_test(names), cmocka_unit_test(many_names),
		cmocka_unit_test(cut_and_changed_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
