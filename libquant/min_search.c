/* The min family: x = s q - m, q = 0..top; see scale_search.h. */
#include <string.h>

#include "scale_search.h"

#define L QUANT_LANES

struct range {
	float low[L], width[L], inverse[L]; /* of the width */
};

/* Unless the min may be negative, the range takes in zero at its lower end. */
static void ranges(const struct quant_group *g, bool free_min, struct range *r)
{
	float highest = free_min ? INFINITY : 0;

	for (int l = 0; l < L; l++) {
		float low = g->lo[l] < highest ? g->lo[l] : highest;

		r->low[l] = low;
		r->width[l] = g->hi[l] - low;
		r->inverse[l] = quant_inverse(g->hi[l] - low);
	}
}

/* 0, but the compiler cannot know: where a lower bound is a constant gcc makes a comparison and a choice of the maximum. */
static inline float zero_below(float top)
{
	return top - top;
}

/* Codes are the nearest to (x - low) * is. */
static inline void sums_with(const struct quant_group *g, bool even, float top, const float *low, const float *inverse,
                             struct quant_min_sums *out)
{
	float lo[L], is[L], q1[L] = { 0 }, qq[L] = { 0 }, xq[L] = { 0 }, zero = zero_below(top);
	int n = even ? QUANT_LANE_ELEMS : g->elems;

	memcpy(lo, low, sizeof(lo));
	memcpy(is, inverse, sizeof(is));
	for (int i = 0; i < n; i++) {
		for (int l = 0; l < L; l++) {
			float q = quant_nearest_of((g->x[i][l] - lo[l]) * is[l], zero, top);
			float wq = even ? q : g->w[i][l] * q;

			q1[l] += wq;
			qq[l] += wq * q;
			xq[l] += wq * g->x[i][l];
		}
	}
	memcpy(out->q, q1, sizeof(q1));
	memcpy(out->qq, qq, sizeof(qq));
	memcpy(out->xq, xq, sizeof(xq));
}

static void sums_of(const struct quant_group *g, float top, const float *low, const float *inverse,
                    struct quant_min_sums *out)
{
	if (g->even)
		sums_with(g, true, top, low, inverse, out);
	else
		sums_with(g, false, top, low, inverse, out);
}

/* The sums that do not depend on codes. */
static void sums_fixed(const struct quant_group *g, struct quant_min_sums *out)
{
	float w[L] = { 0 }, x[L] = { 0 };

	for (int i = 0; i < g->elems && !g->even; i++) {
		for (int l = 0; l < L; l++) {
			w[l] += g->w[i][l];
			x[l] += g->w[i][l] * g->x[i][l];
		}
	}
	for (int i = 0; i < g->elems && g->even; i++)
		for (int l = 0; l < L; l++)
			x[l] += g->x[i][l];
	for (int l = 0; l < L && g->even; l++)
		w[l] = (float)g->elems;
	memcpy(out->w, w, sizeof(w));
	memcpy(out->x, x, sizeof(x));
}

/* The sums of the best candidate, and its gain, what is taken off sum(w x x), as a fraction: so that nothing is divided
 * before the end. */
struct best {
	float q[L], qq[L], xq[L], gain[L], over[L];
};

/* What no scale at all achieves: codes 0, and m alone. */
static void start(const struct quant_min_sums *restrict sums, bool free_min, struct best *restrict b)
{
	float highest = free_min ? INFINITY : 0;

	memset(b, 0, sizeof(*b));
	for (int l = 0; l < L; l++) {
		bool useful = sums->w[l] > 0x1p-100f && sums->x[l] < highest;

		b->gain[l] = useful ? sums->x[l] * sums->x[l] : 0;
		b->over[l] = useful ? sums->w[l] : 1;
	}
}

/* Least squares for s and m given the codes; where that makes m negative and it must not be, for s alone. With the
 * determinant D = w qq - q q: s = (w xq - q x) / D, m = (q xq - qq x) / D, the gain is s xq - m x. */
static void keep_better(const struct quant_min_sums *restrict sums, bool free_min, struct best *restrict b)
{
	float lowest = free_min ? -INFINITY : 0;

	for (int l = 0; l < L; l++) {
		float w = sums->w[l], x = sums->x[l], q = sums->q[l], qq = sums->qq[l], xq = sums->xq[l];
		float m = q * xq - qq * x;
		bool alone = m < lowest;
		float gain = quant_choose(alone, xq * xq, (w * xq - q * x) * xq - m * x);
		float over = quant_choose(alone, qq, w * qq - q * q);
		bool better = (over > 0x1p-100f) & (gain * b->over[l] > b->gain[l] * over);

		b->q[l] = quant_choose(better, q, b->q[l]);
		b->qq[l] = quant_choose(better, qq, b->qq[l]);
		b->xq[l] = quant_choose(better, xq, b->xq[l]);
		b->gain[l] = quant_choose(better, gain, b->gain[l]);
		b->over[l] = quant_choose(better, over, b->over[l]);
	}
}

static void finish(const struct best *restrict b, const struct quant_min_sums *restrict sums, bool free_min,
                   float *restrict s, float *restrict m)
{
	float lowest = free_min ? -INFINITY : 0;

	for (int l = 0; l < L; l++) {
		float w = sums->w[l], x = sums->x[l], q = b->q[l], qq = b->qq[l], xq = b->xq[l];
		float inverse = quant_inverse(w * qq - q * q), both = (w * xq - q * x) * inverse;
		float min = quant_choose(qq > 0, (q * xq - qq * x) * inverse, -x * quant_inverse(w));

		s[l] = quant_choose(min < lowest, xq * quant_inverse(qq), both);
		m[l] = quant_choose(min < lowest, 0, min);
	}
}

/* The lower end and the inverse step that a candidate starts from. */
QUANT_LANEWISE void candidate(const struct range *restrict r, float step, float offset, float *restrict low,
                              float *restrict is)
{
	for (int l = 0; l < L; l++) {
		is[l] = step * r->inverse[l];
		low[l] = r->low[l] + offset / step * r->width[l];
	}
}

void QUANT_AT(search_min)(const struct quant_group *g, const struct quant_min_search *how, float s[L], float m[L])
{
	struct quant_min_sums sums;
	struct range r;
	struct best b;

	ranges(g, how->free_min, &r);
	sums_fixed(g, &sums);
	start(&sums, how->free_min, &b);
	for (int k = 0; k < how->n_steps; k++) {
		for (int o = 0; o < (how->n_offsets ? how->n_offsets : 1); o++) {
			float low[L], is[L];

			candidate(&r, how->steps[k], how->n_offsets ? how->offsets[o] : 0, low, is);
			sums_of(g, how->top, low, is, &sums);
			keep_better(&sums, how->free_min, &b);
		}
	}
	finish(&b, &sums, how->free_min, s, m);
}

void QUANT_AT(sums_min)(const struct quant_group *g, float top, const float s[L], const float m[L],
                        struct quant_min_sums *out)
{
	float low[L], is[L];

	for (int l = 0; l < L; l++) {
		low[l] = -m[l];
		is[l] = quant_inverse(s[l]);
	}
	sums_fixed(g, out);
	sums_of(g, top, low, is, out);
}

void QUANT_AT(error_min)(const struct quant_group *g, float top, const float scale[L], const float min[L],
                         float err[L])
{
	float s[L], m[L], is[L], e[L] = { 0 }, zero = zero_below(top);

	for (int l = 0; l < L; l++) {
		s[l] = scale[l];
		m[l] = min[l];
		is[l] = quant_inverse(s[l]);
	}
	for (int i = 0; i < g->elems; i++) {
		for (int l = 0; l < L; l++) {
			float t = g->x[i][l] + m[l];
			float q = quant_nearest_of(t * is[l], zero, top);
			float r = t - s[l] * q;

			e[l] += g->w[i][l] * (r * r);
		}
	}
	memcpy(err, e, sizeof(e));
}

void QUANT_AT(codes_min)(const struct quant_group *g, float top, const float scale[L], const float min[L],
                         uint32_t codes[][L])
{
	float m[L], is[L], zero = zero_below(top);

	for (int l = 0; l < L; l++) {
		m[l] = min[l];
		is[l] = quant_inverse(scale[l]);
	}
	for (int i = 0; i < g->elems; i++)
		for (int l = 0; l < L; l++)
			codes[i][l] = quant_nearest_above((g->x[i][l] + m[l]) * is[l], zero, top);
}
