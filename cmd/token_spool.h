/* The tokens of a text, however many: some are kept in memory, more in a temporary file that has no name. */
#ifndef TOKEN_SPOOL_H
#define TOKEN_SPOOL_H

#include <stdio.h>

#include <libinfer/tokenizer.h>

struct token_record {
	uint64_t start;
	int32_t id;
};

struct token_spool {
	struct token_record *held; /* the last ones */
	size_t n_held;
	FILE *file;                /* the others, in order; NULL: there are none */
	uint64_t n;                /* all */
};

/* Appends tokens; `starts` may be NULL. */
bool token_spool_add(struct token_spool *s, const struct infer_tokens *tokens, struct fmt_err *err);

/* Gives the tokens [first, end) to a function, some at a time. false at once when it returns false. */
bool token_spool_each(struct token_spool *s, uint64_t first, uint64_t end,
                      bool (*each)(void *ctx, const struct token_record *records, size_t n, struct fmt_err *err), void *ctx,
                      struct fmt_err *err);

void token_spool_finish(struct token_spool *s);

#endif
