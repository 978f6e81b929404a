/* Ids to text, as a whole and in parts. See tok_decode.h for the steps.
 *
 * Between two ids a list of ids can be parted if decoding both parts by themselves gives the text of the whole. Steps that work
 * on each token alone know only whether it is the first or the last; those that join tokens must find nothing to join there:
 * no character whose bytes are on both sides, no run of <0xNN>. Behind them only stripping of the beginning is possible. */
#include <stdlib.h>

#include <libfmt/letters.h>

#include "tok_decode.h"
#include "unicode.h"

/* The texts of the ids, as the vocabulary spells them. */
static bool gather(struct decoder *d, const struct infer_tokenizer *t, const int32_t *ids, size_t n_ids,
                   bool skip_special)
{
	for (size_t i = 0; i < n_ids; i++) {
		struct fmt_str s = infer_token_text(t, ids[i]);

		if (!s.p || (skip_special && t->entries[ids[i]].special))
			continue;
		if (t->entries[ids[i]].shown.p)
			s = t->entries[ids[i]].shown;
		if ((t->join_spaces && !(d->head && !d->to.n) && !decode_add(d, " ", 1)) || !decode_add(d, s.p, s.n) ||
		    !decode_end(d))
			return false;
	}
	decode_swap(d);
	return true;
}

static bool joins(const struct tok_decode *step)
{
	return step->kind == TOK_DECODE_BYTES || step->kind == TOK_DECODE_FALLBACK || step->kind == TOK_DECODE_FUSE;
}

/* Whether there may be places to part ids at all. */
static bool can_part(const struct infer_tokenizer *t)
{
	bool joined = false, runs = false;

	for (size_t i = 0; i < t->n_decodes; i++) {
		const struct tok_decode *step = &t->decodes[i];

		if (step->kind == TOK_DECODE_CTC || (joined && (step->kind != TOK_DECODE_STRIP || step->stop) &&
		                                     step->kind != TOK_DECODE_FUSE) ||
		    (runs && (step->kind == TOK_DECODE_BYTES || step->kind == TOK_DECODE_FALLBACK)))
			return false;
		runs |= step->kind == TOK_DECODE_FALLBACK;
		joined |= step->kind == TOK_DECODE_BYTES || step->kind == TOK_DECODE_FUSE;
	}
	return true;
}

/* Whether a step that joins finds nothing to join where these two strings meet. */
static bool are_apart(const struct tok_decode *step, struct fmt_str a, struct fmt_str b)
{
	size_t len;

	if (step->kind == TOK_DECODE_FALLBACK)
		return decode_fallback_byte(a) < 0 || decode_fallback_byte(b) < 0;
	if (step->kind == TOK_DECODE_BYTES) /* b does not begin within a character */
		return b.n && (fmt_letter_byte(uni_get(b.p, &len)) & 0xc0) != 0x80;
	return true;
}

static void finish(struct decoder *d)
{
	tok_bytes_finish(&d->from.bytes);
	tok_bytes_finish(&d->to.bytes);
	free(d->from.ends);
	free(d->to.ends);
	tok_run_finish(&d->run);
}

/* Whether ids can be parted between these two: both go through the steps up to the first that joins. */
static bool can_part_between(const struct infer_decoding *g, const int32_t *two, struct fmt_err *err)
{
	const struct infer_tokenizer *t = g->t;
	struct decoder d = { .err = err, .run = { .t = t, .err = err } };
	bool ok = gather(&d, t, two, 2, g->skip_special) && d.from.n == 2;
	size_t i = 0;

	for (; ok && i < t->n_decodes && !joins(&t->decodes[i]); i++) {
		ok = decode_step(&d, &t->decodes[i]);
		decode_swap(&d);
	}
	if (ok && i < t->n_decodes)
		ok = are_apart(&t->decodes[i], decode_string(&d.from, 0), decode_string(&d.from, 1));
	finish(&d);
	return ok;
}

/* The last place where ids can be parted; 0: there is none. */
static size_t find_place(const struct infer_decoding *g, const int32_t *ids, size_t n_ids, struct fmt_err *err)
{
	size_t at = can_part(g->t) && n_ids ? n_ids - 1 : 0;

	while (at && !err->code && !can_part_between(g, ids + at - 1, err))
		at--;
	return err->code ? 0 : at;
}

/* The text of some ids; *begun: there were strings to decode. false without an error: the beginning is too short. */
static bool decode(const struct infer_decoding *g, const int32_t *ids, size_t n_ids, bool last, char **out, size_t *n,
                   bool *begun, struct fmt_err *err)
{
	const struct infer_tokenizer *t = g->t;
	struct decoder d = { .head = !g->begun, .last = last, .err = err, .run = { .t = t, .err = err } };
	bool ok = gather(&d, t, ids, n_ids, g->skip_special);

	*begun = g->begun || d.from.n;
	for (size_t i = 0; ok && i < t->n_decodes; i++) {
		ok = decode_step(&d, &t->decodes[i]);
		decode_swap(&d);
	}
	ok = ok && (last || !d.too_short) && tok_bytes_put(&d.from.bytes, "", 1, err);
	if (ok) {
		*out = d.from.bytes.p;
		*n = d.from.bytes.n - 1;
		d.from.bytes.p = NULL;
	}
	finish(&d);
	return ok;
}

bool infer_detokenize_part(struct infer_decoding *g, const int32_t *ids, size_t n_ids, bool last, char **out, size_t *n,
                           size_t *n_used, struct fmt_err *err)
{
	bool begun;

	*out = NULL;
	*n = 0;
	*n_used = last ? n_ids : find_place(g, ids, n_ids, err);
	if (err->code || (!last && !*n_used))
		return !err->code;
	if (!decode(g, ids, *n_used, last, out, n, &begun, err)) {
		*n_used = 0;
		return !err->code;
	}
	g->begun = begun && !last;
	return true;
}

bool infer_detokenize(const struct infer_tokenizer *t, const int32_t *ids, size_t n_ids, bool skip_special, char **out,
                      size_t *n, struct fmt_err *err)
{
	const struct infer_decoding g = { .t = t, .skip_special = skip_special };
	bool begun;

	return decode(&g, ids, n_ids, true, out, n, &begun, err);
}
