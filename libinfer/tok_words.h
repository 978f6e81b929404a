/* Short splits that the model has seen, with the ids it gave them. What a model makes of a split depends on nothing but
 * its bytes, and most splits of a text are words that it has had before. */
#ifndef LIBINFER_TOK_WORDS_H
#define LIBINFER_TOK_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOK_WORD_BYTES 27 /* longer splits are not kept */
#define TOK_WORD_IDS   7  /* nor those of more tokens */

/* One cache line. */
struct tok_word {
	char key[TOK_WORD_BYTES + 1]; /* the bytes, zeros, and how many there are */
	int32_t ids[TOK_WORD_IDS];
	uint8_t at[TOK_WORD_IDS]; /* the byte at which each token begins */
	uint8_t n;
};

struct tok_words;

/* Room by the bytes of text that there will be. NULL if memory is short: it can be done without. */
struct tok_words *tok_words_create(size_t text_bytes);
void tok_words_destroy(struct tok_words *w); /* NULL is fine */

/* The place of the word p[0, n), 1 <= n <= TOK_WORD_BYTES. *known: its ids are there; else the place holds some other
 * word or none, and `key` is what tok_words_keep wants. */
struct tok_word *tok_words_find(struct tok_words *w, const char *p, size_t n, char key[TOK_WORD_BYTES + 1], bool *known);

/* Puts a word of n <= TOK_WORD_IDS tokens into its place. */
void tok_words_keep(struct tok_word *word, const char key[TOK_WORD_BYTES + 1], const int32_t *ids,
                    const uint8_t *at, size_t n);

#endif
