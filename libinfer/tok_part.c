/* Where a text that comes in parts can be cut. See tok_part.h. */
#include "normal.h"
#include "tok_added.h"
#include "tok_run.h"
#include "unicode.h"

/* No byte: a piece locked to it cannot be cut at all. */
#define NOWHERE UINT64_MAX

/* Makes of each character something by itself. */
static bool by_character(enum tok_norm_kind kind)
{
	switch (kind) {
	case TOK_NORM_LOWERCASE:
	case TOK_NORM_STRIP_ACCENTS:
	case TOK_NORM_BERT_ACCENTS:
	case TOK_NORM_BYTES:
	case TOK_NORM_CLEAN:
	case TOK_NORM_CJK:
	case TOK_NORM_NMT:
	case TOK_NORM_BASE:
	case TOK_NORM_MARKS:
	case TOK_NORM_WORDS:
		return true;
	default:
		return false;
	}
}

static bool is_form(enum tok_norm_kind kind)
{
	return kind == TOK_NORM_NFC || kind == TOK_NORM_NFD || kind == TOK_NORM_NFKC || kind == TOK_NORM_NFKD;
}

static bool restarts(const struct tok_pattern *p)
{
	return p->threes ? tok_threes_restarts(p->threes) : !p->regex || regex_restarts(p->regex);
}

/* Normalization forms and clusters count on the raw text's characters: what comes before them may change those, but must not
 * make characters of nothing, or of others. */
bool tok_part_possible(const struct infer_tokenizer *t)
{
	bool made = false;

	for (size_t i = 0; i < t->n_added; i++)
		if (t->added[i].single_word)
			return false;
	for (size_t i = 0; i < t->n_norms; i++) {
		const struct tok_norm *n = &t->norms[i];

		if (is_form(n->kind) || (n->kind == TOK_NORM_CHARSMAP && !n->left)) {
			if (made)
				return false;
		} else if (n->kind == TOK_NORM_PREPEND ||
		           (n->kind == TOK_NORM_REPLACE && restarts(&n->pattern))) {
			made = true;
		} else if (!by_character(n->kind)) {
			return false;
		}
		made |= n->kind == TOK_NORM_BYTES;
	}
	return true;
}

void tok_part_begin(struct tok_run *r, bool parse_special)
{
	struct tok_part *p = &r->part;

	p->cluster = p->run = false;
	for (size_t i = 0; i < r->t->n_norms; i++) {
		p->cluster |= r->t->norms[i].kind == TOK_NORM_CHARSMAP;
		p->run |= is_form(r->t->norms[i].kind);
	}
	p->parse_special = parse_special;
	p->locked = false;
	p->next = p->start;
	p->cut = p->start;
	p->n_tokens = r->out->n;
	p->cut_within = p->within;
}

void tok_part_raw(struct tok_run *r, const struct tok_text *text, size_t start, size_t end)
{
	r->part.raw = text;
	r->part.raw_end = end;
	r->part.raw_start = tok_text_origin(text, start);
}

void tok_part_normalized(struct tok_run *r, const struct tok_text *text, size_t start, size_t end)
{
	r->part.normalized = text;
	r->part.normalized_end = end;
	r->part.normalized_start = tok_text_origin(text, start);
}

bool tok_part_continues_raw(const struct tok_run *r, const struct tok_text *text, size_t start)
{
	return r->part.within.raw && tok_text_origin(text, start) == r->part.start;
}

bool tok_part_continues(const struct tok_run *r, const struct tok_text *text, size_t start)
{
	return r->part.within.normalized && tok_text_origin(text, start) == r->part.start;
}

/* A character that begins anew, and is not taken out as a control character. */
static bool begins(uint32_t code)
{
	return normal_begins_run(code) && code >= 0x20 && (code < 0x7f || code > 0x9f) && code != 0xad;
}

/* Whether normalizing what stands before byte `at` and what stands behind it gives what normalizing both gives. */
static bool parts(const struct tok_part *p, const struct tok_text *text, size_t at)
{
	const char *s = text->bytes.p;
	size_t len;

	if (!p->run && !p->cluster)
		return true;
	return begins(uni_get(s + at, &len)) && (!p->cluster || (at && begins(uni_get(s + uni_before(s, at), &len))));
}

size_t tok_part_sure(const struct tok_run *r, const struct tok_text *text, size_t start, size_t end)
{
	if (!r->part.run && !r->part.cluster)
		return end;
	while (end > start) {
		end = start + uni_before(text->bytes.p + start, end - start);
		if (parts(&r->part, text, end))
			break;
	}
	return end;
}

bool tok_part_whole(const struct infer_tokenizer *t, size_t step)
{
	if (step == t->n_splits)
		return false;
	switch (t->splits[step].kind) {
	case TOK_SPLIT_PATTERN:
		return !restarts(&t->splits[step].pattern);
	case TOK_SPLIT_CLASS:
		return false;
	case TOK_SPLIT_SCRIPT:
		return true;
	case TOK_SPLIT_SPACE:
	case TOK_SPLIT_FRONT:
	case TOK_SPLIT_META:
	case TOK_SPLIT_BYTES:
		return step > 0; /* as the first step they have a stretch, of which tok_part_continues knows */
	}
	return true;
}

/* Whether nothing before text[at] was made from the same place. */
static bool first_of(const struct tok_text *text, size_t at, uint64_t origin)
{
	return !at || tok_text_origin(text, at - 1) < origin;
}

void tok_part_lock(struct tok_run *r, const struct tok_text *text, size_t start)
{
	uint64_t origin = tok_text_origin(text, start);

	r->part.locked = true;
	r->part.lock = first_of(text, start, origin) ? origin : NOWHERE;
}

/* Special tokens that count as text are not searched for other tokens, which a cut within them would bring to light. */
static bool in_added(const struct tok_run *r, uint64_t origin, size_t raw_at)
{
	const struct tok_part *p = &r->part;

	return tok_added_around(r->t->raw, p->raw->bytes.p, p->raw_end, raw_at) ||
	       tok_added_around(r->t->normalized, p->normalized->bytes.p, p->normalized_end,
	                        tok_text_find(p->normalized, origin));
}

static void cut_at(struct tok_run *r, uint64_t origin)
{
	struct tok_part *p = &r->part;

	p->cut = origin;
	p->n_tokens = r->out->n;
	p->cut_within.raw = origin > p->raw_start || (p->within.raw && origin == p->start);
	p->cut_within.normalized = origin > p->normalized_start || (p->within.normalized && origin == p->start);
}

void tok_part_offer(struct tok_run *r, const struct tok_text *text, size_t at)
{
	struct tok_part *p = &r->part;
	uint64_t origin = tok_text_origin(text, at);
	size_t raw_at;

	if (origin < p->next)
		return;
	p->next = origin + 1;
	if ((p->locked && origin != p->lock) || !first_of(text, at, origin))
		return;
	raw_at = tok_text_find(p->raw, origin);
	if (((unsigned char)p->raw->bytes.p[raw_at] & 0xc0) != 0x80 && (origin == p->raw_start || parts(p, p->raw, raw_at)) &&
	    (p->parse_special || !in_added(r, origin, raw_at)))
		cut_at(r, origin);
}

void tok_part_offer_added(struct tok_run *r, const struct tok_text *text, size_t at)
{
	cut_at(r, tok_text_origin(text, at));
}
