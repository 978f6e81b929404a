/* tok_prefixes.c against the vocabulary itself: what goes on, and where a key ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tok_table.h"

#define MAX_KEY 12

struct vocabulary {
	char keys[400][MAX_KEY + 1];
	size_t n;
};

static unsigned draw(unsigned *state, unsigned below)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 16) % below;
}

/* Words of few letters, so that many begin others; no two are equal. */
static void make_words(struct vocabulary *v, unsigned n_letters, unsigned *state)
{
	v->n = 0;
	for (int tries = 0; tries < 400; tries++) {
		char *key = v->keys[v->n];
		size_t len = 1 + draw(state, MAX_KEY), k = 0;

		for (size_t i = 0; i < len; i++)
			key[i] = (char)('a' + draw(state, n_letters));
		key[len] = '\0';
		while (strcmp(v->keys[k], key))
			k++;
		v->n += k == v->n;
	}
}

static struct infer_tokenizer *make(const struct vocabulary *v)
{
	static char json[400 * 32];
	struct fmt_err err = { 0 };
	struct infer_tokenizer *t;
	size_t at = (size_t)sprintf(json, "{\"model\":{\"type\":\"WordPiece\",\"vocab\":{");

	for (size_t k = 0; k < v->n; k++)
		at += (size_t)sprintf(json + at, "%s\"%s\":%zu", k ? "," : "", v->keys[k], k);
	at += (size_t)sprintf(json + at, "}}}");
	t = infer_tokenizer_from_json(json, at, &err);
	if (!t)
		fail_msg("%s", err.msg);
	return t;
}

static void check(const struct infer_tokenizer *t, const struct vocabulary *v, const char *text)
{
	struct tok_prefix at = { 0 };
	int32_t id;

	for (size_t n = 1; text[n - 1]; n++) {
		int32_t want = TOK_NONE;
		bool goes_on = false;

		for (size_t k = 0; k < v->n; k++) {
			goes_on |= !strncmp(v->keys[k], text, n);
			if (!strncmp(v->keys[k], text, n) && !v->keys[k][n])
				want = (int32_t)k;
		}
		assert_int_equal(tok_prefixes_next(t, &at, (unsigned char)text[n - 1], &id), goes_on);
		if (!goes_on)
			return;
		assert_int_equal(id, want);
	}
}

static void random_vocabularies(void **state)
{
	static struct vocabulary v;
	unsigned seed = 1;

	(void)state;
	for (unsigned n_letters = 1; n_letters <= 6; n_letters++) {
		struct infer_tokenizer *t;

		make_words(&v, n_letters, &seed);
		t = make(&v);
		for (size_t k = 0; k < v.n; k++)
			check(t, &v, v.keys[k]);
		for (int k = 0; k < 2000; k++) {
			char text[MAX_KEY + 3] = { 0 };

			for (size_t i = 0; i < sizeof text - 1; i++)
				text[i] = (char)('a' + draw(&seed, n_letters));
			check(t, &v, text);
		}
		infer_tokenizer_destroy(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_vocabularies) };

	return cmocka_run_group_tests_name("tok_prefixes", tests, NULL, NULL);
}
