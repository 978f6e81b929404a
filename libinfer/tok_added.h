/* Added tokens: found in text before anything else looks at it. */
#ifndef LIBINFER_TOK_ADDED_H
#define LIBINFER_TOK_ADDED_H

#include "tok_table.h"

/* The added tokens that are looked for in raw text, or in normalized text. */
struct tok_trie *tok_trie_create(const struct infer_tokenizer *t, bool normalized, struct fmt_err *err);
void tok_trie_destroy(struct tok_trie *x); /* NULL is fine */
bool tok_trie_empty(const struct tok_trie *x);

/* Called for each stretch of a text in order: plain text (added NULL), or an added token. Of an open one more may come: it
 * is the last. */
typedef bool tok_stretch_fn(void *ctx, size_t start, size_t end, const struct tok_added *added, bool open);

/* Cuts text[start, end): the leftmost match counts, and the longest there. Special tokens stay text without
 * parse_special. Neighbouring white space goes to tokens that ask for it. Stretches that are empty are left out.
 * open   text goes on behind `end`: what depends on it is left out too */
bool tok_cut(const struct infer_tokenizer *t, const struct tok_trie *x, const char *text, size_t start, size_t end,
             bool parse_special, bool open, tok_stretch_fn *fn, void *ctx);

/* Whether a token of the trie stands around byte `at` of text[0, n): begins before and ends behind it. */
bool tok_added_around(const struct tok_trie *x, const char *text, size_t n, size_t at);

#endif
