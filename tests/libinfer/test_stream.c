/* Text as it is generated: whole characters, and all of them, whatever the tokens cut through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include <libinfer/stream.h>

static const char *models[] = { "ASSAY_TESTDATA", "models/llama", "ASSAY_SHARED", "models/llama2-sharded" };

static struct fmt_view *open_view(size_t i)
{
	struct fmt_err err = { 0 };
	const char *folder = getenv(models[2 * i]);
	char path[4096];
	struct stat st;
	struct fmt_view *v;

	snprintf(path, sizeof path, "%s/%s", folder ? folder : "", models[2 * i + 1]);
	if (stat(path, &st))
		return NULL;
	v = fmt_view_open(path, NULL, &err);
	assert_non_null(v);
	return v;
}

/* Whether n bytes are whole characters. */
static bool whole(const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)s[i++];
		unsigned more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc2 ? 1 : 9;

		for (; more; more--, i++)
			if (more > 3 || i >= n || ((unsigned char)s[i] & 0xc0) != 0x80)
				return false;
	}
	return true;
}

/* Streams ids from `shown` on; the pieces must be whole and make up the rest of the decoding of all ids. */
static void check_stream(const struct infer_tokenizer *t, const struct infer_tokens *ids, size_t shown)
{
	struct fmt_err err = { 0 };
	struct infer_stream *s = infer_stream_create(t, ids->ids, shown, &err);
	char *all, *head, got[1024];
	size_t n_all, n_head, n_got = 0, n;
	const char *piece;

	assert_non_null(s);
	assert_true(infer_detokenize(t, ids->ids, ids->n, true, &all, &n_all, &err));
	assert_true(infer_detokenize(t, ids->ids, shown, true, &head, &n_head, &err));
	for (size_t i = shown; i <= ids->n; i++) {
		assert_true(i < ids->n ? infer_stream_push(s, ids->ids[i], &piece, &n, &err)
		                       : infer_stream_flush(s, &piece, &n, &err));
		assert_true(whole(piece, n) && n_got + n < sizeof got);
		memcpy(got + n_got, piece, n);
		n_got += n;
	}
	assert_int_equal(n_got, n_all - n_head);
	assert_memory_equal(got, all + n_head, n_got);
	free(all);
	free(head);
	infer_stream_destroy(s);
}

/* Characters of two, three and four bytes, which these vocabularies spell in several tokens. */
static void pieces_are_whole_and_complete(void **state)
{
	static const char *const texts[] = { "To be, or not to be", "na\xc3\xafve \xe2\x82\xac 5 \xf0\x9f\x99\x82\xf0\x9f\x91\x8d end",
		                             "\xe4\xbd\xa0\xe5\xa5\xbd\n  two  spaces" };
	bool any = false;

	(void)state;
	for (size_t m = 0; m < 2; m++) {
		struct fmt_err err = { 0 };
		struct fmt_view *v = open_view(m);
		struct infer_tokenizer *t = v ? infer_tokenizer_create(v, &err) : NULL;

		for (size_t i = 0; t && i < 3; i++) {
			struct infer_tokens ids = { 0 };

			assert_true(infer_tokenize(t, texts[i], strlen(texts[i]), INFER_TOK_ADD_SPECIAL, &ids, &err));
			assert_true(ids.n > 4);
			check_stream(t, &ids, 0);
			check_stream(t, &ids, 1); /* the token for the beginning */
			check_stream(t, &ids, 2);
			infer_tokens_finish(&ids);
			any = true;
		}
		infer_tokenizer_destroy(t);
		fmt_view_close(v);
	}
	if (!any)
		skip();
}

/* A text that ends within a character shows what there is of it, and nothing is waited for without end. */
static void incomplete_ends_are_shown(void **state)
{
	struct fmt_err err = { 0 };
	struct fmt_view *v = open_view(0);
	struct infer_tokenizer *t;
	struct infer_tokens ids = { 0 };
	struct infer_stream *s;
	const char *piece;
	size_t n, total = 0;

	(void)state;
	if (!v)
		skip();
	t = infer_tokenizer_create(v, &err);
	assert_non_null(t);
	assert_true(infer_tokenize(t, "\xf0\x9f\x99\x82", 4, 0, &ids, &err));
	assert_true(ids.n >= 2);
	s = infer_stream_create(t, NULL, 0, &err);
	assert_non_null(s);
	assert_true(infer_stream_push(s, ids.ids[0], &piece, &n, &err));
	assert_int_equal(n, 0);
	assert_true(infer_stream_flush(s, &piece, &n, &err));
	assert_true(n >= 3 && !memcmp(piece, "\xef\xbf\xbd", 3));
	for (int i = 0; i < 40; i++) { /* the same first byte again and again never becomes a character */
		assert_true(infer_stream_push(s, ids.ids[0], &piece, &n, &err));
		total += n;
	}
	assert_true(total >= 3 * 30);
	infer_stream_destroy(s);
	infer_tokens_finish(&ids);
	infer_tokenizer_destroy(t);
	fmt_view_close(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_whole_and_complete),
		cmocka_unit_test(incomplete_ends_are_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
