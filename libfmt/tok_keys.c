/* A directory's tokenizer as GGUF keys: which kind it is, and the vocabulary's table. See tok_keys.h.
 *
 * Follows what convert_hf_to_gguf.py writes. Sources: llama.cpp, conversion/base.py (get_vocab_base,
 * _create_vocab_sentencepiece, does_token_look_special); gguf-py, vocab.py. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tok_keys.h"
#include "view_impl.h"

bool tok_vocab_init(struct tok_vocab *v, struct fmt_arena *mem, uint64_t n, struct fmt_err *err)
{
	*v = (struct tok_vocab){ .n = n };
	v->tokens = fmt_arena_alloc(mem, n, sizeof *v->tokens, err);
	v->types = fmt_arena_alloc(mem, n, sizeof *v->types, err);
	v->scores = fmt_arena_alloc(mem, n, sizeof *v->scores, err);
	return !err->code;
}

void tok_vocab_put(struct tok_vocab *v, uint64_t id, struct fmt_str token, enum tok_type type, float score)
{
	if (id >= v->n) {
		v->n_beyond++;
		return;
	}
	v->tokens[id] = token;
	v->types[id] = type;
	v->scores[id] = score;
}

bool tok_vocab_pad(struct tok_vocab *v, struct fmt_arena *mem, float score, struct fmt_err *err)
{
	char text[32];

	for (uint64_t i = 0; i < v->n; i++) {
		if (v->tokens[i].p) {
			v->n_gaps += v->n_padding;
			v->n_padding = 0;
			continue;
		}
		v->n_padding++;
		snprintf(text, sizeof text, "[PAD%" PRIu64 "]", i);
		v->tokens[i] = fmt_arena_str(mem, (struct fmt_str){ text, strlen(text) }, err);
		v->types[i] = TOK_UNUSED;
		v->scores[i] = score;
	}
	return !err->code;
}

static bool framed(struct fmt_str s, const char *start, const char *end)
{
	size_t ns = strlen(start), ne = strlen(end);

	return s.n >= ns && s.n >= ne && !memcmp(s.p, start, ns) && !memcmp(s.p + s.n - ne, end, ne);
}

bool tok_looks_special(struct fmt_str s)
{
	return fmt_str_is(s, "<pad>") || fmt_str_is(s, "<mask>") || fmt_str_is(s, "<2mass>") || fmt_str_is(s, "[@BOS@]") ||
	       framed(s, "<|", "|>") || framed(s, "<\xef\xbd\x9c", "\xef\xbd\x9c>") || framed(s, "<unused", ">");
}

struct fmt_str tok_plain_spaces(struct fmt_arena *mem, struct fmt_str s, struct fmt_err *err)
{
	char *out = fmt_arena_text(mem, s.n, err);
	size_t n = 0;

	for (size_t i = 0; out && i < s.n;) {
		bool space = s.n - i >= 3 && !memcmp(s.p + i, "\xe2\x96\x81", 3);

		out[n++] = space ? ' ' : s.p[i];
		i += space ? 3 : 1;
	}
	return (struct fmt_str){ out, n };
}

/* Old files do not say the type; Unigram has no merges, and a list of pieces. */
static bool is_unigram(const struct hf_dir *d)
{
	const struct json *model = json_get(hf_json(d, HF_TOKENIZER), "model");
	struct fmt_str type = json_str(json_get(model, "type"));

	return type.p ? fmt_str_is(type, "Unigram") : !json_get(model, "merges") && json_is(json_get(model, "vocab"), JSON_ARRAY);
}

/* Old files do not say the type here either: no merges, and no list. */
static bool is_wordpiece(const struct hf_dir *d)
{
	const struct json *model = json_get(hf_json(d, HF_TOKENIZER), "model");
	struct fmt_str type = json_str(json_get(model, "type"));

	return type.p ? fmt_str_is(type, "WordPiece") : !json_get(model, "merges") && json_is(json_get(model, "vocab"), JSON_OBJECT);
}

/* SentencePiece's BPE, whether it was saved as tokenizer.model or as a tokenizer.json with byte fallback. */
static bool is_sentencepiece(const struct hf_dir *d)
{
	const struct json *model = json_get(hf_json(d, HF_TOKENIZER), "model");
	const struct hf_file *spm = &d->file[HF_TOKENIZER_MODEL];
	bool fallback = false;

	/* the other format of that name, tiktoken's lines of base64, cannot begin with a line feed */
	if (spm->there && spm->text.n && spm->text.p[0] == '\n')
		return true;
	json_bool(json_get(model, "byte_fallback"), &fallback);
	return fallback;
}

/* Where vocabulary and embedding are not of one size. */
static void add_notes(struct fmt_view *v, const struct tok_vocab *vocab, struct fmt_err *err)
{
	if (vocab->n_beyond)
		fmt_view_note(v, err, "%" PRIu64 " tokens are left out: their ids are past the embedding's %" PRIu64 " rows",
		              vocab->n_beyond, vocab->n);
	if (vocab->n_gaps)
		fmt_view_note(v, err, "%" PRIu64 " ids between those of tokens have none: they become [PADn], unused", vocab->n_gaps);
	if (vocab->n_padding)
		fmt_view_note(v, err, "the embedding's last %" PRIu64 " rows have no token: they become [PADn], unused", vocab->n_padding);
}

/* The rows of an embedding that has one for each token, where config.json does not say how many there are. */
static uint64_t count_rows(const struct hf_dir *d, struct fmt_err *err)
{
	const struct json *tokenizer = hf_json(d, HF_TOKENIZER), *vocab = json_get(json_get(tokenizer, "model"), "vocab");
	const struct json *added = json_get(tokenizer, "added_tokens");
	uint64_t n = json_is(vocab, JSON_ARRAY) ? json_count(vocab) : 0, most = json_count(vocab) + json_count(added), id;

	for (const struct json *j = n ? NULL : json_first(vocab); j; j = json_next(j))
		if (json_u64(j, &id) && id >= n)
			n = id + 1;
	for (const struct json *j = json_first(added); j; j = json_next(j))
		if (json_u64(json_get(j, "id"), &id) && id >= n)
			n = id + 1;
	if (n > most + TOK_MAX_GAPS)
		fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "tokenizer.json: a token has the id %" PRIu64 ", but there are only %" PRIu64
		         " tokens", n - 1, most);
	return n;
}

bool tok_is_there(const struct hf_dir *d)
{
	return d->file[HF_TOKENIZER].there || d->file[HF_TOKENIZER_MODEL].there;
}

void tok_keys(struct kv_list *l, struct fmt_view *v, const char *pre)
{
	const struct hf_dir *d = &v->impl->dir;
	struct tok_vocab vocab;
	uint64_t n_rows = v->impl->conf.n[P_VOCAB];
	bool space;

	if (!tok_is_there(d)) {
		fmt_fail(l->err, FMT_MISSING, FMT_NO_OFFSET, "no tokenizer in '%s': neither tokenizer.json nor tokenizer.model, nor "
		         "vocab.json with merges.txt", d->path);
		return;
	}
	if (json_bool(json_get(hf_json(d, HF_TOKENIZER_CONFIG), "add_prefix_space"), &space))
		kv_bool(l, "tokenizer.ggml.add_space_prefix", space);
	if (!v->impl->conf.set[P_VOCAB])
		n_rows = count_rows(d, l->err);
	if (l->err->code || !tok_vocab_init(&vocab, l->mem, n_rows, l->err))
		return;
	if (is_unigram(d))
		tok_unigram_keys(l, d, &vocab);
	else if (is_wordpiece(d))
		tok_wordpiece_keys(l, d, &vocab);
	else if (is_sentencepiece(d))
		tok_spm_keys(l, d, &vocab);
	else
		tok_bpe_keys(l, d, &vocab, pre);
	if (!l->err->code)
		tok_special_keys(l, v->arch, d, &vocab);
	if (vocab.no_prefix && !kv_find(l, "tokenizer.ggml.add_space_prefix"))
		kv_bool(l, "tokenizer.ggml.add_space_prefix", false);
	add_notes(v, &vocab, l->err);
}
