/* The kinds of vocabulary that a GGUF's keys describe, each as llama.cpp runs it. */
#include <string.h>

#include <libfmt/pre.h>

#include "tok_charsmap.h"
#include "tok_gguf.h"
#include "unicode.h"

#define META "\xe2\x96\x81"

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

	if (!source_is_array(merges, FMT_KV_STR) || merges->n > UINT32_MAX)
		return source_bad_key(s, "tokenizer.ggml.merges", "a list of strings");
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

static bool add_front(struct source *s)
{
	struct tok_norm *norm = tok_new_norm(s->t, TOK_NORM_PREPEND, s->err);

	return norm && tok_bytes_put(&norm->text, META, 3, s->err);
}

/* U+2581 for spaces. */
static bool add_spaces(struct source *s)
{
	struct tok_norm *norm = tok_new_norm(s->t, TOK_NORM_REPLACE, s->err);

	return norm && tok_pattern_literal(&norm->pattern, FMT_STR(" "), s->err) && tok_bytes_put(&norm->text, META, 3, s->err);
}

/* Back to text: spaces, bytes, and without the one in front. */
static bool add_decoder(struct source *s, bool front)
{
	struct infer_tokenizer *t = s->t;
	struct tok_decode *decode = tok_new_decode(t, TOK_DECODE_REPLACE, s->err);

	if (!decode || !tok_pattern_literal(&decode->pattern, FMT_STR(META), s->err) ||
	    !tok_bytes_put(&decode->text, " ", 1, s->err) || !tok_new_decode(t, TOK_DECODE_FALLBACK, s->err) ||
	    !tok_new_decode(t, TOK_DECODE_FUSE, s->err))
		return false;
	if (!front)
		return true;
	decode = tok_new_decode(t, TOK_DECODE_STRIP, s->err);
	if (decode)
		decode->start = 1;
	return decode && tok_bytes_put(&decode->text, " ", 1, s->err);
}

/* BPE by rank. The splits have a name. */
bool source_bpe(struct source *s)
{
	const struct fmt_value *model = fmt_view_get(s->v, "tokenizer.ggml.model");
	const struct fmt_value *name = fmt_view_get(s->v, "tokenizer.ggml.pre");
	struct fmt_str pre_name = name && name->type == FMT_KV_STR && name->as.s.n ? name->as.s : FMT_STR("default");
	const struct fmt_pre *pre;
	struct infer_tokenizer *t = s->t;

	if (fmt_str_is(model->as.s, "gemma4"))
		pre_name = FMT_STR("gemma4");
	pre = fmt_pre_find(pre_name);
	if (!pre)
		return fmt_fail(s->err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tokenizer.ggml.pre '%.*s' is not known here",
		                pre_name.n > 60 ? 60 : (int)pre_name.n, pre_name.p);
	t->model = TOK_MODEL_BPE;
	/* tokenizer.ggml.normalizer.nfc may be there, and llama.cpp knows the key, but does nothing of the kind in BPE */
	if (pre->plain && !add_spaces(s))
		return false;
	for (const char *const *p = pre->patterns; *p; p++)
		if (!add_pattern(t, *p, s->err))
			return false;
	t->ignore_merges = pre->ignore_merges;
	t->whole_newlines = pre->newlines;
	t->byte_symbols = !pre->plain;
	t->byte_fallback = pre->plain;
	t->unknown_parts = true;
	if (pre->plain ? !add_decoder(s, false)
	               : !tok_new_split(t, TOK_SPLIT_BYTES, s->err) || !tok_new_decode(t, TOK_DECODE_BYTES, s->err))
		return false;
	return tok_index_build(t, false, s->err) && read_merges(s) && tok_index_build(t, true, s->err) &&
	       (pre->newlines ? source_ends(s, true, false, TOK_NONE, TOK_NONE) : source_ends(s, pre->add_bos, false, 11, 11));
}

/* SentencePiece BPE by score. */
bool source_spm(struct source *s)
{
	bool front = source_flag(s, "tokenizer.ggml.add_space_prefix", true);

	if (!s->scores)
		return source_bad_key(s, "tokenizer.ggml.scores", "there");
	s->t->model = TOK_MODEL_BPE;
	s->t->byte_fallback = true;
	s->t->fuse_unk = true;
	s->t->unk = source_id(s, "tokenizer.ggml.unknown_token_id", 0);
	return (!front || add_front(s)) && add_spaces(s) && add_decoder(s, front) && tok_index_build(s->t, false, s->err) &&
	       tok_merges_by_score(s->t, s->err) && tok_index_build(s->t, true, s->err) && source_ends(s, true, false, 1, 2);
}

static bool add_charsmap(struct source *s)
{
	const struct fmt_value *map = fmt_view_get(s->v, "tokenizer.ggml.precompiled_charsmap");
	struct tok_norm *norm;

	if (!map || (source_is_array(map, FMT_KV_U8) && !map->n))
		return true;
	if (!source_is_array(map, FMT_KV_U8) && !source_is_array(map, FMT_KV_I8))
		return source_bad_key(s, "tokenizer.ggml.precompiled_charsmap", "a list of bytes");
	norm = tok_new_norm(s->t, TOK_NORM_CHARSMAP, s->err);
	if (!norm)
		return false;
	norm->left = true;
	norm->charsmap = tok_charsmap_create(map->as.data, map->n, s->err);
	return norm->charsmap;
}

/* Scores as Unigram has them: what users defined is free, control tokens and bytes are never found; an unknown character
 * is 10 worse than the worst piece. */
static void unigram_scores(struct source *s)
{
	float lowest = 0;
	bool any = false;

	for (uint64_t i = 0; i < s->n; i++) {
		int32_t type = s->types ? s->types[i] : TYPE_NORMAL;

		if (type == TYPE_USER_DEFINED)
			s->t->entries[i].score = 0;
		else if (type != TYPE_NORMAL && type != TYPE_UNUSED)
			s->t->entries[i].key = (struct fmt_str){ NULL, 0 };
		if (type == TYPE_NORMAL && (!any || s->scores[i] < lowest)) {
			lowest = s->scores[i];
			any = true;
		}
	}
	s->t->unk_score = (double)(lowest - 10.0f);
}

/* SentencePiece Unigram. */
bool source_unigram(struct source *s)
{
	struct tok_norm *spaces;

	if (!s->scores)
		return source_bad_key(s, "tokenizer.ggml.scores", "there");
	s->t->model = TOK_MODEL_UNIGRAM;
	s->t->unk = source_id(s, "tokenizer.ggml.unknown_token_id", 2);
	unigram_scores(s);
	if (!add_charsmap(s))
		return false;
	spaces = tok_new_norm(s->t, TOK_NORM_SPACES, s->err);
	if (!spaces || !tok_bytes_put(&spaces->text, META, 3, s->err))
		return false;
	spaces->left = source_flag(s, "tokenizer.ggml.add_space_prefix", false);
	spaces->right = source_flag(s, "tokenizer.ggml.remove_extra_whitespaces", false);
	return add_decoder(s, spaces->left || spaces->right) && tok_index_build(s->t, true, s->err) &&
	       source_ends(s, false, true, TOK_NONE, 1);
}

static bool is_word(uint32_t code)
{
	return uni_is(code, UNI_SET_P) || (code < 0x7f && uni_is(code, UNI_SET_S)) || uni_is_bert_ideograph(code);
}

/* BERT's splits: at white space, and punctuation and ideographs by themselves; U+2581 in front of each. */
static bool add_words(struct source *s)
{
	struct tok_split *space = tok_new_split(s->t, TOK_SPLIT_CLASS, s->err);
	struct tok_split *word, *front;

	if (!space)
		return false;
	space->is = uni_is_space;
	space->behavior = TOK_REMOVED;
	word = tok_new_split(s->t, TOK_SPLIT_CLASS, s->err);
	if (!word)
		return false;
	word->is = is_word;
	word->behavior = TOK_ISOLATED;
	front = tok_new_split(s->t, TOK_SPLIT_FRONT, s->err);
	return front && tok_bytes_put(&front->text, META, 3, s->err);
}

/* WordPiece: pieces that begin a word have U+2581 in front, others nothing. */
bool source_wordpiece(struct source *s)
{
	bool lower = source_flag(s, "tokenizer.ggml.normalizer.lowercase", true);
	bool accents = source_flag(s, "tokenizer.ggml.normalizer.strip_accents", lower);
	struct infer_tokenizer *t = s->t;
	int32_t cls = source_id(s, "tokenizer.ggml.bos_token_id", 101), sep = source_id(s, "tokenizer.ggml.seperator_token_id", 102);

	t->model = TOK_MODEL_WORDPIECE;
	t->max_word_chars = UINT64_MAX;
	t->unk = source_id(s, "tokenizer.ggml.unknown_token_id", 100);
	if ((accents && !tok_new_norm(t, TOK_NORM_BASE, s->err)) || !tok_new_norm(t, TOK_NORM_WORDS, s->err) ||
	    (accents && !tok_new_norm(t, TOK_NORM_MARKS, s->err)) || (lower && !tok_new_norm(t, TOK_NORM_LOWERCASE, s->err)))
		return false;
	return add_words(s) && add_decoder(s, true) && tok_index_build(t, true, s->err) &&
	       (cls == TOK_NONE || tok_put_id(&t->prefix, &t->n_prefix, &t->cap_prefix, cls, s->err)) &&
	       (sep == TOK_NONE || tok_put_id(&t->suffix, &t->n_suffix, &t->cap_suffix, sep, s->err));
}
