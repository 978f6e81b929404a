/* A table of words with one place for each hash: a new word takes the place of the old one. */
#include <stdlib.h>
#include <string.h>

#include "tok_words.h"

/* Of so many bytes of text one is likely to be a new word; and the most places there are: 2 MB. */
#define BYTES_PER_WORD 16
#define MOST_WORDS     ((size_t)1 << 15)
#define LEAST_WORDS    ((size_t)1 << 5)

_Static_assert(sizeof(struct tok_word) == 64, "a word is a cache line");

struct tok_words {
	size_t n; /* a power of two */
	struct tok_word words[];
};

struct tok_words *tok_words_create(size_t text_bytes)
{
	size_t n = LEAST_WORDS;
	struct tok_words *w;

	while (n < MOST_WORDS && n < text_bytes / BYTES_PER_WORD)
		n *= 2;
	w = calloc(1, sizeof *w + n * sizeof *w->words);
	if (w)
		w->n = n;
	return w;
}

void tok_words_destroy(struct tok_words *w)
{
	free(w);
}

static size_t hash(const char key[TOK_WORD_BYTES + 1])
{
	uint64_t a, b, c;
	uint32_t d;

	memcpy(&a, key, 8);
	memcpy(&b, key + 8, 8);
	memcpy(&c, key + 16, 8);
	memcpy(&d, key + 24, 4);
	a = (a ^ d) * UINT64_C(0x9e3779b97f4a7c15);
	a = (a ^ a >> 29 ^ b) * UINT64_C(0xbf58476d1ce4e5b9);
	a = (a ^ a >> 32 ^ c) * UINT64_C(0x94d049bb133111eb);
	return (size_t)(a ^ a >> 31);
}

struct tok_word *tok_words_find(struct tok_words *w, const char *p, size_t n, char key[TOK_WORD_BYTES + 1], bool *known)
{
	struct tok_word *word;

	memset(key, 0, TOK_WORD_BYTES + 1);
	memcpy(key, p, n);
	key[TOK_WORD_BYTES] = (char)n;
	word = &w->words[hash(key) & (w->n - 1)];
	*known = !memcmp(word->key, key, TOK_WORD_BYTES + 1);
	return word;
}

void tok_words_keep(struct tok_word *word, const char key[TOK_WORD_BYTES + 1], const int32_t *ids,
                    const uint8_t *at, size_t n)
{
	memcpy(word->key, key, TOK_WORD_BYTES + 1);
	if (n) { /* a text that is no token at all has no lists either */
		memcpy(word->ids, ids, n * sizeof *ids);
		memcpy(word->at, at, n);
	}
	word->n = (uint8_t)n;
}
