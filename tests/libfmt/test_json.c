/* json_in.c, json_scan.c and json_walk.c: what must be read exactly, and what must be refused and where. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libfmt/json.h>

static struct json_doc *parse(const char *text, size_t n)
{
	struct fmt_err err = { 0 };
	struct json_doc *d = json_parse(text, n, &err);

	if (!d)
		fail_msg("%.*s: %s", (int)n, text, err.msg);
	return d;
}

static bool is(struct fmt_str s, const char *want)
{
	return s.n == strlen(want) && !memcmp(s.p, want, s.n);
}

static void structure(void **state)
{
	static const char text[] = " {\"a\": [1, true, null, \"x\"], \"b\": {}, \"\": false, \"a\": 2}\n";
	struct json_doc *d = parse(text, sizeof text - 1);
	const struct json *root = json_root(d), *a = json_get(root, "a"), *j;
	bool b = false;

	(void)state;
	assert_true(json_is(root, JSON_OBJECT));
	assert_int_equal(json_count(root), 4);
	assert_true(json_is(a, JSON_ARRAY)); /* the first of two */
	assert_int_equal(json_count(a), 4);
	j = json_first(a);
	assert_true(json_is(j, JSON_NUMBER));
	j = json_next(j);
	assert_true(json_bool(j, &b) && b);
	j = json_next(j);
	assert_true(json_is(j, JSON_NULL));
	j = json_next(j);
	assert_true(is(json_str(j), "x"));
	assert_null(json_next(j));
	assert_true(json_bool(json_get(root, ""), &b) && !b);
	assert_true(is(json_key(json_next(json_first(root))), "b"));
	assert_null(json_first(json_get(root, "b")));
	assert_null(json_get(root, "c"));
	assert_null(json_get(a, "a"));
	json_free(d);
}

static void absent_nodes(void **state)
{
	uint64_t u;
	double f;
	bool b;

	(void)state;
	assert_int_equal(json_type(NULL), JSON_NULL);
	assert_false(json_is(NULL, JSON_NULL));
	assert_null(json_get(NULL, "x"));
	assert_null(json_first(NULL));
	assert_null(json_next(NULL));
	assert_int_equal(json_count(NULL), 0);
	assert_null(json_str(NULL).p);
	assert_null(json_key(NULL).p);
	assert_false(json_u64(NULL, &u) || json_f64(NULL, &f) || json_bool(NULL, &b) || json_is_int(NULL));
	json_free(NULL);
}

static void strings(void **state)
{
	static const char text[] = "{\"a\\u0000b\":\"\\u0000\", \"e\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\", "
				   "\"u\":\"\\u00e9\\u20AC\\ud83d\\ude00\xc3\xa9\\u0000\\u0000z\", \"empty\":\"\"}";
	struct json_doc *d = parse(text, sizeof text - 1);
	const struct json *root = json_root(d);
	struct fmt_str s = json_key(json_first(root));

	(void)state;
	assert_int_equal(s.n, 3);
	assert_memory_equal(s.p, "a\0b", 3);
	s = json_str(json_first(root));
	assert_int_equal(s.n, 1);
	assert_memory_equal(s.p, "\0", 1);
	assert_true(is(json_str(json_get(root, "e")), "\"\\/\b\f\n\r\t"));
	s = json_str(json_get(root, "u"));
	assert_int_equal(s.n, 14);
	assert_memory_equal(s.p, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9\0\0z", 14);
	s = json_str(json_get(root, "empty"));
	assert_non_null(s.p);
	assert_int_equal(s.n, 0);
	json_free(d);
}

static void whole_numbers(void **state)
{
	static const struct {
		const char *text;
		bool is_u64, is_i64, is_int;
		uint64_t u;
		int64_t i;
	} cases[] = {
		{ "0", true, true, true, 0, 0 },
		{ "-0", true, true, true, 0, 0 },
		{ "42", true, true, true, 42, 42 },
		{ "-1", false, true, true, 0, -1 },
		{ "3.0", true, true, false, 3, 3 },
		{ "3e2", true, true, false, 300, 300 },
		{ "3.5", false, false, false, 0, 0 },
		{ "9007199254740993", true, true, true, 9007199254740993u, 9007199254740993 },
		{ "9223372036854775807", true, true, true, INT64_MAX, INT64_MAX },
		{ "9223372036854775808", true, false, true, (uint64_t)1 << 63, 0 },
		{ "-9223372036854775808", false, true, true, 0, INT64_MIN },
		{ "-9223372036854775809", false, false, true, 0, 0 },
		{ "18446744073709551615", true, false, true, UINT64_MAX, 0 },
		{ "18446744073709551616", false, false, true, 0, 0 },
		{ "1e19", false, false, false, 0, 0 }, /* past 2^53, where doubles are no proof */
		{ "Infinity", false, false, false, 0, 0 },
		{ "NaN", false, false, false, 0, 0 },
	};

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct json_doc *d = parse(cases[k].text, strlen(cases[k].text));
		const struct json *j = json_root(d);
		uint64_t u = 0;
		int64_t i = 0;

		assert_int_equal(json_u64(j, &u), cases[k].is_u64);
		assert_int_equal(json_i64(j, &i), cases[k].is_i64);
		assert_int_equal(json_is_int(j), cases[k].is_int);
		assert_true(u == cases[k].u && i == cases[k].i);
		json_free(d);
	}
}

static void real_numbers(void **state)
{
	static const struct {
		const char *text;
		double want;
	} cases[] = {
		{ "1e-05", 1e-05 },
		{ "0.1", 0.1 },
		{ "-2.5E+3", -2500 },
		{ "1.7976931348623157e308", 1.7976931348623157e308 },
		{ "4.9e-324", 4.9e-324 },
		{ "0.1000000000000000055511151231257827021181583404541015625", 0.1 },
		{ "123456789012345678901234567890", 123456789012345678901234567890.0 },
		{ "1e999", HUGE_VAL },
		{ "1e-99999999999999999999", 0 },
		{ "-Infinity", -HUGE_VAL },
	};

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct json_doc *d = parse(cases[k].text, strlen(cases[k].text));
		double f = 0;

		assert_true(json_f64(json_root(d), &f));
		assert_true(f == cases[k].want);
		json_free(d);
	}
}

/* Each with the offset that the error must name. */
static void bad_texts(void **state)
{
	static const struct {
		const char *text;
		uint64_t off;
		enum fmt_code code;
	} cases[] = {
		{ "", 0, FMT_TRUNCATED },
		{ "  ", 2, FMT_TRUNCATED },
		{ "{", 1, FMT_TRUNCATED },
		{ "[1", 2, FMT_TRUNCATED },
		{ "\"abc", 4, FMT_TRUNCATED },
		{ "{\"a\"", 4, FMT_TRUNCATED },
		{ "{\"a\":1,}", 7, FMT_MALFORMED },
		{ "[1,]", 3, FMT_MALFORMED },
		{ "[1 2]", 3, FMT_MALFORMED },
		{ "{a:1}", 1, FMT_MALFORMED },
		{ "{'a':1}", 1, FMT_MALFORMED },
		{ "{} {}", 3, FMT_MALFORMED },
		{ "nul", 0, FMT_MALFORMED },
		{ "True", 0, FMT_MALFORMED },
		{ "01", 0, FMT_MALFORMED },
		{ "-01", 0, FMT_MALFORMED },
		{ "+1", 0, FMT_MALFORMED },
		{ ".5", 0, FMT_MALFORMED },
		{ "[5.]", 3, FMT_MALFORMED },
		{ "[5e]", 3, FMT_MALFORMED },
		{ "0x10", 1, FMT_MALFORMED },
		{ "-", 1, FMT_TRUNCATED },
		{ "[\"\n\"]", 2, FMT_MALFORMED },
		{ "\"\\x\"", 2, FMT_MALFORMED },
		{ "\"\\u12g4\"", 5, FMT_MALFORMED },
		{ "\"\\ud800\"", 1, FMT_MALFORMED },
		{ "\"\\ud800\\u0041\"", 1, FMT_MALFORMED },
		{ "\"\\udc00\\ud800\"", 1, FMT_MALFORMED },
		{ "\"\xff\"", 1, FMT_MALFORMED },
		{ "\"\xfe\"", 1, FMT_MALFORMED },
		{ "\"\xc0\x80\"", 1, FMT_MALFORMED },
		{ "\"\xed\xa0\x80\"", 1, FMT_MALFORMED },
		{ "\"\xf4\x90\x80\x80\"", 1, FMT_MALFORMED },
		{ "\"\xe2\x82\"", 1, FMT_MALFORMED },
		{ "\xef\xbb\xbf{}", 0, FMT_MALFORMED },
		{ "/**/{}", 0, FMT_MALFORMED },
	};

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		struct fmt_err err = { 0 };

		assert_null(json_parse(cases[k].text, strlen(cases[k].text), &err));
		assert_int_equal(err.code, cases[k].code);
		assert_int_equal(err.off, cases[k].off);
	}
}

static void nul_byte_is_no_space(void **state)
{
	struct fmt_err err = { 0 };

	(void)state;
	assert_null(json_parse("{}\0", 3, &err));
	assert_int_equal(err.off, 2);
}

static void depth(void **state)
{
	char text[258];
	struct fmt_err err = { 0 };

	(void)state;
	memset(text, '[', 129);
	memset(text + 129, ']', 129);
	assert_null(json_parse(text, 258, &err));
	assert_int_equal(err.code, FMT_LIMIT);
	assert_int_equal(err.off, 128);
	json_free(parse(text + 1, 256));
}

static void many_values(void **state)
{
	size_t n = ((size_t)16777216 + 1) * 2 + 1;
	char *text = malloc(n);
	struct fmt_err err = { 0 };

	(void)state;
	assert_non_null(text);
	text[0] = '[';
	for (size_t k = 1; k < n; k += 2) {
		text[k] = '0';
		text[k + 1] = ',';
	}
	text[n - 1] = ']';
	assert_null(json_parse(text, n, &err));
	assert_int_equal(err.code, FMT_LIMIT);
	free(text);
}

static void lists_left_as_text(void **state)
{
	static const char text[] = "{\"m\": {\"n\": 1, \"w\\u006frds\" : {\"a\": [1, {\"b\":0}], \"\\ud83d\\ude00\": 2.0} ,"
				   "\"pairs\": [ ], \"words\": [3]}, \"words\": [4], \"m\": {\"words\": []}}";
	struct json_leave leave[] = { { .path = "m.words" }, { .path = "m.pairs" }, { .path = "m.n" }, { .path = "m.none" } };
	struct fmt_err err = { 0 };
	struct json_doc *d = json_parse_leaving(text, sizeof text - 1, leave, 4, &err);
	const struct json *m;
	uint64_t n;

	(void)state;
	assert_non_null(d);
	assert_true(is(leave[0].text, "{\"a\": [1, {\"b\":0}], \"\\ud83d\\ude00\": 2.0}"));
	assert_int_equal(leave[0].count, 2);
	assert_true(is(leave[1].text, "[ ]"));
	assert_int_equal(leave[1].count, 0);
	assert_null(leave[2].text.p); /* no list */
	assert_null(leave[3].text.p);
	m = json_get(json_root(d), "m");
	assert_int_equal(json_count(m), 4);
	assert_true(json_is(json_get(m, "words"), JSON_OBJECT)); /* the first, empty */
	assert_null(json_first(json_get(m, "words")));
	assert_true(json_u64(json_get(m, "n"), &n) && n == 1);
	assert_true(json_u64(json_first(json_get(json_root(d), "words")), &n) && n == 4); /* elsewhere */
	json_free(d);
}

static void refused_within_what_is_left(void **state)
{
	struct json_leave leave = { .path = "a" };
	struct fmt_err err = { 0 };

	(void)state;
	assert_null(json_parse_leaving("{\"a\": [1, 02]}", 14, &leave, 1, &err));
	assert_int_equal(err.code, FMT_MALFORMED);
	assert_int_equal(err.off, 10);
}

static void walk(void **state)
{
	static const struct {
		enum json_token token;
		const char *text, *means;
	} want[] = {
		{ JSON_OPEN, "{", NULL },
		{ JSON_QUOTED, "a\\\"", "a\"" },
		{ JSON_OPEN, "[", NULL },
		{ JSON_DIGITS, "-1.5e3", NULL },
		{ JSON_WORD, "null", NULL },
		{ JSON_DIGITS, "-Infinity", NULL },
		{ JSON_WORD, "true", NULL },
		{ JSON_CLOSE, "]", NULL },
		{ JSON_QUOTED, "", "" },
		{ JSON_QUOTED, "\\u00e9\\uD83D\\ude00\\u20ac\\n\\/\\\\u", "\xc3\xa9\xf0\x9f\x98\x80\xe2\x82\xac\n/\\u" },
		{ JSON_CLOSE, "}", NULL },
		{ JSON_END, "", NULL },
		{ JSON_END, "", NULL },
	};
	static const char text[] = "{\"a\\\"\":[-1.5e3,null , -Infinity,\ttrue],\"\":"
				   "\"\\u00e9\\uD83D\\ude00\\u20ac\\n\\/\\\\u\"}\n";
	struct json_walk w = { text, text + sizeof text - 1 };

	(void)state;
	json_free(parse(text, sizeof text - 1));
	for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
		struct fmt_str s;
		char out[64];

		assert_int_equal(json_walk_next(&w, &s), want[k].token);
		assert_true(is(s, want[k].text));
		if (want[k].means)
			assert_true(is((struct fmt_str){ out, json_unescape(s, out) }, want[k].means));
	}
}

static void digits_of_a_walk(void **state)
{
	static const struct {
		const char *digits;
		bool whole;
		int64_t value;
	} cases[] = {
		{ "0", true, 0 }, { "123456", true, 123456 }, { "-5", true, -5 }, { "3e2", true, 300 }, { "4.0", true, 4 },
		{ "9223372036854775807", true, INT64_MAX }, { "9223372036854775808", false, 0 }, { "0.5", false, 0 },
		{ "NaN", false, 0 }, { "-Infinity", false, 0 },
	};

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		int64_t value;

		assert_int_equal(json_digits_i64((struct fmt_str){ cases[k].digits, strlen(cases[k].digits) }, &value),
		                 cases[k].whole);
		if (cases[k].whole)
			assert_int_equal(value, cases[k].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(structure),     cmocka_unit_test(absent_nodes), cmocka_unit_test(strings),
		cmocka_unit_test(whole_numbers), cmocka_unit_test(real_numbers), cmocka_unit_test(bad_texts),
		cmocka_unit_test(nul_byte_is_no_space), cmocka_unit_test(depth), cmocka_unit_test(many_values),
		cmocka_unit_test(lists_left_as_text), cmocka_unit_test(refused_within_what_is_left),
		cmocka_unit_test(walk), cmocka_unit_test(digits_of_a_walk),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
