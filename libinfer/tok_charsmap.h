/* SentencePiece's precompiled replacements: a trie of strings, each with what it becomes. */
#ifndef LIBINFER_TOK_CHARSMAP_H
#define LIBINFER_TOK_CHARSMAP_H

#include "tok_text.h"

struct tok_charsmap;

/* From the bytes of precompiled_charsmap; they are copied. */
struct tok_charsmap *tok_charsmap_create(const void *data, size_t n, struct fmt_err *err);
void tok_charsmap_destroy(struct tok_charsmap *m); /* NULL is fine */

/* Adds text[start, end) to *out with every replacement made, as Hugging Face does it: whole grapheme clusters first,
 * then characters. Or as llama.cpp does: the longest that begins at each place. */
bool tok_charsmap_run(const struct tok_charsmap *m, bool longest, const struct tok_text *text, size_t start, size_t end,
                      struct tok_text *out, struct fmt_err *err);

#endif
