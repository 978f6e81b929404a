/* What GGUF's keys cannot say about a tokenizer. */
#ifndef LIBINFER_TOK_LEVEL_H
#define LIBINFER_TOK_LEVEL_H

#include <libinfer/tok_check.h>

#include "tok_table.h"

/* Adds a note, and that ids differ. */
void tok_note(struct infer_tok_check *c, const char *format, ...) FMT_PRINTF(2, 3);

/* Holds the parts of two readings against each other, neither of them finished yet. Each difference is noted, and taken
 * out of `full`, so that what then still differs has another reason.
 * full   by tokenizer.json
 * keys   by the keys
 * spare  by the keys as well: its steps may go to `full` */
bool tok_level(struct infer_tokenizer *full, const struct infer_tokenizer *keys, struct infer_tokenizer *spare,
               struct infer_tok_check *out, struct fmt_err *err);

/* Cuts text as the keys say. */
void tok_level_splits(struct infer_tokenizer *full, struct infer_tokenizer *spare);

#endif
