/* A tokenizer from the keys tokenizer.ggml.*, as llama.cpp reads them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tok_gguf.h"

bool source_is_array(const struct fmt_value *a, enum fmt_kv_type elem)
{
	return a && a->type == FMT_KV_ARR && a->elem == elem;
}

bool source_bad_key(struct source *s, const char *key, const char *what)
{
	return fmt_fail(s->err, FMT_MALFORMED, FMT_NO_OFFSET, "%s is not %s", key, what);
}

static bool read_tokens(struct source *s)
{
	const struct fmt_value *tokens = fmt_view_get(s->v, "tokenizer.ggml.tokens");
	const struct fmt_value *types = fmt_view_get(s->v, "tokenizer.ggml.token_type");
	const struct fmt_value *scores = fmt_view_get(s->v, "tokenizer.ggml.scores");

	if (!source_is_array(tokens, FMT_KV_STR) || !tokens->n || tokens->n > INT32_MAX)
		return source_bad_key(s, "tokenizer.ggml.tokens", "a list of strings");
	s->tokens = tokens->as.strs;
	s->n = tokens->n;
	if (types && (types->n != s->n || !(source_is_array(types, FMT_KV_I32) || source_is_array(types, FMT_KV_U32))))
		return source_bad_key(s, "tokenizer.ggml.token_type", "a list of numbers, one per token");
	if (scores && (scores->n != s->n || !source_is_array(scores, FMT_KV_F32)))
		return source_bad_key(s, "tokenizer.ggml.scores", "a list of floats, one per token");
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

bool source_flag(struct source *s, const char *key, bool absent)
{
	const struct fmt_value *v = fmt_view_get(s->v, key);

	return v && v->type == FMT_KV_BOOL ? v->as.b : absent;
}

/* The id that a key gives, or `absent`. */
int32_t source_id(struct source *s, const char *key, int32_t absent)
{
	const struct fmt_value *v = fmt_view_get(s->v, key);
	int64_t id = !v ? -1 : v->type == FMT_KV_U32 || v->type == FMT_KV_U64 ? (int64_t)v->as.u
	                    : v->type == FMT_KV_I32 || v->type == FMT_KV_I64 ? v->as.i : -1;

	if (id < 0)
		id = absent;
	return id >= 0 && (uint64_t)id < s->n ? (int32_t)id : TOK_NONE;
}

/* Texts that llama.cpp takes for control tokens whatever their type, where no key gives the id of that kind. */
static const struct {
	const char *text, *key;
} control_texts[] = {
	{ "<|eot_id|>", NULL }, { "<|im_end|>", NULL }, { "<|end|>", NULL }, { "<|return|>", NULL }, { "<|call|>", NULL },
	{ "<|flush|>", NULL }, { "<|calls|>", NULL }, { "<end_of_turn>", NULL }, { "<|endoftext|>", NULL }, { "</s>", NULL },
	{ "<|eom_id|>", NULL }, { "<EOT>", NULL }, { "_<EOT>", NULL }, { "[EOT]", NULL }, { "[EOS]", NULL },
	{ "<|end_of_text|>", NULL }, { "<end_of_utterance>", NULL }, { "<eos>", NULL }, { "<turn|>", NULL },
	{ "<|tool_response>", NULL }, { "<｜end▁of▁sentence｜>", NULL }, { "[e~[", NULL },
	/* fill in the middle */
	{ "<|fim_prefix|>", "pre" }, { "<fim-prefix>", "pre" }, { "<fim_prefix>", "pre" }, { "<｜fim▁begin｜>", "pre" },
	{ "<PRE>", "pre" }, { "▁<PRE>", "pre" }, { "<|code_prefix|>", "pre" }, { "<|prefix|>", "pre" },
	{ "<|fim_suffix|>", "suf" }, { "<fim-suffix>", "suf" }, { "<fim_suffix>", "suf" }, { "<｜fim▁hole｜>", "suf" },
	{ "<SUF>", "suf" }, { "▁<SUF>", "suf" }, { "<|code_suffix|>", "suf" }, { "<|suffix|>", "suf" },
	{ "<|fim_middle|>", "mid" }, { "<fim-middle>", "mid" }, { "<fim_middle>", "mid" }, { "<｜fim▁end｜>", "mid" },
	{ "<MID>", "mid" }, { "▁<MID>", "mid" }, { "<|code_middle|>", "mid" }, { "<|middle|>", "mid" },
	{ "<|fim_pad|>", "pad" }, { "<fim-pad>", "pad" }, { "<fim_pad>", "pad" }, { "<PAD>", "pad" }, { "[PAD]", "pad" },
	{ "<|fim_repo|>", "rep" }, { "<|repo_name|>", "rep" }, { "<fim-repo>", "rep" }, { "<REPO>", "rep" },
	{ "<reponame>", "rep" }, { "<|file_sep|>", "sep" },
};

static bool is_control_text(struct source *s, struct fmt_str text)
{
	char key[64];

	for (size_t i = 0; i < sizeof control_texts / sizeof *control_texts; i++) {
		if (!fmt_str_is(text, control_texts[i].text))
			continue;
		snprintf(key, sizeof key, "tokenizer.ggml.fim_%s_token_id", control_texts[i].key ? control_texts[i].key : "");
		return !control_texts[i].key || source_id(s, key, TOK_NONE) == TOK_NONE;
	}
	return false;
}

static bool has_token(const struct source *s, const char *text)
{
	for (uint64_t i = 0; i < s->n; i++)
		if (fmt_str_is(s->tokens[i], text))
			return true;
	return false;
}

/* What else llama.cpp decides by the text: gpt-oss's tokens within a conversation are always found; so is its end of a
 * turn, since a call or an answer ends the generation; and next to Gemma 4's tokens </s> is none. */
static void fix_type(const struct source *s, struct fmt_str text, int32_t *type)
{
	if (fmt_str_is(text, "<|channel|>") || fmt_str_is(text, "<|message|>") || fmt_str_is(text, "<|start|>") ||
	    fmt_str_is(text, "<|constrain|>"))
		*type = TYPE_USER_DEFINED;
	else if (fmt_str_is(text, "<|end|>") && ((has_token(s, "<|return|>") && has_token(s, "<|call|>")) ||
	                                         (has_token(s, "<|flush|>") && (has_token(s, "<|calls|>") || has_token(s, "<|call|>")))))
		*type = TYPE_USER_DEFINED;
	else if (fmt_str_is(text, "</s>") && has_token(s, "<|tool_response>"))
		*type = TYPE_NORMAL;
}

static bool read_added(struct source *s)
{
	for (uint64_t i = 0; i < s->n; i++) {
		int32_t type = s->types ? s->types[i] : TYPE_NORMAL;
		struct tok_added *a;

		if (type != TYPE_CONTROL && type != TYPE_UNKNOWN && is_control_text(s, s->tokens[i]))
			type = TYPE_CONTROL;
		fix_type(s, s->tokens[i], &type);
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
		a->ascii = true;
	}
	return true;
}

static struct fmt_str read_text(const struct source *s, const char *key)
{
	const struct fmt_value *v = fmt_view_get(s->v, key);

	return v && v->type == FMT_KV_STR ? v->as.s : (struct fmt_str){ NULL, 0 };
}

static bool contains(struct fmt_str s, const char *what)
{
	size_t n = strlen(what);

	for (size_t i = 0; i + n <= s.n; i++)
		if (!strncasecmp(s.p + i, what, n))
			return true;
	return false;
}

/* GGUF has no place for lstrip and rstrip; llama.cpp knows them by the names of the model, the splits or the
 * architecture. */
static void patch_strips(struct source *s)
{
	struct fmt_str name = read_text(s, "general.name"), pre = read_text(s, "tokenizer.ggml.pre");
	struct fmt_str arch = read_text(s, "general.architecture");
	bool mask = contains(pre, "jina-v2-de") || contains(pre, "jina-v2-es") || contains(pre, "jina-v2-code") ||
	            contains(arch, "nomic-bert-moe") || contains(arch, "jina-bert-v3");
	bool phi3 = !mask && (contains(name, "phi-3") || contains(name, "phi3"));
	bool modern = !mask && !phi3 && contains(name, "modern-bert");

	for (size_t i = 0; i < s->t->n_added; i++) {
		struct tok_added *a = &s->t->added[i];
		struct fmt_str text = s->tokens[a->id];

		a->lstrip = (mask && fmt_str_is(text, "<mask>")) || (modern && fmt_str_is(text, "[MASK]"));
		a->rstrip = phi3 && !fmt_str_is(text, "<unk>") && !fmt_str_is(text, "<s>") && !fmt_str_is(text, "<|endoftext|>");
	}
}

bool source_ends(struct source *s, bool bos, bool eos, int32_t bos_id, int32_t eos_id)
{
	struct infer_tokenizer *t = s->t;

	bos = source_flag(s, "tokenizer.ggml.add_bos_token", bos);
	eos = source_flag(s, "tokenizer.ggml.add_eos_token", eos);
	bos_id = source_id(s, "tokenizer.ggml.bos_token_id", bos_id);
	eos_id = source_id(s, "tokenizer.ggml.eos_token_id", eos_id);
	return (!bos || bos_id == TOK_NONE || tok_put_id(&t->prefix, &t->n_prefix, &t->cap_prefix, bos_id, s->err)) &&
	       (!eos || eos_id == TOK_NONE || tok_put_id(&t->suffix, &t->n_suffix, &t->cap_suffix, eos_id, s->err));
}

bool tok_from_gguf(struct infer_tokenizer *t, const struct fmt_view *v, struct fmt_err *err)
{
	static const struct {
		const char *name;
		bool (*read)(struct source *s);
	} kinds[] = {
		{ "gpt2", source_bpe }, { "gemma4", source_bpe }, { "llama", source_spm }, { "t5", source_unigram },
		{ "bert", source_wordpiece },
	};
	struct source s = { .t = t, .v = v, .err = err };
	struct fmt_str name = read_text(&s, "tokenizer.ggml.model");

	if (!name.p)
		return fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "no tokenizer: neither tokenizer.json nor tokenizer.ggml.model");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!fmt_str_is(name, kinds[i].name))
			continue;
		if (!read_tokens(&s) || !read_added(&s) || !kinds[i].read(&s))
			return false;
		patch_strips(&s);
		return true;
	}
	return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tokenizer.ggml.model '%.*s' is not known here",
	                name.n > 60 ? 60 : (int)name.n, name.p);
}
