/* The description of a tokenizer: building and taking it down. */
#include <stdlib.h>
#include <string.h>

#include "tok_added.h"
#include "tok_charsmap.h"
#include "tok_run.h"
#include "unicode.h"

/* Texts are kept in blobs of at least this many bytes, which never move. */
#define BLOB_BYTES ((size_t)1 << 20)

struct fmt_str tok_keep(struct infer_tokenizer *t, const char *p, size_t n, struct fmt_err *err)
{
	struct tok_bytes *b = t->n_blobs ? &t->blobs[t->n_blobs - 1] : NULL;
	size_t start;

	if (!b || n + 1 > b->cap - b->n) {
		void *blobs = t->blobs;

		if (!tok_grow(&blobs, &t->cap_blobs, t->n_blobs + 1, sizeof *t->blobs, err))
			return (struct fmt_str){ 0 };
		t->blobs = blobs;
		b = &t->blobs[t->n_blobs];
		*b = (struct tok_bytes){ .cap = n + 1 > BLOB_BYTES ? n + 1 : BLOB_BYTES };
		b->p = malloc(b->cap);
		if (!b->p) {
			fmt_fail_nomem(err, b->cap);
			return (struct fmt_str){ 0 };
		}
		t->n_blobs++;
	}
	start = b->n;
	if (n)
		memcpy(b->p + start, p, n);
	b->p[start + n] = '\0';
	b->n += n + 1;
	return (struct fmt_str){ b->p + start, n };
}

bool tok_set(struct infer_tokenizer *t, int64_t id, struct fmt_str text, uint64_t n_tokens, struct fmt_err *err)
{
	struct tok_entry *e;

	if (id < 0)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "token '%.*s' has the negative id %lld",
		                text.n > 60 ? 60 : (int)text.n, text.p, (long long)id);
	if ((uint64_t)id >= n_tokens + TOK_MAX_GAP)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "id %lld in a vocabulary of %llu tokens", (long long)id,
		                (unsigned long long)n_tokens);
	if ((size_t)id >= t->n_entries) {
		void *entries = t->entries;

		if (!tok_grow(&entries, &t->cap_entries, (size_t)id + 1, sizeof *t->entries, err))
			return false;
		t->entries = entries;
		memset(t->entries + t->n_entries, 0, ((size_t)id + 1 - t->n_entries) * sizeof *t->entries);
		t->n_entries = (size_t)id + 1;
	}
	e = &t->entries[id];
	if (e->text.p)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "id %lld is that of two tokens, '%.*s' and '%.*s'",
		                (long long)id, e->text.n > 60 ? 60 : (int)e->text.n, e->text.p,
		                text.n > 60 ? 60 : (int)text.n, text.p);
	e->text = tok_keep(t, text.p, text.n, err);
	e->key = e->text;
	return e->text.p;
}

/* Grows one of the arrays of steps by a zeroed item. */
static void *new_item(void **items, size_t *n, size_t *cap, size_t max, size_t item_bytes, struct fmt_err *err)
{
	char *item;

	if (*n >= max) {
		fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "a tokenizer with more than %zu steps", max);
		return NULL;
	}
	if (!tok_grow(items, cap, *n + 1, item_bytes, err))
		return NULL;
	item = (char *)*items + *n * item_bytes;
	memset(item, 0, item_bytes);
	++*n;
	return item;
}

struct tok_norm *tok_new_norm(struct infer_tokenizer *t, enum tok_norm_kind kind, struct fmt_err *err)
{
	void *items = t->norms;
	struct tok_norm *s = new_item(&items, &t->n_norms, &t->cap_norms, TOK_MAX_STEPS, sizeof *s, err);

	t->norms = items;
	if (s)
		s->kind = kind;
	return s;
}

struct tok_split *tok_new_split(struct infer_tokenizer *t, enum tok_split_kind kind, struct fmt_err *err)
{
	void *items = t->splits;
	struct tok_split *s = new_item(&items, &t->n_splits, &t->cap_splits, TOK_MAX_STEPS, sizeof *s, err);

	t->splits = items;
	if (s) {
		s->kind = kind;
		s->behavior = TOK_ISOLATED;
	}
	return s;
}

struct tok_decode *tok_new_decode(struct infer_tokenizer *t, enum tok_decode_kind kind, struct fmt_err *err)
{
	void *items = t->decodes;
	struct tok_decode *s = new_item(&items, &t->n_decodes, &t->cap_decodes, TOK_MAX_STEPS, sizeof *s, err);

	t->decodes = items;
	if (s)
		s->kind = kind;
	return s;
}

struct tok_added *tok_new_added(struct infer_tokenizer *t, struct fmt_err *err)
{
	void *items = t->added;
	struct tok_added *s = new_item(&items, &t->n_added, &t->cap_added, INT32_MAX, sizeof *s, err);

	t->added = items;
	return s;
}

bool tok_pattern_literal(struct tok_pattern *p, struct fmt_str s, struct fmt_err *err)
{
	return tok_bytes_put(&p->literal, s.p, s.n, err);
}

bool tok_pattern_regex(struct tok_pattern *p, struct fmt_str s, struct fmt_err *err)
{
	p->regex = regex_create(s, err);
	p->threes = tok_threes_form(s);
	return p->regex;
}

bool tok_put_id(int32_t **ids, size_t *n, size_t *cap, int32_t id, struct fmt_err *err)
{
	void *items = *ids;

	if (!tok_grow(&items, cap, *n + 1, sizeof **ids, err))
		return false;
	*ids = items;
	(*ids)[(*n)++] = id;
	return true;
}

/* Added tokens that are looked for in normalized text are normalized themselves, and decoded so. */
static bool normalize_added(struct infer_tokenizer *t, struct fmt_err *err)
{
	struct tok_run r = { .t = t, .err = err };
	struct tok_text text = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && t->n_norms && i < t->n_added; i++) {
		struct tok_bytes *s = &t->added[i].text;
		const struct tok_text *made;
		size_t start, end;

		if (!t->added[i].normalized)
			continue;
		ok = tok_text_borrow(&text, s->p, s->n, 0, err) && tok_normalize(&r, &text, 0, s->n, false, &made, &start, &end);
		s->n = 0;
		ok = ok && tok_bytes_put(s, made->bytes.p + start, end - start, err);
		if (ok)
			t->entries[t->added[i].id].shown = tok_keep(t, s->p, s->n, err);
		ok = ok && t->entries[t->added[i].id].shown.p;
	}
	tok_run_finish(&r);
	tok_text_finish(&text);
	return ok;
}

bool tok_finish(struct infer_tokenizer *t, struct fmt_err *err)
{
	if (!normalize_added(t, err))
		return false;
	t->raw = tok_trie_create(t, false, err);
	t->normalized = t->raw ? tok_trie_create(t, true, err) : NULL;
	return t->normalized && tok_prefixes_create(t, err) && tok_joins_create(t, err);
}

static void finish_pattern(struct tok_pattern *p)
{
	tok_bytes_finish(&p->literal);
	regex_destroy(p->regex);
}

uint64_t infer_tokenizer_bytes(const struct infer_tokenizer *t)
{
	uint64_t n;

	if (!t)
		return 0;
	n = t->cap_entries * sizeof *t->entries + t->cap_added * sizeof *t->added + tok_index_bytes(&t->index) +
	    t->merges.n_slots * sizeof *t->merges.slots + tok_prefixes_bytes(t->prefixes);
	for (size_t i = 0; i < t->n_blobs; i++)
		n += t->blobs[i].cap;
	return n;
}

void infer_tokenizer_destroy(struct infer_tokenizer *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_norms; i++) {
		finish_pattern(&t->norms[i].pattern);
		tok_bytes_finish(&t->norms[i].text);
		tok_charsmap_destroy(t->norms[i].charsmap);
	}
	for (size_t i = 0; i < t->n_splits; i++) {
		finish_pattern(&t->splits[i].pattern);
		tok_bytes_finish(&t->splits[i].text);
	}
	for (size_t i = 0; i < t->n_decodes; i++) {
		finish_pattern(&t->decodes[i].pattern);
		tok_bytes_finish(&t->decodes[i].text);
	}
	for (size_t i = 0; i < t->n_added; i++)
		tok_bytes_finish(&t->added[i].text);
	for (size_t i = 0; i < t->n_blobs; i++)
		tok_bytes_finish(&t->blobs[i]);
	tok_trie_destroy(t->raw);
	tok_trie_destroy(t->normalized);
	tok_bytes_finish(&t->continuing);
	tok_bytes_finish(&t->word_end);
	free(t->norms);
	free(t->splits);
	free(t->decodes);
	free(t->added);
	free(t->blobs);
	free(t->entries);
	tok_prefixes_destroy(t->prefixes);
	free(t->joins);
	free(t->index.slots);
	free(t->merges.slots);
	free(t->prefix);
	free(t->suffix);
	free(t);
}
