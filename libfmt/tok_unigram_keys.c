/* Unigram (T5, XLM-R and models with a SentencePiece model of that kind) from tokenizer.json as GGUF keys.
 * Source: what convert_hf_to_gguf.py writes for T5, and llama.cpp reads as "t5". */
#include <libfmt/letters.h>

#include "tok_keys.h"

static bool fail(struct kv_list *l, const char *what)
{
	return fmt_fail(l->err, FMT_MALFORMED, FMT_NO_OFFSET, "tokenizer.json: %s", what);
}

static bool is_byte_token(struct fmt_str s)
{
	return s.n == 6 && fmt_str_starts(s, "<0x") && s.p[5] == '>';
}

static bool put_vocab(struct kv_list *l, const struct json *model, struct tok_vocab *vocab)
{
	const struct json *table = json_get(model, "vocab");
	uint64_t id = 0, unk = UINT64_MAX;
	bool fallback = false;
	double score;

	if (!json_is(table, JSON_ARRAY))
		return fail(l, "model.vocab: expected a list");
	if (!json_first(table))
		return fail(l, "model.vocab: no pieces");
	json_u64(json_get(model, "unk_id"), &unk);
	json_bool(json_get(model, "byte_fallback"), &fallback);
	for (const struct json *j = json_first(table); j; j = json_next(j), id++) {
		struct fmt_str text = json_str(json_first(j));

		if (!text.p || !json_f64(json_next(json_first(j)), &score))
			return fail(l, "model.vocab: expected pieces with scores");
		tok_vocab_put(vocab, id, text, id == unk ? TOK_UNKNOWN : fallback && is_byte_token(text) ? TOK_BYTE : TOK_NORMAL,
		              (float)score);
	}
	return true;
}

static bool put_added(struct kv_list *l, const struct json *tokenizer, struct tok_vocab *vocab)
{
	for (const struct json *j = json_first(json_get(tokenizer, "added_tokens")); j; j = json_next(j)) {
		struct fmt_str text = json_str(json_get(j, "content"));
		bool special = false;
		uint64_t id;

		if (!text.p || !json_u64(json_get(j, "id"), &id))
			return fail(l, "added_tokens: expected content and id");
		json_bool(json_get(j, "special"), &special);
		if (id < vocab->n && vocab->types[id] == TOK_UNKNOWN)
			continue;
		tok_vocab_put(vocab, id, special ? text : tok_plain_spaces(l->mem, text, l->err), special ? TOK_CONTROL : TOK_USER_DEFINED,
		              id < vocab->n && vocab->tokens[id].p ? vocab->scores[id] : -1000.0f);
	}
	return !l->err->code;
}

/* What normalizer and pre-tokenizer do, as far as there are keys for it. */
struct steps {
	struct fmt_str charsmap; /* base64 */
	bool prefix, one_space;
};

static void read_steps(const struct json *step, struct steps *s, unsigned depth)
{
	struct fmt_str type = json_str(json_get(step, "type")), scheme = json_str(json_get(step, "prepend_scheme"));
	bool prefix = true;

	if (fmt_str_is(type, "Precompiled")) {
		s->charsmap = json_str(json_get(step, "precompiled_charsmap"));
	} else if (fmt_str_is(type, "Prepend")) {
		s->prefix = true;
	} else if (fmt_str_is(type, "Metaspace")) {
		json_bool(json_get(step, "add_prefix_space"), &prefix);
		s->prefix = scheme.p ? !fmt_str_is(scheme, "never") : prefix;
	} else if (fmt_str_is(json_str(json_get(json_get(step, "pattern"), "Regex")), " {2,}") || fmt_str_is(type, "Strip") || fmt_str_is(type, "WhitespaceSplit")) {
		s->one_space = true;
	} else if (fmt_str_is(type, "Sequence") && depth < 8) {
		for (const struct json *j = json_first(json_get(step, "normalizers")); j; j = json_next(j))
			read_steps(j, s, depth + 1);
		for (const struct json *j = json_first(json_get(step, "pretokenizers")); j; j = json_next(j))
			read_steps(j, s, depth + 1);
	}
}

static void put_charsmap(struct kv_list *l, struct fmt_str base64)
{
	uint8_t *map = fmt_arena_alloc(l->mem, base64.n / 4 * 3 + 3, 1, l->err);
	size_t n = map ? fmt_base64_decode(base64, map) : 0;

	if (n == SIZE_MAX)
		fail(l, "precompiled_charsmap is not base64");
	else if (map)
		kv_array(l, "tokenizer.ggml.precompiled_charsmap", FMT_KV_U8, map, n);
}

void tok_unigram_keys(struct kv_list *l, const struct hf_dir *d, struct tok_vocab *vocab)
{
	const struct json *tokenizer = hf_json(d, HF_TOKENIZER), *model = json_get(tokenizer, "model");
	struct steps s = { .prefix = false };
	uint64_t unk;

	if (!put_vocab(l, model, vocab) || !put_added(l, tokenizer, vocab) || !tok_vocab_pad(vocab, l->mem, -10000.0f, l->err))
		return;
	read_steps(json_get(tokenizer, "normalizer"), &s, 0);
	read_steps(json_get(tokenizer, "pre_tokenizer"), &s, 0);
	kv_str(l, "tokenizer.ggml.model", FMT_STR("t5"));
	kv_str(l, "tokenizer.ggml.pre", FMT_STR("default"));
	kv_strs(l, "tokenizer.ggml.tokens", vocab->tokens, vocab->n);
	kv_array(l, "tokenizer.ggml.scores", FMT_KV_F32, vocab->scores, vocab->n);
	kv_array(l, "tokenizer.ggml.token_type", FMT_KV_I32, vocab->types, vocab->n);
	kv_bool(l, "tokenizer.ggml.add_space_prefix", s.prefix);
	kv_bool(l, "tokenizer.ggml.remove_extra_whitespaces", s.one_space);
	if (s.charsmap.n)
		put_charsmap(l, s.charsmap);
	if (json_u64(json_get(model, "unk_id"), &unk) && unk < vocab->n)
		kv_u32(l, "tokenizer.ggml.unknown_token_id", (uint32_t)unk);
}
