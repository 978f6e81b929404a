/* SentencePiece BPE (Llama 1 and 2, Mistral 7B ...) as GGUF keys: from tokenizer.model where there is one, else from a
 * tokenizer.json with byte fallback, whose merges give the scores by rank. Merges of a model that was trained as BPE (Gemma 4)
 * say more than scores can: they go along as they are. */
#include <string.h>

#include "index.h"
#include "spm_model.h"
#include "tok_keys.h"

/* Of tokens that were added to the pieces. Source: convert_hf_to_gguf.py. */
#define ADDED_SCORE (-1000.0f)
#define PAD_SCORE   (-10000.0f)

static void fail(struct kv_list *l, const char *what)
{
	fmt_fail(l->err, FMT_MALFORMED, FMT_NO_OFFSET, "tokenizer.json: %s", what);
}

static void put_pieces(struct kv_list *l, const struct hf_dir *d, struct tok_vocab *vocab, bool *prefix)
{
	struct spm_model m;

	if (!spm_model_read(l->mem, d->file[HF_TOKENIZER_MODEL].text, &m, l->err)) {
		fmt_err_file(l->err, hf_file_path(d, HF_TOKENIZER_MODEL));
		return;
	}
	if (m.kind != SPM_BPE) {
		fmt_fail(l->err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "a SentencePiece model that is not BPE is not supported");
		fmt_err_file(l->err, hf_file_path(d, HF_TOKENIZER_MODEL));
		return;
	}
	*prefix = m.dummy_prefix;
	for (uint64_t i = 0; i < m.n; i++)
		tok_vocab_put(vocab, i, m.pieces[i].text, (enum tok_type)m.pieces[i].type, m.pieces[i].score);
}

static bool is_byte_token(struct fmt_str s)
{
	return s.n == 6 && !memcmp(s.p, "<0x", 3) && s.p[5] == '>';
}

/* The two halves of a merge, as "a b" or ["a", "b"]. */
static bool halves(const struct json *j, struct fmt_str *a, struct fmt_str *b)
{
	if (json_is(j, JSON_ARRAY)) {
		*a = json_str(json_first(j));
		*b = json_str(json_next(json_first(j)));
	} else {
		struct fmt_str s = json_str(j);
		const char *space = s.n ? memchr(s.p, ' ', s.n) : NULL;

		if (!space)
			return false;
		*a = (struct fmt_str){ s.p, (size_t)(space - s.p) };
		*b = (struct fmt_str){ space + 1, s.n - a->n - 1 };
	}
	return a->p && b->p;
}

/* Whether scores mean what the merges do. By scores any two pieces merge that make a piece; so there must be a merge for each
 * way to put one together of two pieces, as in files that were made of scores.
 * n_merges   of each piece, how many merges make it */
static bool scores_suffice(const struct tok_vocab *vocab, const struct fmt_index *ids, const uint32_t *n_merges)
{
	for (uint64_t i = 0; i < vocab->n; i++) {
		struct fmt_str piece = vocab->tokens[i];
		uint32_t n_ways = 0, id;

		for (size_t at = 1; n_merges[i] && at < piece.n; at++)
			n_ways += fmt_index_find(ids, (struct fmt_str){ piece.p, at }, &id) &&
			          fmt_index_find(ids, (struct fmt_str){ piece.p + at, piece.n - at }, &id);
		if (n_ways > n_merges[i])
			return false;
	}
	return true;
}

/* A piece's score is minus the rank of the first merge that makes it; what no merge makes comes after all. */
static void score_by_rank(struct kv_list *l, const struct json *merges, struct tok_vocab *vocab, const struct fmt_index *ids,
                          float unranked, uint32_t *n_merges)
{
	uint64_t rank = 0;
	char *joined = NULL;
	size_t cap = 0;

	for (const struct json *j = json_first(merges); j; j = json_next(j), rank++) {
		struct fmt_str a, b;
		uint32_t id;

		if (!halves(j, &a, &b)) {
			fail(l, "model.merges: expected pairs");
			return;
		}
		if (!joined || a.n + b.n > cap) {
			cap = 2 * (a.n + b.n);
			joined = fmt_arena_text(l->mem, cap, l->err);
			if (!joined)
				return;
		}
		memcpy(joined, a.p, a.n);
		memcpy(joined + a.n, b.p, b.n);
		if (!fmt_index_find(ids, (struct fmt_str){ joined, a.n + b.n }, &id))
			continue;
		n_merges[id]++;
		if (vocab->scores[id] == unranked)
			vocab->scores[id] = -(float)rank;
	}
}

/* *by_rank: the merges say more than the scores. */
static void put_model_vocab(struct kv_list *l, const struct json *model, struct tok_vocab *vocab, bool *by_rank)
{
	uint32_t *n_merges = fmt_arena_alloc(l->mem, vocab->n, sizeof *n_merges, l->err);
	const struct json *table = json_get(model, "vocab"), *merges = json_get(model, "merges");
	float unranked = -(float)json_count(merges) - 1;
	struct fmt_index ids;
	uint64_t id;

	fmt_index_init(&ids);
	for (const struct json *j = json_first(table); j && !l->err->code; j = json_next(j)) {
		struct fmt_str text = json_key(j);

		if (!json_u64(j, &id)) {
			fail(l, "model.vocab: expected whole numbers");
			break;
		}
		tok_vocab_put(vocab, id, text, is_byte_token(text) ? TOK_BYTE : TOK_NORMAL, is_byte_token(text) ? 0 : unranked);
		if (id < vocab->n)
			fmt_index_add(&ids, text, (uint32_t)id, l->err);
	}
	if (!l->err->code)
		score_by_rank(l, merges, vocab, &ids, unranked, n_merges);
	*by_rank = !l->err->code && !scores_suffice(vocab, &ids, n_merges);
	fmt_index_finish(&ids);
}

/* An added token; `fill`: only where there is no token yet. */
static void put_added(struct kv_list *l, struct tok_vocab *vocab, uint64_t id, struct fmt_str text, bool special, bool fill)
{
	if (fill && id < vocab->n && vocab->tokens[id].p)
		return;
	if (special || tok_looks_special(text))
		tok_vocab_put(vocab, id, text, TOK_CONTROL, ADDED_SCORE);
	else
		tok_vocab_put(vocab, id, tok_plain_spaces(l->mem, text, l->err), TOK_USER_DEFINED, ADDED_SCORE);
}

/* added_tokens.json: { "text": id } */
static void put_added_file(const struct hf_dir *d, struct tok_vocab *vocab)
{
	uint64_t id;

	for (const struct json *j = json_first(hf_json(d, HF_ADDED_TOKENS)); j; j = json_next(j))
		if (json_u64(j, &id))
			tok_vocab_put(vocab, id, json_key(j), TOK_USER_DEFINED, ADDED_SCORE);
}

/* tokenizer_config.json: "added_tokens_decoder": { "id": { "content": ..., "special": ... } } */
static void put_added_decoder(struct kv_list *l, const struct hf_dir *d, struct tok_vocab *vocab)
{
	const struct json *table = json_get(hf_json(d, HF_TOKENIZER_CONFIG), "added_tokens_decoder");

	for (const struct json *j = json_first(table); j; j = json_next(j)) {
		struct fmt_str key = json_key(j), text = json_str(json_get(j, "content"));
		bool special = false;
		uint64_t id = 0;

		for (size_t i = 0; i < key.n && i < 10 && key.p[i] >= '0' && key.p[i] <= '9'; i++)
			id = id * 10 + (uint64_t)(key.p[i] - '0');
		json_bool(json_get(j, "special"), &special);
		if (text.p)
			put_added(l, vocab, id, text, special, false);
	}
}

/* tokenizer.json: "added_tokens": [ { "id": ..., "content": ..., "special": ... } ] */
static void put_added_list(struct kv_list *l, const struct hf_dir *d, struct tok_vocab *vocab, bool fill)
{
	const struct json *list = json_get(hf_json(d, HF_TOKENIZER), "added_tokens");

	for (const struct json *j = json_first(list); j; j = json_next(j)) {
		struct fmt_str text = json_str(json_get(j, "content"));
		bool special = false;
		uint64_t id;

		json_bool(json_get(j, "special"), &special);
		if (text.p && json_u64(json_get(j, "id"), &id))
			put_added(l, vocab, id, text, special, fill);
	}
}

static bool has_type(const struct json *step, const char *list, const char *type)
{
	if (fmt_str_is(json_str(json_get(step, "type")), type))
		return true;
	for (const struct json *j = json_first(json_get(step, list)); j; j = json_next(j))
		if (fmt_str_is(json_str(json_get(j, "type")), type))
			return true;
	return false;
}

/* Whether tokenizer.json puts a space before a text. */
static bool has_prefix(const struct json *tokenizer)
{
	return has_type(json_get(tokenizer, "normalizer"), "normalizers", "Prepend") ||
	       has_type(json_get(tokenizer, "pre_tokenizer"), "pretokenizers", "Metaspace");
}

void tok_spm_keys(struct kv_list *l, const struct hf_dir *d, struct tok_vocab *vocab)
{
	const struct json *tokenizer = hf_json(d, HF_TOKENIZER);
	bool from_model = d->file[HF_TOKENIZER_MODEL].there, prefix = true, by_rank = false;

	if (from_model)
		put_pieces(l, d, vocab, &prefix);
	else
		put_model_vocab(l, json_get(tokenizer, "model"), vocab, &by_rank);
	if (l->err->code)
		return;
	put_added_file(d, vocab);
	put_added_decoder(l, d, vocab);
	put_added_list(l, d, vocab, from_model);
	if (!tok_vocab_pad(vocab, l->mem, PAD_SCORE, l->err))
		return;
	kv_str(l, "tokenizer.ggml.model", by_rank ? FMT_STR("gpt2") : FMT_STR("llama"));
	kv_str(l, "tokenizer.ggml.pre", by_rank ? FMT_STR("sarvam-moe") : FMT_STR("default"));
	kv_strs(l, "tokenizer.ggml.tokens", vocab->tokens, vocab->n);
	if (!by_rank)
		kv_array(l, "tokenizer.ggml.scores", FMT_KV_F32, vocab->scores, vocab->n);
	kv_array(l, "tokenizer.ggml.token_type", FMT_KV_I32, vocab->types, vocab->n);
	if (by_rank)
		tok_merge_keys(l, json_get(tokenizer, "model"));
	if (tokenizer)
		prefix = has_prefix(tokenizer);
	vocab->no_prefix = !prefix;
}
