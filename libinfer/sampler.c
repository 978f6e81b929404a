/* Choosing the next token: top-k, top-p, min-p, then temperature, in llama.cpp's order; each filter sees the softmax of
 * the logits that the earlier ones left, and the temperature acts only on the final draw.
 *
 * Equal logits are ordered by id, sums run in that order and the exponential is our own, so that a seed gives the same
 * tokens on every machine. A NaN counts as minus infinity. */
#include <libinfer/sampler.h>

#include "elementary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct candidate {
	float logit;
	int32_t id;
};

struct infer_sampler {
	struct infer_sampler_opts opts;
	uint32_t n_vocab;
	uint64_t random[4];
	struct candidate *c; /* [n_vocab] */
	double *p;           /* [n_vocab] */
};

/* SplitMix64 (Steele, Lea, Flood 2014): spreads a seed over the state of the generator below. */
static uint64_t spread(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int n)
{
	return (x << n) | (x >> (64 - n));
}

/* xoshiro256++ (Blackman, Vigna 2019): the upper 53 bits as a number in [0, 1). */
static double next_random(uint64_t *s)
{
	uint64_t result = rotate(s[0] + s[3], 23) + s[0], t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return (double)(result >> 11) / 9007199254740992.0;
}

static bool check(const struct infer_sampler_opts *o, uint32_t n_vocab, struct fmt_err *err)
{
	if (!n_vocab)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "there is nothing to choose from");
	if (!(o->temp >= 0) || isinf(o->temp))
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "a temperature of %g: it must be 0 or more",
		                (double)o->temp);
	if (!(o->top_p > 0) || o->top_p > 1)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "a top-p of %g: it must be above 0 and at most 1",
		                (double)o->top_p);
	if (!(o->min_p >= 0) || o->min_p > 1)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "a min-p of %g: it must be from 0 to 1",
		                (double)o->min_p);
	return true;
}

struct infer_sampler *infer_sampler_create(const struct infer_sampler_opts *o, uint32_t n_vocab, struct fmt_err *err)
{
	struct infer_sampler *s;
	uint64_t seed = o->seed;

	if (!check(o, n_vocab, err))
		return NULL;
	s = calloc(1, sizeof *s);
	if (s) {
		s->c = calloc(n_vocab, sizeof *s->c);
		s->p = calloc(n_vocab, sizeof *s->p);
	}
	if (!s || !s->c || !s->p) {
		fmt_fail_nomem(err, (uint64_t)n_vocab * (sizeof *s->c + sizeof *s->p));
		infer_sampler_destroy(s);
		return NULL;
	}
	s->opts = *o;
	s->n_vocab = n_vocab;
	for (int i = 0; i < 4; i++)
		s->random[i] = spread(&seed);
	return s;
}

uint64_t infer_sampler_bytes(uint32_t n_vocab)
{
	const struct infer_sampler *s = NULL;

	return n_vocab * (sizeof *s->c + sizeof *s->p);
}

void infer_sampler_destroy(struct infer_sampler *s)
{
	if (!s)
		return;
	free(s->c);
	free(s->p);
	free(s);
}

static int32_t greedy(const float *logits, uint32_t n)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < n; i++)
		if (logits[i] > logits[best] || (isnan(logits[best]) && !isnan(logits[i])))
			best = i;
	return (int32_t)best;
}

/* Larger logits first, then smaller ids: a total order, so that any sorting algorithm gives the same result. */
static int by_logit(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->logit != y->logit)
		return x->logit > y->logit ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Restores the heap c[0 .. n-1], whose root is the candidate that goes first, below index i. */
static void sift_down(struct candidate *c, uint32_t n, uint32_t i)
{
	for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
		struct candidate moved = c[i];

		if (child + 1 < n && by_logit(&c[child + 1], &c[child]) > 0)
			child++;
		if (by_logit(&c[child], &moved) < 0)
			return;
		c[i] = c[child];
		c[child] = moved;
	}
}

/* Leaves the best k candidates, sorted, in s->c: a heap of k, through which the vocabulary passes. */
static uint32_t top_k(struct infer_sampler *s, const float *logits)
{
	uint32_t k = s->opts.top_k && s->opts.top_k < s->n_vocab ? s->opts.top_k : s->n_vocab;

	for (uint32_t i = 0; i < s->n_vocab; i++) {
		struct candidate c = { .logit = isnan(logits[i]) ? -INFINITY : logits[i], .id = (int32_t)i };

		if (i < k)
			s->c[i] = c;
		if (i + 1 == k && k < s->n_vocab)
			for (uint32_t j = k / 2; j-- > 0;)
				sift_down(s->c, k, j);
		if (i >= k && by_logit(&c, &s->c[0]) < 0) {
			s->c[0] = c;
			sift_down(s->c, k, 0);
		}
	}
	qsort(s->c, k, sizeof *s->c, by_logit);
	return k;
}

/* p[i] proportional to the softmax of n sorted candidates at a temperature, the first being 1; returns their sum. */
static double weigh(struct infer_sampler *s, uint32_t n, double temp)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		double below = (double)s->c[i].logit - (double)s->c[0].logit;

		s->p[i] = i ? infer_exp(below / temp) : 1;
		sum += s->p[i];
	}
	return sum;
}

/* The fewest candidates, from the first, that hold top_p of the probability. */
static uint32_t top_p(struct infer_sampler *s, uint32_t n)
{
	double goal, sum = 0;

	if (s->opts.top_p >= 1)
		return n;
	goal = (double)s->opts.top_p * weigh(s, n, 1);
	for (uint32_t i = 0; i < n; i++) {
		sum += s->p[i];
		if (sum >= goal)
			return i + 1;
	}
	return n;
}

/* Those whose probability is at least min_p times the first's. */
static uint32_t min_p(struct infer_sampler *s, uint32_t n)
{
	uint32_t kept = 1;

	if (s->opts.min_p <= 0)
		return n;
	weigh(s, n, 1);
	while (kept < n && s->p[kept] >= (double)s->opts.min_p)
		kept++;
	return kept;
}

int32_t infer_sample(struct infer_sampler *s, const float *logits)
{
	uint32_t n;
	double at, sum = 0;

	if (s->opts.temp <= 0)
		return greedy(logits, s->n_vocab);
	n = min_p(s, top_p(s, top_k(s, logits)));
	if (isinf(s->c[0].logit)) /* nothing to weigh: all are minus infinity, or one is infinite */
		return s->c[0].id;
	at = next_random(s->random) * weigh(s, n, (double)s->opts.temp);
	for (uint32_t i = 0; i < n; i++) {
		sum += s->p[i];
		if (at < sum)
			return s->c[i].id;
	}
	return s->c[n - 1].id;
}
