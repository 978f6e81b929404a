/* Unigram: of all ways to cut a text into pieces the one with the highest sum of scores (Viterbi's search). A character
 * that is no piece counts as an unknown one, worse than any piece by UNK_PENALTY; neighbouring unknowns are fused. */
#include <stdlib.h>
#include <string.h>

#include "tok_run.h"
#include "unicode.h"

#define NOWHERE     SIZE_MAX
#define UNK_PENALTY 10.0

struct node {
	double score;  /* of the best path that ends here */
	size_t start;  /* of its last piece; NOWHERE: no path yet */
	int32_t id;    /* its last piece */
};

struct tok_lattice {
	struct node *nodes; /* by offset in the split: 0 .. n */
	size_t cap_nodes;
	struct node *path;  /* the best one; start and id of each piece, last piece first */
	size_t n_path, cap_path;
};

void tok_lattice_destroy(struct tok_lattice *l)
{
	if (!l)
		return;
	free(l->nodes);
	free(l->path);
	free(l);
}

void tok_score_unknown(struct infer_tokenizer *t)
{
	double lowest = t->n_entries ? t->entries[0].score : 0;

	for (size_t i = 1; i < t->n_entries; i++)
		if (t->entries[i].score < lowest)
			lowest = t->entries[i].score;
	t->unk_score = lowest - UNK_PENALTY;
}

static void offer(struct node *to, double score, size_t start, int32_t id)
{
	if (to->start == NOWHERE || score > to->score)
		*to = (struct node){ score, start, id };
}

/* Every piece that begins at `at`, and the unknown character if none is just that character. */
static void extend(const struct infer_tokenizer *t, struct node *nodes, const char *p, size_t n, size_t at, size_t len)
{
	double score = nodes[at].score;
	struct tok_prefix piece = { 0 };
	bool single = false;
	int32_t id;

	for (size_t end = at; end < n && tok_prefixes_next(t, &piece, (unsigned char)p[end], &id);) {
		end++;
		if (id == TOK_NONE || (end < n && ((unsigned char)p[end] & 0xc0) == 0x80))
			continue;
		offer(&nodes[end], score + t->entries[id].score, at, id);
		single |= end - at == len;
	}
	if (!single)
		offer(&nodes[at + len], score + t->unk_score, at, t->unk);
}

static bool search(struct tok_run *r, const char *p, size_t n)
{
	struct tok_lattice *l = r->lattice;
	void *nodes = l->nodes;
	size_t len;

	if (!tok_grow(&nodes, &l->cap_nodes, n + 1, sizeof *l->nodes, r->err))
		return false;
	l->nodes = nodes;
	for (size_t i = 0; i <= n; i++)
		l->nodes[i] = (struct node){ 0, NOWHERE, TOK_NONE };
	for (size_t at = 0; at < n; at += len) {
		uni_get(p + at, &len);
		extend(r->t, l->nodes, p, n, at, len);
	}
	return true;
}

static bool keep(struct tok_run *r, size_t start, int32_t id)
{
	struct tok_lattice *l = r->lattice;
	void *path = l->path;

	if (!tok_grow(&path, &l->cap_path, l->n_path + 1, sizeof *l->path, r->err))
		return false;
	l->path = path;
	l->path[l->n_path++] = (struct node){ 0, start, id };
	return true;
}

/* A run of unknown characters: as a whole it may be a piece after all; else its bytes, or the unknown token. */
static bool emit_unknown(struct tok_run *r, const struct tok_text *text, size_t start, size_t end)
{
	const char *p = text->bytes.p;
	const struct infer_tokenizer *t = r->t;
	int32_t whole = tok_find(t, p + start, end - start);
	bool all = t->byte_fallback;

	if (whole != TOK_NONE)
		return tok_emit(r, whole, text, start);
	for (size_t i = start; all && i < end; i++)
		all = t->bytes[(unsigned char)p[i]] != TOK_NONE;
	for (size_t i = start; all && i < end; i++)
		if (!tok_emit(r, t->bytes[(unsigned char)p[i]], text, i))
			return false;
	if (all)
		return true;
	return t->unk != TOK_NONE ? tok_emit(r, t->unk, text, start)
	                          : fmt_fail(r->err, FMT_UNSUPPORTED, FMT_NO_OFFSET,
	                                     "the text has a character that the vocabulary lacks, and there is no unknown token");
}

bool tok_model_unigram(struct tok_run *r, const struct tok_text *text, size_t start, size_t end)
{
	const struct infer_tokenizer *t = r->t;
	struct tok_lattice *l;

	if (!r->lattice) {
		r->lattice = calloc(1, sizeof *r->lattice);
		if (!r->lattice)
			return fmt_fail_nomem(r->err, sizeof *r->lattice);
	}
	l = r->lattice;
	if (!search(r, text->bytes.p + start, end - start))
		return false;
	l->n_path = 0;
	for (size_t at = end - start; at; at = l->nodes[at].start) {
		bool fuse = l->nodes[at].id == t->unk && l->n_path && l->path[l->n_path - 1].id == t->unk;

		if (fuse)
			l->path[l->n_path - 1].start = l->nodes[at].start;
		else if (!keep(r, l->nodes[at].start, l->nodes[at].id))
			return false;
	}
	for (size_t i = l->n_path; i-- > 0;) {
		size_t from = start + l->path[i].start, to = i ? start + l->path[i - 1].start : end;

		if (!(l->path[i].id == t->unk ? emit_unknown(r, text, from, to) : tok_emit(r, l->path[i].id, text, from)))
			return false;
	}
	return true;
}
