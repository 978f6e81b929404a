/* A tokenizer from tokenizer.json: vocabulary, merges and added tokens. As Hugging Face's library reads it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tok_json.h"

bool tok_json_flag(const struct json *j, const char *key, bool *out, struct fmt_err *err)
{
	const struct json *v = json_get(j, key);

	if (json_type(v) == JSON_NULL || json_bool(v, out))
		return true;
	return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "'%s' is neither true nor false", key);
}

bool tok_json_text(const struct json *j, const char *key, struct fmt_str *out, struct fmt_err *err)
{
	const struct json *v = json_get(j, key);

	if (json_is(v, JSON_STRING))
		*out = json_str(v);
	else if (json_type(v) != JSON_NULL)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "'%s' is not a string", key);
	return true;
}

static int shown(struct fmt_str s)
{
	return s.n > 60 ? 60 : (int)s.n;
}

/* {"text": id, ...} */
static bool read_vocab(struct infer_tokenizer *t, const struct json *vocab, struct fmt_err *err)
{
	uint64_t n = json_count(vocab);

	if (!json_is(vocab, JSON_OBJECT))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "the model's vocab is not an object");
	for (const struct json *j = json_first(vocab); j; j = json_next(j)) {
		struct fmt_str text = json_key(j);
		int64_t id;

		if (!json_i64(j, &id))
			return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "the id of token '%.*s' is not a whole number",
			                shown(text), text.p);
		if (!tok_set(t, id, text, n, err))
			return false;
	}
	return true;
}

/* A score as the reference's JSON reader has it: all digits as one 64-bit number, made a double, divided by a power of
 * ten. That rounds twice where the digits pass 2^53, and the last bit decides between paths of equal worth. The digits
 * are the fewest that give the number, which is how such files are written. */
static double reference_score(double v)
{
	char text[40];
	double sig = 0, power = 1;
	uint64_t digits = 0;
	int exponent, n = 0;

	for (int precision = 14; precision <= 16; precision++) {
		snprintf(text, sizeof text, "%.*e", precision, v);
		if (strtod(text, NULL) == v)
			break;
	}
	for (const char *p = text; *p && *p != 'e'; p++)
		if (*p >= '0' && *p <= '9' && ++n)
			digits = 10 * digits + (uint64_t)(*p - '0');
	if (n < 16 || !strchr(text, 'e'))
		return v;
	exponent = atoi(strchr(text, 'e') + 1) - (n - 1);
	if (exponent < -22 || exponent > 0)
		return v;
	while (exponent++)
		power *= 10; /* exact up to 10^22 */
	sig = (double)digits / power;
	return v < 0 ? -sig : sig;
}

/* [["text", score], ...] */
static bool read_scored_vocab(struct infer_tokenizer *t, const struct json *vocab, struct fmt_err *err)
{
	uint64_t n = json_count(vocab);
	int64_t id = 0;

	if (!json_is(vocab, JSON_ARRAY))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "the model's vocab is not a list");
	for (const struct json *j = json_first(vocab); j; j = json_next(j), id++) {
		const struct json *text = json_is(j, JSON_ARRAY) ? json_first(j) : NULL;
		double score;

		if (!json_is(text, JSON_STRING) || !json_f64(json_next(text), &score))
			return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "entry %lld of vocab is not [text, score]",
			                (long long)id);
		if (!tok_set(t, id, json_str(text), n, err))
			return false;
		t->entries[id].score = reference_score(score);
	}
	return true;
}

/* Two tokens as "a b" or as ["a", "b"]. */
static bool merge_parts(const struct json *j, struct fmt_str *a, struct fmt_str *b)
{
	struct fmt_str s = json_str(j);
	const char *space;

	if (json_is(j, JSON_ARRAY)) {
		*a = json_str(json_first(j));
		*b = json_str(json_next(json_first(j)));
		return a->p && b->p && json_count(j) == 2;
	}
	space = s.p ? memchr(s.p, ' ', s.n) : NULL;
	if (!space || memchr(space + 1, ' ', (size_t)(s.p + s.n - space - 1)))
		return false;
	*a = (struct fmt_str){ s.p, (size_t)(space - s.p) };
	*b = (struct fmt_str){ space + 1, s.n - a->n - 1 };
	return true;
}

static bool missing(struct fmt_str text, uint32_t rank, struct fmt_err *err)
{
	return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "merge %u makes or needs '%.*s', which is not in the vocabulary",
	                rank, shown(text), text.p);
}

/* *last: what the merge before made; merges mostly are in the order of what they make. */
static bool add_merge(struct infer_tokenizer *t, const struct json *j, uint32_t rank, int32_t *last, struct tok_bytes *buf,
                      struct fmt_err *err)
{
	struct tok_merge m = { .rank = rank };
	struct fmt_str a, b;

	if (!merge_parts(j, &a, &b))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "merge %u is not a pair of tokens", rank);
	m.left = tok_find(t, a.p, a.n);
	m.right = tok_find(t, b.p, b.n);
	if (m.left == TOK_NONE || m.right == TOK_NONE)
		return missing(m.left == TOK_NONE ? a : b, rank, err);
	if (b.n < t->continuing.n)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "merge %u: '%.*s' lacks the prefix", rank, shown(b), b.p);
	buf->n = 0;
	if (!tok_bytes_put(buf, a.p, a.n, err) ||
	    !tok_bytes_put(buf, b.p + t->continuing.n, b.n - t->continuing.n, err))
		return false;
	m.id = buf->n ? tok_find_near(t, buf->p, buf->n, *last) : TOK_NONE;
	if (m.id == TOK_NONE)
		return missing((struct fmt_str){ buf->p, buf->n }, rank, err);
	tok_merges_add(&t->merges, m, true);
	*last = m.id;
	return true;
}

static bool read_merges(struct infer_tokenizer *t, const struct json *merges, struct fmt_err *err)
{
	struct tok_bytes buf = { 0 };
	uint64_t n = json_count(merges);
	int32_t last = TOK_NONE;
	uint32_t rank = 0;
	bool ok = true;

	if (!json_is(merges, JSON_ARRAY) || n > UINT32_MAX)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "the model's merges are not a list");
	ok = tok_merges_reserve(&t->merges, n, err);
	for (const struct json *j = json_first(merges); ok && j; j = json_next(j))
		ok = add_merge(t, j, rank++, &last, &buf, err);
	tok_bytes_finish(&buf);
	return ok;
}

static bool find_unk(struct infer_tokenizer *t, const struct json *model, struct fmt_err *err)
{
	struct fmt_str unk = { 0 };

	if (!tok_json_text(model, "unk_token", &unk, err))
		return false;
	if (unk.p && unk.n)
		t->unk = tok_find(t, unk.p, unk.n);
	return true;
}

static bool read_bpe(struct infer_tokenizer *t, const struct json *model, struct fmt_err *err)
{
	struct fmt_str prefix = { 0 }, suffix = { 0 };
	double dropout;

	t->model = TOK_MODEL_BPE;
	if (json_f64(json_get(model, "dropout"), &dropout) && dropout > 0)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "BPE with dropout gives other ids every time");
	if (!tok_json_text(model, "continuing_subword_prefix", &prefix, err) ||
	    !tok_json_text(model, "end_of_word_suffix", &suffix, err) ||
	    !tok_json_flag(model, "ignore_merges", &t->ignore_merges, err) ||
	    !tok_json_flag(model, "byte_fallback", &t->byte_fallback, err) ||
	    !tok_json_flag(model, "fuse_unk", &t->fuse_unk, err) ||
	    !tok_bytes_put(&t->continuing, prefix.p, prefix.n, err) ||
	    !tok_bytes_put(&t->word_end, suffix.p, suffix.n, err))
		return false;
	t->byte_symbols = t->n_splits && t->splits[t->n_splits - 1].kind == TOK_SPLIT_BYTES && !t->byte_fallback &&
	                  !t->continuing.n && !t->word_end.n;
	return read_vocab(t, json_get(model, "vocab"), err) && tok_index_build(t, false, err) &&
	       read_merges(t, json_get(model, "merges"), err) && find_unk(t, model, err);
}

static bool read_unigram(struct infer_tokenizer *t, const struct json *model, struct fmt_err *err)
{
	const struct json *unk = json_get(model, "unk_id");
	int64_t id = TOK_NONE;

	t->model = TOK_MODEL_UNIGRAM;
	if (!read_scored_vocab(t, json_get(model, "vocab"), err) || !tok_index_build(t, false, err) ||
	    !tok_json_flag(model, "byte_fallback", &t->byte_fallback, err))
		return false;
	if (json_type(unk) != JSON_NULL && (!json_i64(unk, &id) || id < 0 || (uint64_t)id >= t->n_entries))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "unk_id is not the id of a token");
	t->unk = (int32_t)id;
	tok_score_unknown(t);
	return true;
}

static bool read_wordpiece(struct infer_tokenizer *t, const struct json *model, bool level, struct fmt_err *err)
{
	struct fmt_str prefix = level ? (struct fmt_str){ 0 } : FMT_STR("##");
	const struct json *max = json_get(model, "max_input_chars_per_word");

	t->model = level ? TOK_MODEL_WORDLEVEL : TOK_MODEL_WORDPIECE;
	t->max_word_chars = 100;
	if (json_type(max) != JSON_NULL && !json_u64(max, &t->max_word_chars))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "max_input_chars_per_word is not a count");
	if (!level && !tok_json_text(model, "continuing_subword_prefix", &prefix, err))
		return false;
	return tok_bytes_put(&t->continuing, prefix.p, prefix.n, err) && read_vocab(t, json_get(model, "vocab"), err) &&
	       tok_index_build(t, false, err) && find_unk(t, model, err);
}

/* Old files do not say the type: it shows in what there is. */
static bool read_model(struct infer_tokenizer *t, const struct json *model, struct fmt_err *err)
{
	struct fmt_str type = { 0 };

	if (!json_is(model, JSON_OBJECT))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "no model");
	if (!tok_json_text(model, "type", &type, err))
		return false;
	if (!type.p)
		type = json_get(model, "merges")                         ? FMT_STR("BPE")
		       : json_is(json_get(model, "vocab"), JSON_ARRAY) ? FMT_STR("Unigram")
		                                                        : FMT_STR("WordPiece");
	if (fmt_str_is(type, "BPE"))
		return read_bpe(t, model, err);
	if (fmt_str_is(type, "Unigram"))
		return read_unigram(t, model, err);
	if (fmt_str_is(type, "WordPiece") || fmt_str_is(type, "WordLevel"))
		return read_wordpiece(t, model, fmt_str_is(type, "WordLevel"), err);
	return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "a model of type '%.*s'", shown(type), type.p);
}

/* An added token that the vocabulary has keeps the vocabulary's id; others are numbered on from the end of the
 * vocabulary, as the reference does whatever id the file states. */
static bool add_id(struct infer_tokenizer *t, struct tok_added *a, struct fmt_str content, int64_t stated,
                   int64_t *next, uint64_t n_tokens, struct fmt_err *err)
{
	int64_t id = *next;

	if (id < (int64_t)t->n_entries && t->entries[id].text.p)
		id = stated; /* a vocabulary with gaps */
	if (!tok_set(t, id, content, n_tokens, err))
		return false;
	if (id >= *next)
		*next = id + 1;
	a->id = (int32_t)id;
	return tok_index_add(t, a->id, err);
}

static bool read_added(struct infer_tokenizer *t, const struct json *j, int64_t *next, uint64_t n_tokens,
                       bool *known, struct fmt_err *err)
{
	struct fmt_str content = { 0 };
	struct tok_added a = { .normalized = true };
	struct tok_added *added;
	int64_t id;

	if (!json_is(j, JSON_OBJECT) || !tok_json_text(j, "content", &content, err) || !content.p ||
	    !json_i64(json_get(j, "id"), &id) || id < 0)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "an added token without content or with a bad id");
	if (!tok_json_flag(j, "special", &a.special, err))
		return false;
	a.normalized = !a.special;
	if (!tok_json_flag(j, "normalized", &a.normalized, err) || !tok_json_flag(j, "lstrip", &a.lstrip, err) ||
	    !tok_json_flag(j, "rstrip", &a.rstrip, err) || !tok_json_flag(j, "single_word", &a.single_word, err))
		return false;
	*known = true;
	if (!content.n)
		return true;
	a.id = tok_find(t, content.p, content.n);
	*known = a.id != TOK_NONE;
	if (!*known && !add_id(t, &a, content, id, next, n_tokens, err))
		return false;
	t->entries[a.id].special |= a.special;
	added = tok_new_added(t, err);
	if (!added)
		return false;
	*added = a;
	return tok_bytes_put(&added->text, content.p, content.n, err);
}

static bool read_all_added(struct infer_tokenizer *t, const struct json *list, struct fmt_err *err)
{
	uint64_t n_tokens = t->index.n + json_count(list);
	int64_t next = (int64_t)t->index.n;
	bool known = true;

	if (list && !json_is(list, JSON_ARRAY) && json_type(list) != JSON_NULL)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "added_tokens is not a list");
	for (const struct json *j = json_first(list); j; j = json_next(j)) {
		if (!read_added(t, j, &next, n_tokens, &known, err))
			return false;
		if (!known) /* the model must not find what only was added */
			t->entries[t->added[t->n_added - 1].id].added_only = true;
	}
	return true;
}

bool tok_from_json(struct infer_tokenizer *t, struct fmt_str text, struct fmt_err *err)
{
	struct json_doc *doc = json_parse(text.p, text.n, err);
	const struct json *root = doc ? json_root(doc) : NULL;
	bool ok = doc;

	if (ok && !json_is(root, JSON_OBJECT))
		ok = fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "not an object");
	ok = ok && tok_json_norms(t, json_get(root, "normalizer"), err) &&
	     tok_json_splits(t, json_get(root, "pre_tokenizer"), err) && read_model(t, json_get(root, "model"), err) &&
	     read_all_added(t, json_get(root, "added_tokens"), err) &&
	     tok_json_post(t, json_get(root, "post_processor"), err) &&
	     tok_json_decoder(t, json_get(root, "decoder"), err) && tok_index_build(t, true, err);
	json_free(doc);
	fmt_err_file(err, "tokenizer.json");
	return ok;
}
