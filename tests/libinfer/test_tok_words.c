/* What makes encoding fast must not show: words that were seen before, and cutting where no merge can reach across. */
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

static uint32_t random_below(uint32_t *state, uint32_t n)
{
	*state = *state * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)*state * n >> 32);
}

static struct infer_tokenizer *make(const char *json)
{
	struct fmt_err err = { 0 };
	struct infer_tokenizer *t = infer_tokenizer_from_json(json, strlen(json), &err);

	if (!t)
		fail_msg("%s", err.msg);
	return t;
}

static void encode(const struct infer_tokenizer *t, const char *text, size_t n, struct infer_tokens *out)
{
	struct fmt_err err = { 0 };

	if (!infer_tokenize(t, text, n, 0, out, &err))
		fail_msg("%s", err.msg);
}

/* A text of words as a whole gives what each word gives by itself, which has nothing to remember. */
static void words_as_alone(const char *model)
{
	enum { N_WORDS = 4000, N_DIFFERENT = 300 };
	char json[1024], *text = malloc(N_WORDS * 50);
	struct infer_tokens whole = { 0 }, alone = { 0 }, again = { 0 };
	struct fmt_err err = { 0 };
	struct infer_tokenizer *t;
	struct infer_encoder *e;
	size_t starts[N_WORDS], ends[N_WORDS], n = 0;
	uint64_t at = 0;
	uint32_t seed = 1;

	assert_non_null(text);
	for (size_t i = 0; i < N_WORDS; i++) {
		uint32_t word = 7 + random_below(&seed, N_DIFFERENT);
		size_t len = 1 + random_below(&word, 40);

		starts[i] = n;
		for (size_t k = 0; k < len; k++)
			text[n++] = "abcd"[random_below(&word, 4)];
		ends[i] = n;
		text[n++] = ' ';
	}
	snprintf(json, sizeof json, "{\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},\"model\":%s}", model);
	t = make(json);
	e = infer_encoder_create(t, &err);
	assert_non_null(e);
	encode(t, text, n, &whole);
	for (size_t i = 0; i < N_WORDS; i++) {
		alone.n = again.n = 0;
		encode(t, text + starts[i], ends[i] - starts[i], &alone);
		assert_true(infer_encode(e, text + starts[i], ends[i] - starts[i], 0, &again, &err));
		assert_int_equal(again.n, alone.n);
		assert_memory_equal(again.ids, alone.ids, alone.n * sizeof *alone.ids);
		assert_true(at + alone.n <= whole.n);
		assert_memory_equal(alone.ids, whole.ids + at, alone.n * sizeof *alone.ids);
		for (uint64_t k = 0; k < alone.n; k++)
			assert_int_equal(whole.starts[at + k], starts[i] + alone.starts[k]);
		at += alone.n;
	}
	assert_int_equal(at, whole.n);
	infer_tokens_finish(&whole);
	infer_tokens_finish(&alone);
	infer_tokens_finish(&again);
	infer_encoder_destroy(e);
	infer_tokenizer_destroy(t);
	free(text);
}

static void words(void **state)
{
	(void)state;
	words_as_alone("{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"abc\":4,\"aa\":5,\"aaaa\":6},"
	               "\"merges\":[\"a b\",\"a a\",\"ab c\",\"aa aa\"]}");
	words_as_alone("{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"?\",0],[\"a\",-3],[\"b\",-3],[\"ab\",-4],[\"abc\",-5]]}");
	words_as_alone("{\"type\":\"WordPiece\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"a\":1,\"##a\":2,\"##b\":3,\"b\":4,"
	               "\"c\":5,\"##c\":6,\"ab\":7,\"##bcd\":8}}");
}

/* A vocabulary like Llama 2's, with tokens for bytes up to `last`: with all of them a text is cut before it is merged. */
static struct infer_tokenizer *with_bytes(int last)
{
	char *json = malloc(16384);
	struct infer_tokenizer *t;
	int n;

	assert_non_null(json);
	n = snprintf(json, 16384, "{\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,\"vocab\":{\"a\":0,\"b\":1,\"c\":2,"
	             "\"\xe2\x96\x81\":3,\"ab\":4,\"\xe2\x96\x81" "a\":5,\"\xe2\x96\x81" "ab\":6,\"\xe2\x96\x81\xe2\x96\x81\":7,"
	             "\"\xc3\xa9\":8,\"a\xc3\xa9\":9,\"\xc3\xa9" "c\":10");
	for (int i = 0; i <= last; i++)
		n += snprintf(json + n, 16384 - (size_t)n, ",\"<0x%02X>\":%d", (unsigned)i, 11 + i);
	snprintf(json + n, 16384 - (size_t)n, "},\"merges\":[\"a b\",\"\xe2\x96\x81 a\",\"\xe2\x96\x81 ab\",\"\xe2\x96\x81 \xe2\x96\x81\","
	         "\"a \xc3\xa9\",\"\xc3\xa9 c\"]}}");
	t = make(json);
	free(json);
	return t;
}

static void cuts(void **state)
{
	static const char *const parts[] = { "a", "b", "c", "\xe2\x96\x81", "\xe2\x96\x82", "\xc3\xa9", "\xc3\xa8", "x", "\n" };
	struct infer_tokenizer *cut = with_bytes(0xff), *uncut = with_bytes(0xfe); /* 0xff is in no text */
	uint32_t seed = 1;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct infer_tokens a = { 0 }, b = { 0 };
		char text[128] = "";

		for (uint32_t k = 1 + random_below(&seed, 30); k--;)
			strcat(text, parts[random_below(&seed, 9)]);
		encode(cut, text, strlen(text), &a);
		encode(uncut, text, strlen(text), &b);
		assert_int_equal(a.n, b.n);
		assert_memory_equal(a.ids, b.ids, a.n * sizeof *a.ids);
		assert_memory_equal(a.starts, b.starts, a.n * sizeof *a.starts);
		infer_tokens_finish(&a);
		infer_tokens_finish(&b);
	}
	infer_tokenizer_destroy(cut);
	infer_tokenizer_destroy(uncut);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(words), cmocka_unit_test(cuts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
