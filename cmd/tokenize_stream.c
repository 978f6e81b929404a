/* Standard input to tokens, part by part. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokenize_stream.h"

/* Bytes of text that are held at first. */
#define WINDOW_BYTES ((size_t)256 << 10)

/* What was read and not encoded yet. */
struct window {
	char *p;
	size_t n, cap;
};

/* Fills the window; if it is full it becomes twice as large. *last: nothing follows. */
static bool fill(struct window *w, bool *last, struct fmt_err *err)
{
	size_t cap = !w->cap ? WINDOW_BYTES : w->n < w->cap ? w->cap : 2 * w->cap, want;
	char *p = cap > w->cap ? realloc(w->p, cap) : w->p;

	if (!p || cap < w->cap)
		return fmt_fail_nomem(err, cap);
	w->p = p;
	w->cap = cap;
	want = cap - w->n;
	w->n += fread(w->p + w->n, 1, want, stdin);
	*last = w->n < cap;
	return !ferror(stdin) || fmt_fail_errno(err, errno, "cannot read");
}

bool tokenize_stream(const struct infer_tokenizer *t, unsigned flags, struct token_show *show, struct fmt_err *err)
{
	struct infer_encoder *e = infer_encoder_create(t, err);
	struct infer_tokens tokens = { 0 };
	struct window w = { 0 };
	bool last = false, ok = e;

	while (ok && !last && !ferror(stdout)) {
		size_t used;

		tokens.n = 0;
		ok = fill(&w, &last, err) && infer_encode_part(e, w.p, w.n, last, flags, &tokens, &used, err) &&
		     token_show_part(show, &tokens, (struct fmt_str){ w.p, used }, last, err);
		if (!ok)
			break;
		memmove(w.p, w.p + used, w.n - used);
		w.n -= used;
	}
	fmt_err_file(err, "standard input");
	free(w.p);
	infer_tokens_finish(&tokens);
	infer_encoder_destroy(e);
	return ok;
}
