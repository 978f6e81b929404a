/* WordPiece: the longest piece that begins the word, then the longest that continues it; a word that cannot be spelled
 * so is unknown as a whole. WordLevel: the word is a token or unknown. */
#include "tok_run.h"

static bool emit_unknown(struct tok_run *r, const struct tok_text *text, size_t start)
{
	if (r->t->unk == TOK_NONE)
		return fmt_fail(r->err, FMT_UNSUPPORTED, FMT_NO_OFFSET,
		                "the text has a word that the vocabulary lacks, and there is no unknown token");
	return tok_emit(r, r->t->unk, text, start);
}

/* The longest piece that p[start, end) begins with, after the prefix of continuing pieces if it is not the first; *stop: its
 * end. */
static int32_t longest(const struct infer_tokenizer *t, const char *p, size_t start, size_t end, bool first, size_t *stop)
{
	struct tok_prefix piece = { 0 };
	int32_t id = TOK_NONE, found = TOK_NONE;

	for (size_t i = 0; !first && i < t->continuing.n; i++)
		if (!tok_prefixes_next(t, &piece, (unsigned char)t->continuing.p[i], &id))
			return TOK_NONE;
	for (size_t i = start; i < end && tok_prefixes_next(t, &piece, (unsigned char)p[i], &id); i++) {
		if (id == TOK_NONE || (i + 1 < end && ((unsigned char)p[i + 1] & 0xc0) == 0x80))
			continue;
		found = id;
		*stop = i + 1;
	}
	return found;
}

bool tok_model_words(struct tok_run *r, const struct tok_text *text, size_t start, size_t end)
{
	const struct infer_tokenizer *t = r->t;
	const char *p = text->bytes.p;
	uint64_t n_chars = 0;
	int32_t id;

	if (t->model == TOK_MODEL_WORDLEVEL) {
		id = tok_find(t, p + start, end - start);
		return id != TOK_NONE ? tok_emit(r, id, text, start) : emit_unknown(r, text, start);
	}
	for (size_t i = start; i < end; i++)
		n_chars += ((unsigned char)p[i] & 0xc0) != 0x80;
	if (n_chars > t->max_word_chars)
		return emit_unknown(r, text, start);
	for (size_t at = start, stop = end; at < end; at = stop) {
		id = longest(t, p, at, end, at == start, &stop);
		if (id == TOK_NONE) {
			tok_take_back(r);
			return emit_unknown(r, text, start);
		}
		if (!tok_emit(r, id, text, at))
			return false;
	}
	return true;
}
