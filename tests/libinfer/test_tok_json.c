/* tok_json_vocab.c: the long lists of tokenizer.json, however they are written, and its numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tok_json.h"

/* The numbers that Hugging Face's library has read when it is given these as scores of Unigram. Those marked are not the
 * nearest doubles. */
static void scores(void **state)
{
	static const struct {
		const char *digits;
		double want;
	} cases[] = {
		{ "0", 0x0p+0 },
		{ "1", 0x1p+0 },
		{ "-7", -0x1.cp+2 },
		{ "-12.34", -0x1.8ae147ae147aep+3 },
		{ "-3.5e0", -0x1.cp+1 },
		{ "-1E+3", -0x1.f4p+9 },
		{ "-10.084890365600586", -0x1.42b76cp+3 },
		{ "-12.458033897794039", -0x1.8ea836b46f839p+3 }, /* not */
		{ "-15.903871311313933", -0x1.fcec83873c59ep+3 }, /* not */
		{ "-12.3456789012345678901234567890", -0x1.8b0fcd32f707ap+3 },
		{ "9007199254740993", 0x1p+53 },
		{ "18446744073709551615", 0x1p+64 },
		{ "18446744073709551616", 0x1p+64 },
		{ "184467440737095516159", 0x1.4p+67 },
		{ "123456789012345678901234567890", 0x1.8ee90ff6c373ep+96 },
		{ "1e22", 0x1.0f0cf064dd592p+73 },
		{ "1e23", 0x1.52d02c7e14af6p+76 },
		{ "1.5e-30", 0x1.e6c71fe61a3fp-100 }, /* not */
		{ "0.00000000000000000000000000000012345678901234567", 0x1.40831c305489cp-103 }, /* not */
		{ "5e-324", 0x0.0000000000001p-1022 },
		{ "2e-320", 0x0.0000000000fdp-1022 },
		{ "1.7976931348623157e308", 0x1.fffffffffffffp+1023 },
		{ "1e-400", 0x0p+0 },
		{ "0e999", 0x0p+0 },
	};

	(void)state;
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		double got = tok_json_score((struct fmt_str){ cases[k].digits, strlen(cases[k].digits) });

		if (memcmp(&got, &cases[k].want, sizeof got))
			fail_msg("%s: %a instead of %a", cases[k].digits, got, cases[k].want);
	}
	assert_true(tok_json_score((struct fmt_str){ "-0.0", 4 }) == 0);
	assert_true(tok_json_score((struct fmt_str){ "NaN", 3 }) != 0);
	assert_true(tok_json_score((struct fmt_str){ "-Infinity", 9 }) < -1.7e308);
}

static void gives(const char *json, const char *text, size_t n_want, const int32_t *want)
{
	struct fmt_err err = { 0 };
	struct infer_tokenizer *t = infer_tokenizer_from_json(json, strlen(json), &err);
	struct infer_tokens tokens = { 0 };

	if (!t || !infer_tokenize(t, text, strlen(text), 0, &tokens, &err))
		fail_msg("%s: %s", json, err.msg);
	assert_int_equal(tokens.n, n_want);
	for (size_t i = 0; i < n_want; i++)
		assert_int_equal(tokens.ids[i], want[i]);
	infer_tokens_finish(&tokens);
	infer_tokenizer_destroy(t);
}

/* One tokenizer, written in many ways. */
static void spellings(void **state)
{
	static const char *const models[] = {
		"{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"\xc3\xa9\":1,\"a\xc3\xa9\":2},\"merges\":[\"a \xc3\xa9\"]}",
		"{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"\xc3\xa9\":1,\"a\xc3\xa9\":2},\"merges\":[[\"a\",\"\xc3\xa9\"]]}",
		"{\"merges\":[\"\\u0061\\u0020\\u00E9\"],\"vocab\":{\"\\u0061\":0,\"\\u00e9\":1e0,\"a\\u00e9\":2.0},\"type\":\"BPE\"}",
		"{\"voc\\u0061b\" : {\n\t\"a\\u00e9\" : 2 ,\r\n \"\\u00e9\":1,\"a\":0} , \"m\\u0065rges\":[ [ \"a\" , \"\\u00e9\" ] ] }",
		"{\"merges\":[[\"a\",\"\xc3\xa9\"]],\"vocab\":{\"a\":0,\"\xc3\xa9\":1,\"a\xc3\xa9\":2},\"vocab\":{},\"merges\":[]}",
		"{\"type\":\"Unigram\",\"vocab\":[[\"a\",-1],[\"\\u00e9\",-1.5],[\"a\\u00e9\",-2e0]]}",
		"{\"vocab\":[[\"\\u0061\",-1.0],[\"\xc3\xa9\",-1.5],[\"a\xc3\xa9\",-2]]}",
	};

	(void)state;
	for (size_t k = 0; k < sizeof models / sizeof *models; k++) {
		char json[512] = "{\"model\":";

		strcat(json, models[k]);
		strcat(json, "}");
		gives(json, "\xc3\xa9" "aa\xc3\xa9", 3, (int32_t[]){ 1, 0, 2 });
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(scores), cmocka_unit_test(spellings) };

	return cmocka_run_group_tests_name("tok_json", tests, NULL, NULL);
}
