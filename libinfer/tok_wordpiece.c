/* WordPiece: the longest piece that begins the word, then the longest that continues it; a word that cannot be spelled
 * so is unknown as a whole. WordLevel: the word is a token or unknown. */
#include <string.h>

#include "tok_run.h"
#include "unicode.h"

static bool emit_unknown(struct tok_run *r, const struct tok_text *text, size_t start)
{
	if (r->t->unk == TOK_NONE)
		return fmt_fail(r->err, FMT_UNSUPPORTED, FMT_NO_OFFSET,
		                "the text has a word that the vocabulary lacks, and there is no unknown token");
	return tok_emit(r, r->t->unk, text, start);
}

/* The id of text[start, *end) with the prefix of continuing pieces if it is not the first; *end moves down to the
 * longest that there is. */
static int32_t longest(const struct infer_tokenizer *t, const char *p, size_t start, bool first, size_t *end,
                       struct tok_bytes *buf, struct fmt_err *err)
{
	size_t prefix = first ? 0 : t->continuing.n;

	if (prefix + (*end - start) > t->max_key_bytes) { /* no longer piece is worth a look */
		size_t to = start + (t->max_key_bytes > prefix ? t->max_key_bytes - prefix : 0);

		while (to > start && to < *end && ((unsigned char)p[to] & 0xc0) == 0x80)
			to--;
		*end = to;
	}
	buf->n = 0;
	if (!tok_bytes_put(buf, t->continuing.p, prefix, err) || !tok_bytes_put(buf, p + start, *end - start, err))
		return TOK_NONE;
	while (*end > start) {
		int32_t id = tok_find(t, buf->p, prefix + (*end - start));

		if (id != TOK_NONE)
			return id;
		*end = start + uni_before(p + start, *end - start);
	}
	return TOK_NONE;
}

bool tok_model_words(struct tok_run *r, const struct tok_text *text, size_t start, size_t end)
{
	const struct infer_tokenizer *t = r->t;
	const char *p = text->bytes.p;
	struct tok_bytes buf = { 0 };
	uint64_t n_chars = 0;
	bool ok = true;
	int32_t id;

	if (t->model == TOK_MODEL_WORDLEVEL) {
		id = tok_find(t, p + start, end - start);
		return id != TOK_NONE ? tok_emit(r, id, text, start) : emit_unknown(r, text, start);
	}
	for (size_t i = start; i < end; i++)
		n_chars += ((unsigned char)p[i] & 0xc0) != 0x80;
	if (n_chars > t->max_word_chars)
		return emit_unknown(r, text, start);
	for (size_t at = start, stop; ok && at < end; at = stop) {
		stop = end;
		id = longest(t, p, at, at == start, &stop, &buf, r->err);
		if (id == TOK_NONE) {
			tok_take_back(r);
			ok = !r->err->code && emit_unknown(r, text, start);
			break;
		}
		ok = tok_emit(r, id, text, at);
	}
	tok_bytes_finish(&buf);
	return ok;
}
