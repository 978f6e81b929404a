/* Tokens in memory and beyond. See token_spool.h. */
#include <errno.h>
#include <stdlib.h>

#include "token_spool.h"

#define HELD_TOKENS ((size_t)1 << 16)

static bool write_held(struct token_spool *s, struct fmt_err *err)
{
	if (!s->file)
		s->file = tmpfile();
	if (!s->file || fwrite(s->held, sizeof *s->held, s->n_held, s->file) != s->n_held)
		return fmt_fail_errno(err, errno, "cannot keep tokens in a temporary file");
	s->n_held = 0;
	return true;
}

bool token_spool_add(struct token_spool *s, const struct infer_tokens *tokens, struct fmt_err *err)
{
	if (!s->held)
		s->held = calloc(HELD_TOKENS, sizeof *s->held);
	if (!s->held)
		return fmt_fail_nomem(err, HELD_TOKENS * sizeof *s->held);
	for (uint64_t i = 0; i < tokens->n; i++) {
		if (s->n_held == HELD_TOKENS && !write_held(s, err))
			return false;
		s->held[s->n_held].start = tokens->starts ? tokens->starts[i] : 0;
		s->held[s->n_held++].id = tokens->ids[i];
	}
	s->n += tokens->n;
	return true;
}

bool token_spool_each(struct token_spool *s, uint64_t first, uint64_t end,
                      bool (*each)(void *ctx, const struct token_record *records, size_t n, struct fmt_err *err), void *ctx,
                      struct fmt_err *err)
{
	struct token_record some[1024];
	uint64_t n_file = s->n - s->n_held;

	if (first < n_file && first < end && fseeko(s->file, (off_t)(first * sizeof *some), SEEK_SET))
		return fmt_fail_errno(err, errno, "cannot read tokens from a temporary file");
	while (first < n_file && first < end) {
		uint64_t left = (end < n_file ? end : n_file) - first;
		size_t n = left < sizeof some / sizeof *some ? (size_t)left : sizeof some / sizeof *some;

		if (fread(some, sizeof *some, n, s->file) != n)
			return fmt_fail_errno(err, errno, "cannot read tokens from a temporary file");
		if (!each(ctx, some, n, err))
			return false;
		first += n;
	}
	return first >= end || each(ctx, s->held + (first - n_file), (size_t)(end - first), err);
}

void token_spool_finish(struct token_spool *s)
{
	free(s->held);
	if (s->file)
		fclose(s->file);
	*s = (struct token_spool){ .held = NULL };
}
