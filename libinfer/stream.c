/* Text as it is generated. A token's text depends on those before it (a leading space, bytes of one character), so a
 * few tokens are decoded twice, without and with the new ones, and the difference is what is new. */
#include <libinfer/stream.h>

#include <stdlib.h>
#include <string.h>

/* A character has at most 4 bytes, a token at least one; the rest is for prompts whose end decides about a space. */
enum { WINDOW = 16, HELD_MAX = 6 };

struct infer_stream {
	const struct infer_tokenizer *tokenizer;
	int32_t ids[WINDOW];
	size_t n_shown; /* of ids: their text is out */
	size_t n;
	char *text;     /* the last piece lies in it */
};

struct infer_stream *infer_stream_create(const struct infer_tokenizer *t, const int32_t *ids, size_t n,
                                         struct fmt_err *err)
{
	struct infer_stream *s = calloc(1, sizeof *s);
	size_t keep = n < WINDOW - HELD_MAX - 1 ? n : WINDOW - HELD_MAX - 1;

	if (!s) {
		fmt_fail_nomem(err, sizeof *s);
		return NULL;
	}
	s->tokenizer = t;
	if (keep)
		memcpy(s->ids, ids + n - keep, keep * sizeof *ids);
	s->n = s->n_shown = keep;
	return s;
}

void infer_stream_destroy(struct infer_stream *s)
{
	if (!s)
		return;
	free(s->text);
	free(s);
}

/* Whether text ends in U+FFFD, as the decoding of an incomplete character does. */
static bool ends_incomplete(const char *text, size_t n)
{
	return n >= 3 && !memcmp(text + n - 3, "\xef\xbf\xbd", 3);
}

/* Decodes with and without the ids not shown yet. `hold`: wait for the rest of an incomplete character. */
static bool take(struct infer_stream *s, bool hold, const char **text, size_t *n, struct fmt_err *err)
{
	char *before = NULL;
	size_t n_before = 0, n_all = 0;
	bool ok;

	free(s->text);
	s->text = NULL;
	*text = "";
	*n = 0;
	ok = infer_detokenize(s->tokenizer, s->ids, s->n_shown, true, &before, &n_before, err) &&
	     infer_detokenize(s->tokenizer, s->ids, s->n, true, &s->text, &n_all, err);
	free(before);
	if (!ok)
		return false;
	if (hold && ends_incomplete(s->text, n_all) && s->n - s->n_shown < HELD_MAX)
		return true;
	if (n_all > n_before) {
		*text = s->text + n_before;
		*n = n_all - n_before;
	}
	s->n -= s->n_shown;
	memmove(s->ids, s->ids + s->n_shown, s->n * sizeof *s->ids);
	s->n_shown = s->n;
	return true;
}

bool infer_stream_push(struct infer_stream *s, int32_t id, const char **text, size_t *n, struct fmt_err *err)
{
	s->ids[s->n++] = id;
	return take(s, true, text, n, err);
}

bool infer_stream_flush(struct infer_stream *s, const char **text, size_t *n, struct fmt_err *err)
{
	return take(s, false, text, n, err);
}
