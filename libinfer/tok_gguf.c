/* A tokenizer from the keys tokenizer.ggml.*, as llama.cpp reads them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/pre.h>

#include "tok_table.h"
#include "unicode.h"

#define META "\xe2\x96\x81"

/* tokenizer.ggml.token_type */
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_USER_DEFINED, TYPE_UNUSED, TYPE_BYTE };

struct source {
	struct infer_tokenizer *t;
	const struct fmt_view *v;
	const struct fmt_str *tokens;
	uint64_t n;
	const int32_t *types;  /* NULL: all are normal */
	const float *scores;   /* NULL: there are none */
	struct fmt_err *err;
};

static bool is_array(const struct fmt_value *a, enum fmt_kv_type elem)
{
	return a && a->type == FMT_KV_ARR && a->elem == elem;
}

static bool bad_key(struct source *s, const char *key, const char *what)
{
	return fmt_fail(s->err, FMT_MALFORMED, FMT_NO_OFFSET, "%s is not %s", key, what);
}

static bool read_tokens(struct source *s)
{
	const struct fmt_value *tokens = fmt_view_get(s->v, "tokenizer.ggml.tokens");
	const struct fmt_value *types = fmt_view_get(s->v, "tokenizer.ggml.token_type");
	const struct fmt_value *scores = fmt_view_get(s->v, "tokenizer.ggml.scores");

	if (!is_array(tokens, FMT_KV_STR) || !tokens->n || tokens->n > INT32_MAX)
		return bad_key(s, "tokenizer.ggml.tokens", "a list of strings");
	s->tokens = tokens->as.strs;
	s->n = tokens->n;
	if (types && (types->n != s->n || !(is_array(types, FMT_KV_I32) || is_array(types, FMT_KV_U32))))
		return bad_key(s, "tokenizer.ggml.token_type", "a list of numbers, one per token");
	if (scores && (scores->n != s->n || !is_array(scores, FMT_KV_F32)))
		return bad_key(s, "tokenizer.ggml.scores", "a list of floats, one per token");
	s->types = types ? types->as.data : NULL;
	s->scores = scores ? scores->as.data : NULL;
	for (uint64_t i = 0; i < s->n; i++) {
		if (!tok_is_utf8(s->tokens[i].p, s->tokens[i].n))
			return fmt_fail(s->err, FMT_MALFORMED, FMT_NO_OFFSET, "token %llu is not UTF-8", (unsigned long long)i);
		if (!tok_set(s->t, (int64_t)i, s->tokens[i], s->n, s->err))
			return false;
		s->t->entries[i].score = s->scores ? (double)s->scores[i] : 0;
	}
	return true;
}

static bool read_flag(struct source *s, const char *key, bool absent)
{
	const struct fmt_value *v = fmt_view_get(s->v, key);

	return v && v->type == FMT_KV_BOOL ? v->as.b : absent;
}

/* The id that a key gives, or `absent`. */
static int32_t read_id(struct source *s, const char *key, int32_t absent)
{
	const struct fmt_value *v = fmt_view_get(s->v, key);
	int64_t id = !v ? -1 : v->type == FMT_KV_U32 || v->type == FMT_KV_U64 ? (int64_t)v->as.u
	                    : v->type == FMT_KV_I32 || v->type == FMT_KV_I64 ? v->as.i : -1;

	if (id < 0)
		id = absent;
	return id >= 0 && (uint64_t)id < s->n ? (int32_t)id : TOK_NONE;
}

/* Texts that llama.cpp takes for control tokens whatever their type: ends of turns and of text, and those of
 * fill-in-the-middle. */
static bool is_control_text(struct fmt_str text)
{
	static const char *const texts[] = {
		"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "<|eom_id|>",
		"<EOT>", "_<EOT>", "<｜end▁of▁sentence｜>", "</s>", "<|fim_prefix|>",
		"<fim-prefix>", "<fim_prefix>", "<PRE>", "▁<PRE>", "<|code_prefix|>", "<|fim_suffix|>",
		"<fim-suffix>", "<fim_suffix>", "<SUF>", "▁<SUF>", "<|code_suffix|>", "<|fim_middle|>",
		"<fim-middle>", "<fim_middle>", "<MID>", "▁<MID>", "<|code_middle|>", "<|fim_pad|>",
		"<fim-pad>", "<fim_pad>", "<PAD>", "<|fim_repo|>", "<fim-repo>", "<REPO>", "<reponame>", "<|repo_name|>",
		"<|file_sep|>", "<|eot|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<eos>", "[EOS]",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (fmt_str_is(text, texts[i]))
			return true;
	return false;
}

static bool read_added(struct source *s)
{
	for (uint64_t i = 0; i < s->n; i++) {
		int32_t type = s->types ? s->types[i] : TYPE_NORMAL;
		struct tok_added *a;

		if (type != TYPE_CONTROL && type != TYPE_UNKNOWN && is_control_text(s->tokens[i]))
			type = TYPE_CONTROL;
		if (type != TYPE_CONTROL && type != TYPE_UNKNOWN && type != TYPE_USER_DEFINED)
			continue;
		s->t->entries[i].special = type != TYPE_USER_DEFINED;
		if (!s->tokens[i].n)
			continue;
		a = tok_new_added(s->t, s->err);
		if (!a || !tok_bytes_put(&a->text, s->tokens[i].p, s->tokens[i].n, s->err))
			return false;
		a->id = (int32_t)i;
		a->special = type != TYPE_USER_DEFINED;
	}
	return true;
}

static bool contains(struct fmt_str s, const char *what)
{
	size_t n = strlen(what);

	for (size_t i = 0; i + n <= s.n; i++)
		if (!strncasecmp(s.p + i, what, n))
			return true;
	return false;
}

/* GGUF has no place for lstrip and rstrip; llama.cpp knows them by the model's name. */
static void patch_strips(struct source *s)
{
	const struct fmt_value *v = fmt_view_get(s->v, "general.name");
	struct fmt_str name = v && v->type == FMT_KV_STR ? v->as.s : (struct fmt_str){ 0 };

	if (!contains(name, "phi-3") && !contains(name, "phi3"))
		return;
	for (size_t i = 0; i < s->t->n_added; i++) {
		struct fmt_str text = s->tokens[s->t->added[i].id];

		s->t->added[i].rstrip = !fmt_str_is(text, "<unk>") && !fmt_str_is(text, "<s>") &&
		                        !fmt_str_is(text, "<|endoftext|>");
	}
}

static bool read_template(struct source *s, bool bos, bool eos, int32_t bos_id, int32_t eos_id)
{
	struct infer_tokenizer *t = s->t;

	bos = read_flag(s, "tokenizer.ggml.add_bos_token", bos);
	eos = read_flag(s, "tokenizer.ggml.add_eos_token", eos);
	bos_id = read_id(s, "tokenizer.ggml.bos_token_id", bos_id);
	eos_id = read_id(s, "tokenizer.ggml.eos_token_id", eos_id);
	return (!bos || bos_id == TOK_NONE || tok_put_id(&t->prefix, &t->n_prefix, &t->cap_prefix, bos_id, s->err)) &&
	       (!eos || eos_id == TOK_NONE || tok_put_id(&t->suffix, &t->n_suffix, &t->cap_suffix, eos_id, s->err));
}

static bool add_merge(struct source *s, struct fmt_str text, uint32_t rank, struct tok_bytes *buf)
{
	/* A token may begin with a space's stand-in only, never a space: the first one behind it parts the two. */
	const char *space = text.n ? memchr(text.p + 1, ' ', text.n - 1) : NULL;
	struct tok_merge m = { .rank = rank };
	size_t left;

	if (!space)
		return fmt_fail(s->err, FMT_MALFORMED, FMT_NO_OFFSET, "merge %u is not a pair of tokens", rank);
	left = (size_t)(space - text.p);
	m.left = tok_find(s->t, text.p, left);
	m.right = tok_find(s->t, space + 1, text.n - left - 1);
	buf->n = 0;
	if (!tok_bytes_put(buf, text.p, left, s->err) || !tok_bytes_put(buf, space + 1, text.n - left - 1, s->err))
		return false;
	m.id = tok_find(s->t, buf->p, buf->n);
	if (m.left == TOK_NONE || m.right == TOK_NONE || m.id == TOK_NONE)
		return fmt_fail(s->err, FMT_MISMATCH, FMT_NO_OFFSET, "merge %u, '%.*s', makes or needs a token that is not there",
		                rank, text.n > 60 ? 60 : (int)text.n, text.p);
	tok_merges_add(&s->t->merges, m, false);
	return true;
}

static bool read_merges(struct source *s)
{
	const struct fmt_value *merges = fmt_view_get(s->v, "tokenizer.ggml.merges");
	struct tok_bytes buf = { 0 };
	bool ok;

	if (!is_array(merges, FMT_KV_STR) || merges->n > UINT32_MAX)
		return bad_key(s, "tokenizer.ggml.merges", "a list of strings");
	ok = tok_merges_reserve(&s->t->merges, merges->n, s->err);
	for (uint64_t i = 0; ok && i < merges->n; i++)
		ok = add_merge(s, merges->as.strs[i], (uint32_t)i, &buf);
	tok_bytes_finish(&buf);
	return ok;
}

static bool add_pattern(struct infer_tokenizer *t, const char *pattern, struct fmt_err *err)
{
	struct tok_split *step = tok_new_split(t, TOK_SPLIT_PATTERN, err);

	return step && tok_pattern_regex(&step->pattern, (struct fmt_str){ pattern, strlen(pattern) }, err);
}

/* model gpt2: byte-level BPE; the splits by name. */
static bool read_gpt2(struct source *s)
{
	const struct fmt_value *name = fmt_view_get(s->v, "tokenizer.ggml.pre");
	struct fmt_str pre_name = name && name->type == FMT_KV_STR ? name->as.s : FMT_STR("default");
	const struct fmt_pre *pre = fmt_pre_find(pre_name);
	struct infer_tokenizer *t = s->t;

	if (!pre)
		return fmt_fail(s->err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tokenizer.ggml.pre '%.*s' is not known here",
		                pre_name.n > 60 ? 60 : (int)pre_name.n, pre_name.p);
	if (read_flag(s, "tokenizer.ggml.normalizer.nfc", false) && !tok_new_norm(t, TOK_NORM_NFC, s->err))
		return false;
	for (const char *const *p = pre->patterns; *p; p++)
		if (!add_pattern(t, *p, s->err))
			return false;
	t->ignore_merges = pre->ignore_merges;
	t->byte_symbols = true;
	return tok_new_split(t, TOK_SPLIT_BYTES, s->err) && tok_new_decode(t, TOK_DECODE_BYTES, s->err) &&
	       tok_index_build(t, false, s->err) && read_merges(s) && tok_index_build(t, true, s->err) &&
	       read_template(s, pre->add_bos, false, 11, 11);
}

static bool read_spaces(struct source *s, bool prefix)
{
	struct infer_tokenizer *t = s->t;
	struct tok_norm *norm;
	struct tok_decode *decode;

	if (prefix) {
		norm = tok_new_norm(t, TOK_NORM_PREPEND, s->err);
		if (!norm || !tok_bytes_put(&norm->text, META, 3, s->err))
			return false;
	}
	norm = tok_new_norm(t, TOK_NORM_REPLACE, s->err);
	if (!norm || !tok_pattern_literal(&norm->pattern, FMT_STR(" "), s->err) ||
	    !tok_bytes_put(&norm->text, META, 3, s->err))
		return false;
	decode = tok_new_decode(t, TOK_DECODE_REPLACE, s->err);
	if (!decode || !tok_pattern_literal(&decode->pattern, FMT_STR(META), s->err) ||
	    !tok_bytes_put(&decode->text, " ", 1, s->err) || !tok_new_decode(t, TOK_DECODE_FALLBACK, s->err) ||
	    !tok_new_decode(t, TOK_DECODE_FUSE, s->err))
		return false;
	if (!prefix)
		return true;
	decode = tok_new_decode(t, TOK_DECODE_STRIP, s->err);
	if (decode)
		decode->start = 1;
	return decode && tok_bytes_put(&decode->text, " ", 1, s->err);
}

/* model llama: SentencePiece BPE by score. */
static bool read_llama(struct source *s)
{
	bool prefix = read_flag(s, "tokenizer.ggml.add_space_prefix", true);

	if (!s->scores)
		return bad_key(s, "tokenizer.ggml.scores", "there");
	s->t->byte_fallback = true;
	s->t->fuse_unk = true;
	s->t->unk = read_id(s, "tokenizer.ggml.unknown_token_id", 0);
	return read_spaces(s, prefix) && tok_index_build(s->t, false, s->err) && tok_merges_by_score(s->t, s->err) &&
	       tok_index_build(s->t, true, s->err) && read_template(s, true, false, 1, 2);
}

bool tok_from_gguf(struct infer_tokenizer *t, const struct fmt_view *v, struct fmt_err *err)
{
	struct source s = { .t = t, .v = v, .err = err };
	const struct fmt_value *model = fmt_view_get(v, "tokenizer.ggml.model");
	struct fmt_str name = model && model->type == FMT_KV_STR ? model->as.s : (struct fmt_str){ 0 };
	bool llama = fmt_str_is(name, "llama"), gpt2 = fmt_str_is(name, "gpt2");

	if (!name.p)
		return fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "no tokenizer: neither tokenizer.json nor tokenizer.ggml.model");
	if (!llama && !gpt2)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tokenizer.ggml.model '%.*s' is not known here",
		                name.n > 60 ? 60 : (int)name.n, name.p);
	t->model = TOK_MODEL_BPE;
	if (!read_tokens(&s) || !read_added(&s) || !(llama ? read_llama(&s) : read_gpt2(&s)))
		return false;
	patch_strips(&s);
	return true;
}
