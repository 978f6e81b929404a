/* Splitting steps (Hugging Face's pre-tokenizers). A split goes through all later steps before the next one is made,
 * so nothing has to be remembered but one pending piece per step. */
#include <string.h>

#include <libfmt/letters.h>

#include "tok_run.h"
#include "unicode.h"

/* Pieces on their way from one step to the next, merged as the step's behavior says. */
struct cutter {
	struct tok_run *r;
	size_t step;
	const struct tok_text *text;
	enum tok_behavior behavior;
	bool invert;
	bool previous;     /* the last piece was a match */
	bool pending;      /* [start, end) waits: the next piece may be joined to it */
	bool found;        /* what waits is not only what stands between places that were found */
	size_t start, end;
};

/* Gives text[start, end) to a step. whole: a text that comes in parts cannot be cut within it. */
static bool run_from(struct tok_run *r, size_t step, const struct tok_text *text, size_t start, size_t end, bool open,
                     bool whole);

static bool flush(struct cutter *c)
{
	bool ok = !c->pending || run_from(c->r, c->step + 1, c->text, c->start, c->end, false, c->found);

	c->pending = false;
	return ok;
}

/* Whether a piece joins the pending one. */
static bool joins(const struct cutter *c, bool match)
{
	switch (c->behavior) {
	case TOK_MERGED_PREVIOUS:
		return match && !c->previous;
	case TOK_MERGED_NEXT:
		return !match && c->previous;
	case TOK_CONTIGUOUS:
		return match == c->previous;
	case TOK_REMOVED:
	case TOK_ISOLATED:
		break;
	}
	return false;
}

static bool feed(struct cutter *c, size_t start, size_t end, bool found)
{
	bool match = found != c->invert;

	if (c->behavior == TOK_REMOVED && match)
		return true;
	if (c->pending && joins(c, match)) {
		c->end = end;
		c->found |= found;
	} else {
		if (!flush(c))
			return false;
		c->pending = true;
		c->found = found;
		c->start = start;
		c->end = end;
	}
	c->previous = match;
	return true;
}

/* The last piece, in which nothing was found, of a text that goes on: it may become longer. */
static bool feed_open(struct cutter *c, size_t start, size_t end)
{
	bool match = c->invert;

	if (start == end || (c->pending && joins(c, match)))
		return true;
	return flush(c) && ((c->behavior == TOK_REMOVED && match) ||
	                    run_from(c->r, c->step + 1, c->text, start, end, true, false));
}

/* Cuts text[start, end) at the matches of a pattern. */
static bool cut_pattern(struct cutter *c, const struct tok_pattern *pattern, size_t start, size_t end, bool open)
{
	const char *p = c->text->bytes.p + start;
	struct tok_matches m = { .open = open };
	size_t n = end - start, done = 0, from, to;
	enum regex_found found;

	while ((found = tok_pattern_next(c->r, pattern, p, n, &m, &from, &to)) == REGEX_MATCH) {
		if ((done < from && !feed(c, start + done, start + from, false)) || !feed(c, start + from, start + to, true))
			return false;
		done = to;
	}
	if (found == REGEX_FAILED)
		return false;
	if (open)
		return feed_open(c, start + done, found == REGEX_PARTIAL ? start + from : end);
	return (done >= n || feed(c, start + done, end, false)) && flush(c);
}

static bool cut_class(struct cutter *c, bool (*is)(uint32_t code), size_t start, size_t end, bool open)
{
	const char *p = c->text->bytes.p;
	size_t len, done = start;

	for (size_t at = start; at < end; at += len) {
		if (!is(uni_get(p + at, &len)))
			continue;
		if ((done < at && !feed(c, done, at, false)) || !feed(c, at, at + len, true))
			return false;
		done = at + len;
	}
	if (open)
		return feed_open(c, done, end);
	return (done >= end || feed(c, done, end, false)) && flush(c);
}

/* What comes before the first character that has a script is left out, as in the reference. */
static bool run_script(struct tok_run *r, size_t step, const struct tok_text *text, size_t start, size_t end, bool open)
{
	const char *p = text->bytes.p;
	size_t from = end, len;
	unsigned last = 0;

	for (size_t at = start; at < end; at += len) {
		unsigned script = uni_script(uni_get(p + at, &len));

		if (!script || script == last)
			continue;
		if (last && !run_from(r, step + 1, text, from, at, false, true))
			return false;
		from = at;
		last = script;
	}
	return open || run_from(r, step + 1, text, from, end, false, true);
}

/* Something in front of text[start, end). */
static bool run_front(struct tok_run *r, size_t step, const struct tok_text *text, size_t start, size_t end, bool open,
                      struct tok_bytes front)
{
	struct tok_text *to = &r->deep[step];

	if (step == 0 && tok_part_continues(r, text, start))
		return run_from(r, step + 1, text, start, end, open, false);
	tok_text_clear(to);
	return tok_text_put(to, front.p, front.n, tok_text_origin(text, start), r->err) &&
	       tok_text_copy(to, text, start, end, r->err) && run_from(r, step + 1, to, 0, to->bytes.n, open, false);
}

static bool run_space(struct tok_run *r, size_t step, const struct tok_text *text, size_t start, size_t end, bool open)
{
	char space[] = " ";

	if (text->bytes.p[start] == ' ')
		return run_from(r, step + 1, text, start, end, open, false);
	return run_front(r, step, text, start, end, open, (struct tok_bytes){ .p = space, .n = 1 });
}

/* ByteLevel: each byte as a letter. As the last step it leaves the bytes as they are: the vocabulary's keys then are
 * bytes too. */
static bool run_bytes(struct tok_run *r, size_t step, const struct tok_text *text, size_t start, size_t end, bool open)
{
	struct tok_text *to = &r->deep[step];
	char letter[2];

	if (r->t->byte_symbols && step + 1 == r->t->n_splits)
		return run_from(r, step + 1, text, start, end, open, false);
	tok_text_clear(to);
	for (size_t i = start; i < end; i++) {
		size_t n = fmt_byte_letter((uint8_t)text->bytes.p[i], letter);

		if (!tok_text_put(to, letter, n, tok_text_origin(text, i), r->err))
			return false;
	}
	return run_from(r, step + 1, to, 0, to->bytes.n, open, false);
}

static bool run_meta(struct tok_run *r, size_t step, const struct tok_text *text, size_t start, size_t end, bool open)
{
	const struct tok_split *s = &r->t->splits[step];
	const struct tok_bytes *meta = &s->text;
	struct tok_text *to = &r->deep[step];
	struct cutter c = { .r = r, .step = step, .text = to, .behavior = TOK_MERGED_NEXT };
	struct tok_pattern pattern = { .literal = s->text };
	const char *p = text->bytes.p;
	size_t kept = start;
	bool front = s->prepend == TOK_PREPEND_ALWAYS ||
	             (s->prepend == TOK_PREPEND_FIRST && !tok_text_origin(text, start) && !r->front_replaced);

	front = front && !(step == 0 && tok_part_continues(r, text, start));
	front = front && p[start] != ' ' && (end - start < meta->n || memcmp(p + start, meta->p, meta->n));
	tok_text_clear(to);
	if (front && !tok_text_put(to, meta->p, meta->n, tok_text_origin(text, start), r->err))
		return false;
	for (size_t i = start; i < end; i++) {
		if (p[i] != ' ')
			continue;
		if (!tok_text_copy(to, text, kept, i, r->err) ||
		    !tok_text_put(to, meta->p, meta->n, tok_text_origin(text, i), r->err))
			return false;
		kept = i + 1;
	}
	if (!tok_text_copy(to, text, kept, end, r->err))
		return false;
	return s->split ? cut_pattern(&c, &pattern, 0, to->bytes.n, open)
	                : run_from(r, step + 1, to, 0, to->bytes.n, open, false);
}

static bool run_step(struct tok_run *r, size_t step, const struct tok_text *text, size_t start, size_t end, bool open)
{
	const struct tok_split *s = &r->t->splits[step];
	struct cutter c = { .r = r, .step = step, .text = text, .behavior = s->behavior, .invert = s->invert };

	switch (s->kind) {
	case TOK_SPLIT_PATTERN:
		return cut_pattern(&c, &s->pattern, start, end, open);
	case TOK_SPLIT_CLASS:
		return cut_class(&c, s->is, start, end, open);
	case TOK_SPLIT_SCRIPT:
		return run_script(r, step, text, start, end, open);
	case TOK_SPLIT_SPACE:
		return run_space(r, step, text, start, end, open);
	case TOK_SPLIT_FRONT:
		return run_front(r, step, text, start, end, open, s->text);
	case TOK_SPLIT_BYTES:
		return run_bytes(r, step, text, start, end, open);
	case TOK_SPLIT_META:
		return run_meta(r, step, text, start, end, open);
	}
	return false;
}

static bool run_from(struct tok_run *r, size_t step, const struct tok_text *text, size_t start, size_t end, bool open,
                     bool whole)
{
	bool outer = r->part.locked, ok;

	if (start == end)
		return true;
	if (r->part.open && !outer && (whole || tok_part_whole(r->t, step)))
		tok_part_lock(r, text, start);
	ok = step < r->t->n_splits ? run_step(r, step, text, start, end, open) : tok_model(r, text, start, end, open);
	r->part.locked = outer;
	return ok;
}

bool tok_split_all(struct tok_run *r, const struct tok_text *text, size_t start, size_t end, bool open)
{
	/* a token may have taken a part of what one character has become */
	return run_from(r, 0, text, start, end, open, start && tok_text_origin(text, start - 1) == tok_text_origin(text, start));
}
