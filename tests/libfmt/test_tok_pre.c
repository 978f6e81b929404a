/* tok_pre: the names of pre-tokenizers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tok_keys.h"

/* How the models' own files say it. */
static void pre_tokenizers_have_names(void **state)
{
	static const struct {
		const char *name, *json;
	} rows[] = {
		{ "dbrx",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Sp"
		  "lit\", \"pattern\": {\"Regex\": \"'(?i:[sdmt]|ll|ve|re)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?+\\\\p{L}"
		  "+|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]++[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]|\\\\s+(?!\\\\S)|"
		  "\\\\s+\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\", \"use_rege"
		  "x\": false}]}}" },
		{ "bailingmoe",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Sp"
		  "lit\", \"pattern\": {\"Regex\": \"'(?i:[sdmt]|ll|ve|re)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?+\\\\p{L}"
		  "+|\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]++[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]|\\\\s+(?!\\\\S)|\\\\s+"
		  "\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\", \"use_regex\": f"
		  "alse}]}}" },
		{ "bloom",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Sp"
		  "lit\", \"pattern\": {\"Regex\": \" ?[^(\\\\s|[.,!?…。，、।۔،])]+\"}, \"behavior\": \"Isolated\", "
		  "\"invert\": false}, {\"type\": \"ByteLevel\", \"use_regex\": false}]}}" },
		{ "viking",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Sp"
		  "lit\", \"pattern\": {\"Regex\": \" ?[^(\\\\s|[.,!?…。，、।۔،])]+\"}, \"behavior\": \"Isolated\", "
		  "\"invert\": false}, {\"type\": \"Digits\", \"individual_digits\": true}, {\"type\": \"ByteLevel"
		  "\", \"use_regex\": false}]}}" },
		{ "gpt-2",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"ByteLevel\"}}" },
		{ "smollm",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
		  "\"Digits\", \"individual_digits\": true}, {\"type\": \"ByteLevel\", \"use_regex\": true}]}}" },
		{ "llama-bpe",
		  "{\"model\": {\"ignore_merges\": true}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretoke"
		  "nizers\": [{\"type\": \"Split\", \"pattern\": {\"Regex\": \"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^"
		  "\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*"
		  "|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}, \"behavior\": \"Isolated\", \"invert\": fals"
		  "e}, {\"type\": \"ByteLevel\", \"use_regex\": false}]}}" },
		{ "dbrx",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
		  "\"Split\", \"pattern\": {\"Regex\": \"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p"
		  "{N}]?\\\\p{L}+|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|"
		  "\\\\s+(?!\\\\S)|\\\\s+\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"Byte"
		  "Level\", \"use_regex\": false}]}}" },
		{ "dbrx",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
		  "\"Split\", \"pattern\": {\"Regex\": \"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[d"
		  "D])|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r"
		  "\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}, \"behavior\": \"Isolated\", \"invert"
		  "\": false}, {\"type\": \"ByteLevel\", \"use_regex\": false}]}}" },
		{ "stablelm2",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
		  "\"Split\", \"pattern\": {\"Regex\": \"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p"
		  "{N}]?\\\\p{L}+|\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+("
		  "?!\\\\S)|\\\\s+\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\""
		  ", \"use_regex\": false}]}}" },
		{ "gpt-4o",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
		  "\"Split\", \"pattern\": {\"Regex\": \"[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?[\\\\p{Lu}\\\\p{Lt}\\\\p"
		  "{Lm}\\\\p{Lo}\\\\p{M}]*[\\\\p{Ll}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|["
		  "^\\\\r\\\\n\\\\p{L}\\\\p{N}]?[\\\\p{Lu}\\\\p{Lt}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]+[\\\\p{Ll}\\\\p{"
		  "Lm}\\\\p{Lo}\\\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]"
		  "+[\\\\r\\\\n/]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}, \"behavior\": \"Removed\", \""
		  "invert\": true}, {\"type\": \"ByteLevel\", \"use_regex\": false}]}}" },
		{ "tekken",
		  "{\"model\": {\"ignore_merges\": true}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretoke"
		  "nizers\": [{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?["
		  "\\\\p{Lu}\\\\p{Lt}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]*[\\\\p{Ll}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]+|[^\\\\r"
		  "\\\\n\\\\p{L}\\\\p{N}]?[\\\\p{Lu}\\\\p{Lt}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]+[\\\\p{Ll}\\\\p{Lm}"
		  "\\\\p{Lo}\\\\p{M}]*|\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n/]*|\\\\s*[\\\\r\\\\n]+|"
		  "\\\\s+(?!\\\\S)|\\\\s+\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"Byte"
		  "Level\", \"use_regex\": false}]}}" },
		{ "kimi-k2",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": "
		  "{\"Regex\": \"[\\\\p{Han}]+|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?[\\\\p{Lu}\\\\p{Lt}\\\\p{Lm}\\\\p{Lo}\\\\p{M}&&[^\\\\p{Han}]]*"
		  "[\\\\p{Ll}\\\\p{Lm}\\\\p{Lo}\\\\p{M}&&[^\\\\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?"
		  "[\\\\p{Lu}\\\\p{Lt}\\\\p{Lm}\\\\p{Lo}\\\\p{M}&&[^\\\\p{Han}]]+[\\\\p{Ll}\\\\p{Lm}\\\\p{Lo}\\\\p{M}&&[^\\\\p{Han}]]*"
		  "(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)"
		  "|\\\\s+\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\", \"use_regex\": false}]}}" },
		{ "tiny_aya",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
		  "\"Split\", \"pattern\": {\"Regex\": \"\\\\d{1,3}(?=(?:\\\\d{3})*\\\\b)\"}, \"behavior\": \"I"
		  "solated\", \"invert\": false}, {\"type\": \"Split\", \"pattern\": {\"Regex\": \"[^\\\\r\\\\n"
		  "\\\\p{L}\\\\p{N}]?[\\\\p{Lu}\\\\p{Lt}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]*[\\\\p{Ll}\\\\p{Lm}\\\\p{Lo"
		  "}\\\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?[\\\\p{Lu}\\\\p{Lt}"
		  "\\\\p{Lm}\\\\p{Lo}\\\\p{M}]+[\\\\p{Ll}\\\\p{Lm}\\\\p{Lo}\\\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'"
		  "d)?|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n/]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!"
		  "\\\\S)|\\\\s+\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\", "
		  "\"use_regex\": false}]}}" },
		{ "falcon",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
		  "\"Punctuation\", \"behavior\": \"Contiguous\"}, {\"type\": \"ByteLevel\", \"use_regex\": tru"
		  "e}, {\"type\": \"Digits\", \"individual_digits\": false}, {\"type\": \"Split\", \"pattern\":"
		  " {\"Regex\": \"[0-9][0-9][0-9]\"}, \"behavior\": \"Isolated\", \"invert\": false}]}}" },
		{ "deepseek-coder",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
		  "\"Split\", \"pattern\": {\"Regex\": \"[\\r\\n]\"}, \"behavior\": \"Isolated\", \"invert\": f"
		  "alse}, {\"type\": \"Split\", \"pattern\": {\"Regex\": \"\\\\s?\\\\p{L}+\"}, \"behavior\": \""
		  "Isolated\", \"invert\": false}, {\"type\": \"Split\", \"pattern\": {\"Regex\": \"\\\\s?\\\\p"
		  "{P}+\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"Split\", \"pattern\": "
		  "{\"Regex\": \"[一-龥ࠀ-一가-퟿]+\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \""
		  "Digits\", \"individual_digits\": true}, {\"type\": \"ByteLevel\", \"use_regex\": false}]}}" },
		{ "deepseek-v3",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
		  "\"Split\", \"pattern\": {\"Regex\": \"\\\\p{N}{1,3}\"}, \"behavior\": \"Isolated\", \"invert"
		  "\": false}, {\"type\": \"Split\", \"pattern\": {\"Regex\": \"[一-龥぀-ゟ゠-ヿ]+\"}, \"behavior\": "
		  "\"Isolated\", \"invert\": false}, {\"type\": \"Split\", \"pattern\": {\"Regex\": \"[!\\\"#$%"
		  "&'()*+,\\\\-./:;<=>?@\\\\[\\\\\\\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\\\p{L}\\\\p{P}\\\\p{S}]?["
		  "\\\\p{L}\\\\p{M}]+| ?[\\\\p{P}\\\\p{S}]+[\\r\\n]*|\\\\s*[\\r\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"},"
		  " \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\", \"use_regex\": fa"
		  "lse}]}}" },
		{ "bloom",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
		  "\"Split\", \"pattern\": {\"Regex\": \" ?[^(\\\\s|.,!?…。，、।۔،)]+\"}, \"behavior\": \"Isolated"
		  "\", \"invert\": false}, {\"type\": \"ByteLevel\", \"use_regex\": false}]}}" },
		{ "seed-coder",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
		  "\"Split\", \"pattern\": {\"Regex\": \"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\\\p{L}\\\\p{N}]"
		  "?\\\\p{L}+|\\\\p{N}{1}| ?[^\\\\s\\\\p{L}\\\\p{N}\\r\\n]+|\\\\s*[\\r\\n]+|\\\\s+(?!\\\\S)|"
		  "\\\\s+\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\", \"use_r"
		  "egex\": false}]}}" },
		{ "bailingmoe",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
		  "\"Split\", \"pattern\": {\"Regex\": \"'(?i:[sdmt]|ll|ve|re)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?+"
		  "\\\\p{L}+|\\\\p{N}| ?[^\\\\s\\\\p{L}\\\\p{N}]++[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]|\\\\s+(?!"
		  "\\\\S)|\\\\s+\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"ByteLevel\", "
		  "\"use_regex\": false}]}}" },
		{ "minicpm5",
		  "{\"model\": {\"ignore_merges\": true}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretoke"
		  "nizers\": [{\"type\": \"Split\", \"pattern\": {\"Regex\": \"\\\\p{N}{1,3}\"}, \"behavior\": "
		  "\"Isolated\", \"invert\": false}, {\"type\": \"Split\", \"pattern\": {\"Regex\": \"(?i:'s|'t"
		  "|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}+| ?[^\\\\s\\\\p{L}\\\\p"
		  "{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+\"}, \"behavior\": \"Isolated\""
		  ", \"invert\": false}, {\"type\": \"ByteLevel\", \"use_regex\": false}]}}" },
		{ "chameleon",
		  "{\"model\": {}, \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
		  "\"Split\", \"pattern\": {\"Regex\": \"<sentinel:[0-9]+>\"}, \"behavior\": \"Isolated\", \"in"
		  "vert\": false}, {\"type\": \"Split\", \"pattern\": {\"Regex\": \"(IMGIMG)((A|B|C|D|E|F|G|H|I"
		  "){1,4})Z\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\"type\": \"Split\", \"pattern"
		  "\": {\"Regex\": \"([\\t\\n]|    |  )\"}, \"behavior\": \"Isolated\", \"invert\": false}, {\""
		  "type\": \"Digits\", \"individual_digits\": true}, {\"type\": \"Punctuation\", \"behavior\": "
		  "\"Isolated\"}, {\"type\": \"ByteLevel\", \"use_regex\": true}]}}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fmt_err err = { 0 };
		struct json_doc *doc = json_parse(rows[i].json, strlen(rows[i].json), &err);
		struct fmt_str name;

		assert_non_null(doc);
		name = tok_pre_name(json_root(doc), &err);
		if (err.code || !fmt_str_is(name, rows[i].name))
			fail_msg("%s: '%.*s' %s", rows[i].name, (int)name.n, name.p, err.msg);
		json_free(doc);
	}
}

/* What parts text otherwise has no name, and the error shows it. */
static void unknown_pre_tokenizers_are_shown(void **state)
{
	static const struct {
		const char *json, *words;
	} rows[] = {
		{ "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"x+\\\\s\"}}", "--pre NAME (llama-bpe, gpt-2, qwen2 ...): x+\\s" },
		{ "{\"type\": \"Split\", \"pattern\": {\"String\": \"x\"}}", "): the text x" },
		{ "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"\\\\p{N}\"}, \"behavior\": \"MergedWithNext\"}", "): not isolated: \\p{N}" },
		{ "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"\\\\p{N}\"}, \"behavior\": \"Removed\"}", "): not isolated: \\p{N}" },
		{ "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Digits\"}, {\"type\": \"Odd\"}]}", "): \\p{N}+  then  Odd" },
		{ "null", "): none" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fmt_err err = { 0 };
		char text[400];
		struct json_doc *doc;

		snprintf(text, sizeof text, "{\"pre_tokenizer\": %s}", rows[i].json);
		doc = json_parse(text, strlen(text), &err);
		assert_non_null(doc);
		tok_pre_name(json_root(doc), &err);
		assert_int_equal(err.code, FMT_UNSUPPORTED);
		if (!strstr(err.msg, rows[i].words))
			fail_msg("%s", err.msg);
		json_free(doc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pre_tokenizers_have_names),
		cmocka_unit_test(unknown_pre_tokenizers_are_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
