/* Ids on stdout, and standard input to ids without holding all of it. */
#ifndef TOKENIZE_STREAM_H
#define TOKENIZE_STREAM_H

#include <libinfer/tokenizer.h>

/* The ids with `between` them. */
void put_ids(const struct infer_tokens *tokens, char between);

/* The ids of standard input on one line, or with `count` how many there are. What is held of the text is some hundred KB, and
 * as much as has no place where this tokenizer's texts can be cut. */
bool tokenize_stream(const struct infer_tokenizer *t, unsigned flags, bool count, struct fmt_err *err);

#endif
