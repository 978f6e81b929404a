/* The steps of tokenizer.json: each component by its type, a Sequence as its members in order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/letters.h>

#include "tok_charsmap.h"
#include "tok_json.h"
#include "unicode.h"

/* Sequences within sequences: nothing in use has more than two. */
#define MAX_DEPTH 8

static bool unknown(const char *what, struct fmt_str type, struct fmt_err *err)
{
	return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "%s of type '%.*s'", what, type.n > 60 ? 60 : (int)type.n,
	                type.p);
}

/* Calls read for the component, or for each of a Sequence, whose members are listed under `key`. */
typedef bool read_fn(struct infer_tokenizer *t, const struct json *j, struct fmt_str type, struct fmt_err *err);

static bool each(struct infer_tokenizer *t, const struct json *j, const char *key, int depth, read_fn *read,
                 struct fmt_err *err)
{
	struct fmt_str type = { 0 };

	if (json_type(j) == JSON_NULL)
		return true;
	if (!json_is(j, JSON_OBJECT) || !tok_json_text(j, "type", &type, err) || !type.p)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "a component in place of '%s' without a type", key);
	if (!fmt_str_is(type, "Sequence"))
		return read(t, j, type, err);
	if (depth == MAX_DEPTH)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "sequences within sequences, more than %d deep", MAX_DEPTH);
	for (j = json_first(json_get(j, key)); j; j = json_next(j))
		if (!each(t, j, key, depth + 1, read, err))
			return false;
	return true;
}

/* {"String": "..."} or {"Regex": "..."}; old files have the string alone. */
static bool read_pattern(const struct json *j, struct tok_pattern *p, struct fmt_err *err)
{
	const struct json *regex = json_get(j, "Regex"), *string = json_is(j, JSON_STRING) ? j : json_get(j, "String");

	if (json_is(regex, JSON_STRING))
		return tok_pattern_regex(p, json_str(regex), err);
	if (json_is(string, JSON_STRING))
		return tok_pattern_literal(p, json_str(string), err);
	return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "a pattern that is neither String nor Regex");
}

/* Text of a member into a step. */
static bool copy_text(const struct json *j, const char *key, struct tok_bytes *to, struct fmt_err *err)
{
	struct fmt_str s = { 0 };

	return tok_json_text(j, key, &s, err) && tok_bytes_put(to, s.p, s.n, err);
}

static bool bert_norm(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err)
{
	bool clean = true, cjk = true, lower = true, strip;

	if (!tok_json_flag(j, "clean_text", &clean, err) || !tok_json_flag(j, "handle_chinese_chars", &cjk, err) ||
	    !tok_json_flag(j, "lowercase", &lower, err))
		return false;
	strip = lower; /* null: as lowercase */
	return tok_json_flag(j, "strip_accents", &strip, err) && (!clean || tok_new_norm(t, TOK_NORM_CLEAN, err)) &&
	       (!cjk || tok_new_norm(t, TOK_NORM_CJK, err)) &&
	       (!strip || (tok_new_norm(t, TOK_NORM_NFD, err) && tok_new_norm(t, TOK_NORM_BERT_ACCENTS, err))) &&
	       (!lower || tok_new_norm(t, TOK_NORM_LOWERCASE, err));
}

static bool charsmap_norm(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err)
{
	struct fmt_str base64 = { 0 };
	struct tok_norm *s;
	uint8_t *data;
	size_t n;

	if (!tok_json_text(j, "precompiled_charsmap", &base64, err))
		return false;
	if (!base64.n)
		return true;
	s = tok_new_norm(t, TOK_NORM_CHARSMAP, err);
	data = malloc(base64.n / 4 * 3 + 3);
	if (!data)
		return fmt_fail_nomem(err, base64.n);
	n = fmt_base64_decode(base64, data);
	if (n == SIZE_MAX)
		fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "precompiled_charsmap is not base64");
	else if (s)
		s->charsmap = tok_charsmap_create(data, n, err);
	free(data);
	return s && s->charsmap;
}

static bool read_norm(struct infer_tokenizer *t, const struct json *j, struct fmt_str type, struct fmt_err *err)
{
	static const struct {
		const char *name;
		enum tok_norm_kind kind;
	} plain[] = {
		{ "NFC", TOK_NORM_NFC },
		{ "NFD", TOK_NORM_NFD },
		{ "NFKC", TOK_NORM_NFKC },
		{ "NFKD", TOK_NORM_NFKD },
		{ "Lowercase", TOK_NORM_LOWERCASE },
		{ "StripAccents", TOK_NORM_STRIP_ACCENTS },
		{ "ByteLevel", TOK_NORM_BYTES },
		{ "Nmt", TOK_NORM_NMT },
	};
	struct tok_norm *s;

	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (fmt_str_is(type, plain[i].name))
			return tok_new_norm(t, plain[i].kind, err);
	if (fmt_str_is(type, "BertNormalizer"))
		return bert_norm(t, j, err);
	if (fmt_str_is(type, "Precompiled"))
		return charsmap_norm(t, j, err);
	if (fmt_str_is(type, "Replace")) {
		s = tok_new_norm(t, TOK_NORM_REPLACE, err);
		return s && read_pattern(json_get(j, "pattern"), &s->pattern, err) && copy_text(j, "content", &s->text, err);
	}
	if (fmt_str_is(type, "Prepend")) {
		s = tok_new_norm(t, TOK_NORM_PREPEND, err);
		return s && copy_text(j, "prepend", &s->text, err);
	}
	if (fmt_str_is(type, "Strip")) {
		s = tok_new_norm(t, TOK_NORM_STRIP, err);
		return s && tok_json_flag(j, "strip_left", &s->left, err) && tok_json_flag(j, "strip_right", &s->right, err);
	}
	return unknown("a normalizer", type, err);
}

bool tok_json_norms(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err)
{
	return each(t, j, "normalizers", 0, read_norm, err);
}

static bool read_behavior(const struct json *j, enum tok_behavior *out, struct fmt_err *err)
{
	static const char *const names[] = {
		[TOK_REMOVED] = "Removed",
		[TOK_ISOLATED] = "Isolated",
		[TOK_MERGED_PREVIOUS] = "MergedWithPrevious",
		[TOK_MERGED_NEXT] = "MergedWithNext",
		[TOK_CONTIGUOUS] = "Contiguous",
	};
	struct fmt_str s = { 0 };

	if (!tok_json_text(j, "behavior", &s, err))
		return false;
	for (size_t i = 0; s.p && i < sizeof names / sizeof *names; i++) {
		if (fmt_str_is(s, names[i])) {
			*out = (enum tok_behavior)i;
			return true;
		}
	}
	return !s.p || unknown("a split", s, err);
}

static bool is_digit(uint32_t code)
{
	return uni_is(code, UNI_SET_N);
}

static bool is_ascii_punctuation(uint32_t c)
{
	return (c >= 0x21 && c <= 0x2f) || (c >= 0x3a && c <= 0x40) || (c >= 0x5b && c <= 0x60) || (c >= 0x7b && c <= 0x7e);
}

static bool is_punctuation(uint32_t code)
{
	return is_ascii_punctuation(code) || uni_was(code, UNI_SET_P, &uni_old_punctuation);
}

static bool split_class(struct infer_tokenizer *t, bool (*is)(uint32_t), enum tok_behavior behavior, struct fmt_err *err)
{
	struct tok_split *s = tok_new_split(t, TOK_SPLIT_CLASS, err);

	if (s) {
		s->is = is;
		s->behavior = behavior;
	}
	return s;
}

/* The splits of GPT-2, which ByteLevel makes unless told otherwise. */
static const char gpt2[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static bool split_bytes(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err)
{
	bool space = true, regex = true;
	struct tok_split *s;

	if (!tok_json_flag(j, "add_prefix_space", &space, err) || !tok_json_flag(j, "use_regex", &regex, err))
		return false;
	if (space) {
		s = tok_new_split(t, TOK_SPLIT_SPACE, err);
		if (!s)
			return false;
	}
	if (regex) {
		s = tok_new_split(t, TOK_SPLIT_PATTERN, err);
		if (!s || !tok_pattern_regex(&s->pattern, FMT_STR(gpt2), err))
			return false;
	}
	return tok_new_split(t, TOK_SPLIT_BYTES, err);
}

/* The scheme of Metaspace, or of a file that has only add_prefix_space. */
static bool read_scheme(const struct json *j, enum tok_prepend *out, struct fmt_err *err)
{
	struct fmt_str scheme = { 0 };
	bool prefix = true;

	if (!tok_json_text(j, "prepend_scheme", &scheme, err) || !tok_json_flag(j, "add_prefix_space", &prefix, err))
		return false;
	if (!scheme.p)
		*out = prefix ? TOK_PREPEND_ALWAYS : TOK_PREPEND_NEVER;
	else if (fmt_str_is(scheme, "always"))
		*out = TOK_PREPEND_ALWAYS;
	else if (fmt_str_is(scheme, "first"))
		*out = TOK_PREPEND_FIRST;
	else if (fmt_str_is(scheme, "never"))
		*out = TOK_PREPEND_NEVER;
	else
		return unknown("a prepend_scheme", scheme, err);
	return true;
}

static bool read_meta(const struct json *j, struct tok_bytes *to, struct fmt_err *err)
{
	struct fmt_str meta = FMT_STR("\xe2\x96\x81");

	return tok_json_text(j, "replacement", &meta, err) && tok_bytes_put(to, meta.p, meta.n, err);
}

static bool split_meta(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err)
{
	struct tok_split *s = tok_new_split(t, TOK_SPLIT_META, err);

	if (!s)
		return false;
	s->split = true;
	return read_meta(j, &s->text, err) && read_scheme(j, &s->prepend, err) && tok_json_flag(j, "split", &s->split, err);
}

static bool split_pattern(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err)
{
	struct tok_split *s = tok_new_split(t, TOK_SPLIT_PATTERN, err);

	return s && read_pattern(json_get(j, "pattern"), &s->pattern, err) && read_behavior(j, &s->behavior, err) &&
	       tok_json_flag(j, "invert", &s->invert, err);
}

/* Whitespace's words are not those of expressions: joiners belong to them, superscripts and fractions do not. */
#define NO_WORD "[\xc2\xb2\xc2\xb3\xc2\xb9\xc2\xbc-\xc2\xbe]"
#define JOINERS "\\x{200C}\\x{200D}"

static bool split_words(struct infer_tokenizer *t, struct fmt_err *err)
{
	struct tok_split *s = tok_new_split(t, TOK_SPLIT_PATTERN, err);

	if (!s)
		return false;
	s->behavior = TOK_REMOVED;
	s->invert = true;
	return tok_pattern_regex(&s->pattern, FMT_STR("(?:(?!" NO_WORD ")[\\w" JOINERS "])+|(?:" NO_WORD "|[^\\w\\s" JOINERS "])+"),
	                         err);
}

/* FixedLength: so many characters at a time. */
static bool split_length(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err)
{
	struct tok_split *s = tok_new_split(t, TOK_SPLIT_PATTERN, err);
	const struct json *length = json_get(j, "length");
	uint64_t n = 5;
	char pattern[32];

	if (s && length && (!json_u64(length, &n) || !n || n > UINT16_MAX))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "a FixedLength whose length is not 1 to %u", UINT16_MAX);
	snprintf(pattern, sizeof pattern, "(?s:.{%u})", (unsigned)n);
	if (s)
		s->behavior = TOK_ISOLATED;
	return s && tok_pattern_regex(&s->pattern, (struct fmt_str){ pattern, strlen(pattern) }, err);
}

static bool read_split(struct infer_tokenizer *t, const struct json *j, struct fmt_str type, struct fmt_err *err)
{
	enum tok_behavior behavior = TOK_ISOLATED;
	struct fmt_str delimiter = { 0 };
	struct tok_split *s;
	bool individual = false;

	if (fmt_str_is(type, "ByteLevel"))
		return split_bytes(t, j, err);
	if (fmt_str_is(type, "Metaspace"))
		return split_meta(t, j, err);
	if (fmt_str_is(type, "Split"))
		return split_pattern(t, j, err);
	if (fmt_str_is(type, "Digits"))
		return tok_json_flag(j, "individual_digits", &individual, err) &&
		       split_class(t, is_digit, individual ? TOK_ISOLATED : TOK_CONTIGUOUS, err);
	if (fmt_str_is(type, "Punctuation"))
		return read_behavior(j, &behavior, err) && split_class(t, is_punctuation, behavior, err);
	if (fmt_str_is(type, "Whitespace"))
		return split_words(t, err);
	if (fmt_str_is(type, "WhitespaceSplit"))
		return split_class(t, uni_is_space, TOK_REMOVED, err);
	if (fmt_str_is(type, "BertPreTokenizer"))
		return split_class(t, uni_is_space, TOK_REMOVED, err) && split_class(t, is_punctuation, TOK_ISOLATED, err);
	if (fmt_str_is(type, "FixedLength"))
		return split_length(t, j, err);
	if (fmt_str_is(type, "UnicodeScripts"))
		return tok_new_split(t, TOK_SPLIT_SCRIPT, err);
	if (fmt_str_is(type, "CharDelimiterSplit")) {
		s = tok_new_split(t, TOK_SPLIT_PATTERN, err);
		if (!s || !tok_json_text(j, "delimiter", &delimiter, err))
			return false;
		s->behavior = TOK_REMOVED;
		return tok_pattern_literal(&s->pattern, delimiter, err);
	}
	return unknown("a pre_tokenizer", type, err);
}

bool tok_json_splits(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err)
{
	return each(t, j, "pretokenizers", 0, read_split, err);
}

static bool read_decoder(struct infer_tokenizer *t, const struct json *j, struct fmt_str type, struct fmt_err *err)
{
	enum tok_prepend scheme = TOK_PREPEND_ALWAYS;
	struct tok_decode *s;

	if (fmt_str_is(type, "ByteLevel"))
		return tok_new_decode(t, TOK_DECODE_BYTES, err);
	if (fmt_str_is(type, "ByteFallback"))
		return tok_new_decode(t, TOK_DECODE_FALLBACK, err);
	if (fmt_str_is(type, "Fuse"))
		return tok_new_decode(t, TOK_DECODE_FUSE, err);
	if (fmt_str_is(type, "Replace")) {
		s = tok_new_decode(t, TOK_DECODE_REPLACE, err);
		return s && read_pattern(json_get(j, "pattern"), &s->pattern, err) && copy_text(j, "content", &s->text, err);
	}
	if (fmt_str_is(type, "Strip")) {
		s = tok_new_decode(t, TOK_DECODE_STRIP, err);
		if (s && (!json_u64(json_get(j, "start"), &s->start) || !json_u64(json_get(j, "stop"), &s->stop)))
			return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "a Strip decoder without start and stop");
		return s && copy_text(j, "content", &s->text, err);
	}
	if (fmt_str_is(type, "Metaspace")) {
		s = tok_new_decode(t, TOK_DECODE_META, err);
		if (!s || !read_meta(j, &s->text, err) || !read_scheme(j, &scheme, err))
			return false;
		s->first = scheme != TOK_PREPEND_NEVER;
		return true;
	}
	if (fmt_str_is(type, "WordPiece")) {
		s = tok_new_decode(t, TOK_DECODE_WORDPIECE, err);
		return s && copy_text(j, "prefix", &s->text, err) && tok_json_flag(j, "cleanup", &s->first, err);
	}
	if (fmt_str_is(type, "BPEDecoder")) {
		s = tok_new_decode(t, TOK_DECODE_SUFFIX, err);
		return s && copy_text(j, "suffix", &s->text, err);
	}
	if (fmt_str_is(type, "CTC")) {
		s = tok_new_decode(t, TOK_DECODE_CTC, err);
		if (s)
			s->first = true;
		return s && copy_text(j, "pad_token", &s->text, err) &&
		       copy_text(j, "word_delimiter_token", &s->pattern.literal, err) && tok_json_flag(j, "cleanup", &s->first, err);
	}
	return unknown("a decoder", type, err);
}

bool tok_json_decoder(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err)
{
	t->join_spaces = json_type(j) == JSON_NULL;
	return each(t, j, "decoders", 0, read_decoder, err);
}

static bool template_id(const struct infer_tokenizer *t, const struct json *j, int64_t *id)
{
	return json_i64(j, id) && *id >= 0 && (uint64_t)*id < t->n_entries && t->entries[*id].text.p;
}

static bool put_front(struct infer_tokenizer *t, size_t before, int32_t id, struct fmt_err *err)
{
	if (!tok_put_id(&t->prefix, &t->n_prefix, &t->cap_prefix, id, err))
		return false;
	memmove(t->prefix + before + 1, t->prefix + before, (t->n_prefix - 1 - before) * sizeof *t->prefix);
	t->prefix[before] = id;
	return true;
}

/* TemplateProcessing for one text: special tokens around $A. A later processor's go around an earlier one's. */
static bool read_template(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err)
{
	const struct json *tokens = json_get(j, "special_tokens");
	size_t n_front = 0, n_texts = 0;

	for (const struct json *p = json_first(json_get(j, "single")); p; p = json_next(p)) {
		const struct json *special = json_get(p, "SpecialToken"), *ids;
		struct fmt_str name = json_str(json_get(special, "id"));
		char key[256];
		int64_t id;

		if (json_get(p, "Sequence")) {
			n_texts++;
			continue;
		}
		if (!name.p || name.n >= sizeof key || memchr(name.p, '\0', name.n))
			return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "a template with a piece of an unknown kind");
		memcpy(key, name.p, name.n);
		key[name.n] = '\0';
		ids = json_get(json_get(tokens, key), "ids");
		for (const struct json *i = json_first(ids); i; i = json_next(i)) {
			if (!template_id(t, i, &id))
				return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "the template's token '%s' is not in the vocabulary", key);
			if (!(n_texts ? tok_put_id(&t->suffix, &t->n_suffix, &t->cap_suffix, (int32_t)id, err)
			              : put_front(t, n_front++, (int32_t)id, err)))
				return false;
		}
		if (!json_first(ids))
			return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "the template's token '%s' is not described", key);
	}
	return n_texts == 1 || fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "a template with %zu texts", n_texts);
}

/* BertProcessing and RobertaProcessing: {"cls": [text, id], "sep": [text, id]}. */
static bool read_pair(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err)
{
	int64_t cls, sep;

	if (!template_id(t, json_next(json_first(json_get(j, "cls"))), &cls) ||
	    !template_id(t, json_next(json_first(json_get(j, "sep"))), &sep))
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "the post_processor's cls and sep are not in the vocabulary");
	return put_front(t, 0, (int32_t)cls, err) && tok_put_id(&t->suffix, &t->n_suffix, &t->cap_suffix, (int32_t)sep, err);
}

static bool read_post(struct infer_tokenizer *t, const struct json *j, struct fmt_str type, struct fmt_err *err)
{
	if (fmt_str_is(type, "ByteLevel")) /* touches offsets only */
		return true;
	if (fmt_str_is(type, "TemplateProcessing"))
		return read_template(t, j, err);
	if (fmt_str_is(type, "BertProcessing") || fmt_str_is(type, "RobertaProcessing"))
		return read_pair(t, j, err);
	return unknown("a post_processor", type, err);
}

bool tok_json_post(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err)
{
	return each(t, j, "processors", 0, read_post, err);
}
