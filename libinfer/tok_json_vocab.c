/* The vocabulary and the merges of tokenizer.json, which are nearly all of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "tok_json.h"

/* Behind the opening bracket of a list. */
static struct json_walk walk_into(const struct json_leave *list)
{
	return (struct json_walk){ list->text.p + 1, list->text.p + list->text.n };
}

/* Makes *s what it stands for, in `buf` if it is written with escapes. */
static bool unescape(struct fmt_str *s, struct tok_bytes *buf, struct fmt_err *err)
{
	if (!memchr(s->p, '\\', s->n))
		return true;
	buf->n = 0;
	if (!tok_bytes_put(buf, s->p, s->n, err))
		return false;
	*s = (struct fmt_str){ buf->p, json_unescape(*s, buf->p) };
	return true;
}

bool tok_json_vocab(struct infer_tokenizer *t, const struct json *model, const struct tok_json_lists *lists,
                    struct fmt_err *err)
{
	struct json_walk walk;
	struct tok_bytes buf = { 0 };
	struct fmt_str text, digits;
	char shown[FMT_SHOW_BYTES];
	int64_t id = 0;
	bool ok = true;

	if (!json_is(json_get(model, "vocab"), JSON_OBJECT))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "the model's vocab is not an object");
	walk = walk_into(lists->vocab);
	while (ok && json_walk_next(&walk, &text) == JSON_QUOTED) {
		ok = unescape(&text, &buf, err);
		if (ok && (json_walk_next(&walk, &digits) != JSON_DIGITS || !json_digits_i64(digits, &id)))
			ok = fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "the id of token %s is not a whole number",
			              fmt_show(text, shown));
		ok = ok && tok_set(t, id, text, lists->vocab->count, err);
	}
	tok_bytes_finish(&buf);
	return ok;
}

/* The nearest double. Exact up to 10^22. */
static double power_of_ten(int n)
{
	char text[16];
	double power = 1;

	if (n > 22) {
		snprintf(text, sizeof text, "1e%d", n);
		return strtod(text, NULL);
	}
	while (n--)
		power *= 10;
	return power;
}

static double scaled(double v, int exponent)
{
	if (!(v > 0))
		return v;
	for (; exponent < -308; exponent += 308)
		v /= 1e308;
	return exponent < 0 ? v / power_of_ten(-exponent) : v * power_of_ten(exponent);
}

/* What follows e or E; saturates. */
static int exponent_of(const char *p, const char *end)
{
	bool negative = *p == '-';
	int e = 0;

	for (p += negative || *p == '+'; p < end; p++)
		e = e < 10000 ? 10 * e + (*p - '0') : e;
	return negative ? -e : e;
}

double tok_json_score(struct fmt_str s)
{
	bool negative = *s.p == '-', fraction = false, full = false;
	const char *p = s.p + negative, *end = s.p + s.n;
	uint64_t digits = 0;
	int exponent = 0;
	double v;

	if (*p == 'N' || *p == 'I')
		return *p == 'N' ? NAN : negative ? -INFINITY : INFINITY;
	for (; p < end && *p != 'e' && *p != 'E'; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (*p == '.') {
			fraction = true;
			continue;
		}
		full |= digits > (UINT64_MAX - digit) / 10;
		if (!full)
			digits = 10 * digits + digit;
		exponent += full ? !fraction : -fraction;
	}
	if (p < end)
		exponent += exponent_of(p + 1, end);
	v = scaled((double)digits, exponent);
	return negative ? -v : v;
}

/* ["text", score] */
static bool next_scored(struct json_walk *walk, struct fmt_str *text, struct fmt_str *score)
{
	struct fmt_str bracket;

	return json_walk_next(walk, &bracket) == JSON_OPEN && *bracket.p == '[' &&
	       json_walk_next(walk, text) == JSON_QUOTED && json_walk_next(walk, score) == JSON_DIGITS &&
	       json_walk_next(walk, &bracket) == JSON_CLOSE;
}

bool tok_json_scored_vocab(struct infer_tokenizer *t, const struct json *model, const struct tok_json_lists *lists,
                           struct fmt_err *err)
{
	struct json_walk walk;
	struct tok_bytes buf = { 0 };
	struct fmt_str text, score;
	bool ok = true;

	if (!json_is(json_get(model, "vocab"), JSON_ARRAY))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "the model's vocab is not a list");
	walk = walk_into(lists->vocab);
	for (uint64_t id = 0; ok && id < lists->vocab->count; id++) {
		if (!next_scored(&walk, &text, &score))
			ok = fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "entry %llu of vocab is not [text, score]",
			              (unsigned long long)id);
		ok = ok && unescape(&text, &buf, err) && tok_set(t, (int64_t)id, text, lists->vocab->count, err);
		if (ok)
			t->entries[id].score = tok_json_score(score);
	}
	tok_bytes_finish(&buf);
	return ok;
}

struct pair {
	struct fmt_str left, right;
	struct tok_bytes left_buf, right_buf; /* where they are not in the text as they are meant */
	uint32_t left_hash, right_hash;
	struct tok_merge merge;
};

struct merge_reader {
	struct infer_tokenizer *t;
	struct json_walk walk;
	struct pair pairs[TOK_AHEAD];
	struct tok_bytes made;
	int32_t last;  /* what the merge before made; merges mostly are in the order of what they make */
	struct fmt_err *err;
};

/* Two tokens as "a b" or as ["a", "b"]. */
static bool next_pair(struct merge_reader *r, struct pair *p)
{
	struct fmt_str *a = &p->left, *b = &p->right;
	enum json_token token = json_walk_next(&r->walk, a);
	struct fmt_str close;
	const char *space;

	if (token == JSON_OPEN && *a->p == '[' && json_walk_next(&r->walk, a) == JSON_QUOTED &&
	    json_walk_next(&r->walk, b) == JSON_QUOTED && json_walk_next(&r->walk, &close) == JSON_CLOSE)
		return unescape(a, &p->left_buf, r->err) && unescape(b, &p->right_buf, r->err);
	if (token == JSON_QUOTED) {
		if (!unescape(a, &p->left_buf, r->err))
			return false;
		space = memchr(a->p, ' ', a->n);
		*b = space ? (struct fmt_str){ space + 1, (size_t)(a->p + a->n - space - 1) } : *a;
		if (space && !memchr(b->p, ' ', b->n)) {
			a->n = (size_t)(space - a->p);
			return true;
		}
	}
	return fmt_fail(r->err, FMT_MALFORMED, FMT_NO_OFFSET, "merge %u is not a pair of tokens", p->merge.rank);
}

static bool missing(const struct merge_reader *r, const struct pair *p, struct fmt_str text)
{
	char shown[FMT_SHOW_BYTES];

	return fmt_fail(r->err, FMT_MISMATCH, FMT_NO_OFFSET, "merge %u makes or needs %s, which is not in the vocabulary",
	                p->merge.rank, fmt_show(text, shown));
}

/* The ids of a pair, and of what it makes. */
static bool find_ids(struct merge_reader *r, struct pair *p)
{
	struct infer_tokenizer *t = r->t;
	struct tok_merge *m = &p->merge;
	size_t prefix = t->continuing.n;
	char shown[FMT_SHOW_BYTES];

	m->left = tok_find_hashed(t, p->left_hash, p->left.p, p->left.n);
	m->right = tok_find_hashed(t, p->right_hash, p->right.p, p->right.n);
	if (m->left == TOK_NONE || m->right == TOK_NONE)
		return missing(r, p, m->left == TOK_NONE ? p->left : p->right);
	if (p->right.n < prefix)
		return fmt_fail(r->err, FMT_MALFORMED, FMT_NO_OFFSET, "merge %u: %s lacks the prefix", m->rank,
		                fmt_show(p->right, shown));
	r->made.n = 0;
	if (!tok_bytes_put(&r->made, p->left.p, p->left.n, r->err) ||
	    !tok_bytes_put(&r->made, p->right.p + prefix, p->right.n - prefix, r->err))
		return false;
	m->id = r->made.n ? tok_find_near(t, r->made.p, r->made.n, r->last) : TOK_NONE;
	if (m->id == TOK_NONE)
		return missing(r, p, (struct fmt_str){ r->made.p, r->made.n });
	r->last = m->id;
	tok_merges_prefetch(&t->merges, m->left, m->right);
	return true;
}

/* The next n merges, of which the first has a rank. */
static bool read_merges(struct merge_reader *r, uint32_t rank, size_t n)
{
	struct infer_tokenizer *t = r->t;
	size_t n_read = 0;
	bool ok = true;

	for (; ok && n_read < n; n_read += ok) {
		struct pair *p = &r->pairs[n_read];

		p->merge = (struct tok_merge){ .rank = rank + (uint32_t)n_read };
		ok = next_pair(r, p);
		if (ok) {
			p->left_hash = tok_prefetch_slot(t, p->left.p, p->left.n);
			p->right_hash = tok_prefetch_slot(t, p->right.p, p->right.n);
		}
	}
	for (size_t i = 0; i < n_read; i++) {
		tok_prefetch_entry(t, r->pairs[i].left_hash);
		tok_prefetch_entry(t, r->pairs[i].right_hash);
	}
	for (size_t i = 0; ok && i < n_read; i++)
		ok = find_ids(r, &r->pairs[i]);
	for (size_t i = 0; ok && i < n_read; i++)
		tok_merges_add(&t->merges, r->pairs[i].merge, true);
	return ok;
}

bool tok_json_merges(struct infer_tokenizer *t, const struct json *model, const struct tok_json_lists *lists,
                     struct fmt_err *err)
{
	struct merge_reader r = { .t = t, .last = TOK_NONE, .err = err };
	uint64_t n = lists->merges->count, n_now;
	bool ok;

	if (!json_is(json_get(model, "merges"), JSON_ARRAY) || n > UINT32_MAX)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "the model's merges are not a list");
	r.walk = walk_into(lists->merges);
	ok = tok_merges_reserve(&t->merges, n, err);
	for (uint64_t rank = 0; ok && rank < n; rank += n_now) {
		n_now = n - rank < TOK_AHEAD ? n - rank : TOK_AHEAD;
		ok = read_merges(&r, (uint32_t)rank, (size_t)n_now);
	}
	for (size_t i = 0; i < TOK_AHEAD; i++) {
		tok_bytes_finish(&r.pairs[i].left_buf);
		tok_bytes_finish(&r.pairs[i].right_buf);
	}
	tok_bytes_finish(&r.made);
	return ok;
}
