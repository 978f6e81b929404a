/* A tokenizer from tokenizer.json: its model and added tokens. As Hugging Face's library reads it. */
#include <libfmt/utf8.h>

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

static bool find_unk(struct infer_tokenizer *t, const struct json *model, struct fmt_err *err)
{
	struct fmt_str unk = { 0 };

	if (!tok_json_text(model, "unk_token", &unk, err))
		return false;
	if (unk.p && unk.n)
		t->unk = tok_find(t, unk.p, unk.n);
	return true;
}

static bool read_bpe(struct infer_tokenizer *t, const struct json *model, const struct tok_json_lists *lists,
                     struct fmt_err *err)
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
	return tok_json_vocab(t, model, lists, err) && tok_index_build(t, false, err) &&
	       tok_json_merges(t, model, lists, err) && find_unk(t, model, err);
}

static bool read_unigram(struct infer_tokenizer *t, const struct json *model, const struct tok_json_lists *lists,
                         struct fmt_err *err)
{
	const struct json *unk = json_get(model, "unk_id");
	int64_t id = TOK_NONE;

	t->model = TOK_MODEL_UNIGRAM;
	if (!tok_json_scored_vocab(t, model, lists, err) || !tok_index_build(t, false, err) ||
	    !tok_json_flag(model, "byte_fallback", &t->byte_fallback, err))
		return false;
	if (json_type(unk) != JSON_NULL && (!json_i64(unk, &id) || id < 0 || (uint64_t)id >= t->n_entries))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "unk_id is not the id of a token");
	t->unk = (int32_t)id;
	tok_score_unknown(t);
	return true;
}

static bool read_wordpiece(struct infer_tokenizer *t, const struct json *model, const struct tok_json_lists *lists,
                           bool level, struct fmt_err *err)
{
	struct fmt_str prefix = level ? (struct fmt_str){ 0 } : FMT_STR("##");
	const struct json *max = json_get(model, "max_input_chars_per_word");

	t->model = level ? TOK_MODEL_WORDLEVEL : TOK_MODEL_WORDPIECE;
	t->max_word_chars = 100;
	if (json_type(max) != JSON_NULL && !json_u64(max, &t->max_word_chars))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "max_input_chars_per_word is not a count");
	if (!level && !tok_json_text(model, "continuing_subword_prefix", &prefix, err))
		return false;
	return tok_bytes_put(&t->continuing, prefix.p, prefix.n, err) && tok_json_vocab(t, model, lists, err) &&
	       tok_index_build(t, false, err) && find_unk(t, model, err);
}

/* Old files do not say the type: it shows in what there is. */
static bool read_model(struct infer_tokenizer *t, const struct json *model, const struct tok_json_lists *lists,
                       struct fmt_err *err)
{
	struct fmt_str type = { 0 };
	char shown[FMT_SHOW_BYTES];

	if (!json_is(model, JSON_OBJECT))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "no model");
	if (!tok_json_text(model, "type", &type, err))
		return false;
	if (!type.p)
		type = json_get(model, "merges")                         ? FMT_STR("BPE")
		       : json_is(json_get(model, "vocab"), JSON_ARRAY) ? FMT_STR("Unigram")
		                                                        : FMT_STR("WordPiece");
	if (fmt_str_is(type, "BPE"))
		return read_bpe(t, model, lists, err);
	if (fmt_str_is(type, "Unigram"))
		return read_unigram(t, model, lists, err);
	if (fmt_str_is(type, "WordPiece") || fmt_str_is(type, "WordLevel"))
		return read_wordpiece(t, model, lists, fmt_str_is(type, "WordLevel"), err);
	return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "a model of type %s", fmt_show(type, shown));
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
	struct json_leave leave[] = { { .path = "model.vocab" }, { .path = "model.merges" } };
	struct json_doc *doc = json_parse_leaving(text.p, text.n, leave, 2, err);
	struct tok_json_lists lists = { &leave[0], &leave[1] };
	const struct json *root = doc ? json_root(doc) : NULL;
	bool ok = doc;

	if (ok && !json_is(root, JSON_OBJECT))
		ok = fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "not an object");
	ok = ok && tok_json_norms(t, json_get(root, "normalizer"), err) &&
	     tok_json_splits(t, json_get(root, "pre_tokenizer"), err) && read_model(t, json_get(root, "model"), &lists, err) &&
	     read_all_added(t, json_get(root, "added_tokens"), err) &&
	     tok_json_post(t, json_get(root, "post_processor"), err) &&
	     tok_json_decoder(t, json_get(root, "decoder"), err) && tok_index_build(t, true, err);
	json_free(doc);
	fmt_err_file(err, "tokenizer.json");
	return ok;
}
