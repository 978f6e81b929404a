/* WordPiece (BERT) from tokenizer.json as GGUF keys: model "bert".
 * Source: what convert_hf_to_gguf.py writes for BERT: a piece that begins a word has U+2581 in front, one that continues it
 * has lost its "##". */
#include <string.h>

#include "tok_keys.h"

#define META "\xe2\x96\x81"

static bool fail(struct kv_list *l, const char *what)
{
	return fmt_fail(l->err, FMT_MALFORMED, FMT_NO_OFFSET, "tokenizer.json: %s", what);
}

static struct fmt_str with_meta(struct kv_list *l, struct fmt_str s)
{
	char *text = fmt_arena_text(l->mem, s.n + 3, l->err);

	if (!text)
		return s;
	memcpy(text, META, 3);
	memcpy(text + 3, s.p, s.n);
	return (struct fmt_str){ text, s.n + 3 };
}

static bool put_vocab(struct kv_list *l, const struct json *model, struct tok_vocab *vocab)
{
	const struct json *table = json_get(model, "vocab");
	struct fmt_str prefix = json_str(json_get(model, "continuing_subword_prefix"));
	uint64_t id;

	prefix = prefix.p ? prefix : FMT_STR("##");
	if (!json_is(table, JSON_OBJECT))
		return fail(l, "model.vocab: expected an object");
	for (const struct json *j = json_first(table); j; j = json_next(j)) {
		struct fmt_str text = json_key(j);
		bool continues = prefix.n && text.n > prefix.n && !memcmp(text.p, prefix.p, prefix.n);

		if (!json_u64(j, &id))
			return fail(l, "model.vocab: expected whole numbers");
		text = continues ? (struct fmt_str){ text.p + prefix.n, text.n - prefix.n } : with_meta(l, text);
		tok_vocab_put(vocab, id, text, TOK_NORMAL, 0);
	}
	return !l->err->code;
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
		tok_vocab_put(vocab, id, text, special ? TOK_CONTROL : TOK_USER_DEFINED, 0);
	}
	return true;
}

void tok_wordpiece_keys(struct kv_list *l, const struct hf_dir *d, struct tok_vocab *vocab)
{
	const struct json *tokenizer = hf_json(d, HF_TOKENIZER);
	uint64_t n_types;

	if (!put_vocab(l, json_get(tokenizer, "model"), vocab) || !put_added(l, tokenizer, vocab) ||
	    !tok_vocab_pad(vocab, l->mem, 0, l->err))
		return;
	if (json_u64(json_get(hf_json(d, HF_CONFIG), "type_vocab_size"), &n_types) && n_types <= UINT32_MAX)
		kv_u32(l, "tokenizer.ggml.token_type_count", (uint32_t)n_types);
	kv_str(l, "tokenizer.ggml.model", FMT_STR("bert"));
	kv_str(l, "tokenizer.ggml.pre", FMT_STR("default"));
	kv_strs(l, "tokenizer.ggml.tokens", vocab->tokens, vocab->n);
	kv_array(l, "tokenizer.ggml.token_type", FMT_KV_I32, vocab->types, vocab->n);
}
