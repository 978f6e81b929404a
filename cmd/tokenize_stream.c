/* Standard input to ids, part by part. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokenize_stream.h"

/* Bytes of text that are held at first. */
#define WINDOW_BYTES ((size_t)256 << 10)

/* Digits by hand: there may be millions. */
void put_ids(const struct infer_tokens *tokens, char between)
{
	for (uint64_t i = 0; i < tokens->n; i++) {
		char digits[12], *p = digits + sizeof digits;
		uint32_t id = (uint32_t)tokens->ids[i];

		do
			*--p = (char)('0' + id % 10);
		while (id /= 10);
		if (i)
			*--p = between;
		while (p < digits + sizeof digits)
			putc_unlocked(*p++, stdout);
	}
}

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

bool tokenize_stream(const struct infer_tokenizer *t, unsigned flags, bool count, struct fmt_err *err)
{
	struct infer_encoder *e = infer_encoder_create(t, err);
	struct infer_tokens tokens = { 0 };
	struct window w = { 0 };
	unsigned long long total = 0;
	bool last = false, ok = e;

	while (ok && !last && !ferror(stdout)) {
		size_t used;

		tokens.n = 0;
		ok = fill(&w, &last, err) && infer_encode_part(e, w.p, w.n, last, flags, &tokens, &used, err);
		if (!ok)
			break;
		memmove(w.p, w.p + used, w.n - used);
		w.n -= used;
		if (!count && total && tokens.n)
			putchar(' ');
		if (!count)
			put_ids(&tokens, ' ');
		total += tokens.n;
	}
	if (ok && count)
		printf("%llu", total);
	if (ok)
		putchar('\n');
	fmt_err_file(err, "standard input");
	free(w.p);
	infer_tokens_finish(&tokens);
	infer_encoder_destroy(e);
	return ok;
}
