/* Where a text can be cut before byte pair encoding without changing what comes out: between two characters that no token
 * has side by side. A tokenizer that does not split its text into words (Llama 2's) has the words that way.
 *
 * Characters are told apart by the byte they end or begin with, but for U+2581, which stands for a space and is the one
 * that matters most. */
#include <stdlib.h>
#include <string.h>

#include "tok_table.h"

#define META       "\xe2\x96\x81"
#define META_CLASS 0xff /* no byte of UTF-8 */

struct tok_joins {
	uint64_t next_to[256][4]; /* by the last byte of the left character: bits of first bytes of the right one */
};

static bool is_meta(const char *p, size_t n)
{
	return n >= 3 && !memcmp(p, META, 3);
}

/* Bytes of the character at p; its classes as the left and as the right one of two. */
static size_t classes(const char *p, size_t n, unsigned char *left, unsigned char *right)
{
	size_t len = 1;

	if (is_meta(p, n)) {
		*left = *right = META_CLASS;
		return 3;
	}
	while (len < n && ((unsigned char)p[len] & 0xc0) == 0x80)
		len++;
	*left = (unsigned char)p[len - 1];
	*right = (unsigned char)*p;
	return len;
}

static void add_token(struct tok_joins *j, struct fmt_str s)
{
	unsigned char before = 0, left, right;

	for (size_t at = 0, len; at < s.n; at += len) {
		len = classes(s.p + at, s.n - at, &left, &right);
		if (at)
			j->next_to[before][right >> 6] |= UINT64_C(1) << (right & 63);
		before = left;
	}
}

/* Byte tokens stand for characters that are no tokens: a merge of theirs would reach across any place. */
static bool bytes_merge(const struct infer_tokenizer *t, bool *is_byte)
{
	for (size_t i = 0; i < 256; i++)
		is_byte[t->bytes[i]] = true;
	for (size_t i = 0; i < t->merges.n_slots; i++) {
		const struct tok_merge *m = &t->merges.slots[i];

		if (m->left != TOK_NONE && (is_byte[m->left] || is_byte[m->right]))
			return true;
	}
	return false;
}

/* A character that is no token must become byte tokens: dropped, or fused with its neighbours, it would not keep those
 * apart. */
static bool may_cut(const struct infer_tokenizer *t)
{
	if (t->model != TOK_MODEL_BPE || t->byte_symbols || t->ignore_merges || t->continuing.n || t->word_end.n ||
	    !t->byte_fallback)
		return false;
	for (size_t i = 0; i < 256; i++)
		if (t->bytes[i] == TOK_NONE)
			return false;
	return true;
}

bool tok_joins_create(struct infer_tokenizer *t, struct fmt_err *err)
{
	bool *is_byte;
	bool safe;

	if (!may_cut(t))
		return true;
	is_byte = calloc(t->n_entries, sizeof *is_byte);
	if (!is_byte)
		return fmt_fail_nomem(err, t->n_entries);
	safe = !bytes_merge(t, is_byte);
	free(is_byte);
	if (!safe)
		return true;
	t->joins = calloc(1, sizeof *t->joins);
	if (!t->joins)
		return fmt_fail_nomem(err, sizeof *t->joins);
	for (size_t id = 0; id < t->n_entries; id++)
		add_token(t->joins, t->entries[id].key);
	return true;
}

size_t tok_join_end(const struct tok_joins *j, const char *p, size_t at, size_t end)
{
	unsigned char before, left, right;

	at += classes(p + at, end - at, &before, &right);
	while (at < end) {
		size_t len = classes(p + at, end - at, &left, &right);

		if (!(j->next_to[before][right >> 6] >> (right & 63) & 1))
			break;
		before = left;
		at += len;
	}
	return at;
}
