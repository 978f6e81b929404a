/* SentencePiece BPE says which pieces there are and how good each is, not what merges into what. Every way to make a
 * piece of two others becomes a merge, ranked by the piece's score: then one engine serves both kinds. */
#include <stdlib.h>
#include <string.h>

#include "tok_table.h"
#include "unicode.h"

static int by_score(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x > y ? -1 : x < y;
}

/* All different scores, best first: a piece's rank is the place of its score. Pieces of equal score have one rank, and
 * then the leftmost merges first. */
static double *sorted_scores(const struct infer_tokenizer *t, size_t *n, struct fmt_err *err)
{
	double *scores = malloc((t->n_entries + 1) * sizeof *scores);
	size_t kept = 0;

	if (!scores) {
		fmt_fail_nomem(err, t->n_entries * sizeof *scores);
		return NULL;
	}
	for (size_t i = 0; i < t->n_entries; i++) {
		scores[i] = t->entries[i].score;
		if (scores[i] != scores[i]) {
			fmt_fail(err, FMT_NONFINITE, FMT_NO_OFFSET, "the score of token %zu is not a number", i);
			free(scores);
			return NULL;
		}
	}
	qsort(scores, t->n_entries, sizeof *scores, by_score);
	for (size_t i = 0; i < t->n_entries; i++)
		if (!kept || scores[i] != scores[kept - 1])
			scores[kept++] = scores[i];
	*n = kept;
	return scores;
}

static uint32_t rank_of(const double *scores, size_t n, double score)
{
	size_t low = 0, high = n;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (scores[mid] >= score)
			low = mid;
		else
			high = mid;
	}
	return (uint32_t)low;
}

/* Calls for each way to cut a piece in two pieces; without a table it only counts. */
static size_t cuts(struct infer_tokenizer *t, size_t id, uint32_t rank, struct tok_merges *merges)
{
	struct fmt_str s = t->entries[id].key;
	size_t len, found = 0;

	if (!s.n || tok_find(t, s.p, s.n) != (int32_t)id)
		return 0; /* an empty piece, or a second one of the same text */
	uni_get(s.p, &len);
	for (size_t at = len; at < s.n; at += len) {
		struct tok_merge m = { .rank = rank, .id = (int32_t)id };

		m.left = tok_find(t, s.p, at);
		m.right = tok_find(t, s.p + at, s.n - at);
		if (m.left != TOK_NONE && m.right != TOK_NONE) {
			found++;
			if (merges)
				tok_merges_add(merges, m, false);
		}
		uni_get(s.p + at, &len);
	}
	return found;
}

bool tok_merges_by_score(struct infer_tokenizer *t, struct fmt_err *err)
{
	size_t n_scores = 0, n = 0;
	double *scores = sorted_scores(t, &n_scores, err);
	bool ok;

	if (!scores)
		return false;
	for (size_t id = 0; id < t->n_entries; id++)
		n += cuts(t, id, 0, NULL);
	ok = tok_merges_reserve(&t->merges, n, err);
	for (size_t id = 0; ok && id < t->n_entries; id++)
		cuts(t, id, rank_of(scores, n_scores, t->entries[id].score), &t->merges);
	free(scores);
	return ok;
}
