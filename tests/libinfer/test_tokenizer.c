/* Pieces of the tokenizers, on descriptions small enough to check by hand; and files that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <libinfer/tokenizer.h>

#include "regex_in.h"
#include "tok_text.h"
#include "unicode.h"

/* A tokenizer of letters and a few words; STEPS stands before the model. */
#define WORDS(steps) \
	"{" steps "\"model\":{\"type\":\"BPE\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"a\":1,\"b\":2,\"c\":3,\" \":4,\"ab\":5," \
	"\"abc\":6,\"bc\":7,\"1\":8,\"'\":9,\"▁\":10,\"▁a\":11,\"A\":12,\"é\":13},\"merges\":[\"a b\",\"b c\",\"ab c\",\"▁ a\"]}}"

#define ADDED(flags) \
	"\"added_tokens\":[{\"id\":14,\"content\":\"<x>\"," flags "},{\"id\":15,\"content\":\"<xy>\",\"special\":false," \
	"\"normalized\":false}],"

static struct infer_tokenizer *make(const char *json)
{
	struct fmt_err err = { 0 };
	struct infer_tokenizer *t = infer_tokenizer_from_json(json, strlen(json), &err);

	if (!t)
		fail_msg("%s: %s", json, err.msg);
	return t;
}

/* The ids of a text, as "1 2 3". */
static const char *ids(const struct infer_tokenizer *t, const char *text, size_t n, unsigned flags)
{
	static char out[512];
	struct infer_tokens tokens = { 0 };
	struct fmt_err err = { 0 };
	size_t at = 0;

	out[0] = '\0';
	if (!infer_tokenize(t, text, n, flags, &tokens, &err))
		fail_msg("%s: %s", text, err.msg);
	for (uint64_t i = 0; i < tokens.n && at < sizeof out - 16; i++)
		at += (size_t)snprintf(out + at, sizeof out - at, i ? " %d" : "%d", (int)tokens.ids[i]);
	infer_tokens_finish(&tokens);
	return out;
}

static void gives(const char *json, const char *text, const char *want)
{
	struct infer_tokenizer *t = make(json);

	assert_string_equal(ids(t, text, strlen(text), INFER_TOK_PARSE_SPECIAL), want);
	infer_tokenizer_destroy(t);
}

static void merges(void **state)
{
	(void)state;
	gives(WORDS(""), "abc", "6");     /* a b first, then ab c */
	gives(WORDS(""), "bcabc", "7 6");
	gives(WORDS(""), "", "");
	gives(WORDS(""), "xyab", "0 0 5"); /* fuse_unk is off */
}

static void splits(void **state)
{
#define SPLIT(pattern, behavior) \
	WORDS("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":" pattern ",\"behavior\":\"" behavior "\",\"invert\":false},")
	(void)state;
	gives(SPLIT("{\"String\":\"b\"}", "Isolated"), "abcab", "1 2 3 1 2");
	gives(SPLIT("{\"String\":\"b\"}", "Removed"), "abcab", "1 3 1");
	gives(SPLIT("{\"String\":\"b\"}", "MergedWithPrevious"), "abcab", "5 3 5");
	gives(SPLIT("{\"String\":\"b\"}", "MergedWithNext"), "abcab", "1 7 1 2");
	gives(SPLIT("{\"Regex\":\"[bc]\"}", "Contiguous"), "abcab", "1 7 1 2");
	gives(SPLIT("{\"Regex\":\"\\\\p{Ll}\"}", "Isolated"), "aAb", "1 12 2");
	gives(WORDS("\"pre_tokenizer\":{\"type\":\"Digits\",\"individual_digits\":true},"), "11a", "8 8 1");
	gives(WORDS("\"pre_tokenizer\":{\"type\":\"Punctuation\"},"), "a'b", "1 9 2");
	gives(WORDS("\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},"), " ab  c ", "5 3");
	gives(WORDS("\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"},"), "  a bc1", "1 4 7 8"); /* what comes first has no script */
	gives(WORDS("\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"},"), "\xd0\xb0" "ab", "0 5");
	gives(WORDS("\"pre_tokenizer\":{\"type\":\"FixedLength\",\"length\":2},"), "abcab", "5 3 1 2");
	gives(WORDS("\"pre_tokenizer\":{\"type\":\"FixedLength\"},"), "bbbbabc", "2 2 2 2 1 7"); /* five */
	/* empty matches: not right behind a match */
	gives(SPLIT("{\"Regex\":\"b*\"}", "Isolated"), "abbc", "1 2 2 3");
	/* joiners are in Whitespace's words, superscripts and fractions in those of expressions */
	gives(WORDS("\"pre_tokenizer\":{\"type\":\"Whitespace\"},"), "\xc2\xb2 ", "0");
}

static void metaspace(void **state)
{
#define META(scheme) \
	WORDS("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"▁\",\"prepend_scheme\":\"" scheme "\"}," \
	      ADDED("\"special\":true,\"normalized\":false"))
	(void)state;
	gives(META("always"), "a<x>a", "11 14 11");
	gives(META("first"), "a<x>a", "11 14 1");
	gives(META("never"), "a<x>a", "1 14 1");
	gives(META("always"), " a", "11"); /* has one already */
#define FRONT(from) \
	WORDS("\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\"" from "\"},\"content\":\"a\"},\"pre_tokenizer\":{" \
	      "\"type\":\"Metaspace\",\"replacement\":\"▁\",\"prepend_scheme\":\"first\"},")
	gives(FRONT("b"), "b", "11");
	gives(FRONT("bc"), "bc", "1"); /* counts as the last of the two characters, which is not the first of the text */
	gives(FRONT("bc"), "cbc", "10 3 1");
}

static void normalizers(void **state)
{
#define NORM(n) WORDS("\"normalizer\":" n ",")
	(void)state;
	gives(NORM("{\"type\":\"NFC\"}"), "e\xcc\x81", "13");
	gives(NORM("{\"type\":\"Lowercase\"}"), "ABC", "6");
	gives(NORM("{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":false}"), "  a ", "1 4");
	gives(NORM("{\"type\":\"Prepend\",\"prepend\":\"a\"}"), "bc", "6");
	gives(NORM("{\"type\":\"Nmt\"}"), "a\x01" "b\nc\xe2\x80\x8b", "5 4 3 4");
	gives(NORM("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"x+\"},\"content\":\"b\"}"), "axxc", "6");
	gives(NORM("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"b*\"},\"content\":\"c\"}"), "abba", "3 1 3 1 3");
	gives(NORM("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"$\"},\"content\":\"c\"}"), "", "");
	gives(NORM("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\w\"},\"content\":\"c\"}"), "\xc2\xbd \xe2\x80\x8d", "3 4 0");
	gives(NORM("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\b\"},\"content\":\"c\"}"), "a b", "3 1 3 4 3 7");
	gives(NORM("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\B\"},\"content\":\"c\"}"), "ab ", "1 3 2 4 3");
	gives(NORM("{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFD\"},{\"type\":\"StripAccents\"},"
	           "{\"type\":\"Lowercase\"}]}"), "Á", "1");
	/* versions of Unicode: U+32FF is of 12.1, U+10798 of 14.0, which the forms do not know; U+1C89 of 16.0, which the lower
	 * case does; U+1CF2 and U+1734 once were marks of the kinds that are stripped */
	gives(NORM("{\"type\":\"NFKC\"}"), "\xe3\x8b\xbf", "0");
	gives(NORM("{\"type\":\"NFKC\"}"), "e\xf0\x90\x9e\x98\xcc\x81", "0 0 0");
	gives(NORM("{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"},{\"type\":\"Replace\",\"pattern\":"
	           "{\"String\":\"\xe1\xb2\x8a\"},\"content\":\"a\"}]}"), "\xe1\xb2\x89", "1");
	gives(NORM("{\"type\":\"StripAccents\"}"), "a\xe1\xb3\xb2", "1");
	gives(NORM("{\"type\":\"BertNormalizer\",\"clean_text\":false,\"handle_chinese_chars\":false,\"strip_accents\":true,"
	           "\"lowercase\":false}"), "a\xe1\x9c\xb4", "1");
}

static void added_tokens(void **state)
{
	(void)state;
	gives(WORDS(ADDED("\"special\":true,\"normalized\":false")), "a<xy>b<x>", "1 15 2 14"); /* the longest */
	gives(WORDS(ADDED("\"special\":true,\"normalized\":false,\"lstrip\":true")), "a  <x> b", "1 14 4 2");
	gives(WORDS(ADDED("\"special\":true,\"normalized\":false,\"rstrip\":true")), "a  <x> b", "1 4 4 14 2");
	gives(WORDS(ADDED("\"special\":true,\"normalized\":false,\"single_word\":true")), "a<x> <x>", "1 0 0 0 4 14");
	gives(WORDS("\"normalizer\":{\"type\":\"Lowercase\"}," ADDED("\"special\":false,\"normalized\":true")), "<X>", "14");
	gives(WORDS("\"normalizer\":{\"type\":\"Lowercase\"}," ADDED("\"special\":false,\"normalized\":false")), "<X>", "0 0 0");
}

static void special_as_text(void **state)
{
	struct infer_tokenizer *t = make(WORDS(ADDED("\"special\":true,\"normalized\":false")));

	(void)state;
	assert_string_equal(ids(t, "<x><xy>", 7, 0), "0 0 0 15"); /* what is not special is still found */
	assert_true(infer_token_is_special(t, 14));
	assert_false(infer_token_is_special(t, 15) || infer_token_is_special(t, 99) || infer_token_is_special(t, -1));
	assert_null(infer_token_text(t, 16).p);
	infer_tokenizer_destroy(t);
}

static void offsets(void **state)
{
	struct infer_tokenizer *t =
	        make(WORDS("\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"▁\"},"
	                   "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"▁\"}]},"));
	struct infer_tokens tokens = { 0 };
	struct fmt_err err = { 0 };

	(void)state;
	assert_true(infer_tokenize(t, "ab a c", 6, 0, &tokens, &err)); /* ▁ ab ▁a ▁ c */
	assert_int_equal(tokens.n, 5);
	assert_true(tokens.starts[0] == 0 && tokens.starts[1] == 0 && tokens.starts[2] == 2 && tokens.starts[3] == 4 &&
	            tokens.starts[4] == 5);
	infer_tokens_finish(&tokens);
	infer_tokenizer_destroy(t);
}

/* Rust's lossy decoding: one U+FFFD per maximal invalid part. */
static void invalid_utf8(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "a\xff" "b", "a\xef\xbf\xbd" "b" },
		{ "\xe3\x81", "\xef\xbf\xbd" },                 /* cut short: one part */
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },     /* overlong */
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* a surrogate */
		{ "\xf0\x9f\x91x", "\xef\xbf\xbdx" },
		{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xe2\x82\xac", "\xe2\x82\xac" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct tok_text t = { 0 };
		struct fmt_err err = { 0 };

		assert_true(tok_text_lossy(&t, cases[i].in, strlen(cases[i].in), 0, &err));
		assert_int_equal(t.bytes.n, strlen(cases[i].want));
		assert_memory_equal(t.bytes.p, cases[i].want, t.bytes.n);
		assert_int_equal(tok_is_utf8(cases[i].in, strlen(cases[i].in)), !strcmp(cases[i].in, cases[i].want));
		tok_text_finish(&t);
	}
}

static void categories(void **state)
{
	(void)state;
	assert_int_equal(uni_category('A'), UNI_LU);
	assert_true(uni_is(0x13940, UNI_SET_L)); /* letters that Unicode 16.0 added */
	assert_true(uni_is(0x10d4a, UNI_SET_L) && uni_is(0x1c89, UNI_SET_L));
	assert_false(uni_is(0x10940, UNI_SET_L) || uni_is(0x323b0, UNI_SET_L)); /* and those of 17.0 */
	assert_true(uni_is_space(0x85) && uni_is_space(0x3000));
	assert_false(uni_is_space(0x180e) || uni_is_space(0x200b) || uni_is_space(0x1c));
	assert_int_equal(uni_category(0x10ffff), UNI_CN);
	for (uint32_t code = 0; code < UNI_LOW; code++)
		assert_int_equal(uni_category(code), uni_category_by_run(code));
	assert_true(uni_was('!', UNI_SET_P, &uni_old_punctuation) && uni_was(0x166d, UNI_SET_P, &uni_old_punctuation));
	assert_false(uni_was('a', UNI_SET_P, &uni_old_punctuation) || uni_was(0x61d, UNI_SET_P, &uni_old_punctuation));
}

static void lower_case(void **state)
{
	static const uint32_t pairs[][2] = {
		{ 0xc0, 0xe0 }, { 0xd7, 0xd7 }, { 0xde, 0xfe }, { 0xdf, 0xdf }, { 0x100, 0x101 }, { 0x101, 0x101 }, { 0x178, 0xff },
		{ 0x1c5, 0x1c6 }, { 0x3a3, 0x3c3 }, { 0x410, 0x430 }, { 0x10a0, 0x2d00 }, { 0x1c89, 0x1c8a }, { 0x1e9e, 0xdf },
		{ 0x2160, 0x2170 }, { 0x212a, 'k' }, { 0x24b6, 0x24d0 }, { 0xa7dc, 0x19b }, { 0xff21, 0xff41 }, { 0x10d50, 0x10d70 },
		{ 0x1e921, 0x1e943 }, { 0x10ffff, 0x10ffff },
	};

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		assert_int_equal(uni_to_lower(pairs[i][0]), pairs[i][1]);
}

/* Start and end of the first match, or -1. */
static int finds(const char *pattern, const char *text, size_t *end)
{
	struct fmt_err err = { 0 };
	struct regex *r = regex_create((struct fmt_str){ pattern, strlen(pattern) }, &err);
	struct regex_run *run = regex_run_create(&err);
	size_t start;
	int found;

	if (!r)
		fail_msg("%s: %s", pattern, err.msg);
	found = regex_find(r, run, text, strlen(text), 0, false, &start, end, &err) == REGEX_MATCH ? (int)start : -1;
	regex_run_destroy(run);
	regex_destroy(r);
	return found;
}

static void expressions(void **state)
{
	size_t end;

	(void)state;
	assert_int_equal(finds("\\p{Lu}", "abC", &end), 2);
	assert_int_equal(finds("[^\\p{L}]", "ab1", &end), 2);
	assert_int_equal(finds("\\P{^Nd}", "ab1", &end), -1 + 3);
	assert_int_equal(finds("\\s", "a\xe1\xa0\x8e", &end), -1); /* U+180E is no space */
	assert_int_equal(finds("\\s+(?!\\S)", "a   b", &end), 1);
	assert_int_equal(end, 3);
	assert_int_equal(finds("(?i:'s)", "x'\xc5\xbf", &end), 1); /* U+017F */
	assert_int_equal(finds("[]a]", "x]", &end), 1);
	assert_int_equal(finds("^b$", "a\nb\nc", &end), 2);
	assert_int_equal(finds("\\u0041", "xA", &end), 1);
	/* classes of classes */
	assert_int_equal(finds("[a-f&&[^bc]]+", "bcade", &end), 2);
	assert_int_equal(end, 5);
	assert_int_equal(finds("[\\p{L}\\p{M}&&[^\\p{Han}]]", "\xe4\xb8\xad" "a", &end), 3);
	assert_int_equal(finds("[^a-z&&[^xy]]", "abxc", &end), 2);
	assert_int_equal(finds("[a[bc]]{3}", "xbca", &end), 1);
	assert_int_equal(finds("[[ab]&&[bc]&&\\w]", "acb", &end), 2);
	assert_int_equal(finds("[]&&\\]]", "a]", &end), 1);
	assert_int_equal(finds("[a&b]", "x&", &end), 1);
}

static void refused(void **state)
{
#define CLASS(c) "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" c "\"}},"
	static const struct {
		const char *json, *says;
	} cases[] = {
		{ "", "" },
		{ "[]", "not an object" },
		{ "{}", "no model" },
		{ "{\"model\":{\"type\":\"Sorcery\",\"vocab\":{}}}", "'Sorcery'" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":[],\"merges\":[]}}", "vocab" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", "id 0 is that of two tokens" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}}", "negative id" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1.5},\"merges\":[]}}", "not a whole number" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":2000000000},\"merges\":[]}}", "id 2000000000" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":9223372036854775807},\"merges\":[]}}", "id 9223372036854775807" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b\"]}}", "'ab'" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a c\"]}}", "'c'" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a\"]}}", "not a pair" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]}}", "not a pair" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[[\"a\",\"a\",\"a\"]]}}", "not a pair" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[{\"a\":\"a\"}]}}", "not a pair" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[null]}}", "not a pair" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a a a\"]}}", "not a pair" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":{}}}", "merges are not a list" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":[0]},\"merges\":[]}}", "not a whole number" },
		{ "{\"model\":{\"type\":\"BPE\",\"vocab\":1,\"vocab\":{\"a\":0},\"merges\":[]}}", "not an object" },
		{ "{\"model\":{\"type\":\"BPE\"},\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}", "not an object" },
		{ "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",1],[\"b\",2,3]]}}", "entry 1" },
		{ "{\"model\":{\"type\":\"Unigram\",\"vocab\":[{\"a\":1}]}}", "entry 0" },
		{ "{\"model\":{\"type\":\"Unigram\",\"unk_id\":7,\"vocab\":[[\"a\",0.5]]}}", "unk_id" },
		{ "{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\"]]}}", "entry 0" },
		{ WORDS("\"normalizer\":{\"type\":\"Sorcery\"},"), "a normalizer of type 'Sorcery'" },
		{ WORDS("\"pre_tokenizer\":{\"type\":\"Sorcery\"},"), "a pre_tokenizer of type 'Sorcery'" },
		{ WORDS("\"decoder\":{\"type\":\"Sorcery\"},"), "a decoder of type 'Sorcery'" },
		{ WORDS("\"post_processor\":{\"type\":\"Sorcery\"},"), "a post_processor of type 'Sorcery'" },
		{ WORDS("\"pre_tokenizer\":5,"), "without a type" },
		{ WORDS("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavior\":\"Isolated\"},"), "'('" },
		{ WORDS("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\p{Nonsense}\"}},"), "Nonsense" },
		{ WORDS(CLASS("[a&&b")), "a class without an end" },
		{ WORDS(CLASS("[a&&]")), "a class with nothing in it" },
		{ WORDS(CLASS("[[[[[[[[[[a]]]]]]]]]]")), "more than 8 deep" },
		{ WORDS("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"},"), "precompiled_charsmap" },
		{ WORDS("\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"//8A!\"},"), "base64" },
		{ WORDS("\"added_tokens\":[{\"id\":-3,\"content\":\"x\"}],"), "bad id" },
		{ WORDS("\"added_tokens\":{},"), "not a list" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fmt_err err = { 0 };
		struct infer_tokenizer *t = infer_tokenizer_from_json(cases[i].json, strlen(cases[i].json), &err);

		assert_null(t);
		assert_true(err.code);
		assert_string_equal(err.file, "tokenizer.json");
		if (!strstr(err.msg, cases[i].says))
			fail_msg("%s: '%s' does not say '%s'", cases[i].json, err.msg, cases[i].says);
	}
}

/* An expression that takes exponential time ends in an error. */
static void catastrophic(void **state)
{
	struct infer_tokenizer *t =
	        make(WORDS("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a+)+[bd]\"},\"behavior\":\"Isolated\"},"));
	struct infer_tokens tokens = { 0 };
	struct fmt_err err = { 0 };
	char text[64];

	(void)state;
	memset(text, 'a', sizeof text);
	assert_false(infer_tokenize(t, text, sizeof text, 0, &tokens, &err));
	assert_int_equal(err.code, FMT_LIMIT);
	infer_tokens_finish(&tokens);
	infer_tokenizer_destroy(t);
}

static const char *const threes[] = {
	"\\\\d{1,3}(?=(?:\\\\d{3})*\\\\b)",
	"\\\\p{N}{1,3}(?=(?:\\\\p{N}{3})*(?!\\\\p{N}))",
	"(?=(\\\\d{3})+(?!\\\\d))",
};

/* A tokenizer that is cut by an expression; `group` keeps it from being known by its text. */
static struct infer_tokenizer *make_cut(const char *pattern, bool group)
{
	char json[1024];

	snprintf(json, sizeof json, "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"%s%s%s\"},\"behavior\":\"Isolated\"},"
	         "\"model\":{\"type\":\"WordLevel\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"1\":1,\"11\":2,\"111\":3}}}",
	         group ? "(?:" : "", pattern, group ? ")" : "");
	return make(json);
}

/* Digits in threes from the right: by hand as by the expression; and in time by their number. */
static void digits_in_threes(void **state)
{
	static const char *const parts[] = { "1", "1", "11", "111", " ", "a", "\xc2\xbd", "\xd9\xa3", "\xcc\x81", ",", "\xe2\x85\xa3" };
	struct infer_tokens tokens = { 0 };
	struct fmt_err err = { 0 };
	uint32_t seed = 1;
	char *text = malloc(200000);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < sizeof threes / sizeof *threes; i++) {
		struct infer_tokenizer *t = make_cut(threes[i], false), *plain = make_cut(threes[i], true);

		for (int k = 0; k < 3000; k++) {
			struct infer_tokens want = { 0 };
			size_t n = 0;

			for (uint32_t left = 1 + (seed >> 28); left--; n += strlen(text + n)) {
				seed = seed * 1664525u + 1013904223u;
				strcpy(text + n, parts[(seed >> 16) % (sizeof parts / sizeof *parts)]);
			}
			tokens.n = 0;
			assert_true(infer_tokenize(t, text, n, 0, &tokens, &err) && infer_tokenize(plain, text, n, 0, &want, &err));
			if (tokens.n != want.n || memcmp(tokens.starts, want.starts, want.n * sizeof *want.starts) != 0)
				fail_msg("%s: '%s'", threes[i], text);
			infer_tokens_finish(&want);
		}
		memset(text, '1', 200000);
		tokens.n = 0;
		assert_true(infer_tokenize(t, text, 200000, 0, &tokens, &err));
		assert_int_equal(tokens.n, 66667);
		assert_true(tokens.ids[0] == 2 && tokens.ids[1] == 3);
		infer_tokenizer_destroy(t);
		infer_tokenizer_destroy(plain);
	}
	infer_tokens_finish(&tokens);
	free(text);
}

/* 200,000 characters of one class: neither the stack nor time gives out. */
static void long_runs(void **state)
{
	static const char cl[] = "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":"
	                         "\"[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*"
	                         "|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"},\"behavior\":\"Isolated\"},";
	char json[2048];
	struct infer_tokenizer *t;
	char *text = malloc(200000);

	(void)state;
	assert_non_null(text);
	snprintf(json, sizeof json, "{%s%s", cl, WORDS("") + 1);
	t = make(json);
	for (const char *c = "a 1!\n"; *c; c++) {
		struct infer_tokens tokens = { 0 };
		struct fmt_err err = { 0 };

		memset(text, *c, 200000);
		assert_true(infer_tokenize(t, text, 200000, 0, &tokens, &err));
		assert_int_equal(tokens.n, 200000);
		infer_tokens_finish(&tokens);
	}
	free(text);
	infer_tokenizer_destroy(t);
}

static void decoding(void **state)
{
	static const int32_t list[] = { 11, 2, 10, 3, 0 };
	struct infer_tokenizer *t = make(WORDS("\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"▁\"},"));
	struct fmt_err err = { 0 };
	char *text;
	size_t n;

	(void)state;
	assert_true(infer_detokenize(t, list, 5, false, &text, &n, &err));
	assert_string_equal(text, "ab c?");
	assert_int_equal(n, 5);
	free(text);
	assert_true(infer_detokenize(t, NULL, 0, false, &text, &n, &err));
	assert_string_equal(text, "");
	free(text);
	infer_tokenizer_destroy(t);
}

/* What each decoder makes of tokens. */
static void decodes(const char *steps, const int32_t *list, size_t n_ids, const char *want)
{
	char json[2048];
	struct infer_tokenizer *t;
	struct fmt_err err = { 0 };
	char *text;
	size_t n;

	snprintf(json, sizeof json, "{%s%s", steps, WORDS("") + 1);
	t = make(json);
	assert_true(infer_detokenize(t, list, n_ids, false, &text, &n, &err));
	assert_string_equal(text, want);
	free(text);
	infer_tokenizer_destroy(t);
}

static void decoders(void **state)
{
	static const int32_t repeated[] = { 1, 1, 2, 10, 2, 2, 4, 9 }; /* a a b ▁ b b space ' */

	(void)state;
	decodes("\"decoder\":{\"type\":\"CTC\",\"pad_token\":\"▁\",\"word_delimiter_token\":\"'\",\"cleanup\":true},",
	        repeated, 8, "abb  ");
	decodes("\"decoder\":{\"type\":\"CTC\",\"pad_token\":\"▁\",\"word_delimiter_token\":\"'\",\"cleanup\":false},",
	        repeated, 8, "abb '");
	decodes("\"decoder\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"b*\"},\"content\":\"c\"},", (int32_t[]){ 1, 7 }, 2, "cacccc");
	decodes("\"decoder\":{\"type\":\"BPEDecoder\",\"suffix\":\"b\"},", (int32_t[]){ 5, 2, 5 }, 3, "a  a");
	decodes("\"decoder\":{\"type\":\"Strip\",\"content\":\"a\",\"start\":1,\"stop\":0},", (int32_t[]){ 1, 5 }, 2, "b");
	/* a token that is looked for in normalized text is decoded so */
	decodes("\"normalizer\":{\"type\":\"Lowercase\"},\"decoder\":{\"type\":\"Fuse\"},\"added_tokens\":[{\"id\":14,"
	        "\"content\":\"<X>\",\"normalized\":true},{\"id\":15,\"content\":\"<Y>\",\"normalized\":false}],",
	        (int32_t[]){ 14, 15 }, 2, "<x><Y>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges),       cmocka_unit_test(splits),          cmocka_unit_test(metaspace),
		cmocka_unit_test(normalizers),  cmocka_unit_test(added_tokens),    cmocka_unit_test(special_as_text),
		cmocka_unit_test(offsets),      cmocka_unit_test(invalid_utf8),    cmocka_unit_test(categories),
		cmocka_unit_test(lower_case),
		cmocka_unit_test(expressions),  cmocka_unit_test(refused),         cmocka_unit_test(catastrophic),
		cmocka_unit_test(long_runs),    cmocka_unit_test(decoding),
		cmocka_unit_test(decoders),     cmocka_unit_test(digits_in_threes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
