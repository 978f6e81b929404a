/* tokenizer.ggml.pre, found by what tokenizer.json says, not by trying it out.
 *
 * The pre-tokenizer is flattened to a list of expressions, each brought to one spelling, and looked up. Names with one
 * split are told apart by ignore_merges and the normalizer. Sources: ../shared/facts/tokenizers.md, which has them from
 * llama.cpp's src/llama-vocab.cpp and the tokenizers of the models. */
#include <stdio.h>
#include <string.h>

#include "tok_keys.h"

/* Steps joined by line feeds. A tokenizer in use has at most five, of a few hundred bytes. */
struct steps {
	char text[4096];
	size_t n;
	bool too_long;
};

/* Expressions, with a final "|\s+" left off: what it matches stays a piece anyway. */
#define GPT2       "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)"
#define SHORT      "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define CL(digits) SHORT "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)"
#define UPPER      "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER      "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define O200(digits, suffix)                                                                                           \
	"[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" suffix "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER "*" suffix "|"   \
	digits "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)"

/* 1: must be, 0: must not be, ANY: either */
#define ANY (-1)

static const struct {
	const char *steps;
	int ignore_merges, nfc;
	const char *name;
} known[] = {
	{ GPT2, ANY, ANY, "gpt-2" },
	{ "\\p{N}\n" GPT2, ANY, ANY, "smollm" },
	{ CL("\\p{N}{1,3}"), 1, 0, "llama-bpe" },
	{ CL("\\p{N}{1,3}"), 0, 0, "dbrx" },
	{ CL("\\p{N}"), ANY, 1, "qwen2" },
	{ CL("\\p{N}"), ANY, 0, "stablelm2" },
	{ SHORT "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)",
	  ANY, ANY, "qwen35" },
	{ O200("\\p{N}{1,3}", SHORT "?"), ANY, ANY, "gpt-4o" },
	{ O200("\\p{N}", ""), ANY, ANY, "tekken" },
	{ "\\p{N}{1,3}\n[\xe4\xb8\x80-\xe9\xbe\xa5\xe3\x81\x80-\xe3\x82\x9f\xe3\x82\xa0-\xe3\x83\xbf]+\n"
	  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
	  "| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)", ANY, ANY, "deepseek-v3" },
};

static void append(struct steps *s, const char *p, size_t n)
{
	if (n >= sizeof s->text - s->n) {
		s->too_long = true;
		return;
	}
	memcpy(s->text + s->n, p, n);
	s->n += n;
	s->text[s->n] = 0;
}

static void append_step(struct steps *s, const char *p, size_t n)
{
	if (s->n)
		append(s, "\n", 1);
	append(s, p, n);
}

/* Spellings of one thing, in the order in which they are tried. */
static const struct {
	const char *from, *to;
} spellings[] = {
	{ "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])", SHORT },
	{ "'(?i:[sdmt]|ll|ve|re)", SHORT },
	{ "\\\"", "\"" },
};

static void append_expression(struct steps *s, struct fmt_str e)
{
	static const char *const tails[] = { "|\\s+", "|\\s" };

	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(tails[i]);

		if (e.n > n && !memcmp(e.p + e.n - n, tails[i], n)) {
			e.n -= n;
			break;
		}
	}
	append_step(s, "", 0);
	for (size_t at = 0; at < e.n;) {
		size_t step = 1, i;

		for (i = 0; i < sizeof spellings / sizeof *spellings; i++) {
			size_t n = strlen(spellings[i].from);

			if (e.n - at >= n && !memcmp(e.p + at, spellings[i].from, n)) {
				append(s, spellings[i].to, strlen(spellings[i].to));
				step = n;
				break;
			}
		}
		if (i == sizeof spellings / sizeof *spellings)
			append(s, e.p + at, 1);
		at += step;
	}
}

/* One step of a pre-tokenizer. Steps that split nothing add nothing; unknown ones add their name, which no row has. */
static void flatten(struct steps *s, const struct json *step, unsigned depth)
{
	struct fmt_str type = json_str(json_get(step, "type"));
	bool flag = true;

	if (fmt_str_is(type, "Sequence") && depth < 8) {
		for (const struct json *j = json_first(json_get(step, "pretokenizers")); j; j = json_next(j))
			flatten(s, j, depth + 1);
	} else if (fmt_str_is(type, "ByteLevel")) {
		json_bool(json_get(step, "use_regex"), &flag);
		if (flag)
			append_step(s, GPT2, strlen(GPT2));
	} else if (fmt_str_is(type, "Digits")) {
		flag = false;
		json_bool(json_get(step, "individual_digits"), &flag);
		append_step(s, flag ? "\\p{N}" : "\\p{N}+", flag ? 5 : 6);
	} else if (fmt_str_is(type, "Split") && json_get(json_get(step, "pattern"), "Regex")) {
		append_expression(s, json_str(json_get(json_get(step, "pattern"), "Regex")));
	} else {
		append_step(s, type.n ? type.p : "none", type.n ? type.n : 4);
	}
}

static bool has_nfc(const struct json *normalizer)
{
	if (fmt_str_is(json_str(json_get(normalizer, "type")), "NFC"))
		return true;
	for (const struct json *j = json_first(json_get(normalizer, "normalizers")); j; j = json_next(j))
		if (fmt_str_is(json_str(json_get(j, "type")), "NFC"))
			return true;
	return false;
}

struct fmt_str tok_pre_name(const struct json *tokenizer, struct fmt_err *err)
{
	bool ignore_merges = false, nfc = has_nfc(json_get(tokenizer, "normalizer"));
	struct steps s = { .n = 0 };

	json_bool(json_get(json_get(tokenizer, "model"), "ignore_merges"), &ignore_merges);
	flatten(&s, json_get(tokenizer, "pre_tokenizer"), 0);
	for (size_t i = 0; i < sizeof known / sizeof *known && !s.too_long; i++)
		if (!strcmp(s.text, known[i].steps) && (known[i].ignore_merges == ANY || known[i].ignore_merges == ignore_merges) &&
		    (known[i].nfc == ANY || known[i].nfc == nfc))
			return (struct fmt_str){ known[i].name, strlen(known[i].name) };
	for (char *p = s.text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tokenizer.json: no name is known for this pre-tokenizer; choose one with "
	         "--pre NAME (llama-bpe, gpt-2, qwen2 ...): %.200s", s.text);
	return (struct fmt_str){ "", 0 };
}
