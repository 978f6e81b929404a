/* Whatever a description is made of, a text in parts gives the tokens of the whole; and what can be cut is cut. */
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

static const char *const normalizers[] = {
	"null",
	"null",
	"{\"type\":\"NFC\"}",
	"{\"type\":\"NFKD\"}",
	"{\"type\":\"Lowercase\"}",
	"{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}",
	"{\"type\":\"Prepend\",\"prepend\":\"\xe2\x96\x81\"}",
	"{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\" \"}",
	"{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"b*\"},\"content\":\"c\"}",
	"{\"type\":\"Replace\",\"pattern\":{\"String\":\"ab\"},\"content\":\"ba\"}",
	"{\"type\":\"ByteLevel\"}",
	"{\"type\":\"BertNormalizer\"}",
	"{\"type\":\"BertNormalizer\",\"clean_text\":false,\"handle_chinese_chars\":false,\"lowercase\":false}",
	"{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"\xe2\x96\x81\"},"
	"{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xe2\x96\x81\"}]}",
	"{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"},{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},"
	"\"content\":\" \"},{\"type\":\"Prepend\",\"prepend\":\"a\"}]}",
	"{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"},{\"type\":\"NFD\"},{\"type\":\"StripAccents\"}]}",
	"{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"b\"},\"content\":\"\xcc\x81\"},"
	"{\"type\":\"NFC\"}]}",
};

#define SPLIT(pattern, behavior, invert) \
	"{\"type\":\"Split\",\"pattern\":" pattern ",\"behavior\":\"" behavior "\",\"invert\":" invert "}"
#define META(scheme, split) \
	"{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\",\"prepend_scheme\":\"" scheme "\",\"split\":" split "}"
#define BYTES(space, regex) "{\"type\":\"ByteLevel\",\"add_prefix_space\":" space ",\"use_regex\":" regex "}"
#define TWO(first, second) "{\"type\":\"Sequence\",\"pretokenizers\":[" first "," second "]}"
#define CL \
	"{\"Regex\":\"(?i:'s|'t)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*" \
	"|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}"

static const char *const splits[] = {
	"null",
	SPLIT(CL, "Isolated", "false"),
	SPLIT(CL, "Removed", "true"),
	SPLIT("{\"String\":\" \"}", "MergedWithPrevious", "false"),
	SPLIT("{\"String\":\"ab\"}", "MergedWithNext", "false"),
	SPLIT("{\"Regex\":\"[ab]+\"}", "MergedWithPrevious", "false"),
	SPLIT("{\"Regex\":\"[ab]+\"}", "MergedWithNext", "false"),
	SPLIT("{\"Regex\":\"[ab]\"}", "Contiguous", "false"),
	SPLIT("{\"Regex\":\"[ab]\"}", "Contiguous", "true"),
	SPLIT("{\"Regex\":\"[ab]+\"}", "MergedWithPrevious", "true"),
	SPLIT("{\"Regex\":\"[ab]+\"}", "MergedWithNext", "true"),
	SPLIT("{\"Regex\":\" \"}", "Removed", "false"),
	/* what looks behind, ahead, at lines, or matches nothing at all */
	SPLIT("{\"Regex\":\"(?<=a)b\"}", "Isolated", "false"),
	SPLIT("{\"Regex\":\"^[ab]\"}", "Isolated", "false"),
	SPLIT("{\"Regex\":\"[ab]$\"}", "Isolated", "false"),
	SPLIT("{\"Regex\":\"\\\\b[ab]\"}", "Isolated", "false"),
	SPLIT("{\"Regex\":\"\\\\G[ab]\"}", "Isolated", "false"),
	SPLIT("{\"Regex\":\"b*\"}", "Isolated", "false"),
	SPLIT("{\"Regex\":\"(?=b)\"}", "Isolated", "false"),
	SPLIT("{\"Regex\":\"a(?=b+[^b]*c)|[bc]\"}", "Isolated", "false"),
	SPLIT("{\"Regex\":\"\\\\d{1,3}(?=(?:\\\\d{3})*\\\\b)\"}", "Isolated", "false"),
	"{\"type\":\"Digits\",\"individual_digits\":true}",
	"{\"type\":\"Digits\",\"individual_digits\":false}",
	"{\"type\":\"Punctuation\"}",
	"{\"type\":\"Punctuation\",\"behavior\":\"Contiguous\"}",
	"{\"type\":\"Whitespace\"}",
	"{\"type\":\"WhitespaceSplit\"}",
	"{\"type\":\"BertPreTokenizer\"}",
	"{\"type\":\"UnicodeScripts\"}",
	META("always", "true"),
	META("first", "true"),
	META("never", "true"),
	META("always", "false"),
	META("first", "false"),
	BYTES("true", "true"),
	BYTES("false", "true"),
	BYTES("true", "false"),
	TWO("{\"type\":\"WhitespaceSplit\"}", META("always", "true")),
	TWO("{\"type\":\"Digits\",\"individual_digits\":true}", BYTES("false", "true")),
	TWO(SPLIT(CL, "Isolated", "false"), BYTES("true", "false")),
	TWO(BYTES("false", "false"), SPLIT("{\"Regex\":\"[ab]+\"}", "Isolated", "false")),
	TWO(SPLIT("{\"Regex\":\"[^\\\\n]+|[\\\\n]+\"}", "Isolated", "false"), SPLIT(CL, "Isolated", "false")),
	TWO(SPLIT("{\"Regex\":\"\\\\p{N}+\"}", "Isolated", "false"), SPLIT("{\"Regex\":\"(?=(\\\\d{3})+(?!\\\\d))\"}", "Isolated", "false")),
	TWO("{\"type\":\"UnicodeScripts\"}", "{\"type\":\"WhitespaceSplit\"}"),
};

#define ADDED(id, text, flags) "{\"id\":" #id ",\"content\":\"" text "\"," flags "}"

static const char *const added[] = {
	"",
	"",
	ADDED(300, "<x>", "\"special\":true,\"normalized\":false") "," ADDED(301, "<xy>a", "\"special\":false,\"normalized\":false"),
	ADDED(300, "<s>", "\"special\":true,\"normalized\":false") "," ADDED(301, "s>a", "\"special\":false,\"normalized\":false"),
	ADDED(300, "<s>", "\"special\":true,\"normalized\":true") "," ADDED(301, "s>a", "\"special\":false,\"normalized\":true"),
	ADDED(300, "<s>", "\"special\":true,\"normalized\":false,\"lstrip\":true") "," ADDED(301, "<x>", "\"special\":true,\"rstrip\":true,"
	"\"normalized\":true"),
	ADDED(300, "<x>", "\"special\":true,\"normalized\":false,\"rstrip\":true") "," ADDED(301, " a", "\"special\":false,"
	"\"normalized\":false"),
	ADDED(300, "<x>", "\"special\":true,\"normalized\":false,\"single_word\":true"),
	ADDED(300, "i", "\"special\":false,\"normalized\":true"),
};

#define VOCAB \
	"\"?\":0,\"a\":1,\"b\":2,\"c\":3,\" \":4,\"ab\":5,\"abc\":6,\"bc\":7,\"1\":8,\"'\":9,\"\xe2\x96\x81\":10,\"\xe2\x96\x81" "a\":11," \
	"\"A\":12,\"\xc3\xa9\":13,\"\xe2\x96\x81\xe2\x96\x81\":14,\"e\":15,\"i\":16,\"\\n\":17,\"11\":18,\"##a\":19,\"##b\":20,\"##ab\":21," \
	"\"x\":22,\"s\":23,\"<\":24,\">\":25"
#define MERGES "\"a b\",\"b c\",\"ab c\",\"\xe2\x96\x81 a\",\"\xe2\x96\x81 \xe2\x96\x81\",\"1 1\""

/* BPE with an unknown token; without one, but with all bytes, so that it cuts by itself; and the others. */
static void put_model(char *out, size_t room, unsigned which)
{
	static const char *const plain[] = {
		"{\"type\":\"BPE\",\"unk_token\":\"?\",\"fuse_unk\":true,\"vocab\":{" VOCAB "},\"merges\":[" MERGES "]}",
		"{\"type\":\"WordPiece\",\"unk_token\":\"?\",\"vocab\":{" VOCAB "}}",
		"{\"type\":\"WordLevel\",\"unk_token\":\"?\",\"vocab\":{" VOCAB "}}",
		"{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"?\",0],[\"a\",-3],[\"b\",-3],[\"ab\",-4],[\"\xe2\x96\x81\",-2],[\" \",-2]]}",
	};
	int n;

	if (which < 4) {
		snprintf(out, room, "%s", plain[which]);
		return;
	}
	n = snprintf(out, room, "{\"type\":\"BPE\",\"byte_fallback\":true,\"vocab\":{" VOCAB);
	for (int i = 0; i < 256; i++)
		n += snprintf(out + n, room - (size_t)n, ",\"<0x%02X>\":%d", (unsigned)i, 30 + i);
	snprintf(out + n, room - (size_t)n, "},\"merges\":[" MERGES "]}");
}

static uint32_t random_below(uint32_t *state, uint32_t n)
{
	*state = *state * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)*state * n >> 32);
}

#define PICK(state, list) (list)[random_below(state, sizeof(list) / sizeof *(list))]

enum { JSON_BYTES = 16384 };

static struct infer_tokenizer *make(char *json, const char *norm, const char *split, const char *tokens, unsigned model)
{
	static char description[12288];
	struct fmt_err err = { 0 };
	struct infer_tokenizer *t;

	put_model(description, sizeof description, model);
	snprintf(json, JSON_BYTES, "{\"normalizer\":%s,\"pre_tokenizer\":%s,\"added_tokens\":[%s],\"model\":%s}", norm, split, tokens,
	         description);
	t = infer_tokenizer_from_json(json, strlen(json), &err);
	if (!t)
		fail_msg("%s: %s", json, err.msg);
	return t;
}

static size_t put_text(char *out, size_t room, uint32_t *seed)
{
	static const char *const parts[] = {
		"a", "b", "c", "ab", "abc", " ", "  ", "\n", "\r\n", "1", "12", "123", "<x>", "<xy>", "<xy>a", "<x", "<s>", "<s>a", "s>", " a",
		"\xc3\xa9", "e\xcc\x81", "\xcc\x81", "\xc4\xb0", "\xe2\x96\x81", "\xe2\x96\x81" "a", "\xe4\xb8\xad", "\xea\xb0\x80", "\xe1\x86\xa8",
		"\xe3\x81\x8b\xe3\x82\x99", "'s", "!", "A", "\xd0\xb0", "\xff", "\xe3\x81", "\xf0\x9f\x91\x8d", "\xe2\x80\x8d", "\x01", "\xc2\xad",
	};
	size_t n = 0;

	for (uint32_t left = 1 + random_below(seed, 40); left--;) {
		const char *part = PICK(seed, parts);
		uint32_t times = random_below(seed, 12) ? 1 : 1 + random_below(seed, 8);

		for (; times-- && n + 8 < room; n += strlen(part))
			memcpy(out + n, part, strlen(part));
	}
	return n;
}

static void random_descriptions(void **state)
{
	static char json[JSON_BYTES];
	uint32_t seed = 1;

	(void)state;
	for (int i = 0; i < 180; i++) {
		const char *norm = PICK(&seed, normalizers), *tokens = PICK(&seed, added);
		const char *split = splits[(size_t)i % (sizeof splits / sizeof *splits)];
		unsigned model = random_below(&seed, 5);
		struct infer_tokenizer *t = make(json, norm, split, tokens, model);

		for (int k = 0; k < 4; k++) {
			char text[600];
			size_t n = put_text(text, sizeof text, &seed);

			same_in_parts(t, json, text, n, random_below(&seed, 4));
		}
		infer_tokenizer_destroy(t);
	}
}

/* What the tokenizers in use are made of is cut: of a long text only some words are held. */
static void bounded(void **state)
{
	static const struct {
		const char *norm, *split;
		unsigned model;
	} cases[] = {
		{ "null", BYTES("false", "true"), 0 },
		{ "null", SPLIT(CL, "Isolated", "false"), 0 },
		{ "{\"type\":\"NFC\"}", SPLIT(CL, "Removed", "true"), 0 },
		{ "null", TWO("{\"type\":\"Digits\",\"individual_digits\":true}", BYTES("false", "true")), 0 },
		{ "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"\xe2\x96\x81\"},{\"type\":\"Replace\","
		  "\"pattern\":{\"String\":\" \"},\"content\":\"\xe2\x96\x81\"}]}", "null", 4 },
		{ "null", META("first", "false"), 4 },
		{ "{\"type\":\"BertNormalizer\"}", "{\"type\":\"BertPreTokenizer\"}", 1 },
		{ "{\"type\":\"NFKC\"}", TWO("{\"type\":\"WhitespaceSplit\"}", META("always", "true")), 3 },
	};
	enum { BYTES_OF_TEXT = 6000 };
	static char json[JSON_BYTES];
	char text[BYTES_OF_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = "abc cab, 12 a.\nbcab "[i % 20];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct infer_tokenizer *t = make(json, cases[i].norm, cases[i].split, added[2], cases[i].model);

		for (unsigned flags = 0; flags < 4; flags++)
			assert_in_range(same_in_parts(t, json, text, sizeof text, flags), 1, 128);
		infer_tokenizer_destroy(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_descriptions), cmocka_unit_test(bounded) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
