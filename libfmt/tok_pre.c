/* tokenizer.ggml.pre, found by what tokenizer.json says, not by trying it out.
 *
 * The pre-tokenizer is flattened to a list of expressions, each brought to one spelling, and compared with those of the
 * names (<libfmt/pre.h>). Names with one split are told apart by ignore_merges and the normalizer. */
#include <stdio.h>
#include <string.h>

#include <libfmt/pre.h>

#include "tok_keys.h"

/* Steps joined by line feeds. A tokenizer in use has at most five, of a few hundred bytes. */
struct steps {
	char text[4096];
	size_t n;
	bool too_long;
};

/* 1: must be, 0: must not be, ANY: either */
#define ANY (-1)

/* The names that are given, each for all that cut alike. */
static const struct {
	const char *name;
	int ignore_merges, nfc;
} known[] = {
	{ "gpt-2", ANY, ANY },
	{ "smollm", ANY, ANY },
	{ "llama-bpe", 1, ANY },
	{ "dbrx", 0, ANY },
	{ "qwen2", ANY, 1 },
	{ "stablelm2", ANY, ANY },
	{ "qwen35", ANY, ANY },
	{ "gpt-4o", 0, ANY },
	{ "granite-embed-multi-97m", 1, ANY },
	{ "tekken", ANY, ANY },
	{ "deepseek-v3", ANY, ANY },
	{ "deepseek-coder", ANY, ANY },
	{ "deepseek-llm", ANY, ANY },
	{ "falcon", ANY, ANY },
	{ "bloom", ANY, ANY },
	{ "viking", ANY, ANY },
	{ "tiny_aya", ANY, ANY },
	{ "superbpe", ANY, ANY },
	{ "youtu", ANY, ANY },
	{ "minicpm5", ANY, ANY },
	{ "laguna", ANY, ANY },
	{ "seed-coder", ANY, ANY },
	{ "bailingmoe", ANY, ANY },
	{ "exaone-moe", ANY, ANY },
	{ "jais-2", ANY, ANY },
	{ "chameleon", ANY, ANY },
	{ "spark2_5", ANY, ANY },
	{ "afmoe", ANY, ANY },
	{ "ufakzeka", ANY, ANY },
	{ "kimi-k2", ANY, ANY },
};

#define PUNCTUATION_RUNS "[\\p{P}\\$\\+<=>\\^~\\|`]+"
#define PUNCTUATION      "[\\p{P}!-/:-@\\[-`{-~]"

#define BLOOM_WORDS " ?[^(\\s|[.,!?\xe2\x80\xa6\xe3\x80\x82\xef\xbc\x8c\xe3\x80\x81\xe0\xa5\xa4\xdb\x94\xd8\x8c])]+"

#define SHORT "(?i:'s|'t|'re|'ve|'m|'ll|'d)"

/* What a tokenizer.json may have instead of its name's steps: one more, which parts only what the one before it has parted;
 * classes of classes, which the table of names does without. */
static const struct {
	const char *name, *steps[5];
} forms[] = {
	{ "falcon", { PUNCTUATION_RUNS, NULL, "\\p{N}+", "[0-9][0-9][0-9]", "" } }, /* NULL: GPT-2's */
	{ "kimi-k2", { "[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]*"
	               "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]+" SHORT "?|[^\\r\\n\\p{L}\\p{N}]?"
	               "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]*" SHORT "?"
	               "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)", "" } },
	{ "bloom", { BLOOM_WORDS, "" } },
	{ "viking", { BLOOM_WORDS, "\\p{N}", "" } },
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
	{ "\r", "\\r" },
	{ "\n", "\\n" },
	{ "\t", "\\t" },
};

/* What cuts alike, though it is written otherwise, and has names of its own: tried where no name is spelled so. What follows a
 * possessive quantifier here cannot be what it has taken, and \\s* takes all line feeds but the last. */
static const struct {
	const char *from, *to;
} alike[] = {
	{ "\\p{N}]?+\\p{L}+", "\\p{N}]?\\p{L}+" },
	{ "\\p{N}]++[\\r\\n]*", "\\p{N}]+[\\r\\n]*" },
	{ "|\\s*[\\r\\n]+|", "|\\s*[\\r\\n]|" },
	{ "\\p{N}{1}|", "\\p{N}|" },
};

/* A final "|\\s+" is left off: what it matches stays a piece anyway. */
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

/* The steps that a name stands for. */
static void append_named(struct steps *s, const char *name)
{
	const struct fmt_pre *pre = fmt_pre_find((struct fmt_str){ name, strlen(name) });

	for (const char *const *p = pre->patterns; *p; p++)
		append_expression(s, (struct fmt_str){ *p, strlen(*p) });
}

/* A step that parts text otherwise than by making each match a piece, or that is no expression: as no name has it. */
static void append_odd(struct steps *s, const char *what, struct fmt_str text)
{
	append_step(s, what, strlen(what));
	append(s, " ", 1);
	append(s, text.n ? text.p : "", text.n);
}

/* Matches become pieces, or, inverted, what is removed between them: the same where the expression matches all of a text. */
static void flatten_split(struct steps *s, const struct json *step)
{
	struct fmt_str behavior = json_str(json_get(step, "behavior")), text = json_str(json_get(json_get(step, "pattern"), "String"));
	struct fmt_str regex = json_str(json_get(json_get(step, "pattern"), "Regex"));
	bool invert = false;

	json_bool(json_get(step, "invert"), &invert);
	if (!regex.p)
		append_odd(s, "the text", text);
	else if (!behavior.p || fmt_str_is(behavior, "Isolated") || (invert && fmt_str_is(behavior, "Removed")))
		append_expression(s, regex);
	else
		append_odd(s, "not isolated:", regex);
}

/* One step of a pre-tokenizer. Steps that split nothing add nothing; unknown ones add their name, which no row has. */
static void flatten(struct steps *s, const struct json *step, unsigned depth)
{
	struct fmt_str type = json_str(json_get(step, "type")), behavior = json_str(json_get(step, "behavior"));
	bool flag = true;

	if (fmt_str_is(type, "Sequence") && depth < 8) {
		for (const struct json *j = json_first(json_get(step, "pretokenizers")); j; j = json_next(j))
			flatten(s, j, depth + 1);
	} else if (fmt_str_is(type, "ByteLevel")) {
		json_bool(json_get(step, "use_regex"), &flag);
		if (flag)
			append_named(s, "gpt-2");
	} else if (fmt_str_is(type, "Digits")) {
		flag = false;
		json_bool(json_get(step, "individual_digits"), &flag);
		append_step(s, flag ? "\\p{N}" : "\\p{N}+", flag ? 5 : 6);
	} else if (fmt_str_is(type, "Punctuation") && fmt_str_is(behavior, "Contiguous")) {
		append_step(s, PUNCTUATION_RUNS, strlen(PUNCTUATION_RUNS));
	} else if (fmt_str_is(type, "Punctuation") && (!behavior.p || fmt_str_is(behavior, "Isolated"))) {
		append_step(s, PUNCTUATION, strlen(PUNCTUATION));
	} else if (fmt_str_is(type, "Split")) {
		flatten_split(s, step);
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

static void spell_alike(struct steps *s)
{
	for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) {
		size_t n_from = strlen(alike[i].from), n_to = strlen(alike[i].to); /* never longer */

		for (char *p = s->text; (p = strstr(p, alike[i].from)); p += n_to) {
			memcpy(p, alike[i].to, n_to);
			memmove(p + n_to, p + n_from, strlen(p + n_from) + 1);
		}
	}
	s->n = strlen(s->text);
}

/* Whether the steps are those of a name, but for how they are written. */
static bool alike_steps(const struct steps *s, const char *name)
{
	struct steps given = *s, meant = { .n = 0 };

	append_named(&meant, name);
	spell_alike(&given);
	spell_alike(&meant);
	return !strcmp(given.text, meant.text);
}

/* Whether the steps are those of a name, or of another form of it. */
static bool same_steps(const struct steps *s, const char *name)
{
	struct steps meant = { .n = 0 };

	append_named(&meant, name);
	if (!strcmp(s->text, meant.text))
		return true;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (strcmp(forms[i].name, name) != 0)
			continue;
		meant = (struct steps){ .n = 0 };
		for (const char *const *step = forms[i].steps; !*step || **step; step++) {
			if (*step)
				append_step(&meant, *step, strlen(*step));
			else
				append_named(&meant, "gpt-2");
		}
		if (!strcmp(s->text, meant.text))
			return true;
	}
	return false;
}

/* Steps on one line, one behind the other. */
static void show(const struct steps *s, char *out, size_t n)
{
	size_t at = 0;

	for (const char *p = s->text; *p && at + 8 < n; p++)
		at += (size_t)snprintf(out + at, n - at, *p == '\n' ? "  then  " : "%c", *p);
	out[at < n ? at : n - 1] = '\0';
}

struct fmt_str tok_pre_name(const struct json *tokenizer, struct fmt_err *err)
{
	bool ignore_merges = false, nfc = has_nfc(json_get(tokenizer, "normalizer"));
	struct steps s = { .n = 0 };
	char shown[260];

	json_bool(json_get(json_get(tokenizer, "model"), "ignore_merges"), &ignore_merges);
	flatten(&s, json_get(tokenizer, "pre_tokenizer"), 0);
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < sizeof known / sizeof *known && !s.too_long; i++)
			if ((known[i].ignore_merges == ANY || known[i].ignore_merges == ignore_merges) &&
			    (known[i].nfc == ANY || known[i].nfc == nfc) &&
			    (pass ? alike_steps(&s, known[i].name) : same_steps(&s, known[i].name)))
				return (struct fmt_str){ known[i].name, strlen(known[i].name) };
	show(&s, shown, sizeof shown);
	fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tokenizer.json: no name is known for this pre-tokenizer; choose one with "
	         "--pre NAME (llama-bpe, gpt-2, qwen2 ...): %s", shown);
	return (struct fmt_str){ "", 0 };
}
