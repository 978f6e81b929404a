/* Standard input to tokens without holding all of it. */
#ifndef TOKENIZE_STREAM_H
#define TOKENIZE_STREAM_H

#include "token_show.h"

/* Shows the tokens of standard input. What is held of the text is some hundred KB, and as much as has no place where this
 * tokenizer's texts can be cut. */
bool tokenize_stream(const struct infer_tokenizer *t, unsigned flags, struct token_show *show, struct fmt_err *err);

#endif
