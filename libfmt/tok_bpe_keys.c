/* Byte-level BPE (GPT-2, Llama 3, Qwen ...) from tokenizer.json as GGUF keys. */
#include <string.h>

#include "tok_keys.h"

static bool fail(struct kv_list *l, const char *what)
{
	return fmt_fail(l->err, FMT_MALFORMED, FMT_NO_OFFSET, "tokenizer.json: %s", what);
}

static bool put_model_vocab(struct kv_list *l, const struct json *model, struct tok_vocab *vocab)
{
	const struct json *table = json_get(model, "vocab");
	uint64_t id;

	if (!json_is(table, JSON_OBJECT))
		return fail(l, "model.vocab: expected an object");
	for (const struct json *j = json_first(table); j; j = json_next(j)) {
		if (!json_u64(j, &id))
			return fail(l, "model.vocab: expected whole numbers");
		tok_vocab_put(vocab, id, json_key(j), TOK_NORMAL, 0);
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
		if (special || tok_looks_special(text))
			tok_vocab_put(vocab, id, text, TOK_CONTROL, 0);
		else
			tok_vocab_put(vocab, id, tok_plain_spaces(l->mem, text, l->err), TOK_USER_DEFINED, 0);
	}
	return !l->err->code;
}

/* Half of a pair; a space within it is written as the byte alphabet writes spaces, U+0120. */
static size_t put_half(char *out, struct fmt_str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == ' ') {
			memcpy(out + n, "\xc4\xa0", 2);
			n += 2;
		} else {
			out[n++] = s.p[i];
		}
	}
	return n;
}

/* One merge as "a b", from that or from ["a", "b"] (tokenizers since 0.20). */
static bool merge_text(struct kv_list *l, const struct json *j, struct fmt_str *out)
{
	struct fmt_str a = json_str(json_first(j)), b = json_str(json_next(json_first(j)));
	char *text;
	size_t n;

	if (json_is(j, JSON_STRING)) {
		*out = json_str(j);
		return true;
	}
	if (!json_is(j, JSON_ARRAY) || !a.p || !b.p || json_count(j) != 2)
		return fail(l, "model.merges: expected pairs");
	text = fmt_arena_text(l->mem, 2 * a.n + 2 * b.n + 1, l->err);
	if (!text)
		return false;
	n = put_half(text, a);
	text[n++] = ' ';
	n += put_half(text + n, b);
	*out = (struct fmt_str){ text, n };
	return true;
}

void tok_merge_keys(struct kv_list *l, const struct json *model)
{
	const struct json *merges = json_get(model, "merges");
	uint64_t n = json_count(merges), i = 0;
	struct fmt_str *texts;

	if (!json_is(merges, JSON_ARRAY)) {
		fail(l, "model.merges: expected a list");
		return;
	}
	texts = fmt_arena_alloc(l->mem, n, sizeof *texts, l->err);
	if (!texts)
		return;
	for (const struct json *j = json_first(merges); j; j = json_next(j), i++)
		if (!merge_text(l, j, &texts[i]))
			return;
	kv_strs(l, "tokenizer.ggml.merges", texts, n); /* llama.cpp wants the key even if there are none */
}

void tok_bpe_keys(struct kv_list *l, const struct hf_dir *d, struct tok_vocab *vocab, const char *pre)
{
	const struct json *tokenizer = hf_json(d, HF_TOKENIZER), *model = json_get(tokenizer, "model");
	struct fmt_str type = json_str(json_get(model, "type")), name;

	if (type.p && !fmt_str_is(type, "BPE")) {
		fmt_fail(l->err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tokenizer.json: model type '%.*s' is not supported (BPE, Unigram and WordPiece are)",
		         (int)(type.n < 60 ? type.n : 60), type.p);
		return;
	}
	if (!put_model_vocab(l, model, vocab) || !put_added(l, tokenizer, vocab) || !tok_vocab_pad(vocab, l->mem, 0, l->err))
		return;
	name = pre ? (struct fmt_str){ pre, strlen(pre) } : tok_pre_name(tokenizer, l->err);
	kv_str(l, "tokenizer.ggml.model", FMT_STR("gpt2"));
	kv_str(l, "tokenizer.ggml.pre", name);
	kv_strs(l, "tokenizer.ggml.tokens", vocab->tokens, vocab->n);
	kv_array(l, "tokenizer.ggml.token_type", FMT_KV_I32, vocab->types, vocab->n);
	tok_merge_keys(l, model);
}
