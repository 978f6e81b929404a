/* The steps from ids to text. See tok_decode.h. */
#include <stdlib.h>
#include <string.h>

#include "tok_decode.h"

bool decode_add(struct decoder *d, const char *p, size_t n)
{
	return tok_bytes_put(&d->to.bytes, p, n, d->err);
}

bool decode_end(struct decoder *d)
{
	void *ends = d->to.ends;

	if (!tok_grow(&ends, &d->to.cap, d->to.n + 1, sizeof *d->to.ends, d->err))
		return false;
	d->to.ends = ends;
	d->to.ends[d->to.n++] = d->to.bytes.n;
	return true;
}

void decode_swap(struct decoder *d)
{
	struct strings s = d->from;

	d->from = d->to;
	d->to = s;
	d->to.n = d->to.bytes.n = 0;
}

struct fmt_str decode_string(const struct strings *s, size_t i)
{
	size_t start = i ? s->ends[i - 1] : 0;

	return (struct fmt_str){ s->bytes.p + start, s->ends[i] - start };
}

/* Adds bytes that may not be UTF-8, lossily. */
static bool add_lossy(struct decoder *d, const struct tok_bytes *b)
{
	struct tok_text text = { 0 };
	bool ok = tok_text_lossy(&text, b->p, b->n, 0, d->err) && decode_add(d, text.bytes.p, text.bytes.n);

	tok_text_finish(&text);
	return ok;
}

static bool decode_bytes(struct decoder *d)
{
	struct tok_bytes all = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < d->from.n; i++) {
		struct fmt_str s = decode_string(&d->from, i);
		size_t at = all.n, n;

		ok = tok_bytes_put(&all, s.p, s.n, d->err);
		n = ok && s.n ? tok_letter_bytes(s.p, s.n, all.p + at) : SIZE_MAX;
		if (n != SIZE_MAX)
			all.n = at + n;
		else if (ok && s.n) /* not of the alphabet: as it stands */
			memcpy(all.p + at, s.p, s.n);
	}
	ok = ok && (!all.n || add_lossy(d, &all)) && decode_end(d);
	tok_bytes_finish(&all);
	return ok;
}

static bool replace_one(struct decoder *d, const struct tok_decode *step, struct fmt_str s)
{
	struct tok_matches m = { 0 };
	size_t done = 0, from, to;
	enum regex_found found;

	while ((found = tok_pattern_next(&d->run, &step->pattern, s.p, s.n, &m, &from, &to)) == REGEX_MATCH) {
		if (!decode_add(d, s.p + done, from - done) || !decode_add(d, step->text.p, step->text.n))
			return false;
		done = to;
	}
	return found != REGEX_FAILED && decode_add(d, s.p + done, s.n - done);
}

static bool strip_one(struct decoder *d, const struct tok_decode *step, struct fmt_str s)
{
	const struct tok_bytes *c = &step->text;
	uint64_t start = d->joined && !d->head ? 0 : step->start;

	for (uint64_t i = 0; c->n && i < start && s.n >= c->n && !memcmp(s.p, c->p, c->n); i++) {
		s.p += c->n;
		s.n -= c->n;
	}
	for (uint64_t i = 0; c->n && i < step->stop && s.n >= c->n && !memcmp(s.p + s.n - c->n, c->p, c->n); i++)
		s.n -= c->n;
	d->too_short |= d->joined && start && s.n < c->n;
	return decode_add(d, s.p, s.n);
}

static bool meta_one(struct decoder *d, const struct tok_decode *step, struct fmt_str s, bool first)
{
	const struct tok_bytes *meta = &step->text;

	for (size_t at = 0; at < s.n;) {
		bool found = meta->n && s.n - at >= meta->n && !memcmp(s.p + at, meta->p, meta->n);

		if (!(found ? (first && step->first) || decode_add(d, " ", 1) : decode_add(d, s.p + at, 1)))
			return false;
		at += found ? meta->n : 1;
	}
	return true;
}

/* English contractions and punctuation that WordPiece's decoder closes up, in its order. */
static bool clean_up(struct decoder *d, struct tok_bytes *s)
{
	static const char *const pairs[][2] = {
		{ " .", "." }, { " ?", "?" }, { " !", "!" }, { " ,", "," }, { " ' ", "'" }, { " n't", "n't" },
		{ " 'm", "'m" }, { " do not", " don't" }, { " 's", "'s" }, { " 've", "'ve" }, { " 're", "'re" },
	};
	struct tok_bytes out = { 0 };
	bool ok = true;

	for (size_t k = 0; ok && k < sizeof pairs / sizeof *pairs; k++) {
		size_t len = strlen(pairs[k][0]);

		out.n = 0;
		for (size_t at = 0; ok && at < s->n;) {
			bool found = s->n - at >= len && !memcmp(s->p + at, pairs[k][0], len);

			ok = found ? tok_bytes_put(&out, pairs[k][1], strlen(pairs[k][1]), d->err)
			           : tok_bytes_put(&out, s->p + at, 1, d->err);
			at += found ? len : 1;
		}
		if (ok) {
			struct tok_bytes old = *s;

			*s = out;
			out = old;
		}
	}
	tok_bytes_finish(&out);
	return ok;
}

static bool wordpiece_one(struct decoder *d, const struct tok_decode *step, struct fmt_str s, bool first)
{
	const struct tok_bytes *prefix = &step->text;
	struct tok_bytes word = { 0 };
	bool ok = true;

	if (!first && s.n >= prefix->n && !memcmp(s.p, prefix->p, prefix->n)) {
		s.p += prefix->n;
		s.n -= prefix->n;
	} else if (!first) {
		ok = tok_bytes_put(&word, " ", 1, d->err);
	}
	ok = ok && tok_bytes_put(&word, s.p, s.n, d->err) && (!step->first || clean_up(d, &word)) &&
	     decode_add(d, word.p, word.n);
	tok_bytes_finish(&word);
	return ok;
}

static bool suffix_one(struct decoder *d, const struct tok_decode *step, struct fmt_str s, bool last)
{
	const struct tok_bytes *suffix = &step->text;

	for (size_t at = 0; at < s.n;) {
		bool found = suffix->n && s.n - at >= suffix->n && !memcmp(s.p + at, suffix->p, suffix->n);

		if (!(found ? last || decode_add(d, " ", 1) : decode_add(d, s.p + at, 1)))
			return false;
		at += found ? suffix->n : 1;
	}
	return true;
}

/* Every occurrence of `what` in *s as `to`; `spare` is room for the result. An empty `what` changes nothing. */
static bool swap_text(struct decoder *d, struct tok_bytes *s, const struct tok_bytes *what, const char *to, struct tok_bytes *spare)
{
	struct tok_bytes old = *s;
	bool ok = true;

	spare->n = 0;
	for (size_t at = 0; ok && at < s->n;) {
		bool found = what->n && s->n - at >= what->n && !memcmp(s->p + at, what->p, what->n);

		ok = found ? tok_bytes_put(spare, to, strlen(to), d->err) : tok_bytes_put(spare, s->p + at, 1, d->err);
		at += found ? what->n : 1;
	}
	*s = *spare;
	*spare = old;
	return ok;
}

/* Connectionist temporal classification: a token that follows itself says nothing new. */
static bool decode_ctc(struct decoder *d, const struct tok_decode *step)
{
	struct tok_bytes word = { 0 }, spare = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < d->from.n; i++) {
		struct fmt_str s = decode_string(&d->from, i);

		if (i && fmt_str_eq(s, decode_string(&d->from, i - 1)))
			continue;
		word.n = 0;
		ok = tok_bytes_put(&word, s.p, s.n, d->err) && swap_text(d, &word, &step->text, "", &spare) &&
		     (!step->first || (clean_up(d, &word) && swap_text(d, &word, &step->pattern.literal, " ", &spare)));
		if (ok && word.n)
			ok = decode_add(d, word.p, word.n) && decode_end(d);
	}
	tok_bytes_finish(&word);
	tok_bytes_finish(&spare);
	return ok;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int decode_fallback_byte(struct fmt_str s)
{
	if (s.n != 6 || memcmp(s.p, "<0x", 3) || s.p[5] != '>' || hex_digit(s.p[3]) < 0 || hex_digit(s.p[4]) < 0)
		return -1;
	return hex_digit(s.p[3]) * 16 + hex_digit(s.p[4]);
}

/* A run of bytes that is UTF-8 becomes that text; else each byte becomes U+FFFD. */
static bool flush_bytes(struct decoder *d, struct tok_bytes *run)
{
	bool ok = true;

	if (!run->n)
		return true;
	if (tok_is_utf8(run->p, run->n))
		ok = decode_add(d, run->p, run->n);
	else
		for (size_t i = 0; ok && i < run->n; i++)
			ok = decode_add(d, "\xef\xbf\xbd", 3);
	run->n = 0;
	return ok && decode_end(d);
}

static bool decode_fallback(struct decoder *d)
{
	struct tok_bytes run = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < d->from.n; i++) {
		struct fmt_str s = decode_string(&d->from, i);
		int byte = decode_fallback_byte(s);
		char c = (char)byte;

		ok = byte >= 0 ? tok_bytes_put(&run, &c, 1, d->err)
		               : flush_bytes(d, &run) && decode_add(d, s.p, s.n) && decode_end(d);
	}
	ok = ok && flush_bytes(d, &run);
	tok_bytes_finish(&run);
	return ok;
}

static bool decode_one(struct decoder *d, const struct tok_decode *step, struct fmt_str s, bool first, bool last)
{
	switch (step->kind) {
	case TOK_DECODE_REPLACE:
		return replace_one(d, step, s);
	case TOK_DECODE_STRIP:
		return strip_one(d, step, s);
	case TOK_DECODE_META:
		return meta_one(d, step, s, first);
	case TOK_DECODE_WORDPIECE:
		return wordpiece_one(d, step, s, first);
	case TOK_DECODE_SUFFIX:
		return suffix_one(d, step, s, last);
	default:
		return decode_add(d, s.p, s.n);
	}
}

bool decode_step(struct decoder *d, const struct tok_decode *step)
{
	if (step->kind == TOK_DECODE_BYTES) {
		d->joined = true;
		return decode_bytes(d);
	}
	if (step->kind == TOK_DECODE_FALLBACK)
		return decode_fallback(d);
	if (step->kind == TOK_DECODE_CTC)
		return decode_ctc(d, step);
	for (size_t i = 0; i < d->from.n; i++)
		if (!decode_one(d, step, decode_string(&d->from, i), d->head && i == 0, d->last && i + 1 == d->from.n) ||
		    (step->kind != TOK_DECODE_FUSE && !decode_end(d)))
			return false;
	d->joined |= step->kind == TOK_DECODE_FUSE;
	return step->kind != TOK_DECODE_FUSE || decode_end(d);
}
