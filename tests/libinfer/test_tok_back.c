/* Whatever a decoder is made of, ids in parts give the text of all; and what can be parted is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "in_parts.h"

/* Words, spaces in three spellings, bytes in two (some of them parts of characters), prefixes and suffixes. */
static const char vocab[] =
        "\"a\":0,\"b\":1,\" \":2,\"  a\":3,\"\xe2\x96\x81\":4,\"\xe2\x96\x81\xe2\x96\x81" "a\":5,\"<0xE2>\":6,\"<0x82>\":7,"
        "\"<0xAC>\":8,\"<0x41>\":9,\"\xc3\xa2\":10,\"\xc4\xa4\":11,\"\xc2\xac\":12,\"\xc4\xa0" "a\":13,\"##b\":14,\"a</w>\":15,"
        "\"|\":16,\" .\":17,\" do not\":18,\"\xe4\xb8\xad\":19,\"\xc2\xac" "a\":20";
enum { N_VOCAB = 22 }; /* and a special token */

#define FUSE  "{\"type\":\"Fuse\"}"
#define BYTES "{\"type\":\"ByteLevel\"}"
#define FALLBACK "{\"type\":\"ByteFallback\"}"
#define REPLACE(from, to) "{\"type\":\"Replace\",\"pattern\":" from ",\"content\":\"" to "\"}"
#define STRIP(content, start, stop) "{\"type\":\"Strip\",\"content\":\"" content "\",\"start\":" start ",\"stop\":" stop "}"
#define META(scheme) "{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\",\"prepend_scheme\":\"" scheme "\"}"

static const char *const steps[] = {
	FUSE,
	BYTES,
	FALLBACK,
	REPLACE("{\"String\":\"\xe2\x96\x81\"}", " "),
	REPLACE("{\"Regex\":\"a+\"}", "<0xAC>"),
	REPLACE("{\"String\":\"b\"}", ""),
	STRIP(" ", "1", "0"),
	STRIP(" ", "3", "0"),
	STRIP("a", "1", "1"),
	META("always"),
	META("never"),
	"{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}",
	"{\"type\":\"BPEDecoder\",\"suffix\":\"</w>\"}",
	"{\"type\":\"CTC\",\"pad_token\":\"b\",\"word_delimiter_token\":\"|\",\"cleanup\":true}",
};
enum { N_STEPS = sizeof steps / sizeof *steps };

static uint32_t below(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % n;
}

static struct infer_tokenizer *make(const char *decoder, char *json, size_t room)
{
	struct fmt_err err = { 0 };
	struct infer_tokenizer *t;

	snprintf(json, room, "{\"added_tokens\":[{\"id\":21,\"content\":\"<s>\",\"special\":true}],\"decoder\":%s,\"model\":{\"type\":"
	         "\"WordLevel\",\"unk_token\":\"a\",\"vocab\":{%s}}}", decoder, vocab);
	t = infer_tokenizer_from_json(json, strlen(json), &err);
	if (!t)
		fail_msg("%s: %s", json, err.msg);
	return t;
}

static void random_decoders(void **state)
{
	uint32_t seed = 7;

	(void)state;
	for (int round = 0; round < 600; round++) {
		char decoder[1000], json[2000], *whole;
		struct fmt_err err = { 0 };
		struct infer_tokenizer *t;
		int32_t ids[60];
		size_t at, n, n_ids = below(&seed, 60), n_steps = below(&seed, 5);
		bool skip = below(&seed, 2);

		at = (size_t)snprintf(decoder, sizeof decoder, "%s", n_steps ? "{\"type\":\"Sequence\",\"decoders\":[" : "null");
		for (size_t i = 0; i < n_steps; i++)
			at += (size_t)snprintf(decoder + at, sizeof decoder - at, "%s%s", i ? "," : "", steps[below(&seed, N_STEPS)]);
		snprintf(decoder + at, sizeof decoder - at, "%s", n_steps ? "]}" : "");
		t = make(decoder, json, sizeof json);
		for (size_t i = 0; i < n_ids; i++)
			ids[i] = (int32_t)below(&seed, round % 3 ? N_VOCAB : 8); /* now and then little but bytes and spaces */
		if (!infer_detokenize(t, ids, n_ids, skip, &whole, &n, &err))
			fail_msg("%s: %s", decoder, err.msg);
		for (size_t step = 1; step < 12; step += 2)
			same_back_in_parts(t, decoder, ids, n_ids, skip, step, whole, n);
		free(whole);
		infer_tokenizer_destroy(t);
	}
}

/* The decoders of real tokenizers: a text is held no longer than a character, or a run of bytes, is. */
static void bounded(void **state)
{
	static const char *const decoders[] = {
		"null", BYTES, META("always"), "{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}",
		"{\"type\":\"Sequence\",\"decoders\":[" REPLACE("{\"String\":\"\xe2\x96\x81\"}", " ") "," FALLBACK "," FUSE "," STRIP(" ", "1", "0") "]}",
	};
	int32_t ids[400];

	(void)state;
	for (size_t i = 0; i < 400; i++)
		ids[i] = (int32_t)(i % 4 ? i % 6 : 10);
	for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++) {
		char json[2000], *whole;
		struct fmt_err err = { 0 };
		struct infer_tokenizer *t = make(decoders[i], json, sizeof json);
		size_t n;

		assert_true(infer_detokenize(t, ids, 400, false, &whole, &n, &err));
		assert_in_range(same_back_in_parts(t, decoders[i], ids, 400, false, 8, whole, n), 1, 32);
		free(whole);
		infer_tokenizer_destroy(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_decoders), cmocka_unit_test(bounded) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
