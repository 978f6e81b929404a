/* Byte pair encoding. The lowest rank merges first, the leftmost of equal ones. In a short split the best pair is looked
 * for by going through all; a long one has its symbols in a linked list and the pairs that may merge in a heap, so that
 * time is n log n in its length. */
#include <stdlib.h>
#include <string.h>

#include "tok_run.h"
#include "unicode.h"

#define NIL UINT32_MAX
/* Symbols of a split that is short. */
#define SHORT   32
#define NO_RANK UINT32_MAX

struct symbol {
	int32_t id;          /* TOK_NONE: merged into the one before it, or a byte without a token */
	uint32_t prev, next; /* NIL at the ends */
	size_t at;           /* first byte in the text */
};

struct candidate {
	uint32_t rank, at; /* at: the left symbol */
	int32_t id;        /* what the two would become */
};

struct tok_bpe {
	struct symbol *symbols;
	size_t n_symbols, cap_symbols;
	struct candidate *heap;
	size_t n_heap, cap_heap;
	struct tok_bytes affixed; /* a character with its prefix or suffix */
	int32_t pending_unk;      /* an unknown symbol not added yet, since the next may be fused to it; TOK_NONE: none */
	size_t pending_at;
};

void tok_bpe_destroy(struct tok_bpe *b)
{
	if (!b)
		return;
	free(b->symbols);
	free(b->heap);
	tok_bytes_finish(&b->affixed);
	free(b);
}

static bool add_symbol(struct tok_run *r, int32_t id, size_t at)
{
	struct tok_bpe *b = r->bpe;
	void *symbols = b->symbols;
	uint32_t i = (uint32_t)b->n_symbols;

	if (b->n_symbols >= NIL - 1)
		return fmt_fail(r->err, FMT_LIMIT, FMT_NO_OFFSET, "a text of more than 4 billion characters in one piece");
	if (!tok_grow(&symbols, &b->cap_symbols, b->n_symbols + 1, sizeof *b->symbols, r->err))
		return false;
	b->symbols = symbols;
	b->symbols[i] = (struct symbol){ id, i ? i - 1 : NIL, NIL, at };
	if (i)
		b->symbols[i - 1].next = i;
	b->n_symbols++;
	return true;
}

static bool flush_unk(struct tok_run *r)
{
	int32_t id = r->bpe->pending_unk;

	r->bpe->pending_unk = TOK_NONE;
	return id == TOK_NONE || add_symbol(r, id, r->bpe->pending_at);
}

/* A character that is no token: its bytes if all are tokens, else the unknown token (neighbours fused), else nothing. Where
 * it parts what stands around it, those of its bytes that are tokens; the others are symbols that merge with none. */
static bool add_unknown(struct tok_run *r, const struct tok_bytes *s, size_t at)
{
	const struct infer_tokenizer *t = r->t;
	bool all = t->byte_fallback;

	for (size_t i = 0; all && i < s->n; i++)
		all = t->bytes[(unsigned char)s->p[i]] != TOK_NONE;
	if (all || t->unknown_parts) {
		for (size_t i = 0; i < s->n; i++)
			if (!add_symbol(r, t->bytes[(unsigned char)s->p[i]], at))
				return false;
		return true;
	}
	if (t->unk == TOK_NONE || (r->bpe->pending_unk != TOK_NONE && t->fuse_unk))
		return true;
	if (!flush_unk(r))
		return false;
	r->bpe->pending_unk = t->unk;
	r->bpe->pending_at = at;
	return true;
}

static bool add_char(struct tok_run *r, const struct tok_text *text, size_t at, size_t len, bool first, bool last)
{
	const struct infer_tokenizer *t = r->t;
	struct tok_bytes s = { .p = text->bytes.p + at, .n = len };
	int32_t id;

	if ((!first && t->continuing.n) || (last && t->word_end.n)) {
		struct tok_bytes *b = &r->bpe->affixed;

		b->n = 0;
		if ((!first && !tok_bytes_put(b, t->continuing.p, t->continuing.n, r->err)) ||
		    !tok_bytes_put(b, s.p, s.n, r->err) ||
		    (last && !tok_bytes_put(b, t->word_end.p, t->word_end.n, r->err)))
			return false;
		s = *b;
	}
	id = tok_find(t, s.p, s.n);
	if (id == TOK_NONE)
		return add_unknown(r, &s, at);
	return flush_unk(r) && add_symbol(r, id, at);
}

/* The split as symbols: one per byte, or one per character. */
static bool start_symbols(struct tok_run *r, const struct tok_text *text, size_t start, size_t end)
{
	const struct infer_tokenizer *t = r->t;
	const char *p = text->bytes.p;
	size_t len;

	r->bpe->n_symbols = 0;
	r->bpe->n_heap = 0;
	r->bpe->pending_unk = TOK_NONE;
	for (size_t at = start; at < end; at += len) {
		len = 1;
		if (!t->byte_symbols)
			uni_get(p + at, &len);
		if (!t->byte_symbols) {
			if (!add_char(r, text, at, len, at == start, at + len == end))
				return false;
		} else if (t->bytes[(unsigned char)p[at]] != TOK_NONE) {
			if (!flush_unk(r) || !add_symbol(r, t->bytes[(unsigned char)p[at]], at))
				return false;
		} else if (!add_unknown(r, &(struct tok_bytes){ .p = text->bytes.p + at, .n = 1 }, at)) {
			return false;
		}
	}
	return flush_unk(r);
}

static bool before(const struct candidate *a, const struct candidate *b)
{
	return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static bool push(struct tok_run *r, uint32_t left)
{
	struct tok_bpe *b = r->bpe;
	uint32_t right = b->symbols[left].next;
	const struct tok_merge *m =
	        right == NIL ? NULL : tok_merges_find(&r->t->merges, b->symbols[left].id, b->symbols[right].id);
	void *heap = b->heap;
	struct candidate c;
	size_t i;

	if (!m)
		return true;
	if (!tok_grow(&heap, &b->cap_heap, b->n_heap + 1, sizeof *b->heap, r->err))
		return false;
	b->heap = heap;
	c = (struct candidate){ m->rank, left, m->id };
	for (i = b->n_heap++; i && before(&c, &b->heap[(i - 1) / 2]); i = (i - 1) / 2)
		b->heap[i] = b->heap[(i - 1) / 2];
	b->heap[i] = c;
	return true;
}

static struct candidate pop(struct tok_bpe *b)
{
	struct candidate top = b->heap[0], last = b->heap[--b->n_heap];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < b->n_heap) {
		child += child + 1 < b->n_heap && before(&b->heap[child + 1], &b->heap[child]);
		if (!before(&b->heap[child], &last))
			break;
		b->heap[i] = b->heap[child];
		i = child;
	}
	b->heap[i] = last;
	return top;
}

/* Joins the candidate's pair if it is still there, and offers the new neighbours. */
static bool merge(struct tok_run *r, const struct candidate *c)
{
	struct symbol *s = r->bpe->symbols, *left = &s[c->at];
	uint32_t right = left->next;
	const struct tok_merge *m;

	if (left->id == TOK_NONE || right == NIL)
		return true;
	m = tok_merges_find(&r->t->merges, left->id, s[right].id);
	if (!m || m->id != c->id)
		return true; /* one of the two has become part of something else */
	left->id = c->id;
	left->next = s[right].next;
	s[right].id = TOK_NONE;
	if (left->next != NIL)
		s[left->next].prev = c->at;
	return (left->prev == NIL || push(r, left->prev)) && push(r, c->at);
}

/* The pairs of a short split: what symbols i and i + 1 become, and how soon. */
struct pairs {
	uint32_t rank[SHORT];
	int32_t id[SHORT];
};

static void rate(const struct infer_tokenizer *t, const struct tok_bpe *b, struct pairs *pairs, size_t i)
{
	const struct tok_merge *m =
	        i + 1 < b->n_symbols ? tok_merges_find(&t->merges, b->symbols[i].id, b->symbols[i + 1].id) : NULL;

	pairs->rank[i] = m ? m->rank : NO_RANK;
	pairs->id[i] = m ? m->id : TOK_NONE;
}

/* Merges a short split; its symbols stay side by side. */
static void merge_short(const struct infer_tokenizer *t, struct tok_bpe *b)
{
	struct pairs pairs;

	for (size_t i = 0; i < b->n_symbols; i++)
		rate(t, b, &pairs, i);
	for (;;) {
		size_t best = 0, behind;

		for (size_t i = 1; i < b->n_symbols; i++)
			if (pairs.rank[i] < pairs.rank[best])
				best = i;
		if (!b->n_symbols || pairs.id[best] == TOK_NONE)
			return;
		b->symbols[best].id = pairs.id[best];
		behind = --b->n_symbols - best - 1; /* symbols behind the pair move up */
		memmove(&b->symbols[best + 1], &b->symbols[best + 2], behind * sizeof *b->symbols);
		memmove(&pairs.rank[best + 1], &pairs.rank[best + 2], behind * sizeof *pairs.rank);
		memmove(&pairs.id[best + 1], &pairs.id[best + 2], behind * sizeof *pairs.id);
		rate(t, b, &pairs, best);
		if (best)
			rate(t, b, &pairs, best - 1);
	}
}

static bool merge_long(struct tok_run *r)
{
	struct tok_bpe *b = r->bpe;

	for (uint32_t i = 0; i < b->n_symbols; i++)
		if (!push(r, i))
			return false;
	while (b->n_heap) {
		struct candidate c = pop(b);

		if (!merge(r, &c))
			return false;
	}
	return true;
}

/* Whether the split is looked up as a whole. */
static bool may_be_whole(const struct infer_tokenizer *t, const char *p, size_t n)
{
	if (!t->whole_newlines)
		return t->ignore_merges;
	while (n && p[n - 1] == '\n')
		n--;
	return !n;
}

static bool encode(struct tok_run *r, const struct tok_text *text, size_t start, size_t end)
{
	struct tok_bpe *b = r->bpe;
	const char *p = text->bytes.p + start;
	int32_t whole = may_be_whole(r->t, p, end - start) ? tok_find(r->t, p, end - start) : TOK_NONE;

	if (whole != TOK_NONE)
		return tok_emit(r, whole, text, start);
	if (!start_symbols(r, text, start, end))
		return false;
	if (b->n_symbols <= SHORT)
		merge_short(r->t, b);
	else if (!merge_long(r))
		return false;
	for (uint32_t i = 0; i < b->n_symbols; i++)
		if (b->symbols[i].id != TOK_NONE && !tok_emit(r, b->symbols[i].id, text, b->symbols[i].at))
			return false;
	return true;
}

bool tok_model_bpe(struct tok_run *r, const struct tok_text *text, size_t start, size_t end)
{
	if (!r->bpe) {
		r->bpe = calloc(1, sizeof *r->bpe);
		if (!r->bpe)
			return fmt_fail_nomem(r->err, sizeof *r->bpe);
	}
	return encode(r, text, start, end);
}
