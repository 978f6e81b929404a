/* The min family: x = s q - m, q = 0..top; see scale_search.h. */
#include <string.h>

#include "scale_search.h"

#define L QUANT_LANES

struct range {
	float low[L], width[L], inverse[L]; /* of the width */
};

/* Lowest value and width of a lane. Unless the min may be negative, the range takes in zero at its lower end. */
static void ranges(const struct quant_group *g, bool free_min, struct range *r)
{
	float lo[L], hi[L], highest = free_min ? INFINITY : 0;

	memcpy(lo, g->x[0], sizeof(lo));
	memcpy(hi, g->x[0], sizeof(hi));
	for (int i = 1; i < g->elems; i++) {
		for (int l = 0; l < L; l++) {
			lo[l] = g->x[i][l] < lo[l] ? g->x[i][l] : lo[l];
			hi[l] = g->x[i][l] > hi[l] ? g->x[i][l] : hi[l];
		}
	}
	for (int l = 0; l < L; l++) {
		float low = lo[l] < highest ? lo[l] : highest;

		r->low[l] = low;
		r->width[l] = hi[l] - low;
		r->inverse[l] = quant_inverse(hi[l] - low);
	}
}

/* Codes are the nearest to (x - low) * is. */
static void sums_of(const struct quant_group *g, float top, const float *low, const float *inverse,
                    struct quant_min_sums *out)
{
	float lo[L], is[L], q1[L] = { 0 }, qq[L] = { 0 }, xq[L] = { 0 };

	memcpy(lo, low, sizeof(lo));
	memcpy(is, inverse, sizeof(is));
	for (int i = 0; i < g->elems; i++) {
		for (int l = 0; l < L; l++) {
			float q = quant_nearest_of((g->x[i][l] - lo[l]) * is[l], 0, top);
			float wq = g->w[i][l] * q;

			q1[l] += wq;
			qq[l] += wq * q;
			xq[l] += wq * g->x[i][l];
		}
	}
	memcpy(out->q, q1, sizeof(q1));
	memcpy(out->qq, qq, sizeof(qq));
	memcpy(out->xq, xq, sizeof(xq));
}

/* The sums that do not depend on codes. */
static void sums_fixed(const struct quant_group *g, struct quant_min_sums *out)
{
	float w[L] = { 0 }, x[L] = { 0 };

	for (int i = 0; i < g->elems; i++) {
		for (int l = 0; l < L; l++) {
			w[l] += g->w[i][l];
			x[l] += g->w[i][l] * g->x[i][l];
		}
	}
	memcpy(out->w, w, sizeof(w));
	memcpy(out->x, x, sizeof(x));
}

struct best {
	float s[L], m[L], gain[L];
};

/* What no scale at all achieves: codes 0, and m alone. */
static void start(const struct quant_min_sums *restrict sums, bool free_min, struct best *restrict b)
{
	float lowest = free_min ? -INFINITY : 0;

	for (int l = 0; l < L; l++) {
		float m = -sums->x[l] * quant_inverse(sums->w[l]);

		m = m > lowest ? m : lowest;
		b->s[l] = 0;
		b->m[l] = m;
		b->gain[l] = -m * sums->x[l];
	}
}

/* best[l] = now[l] where gain[l] beats least[l]. */
static void choose(const float *restrict gain, const float *restrict least, const float *restrict now,
                   float *restrict best)
{
	for (int l = 0; l < L; l++)
		best[l] = quant_choose(gain[l] > least[l], now[l], best[l]);
}

/* Least squares for s and m given the codes; where that makes m negative and it must not be, for s alone.
 * The gain, what is taken off sum(w x x), is s sum(w x q) - m sum(w x). */
QUANT_LANEWISE void keep_better(const struct quant_min_sums *restrict sums, bool free_min, struct best *restrict b)
{
	float lowest = free_min ? -INFINITY : 0, inverse[L], alone[L], s[L], m[L], gain[L];

	for (int l = 0; l < L; l++)
		inverse[l] = quant_inverse(sums->w[l] * sums->qq[l] - sums->q[l] * sums->q[l]);
	for (int l = 0; l < L; l++)
		alone[l] = quant_inverse(sums->qq[l]);
	for (int l = 0; l < L; l++) {
		s[l] = (sums->w[l] * sums->xq[l] - sums->q[l] * sums->x[l]) * inverse[l];
		m[l] = (sums->q[l] * sums->xq[l] - sums->qq[l] * sums->x[l]) * inverse[l];
		alone[l] *= sums->xq[l];
	}
	for (int l = 0; l < L; l++)
		s[l] = m[l] < lowest ? alone[l] : s[l];
	for (int l = 0; l < L; l++)
		m[l] = m[l] > lowest ? m[l] : lowest;
	for (int l = 0; l < L; l++)
		gain[l] = s[l] * sums->xq[l] - m[l] * sums->x[l];
	choose(gain, b->gain, s, b->s);
	choose(gain, b->gain, m, b->m);
	for (int l = 0; l < L; l++)
		b->gain[l] = gain[l] > b->gain[l] ? gain[l] : b->gain[l];
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
	memcpy(s, b.s, sizeof(b.s));
	memcpy(m, b.m, sizeof(b.m));
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
	float s[L], m[L], is[L], e[L] = { 0 };

	for (int l = 0; l < L; l++) {
		s[l] = scale[l];
		m[l] = min[l];
		is[l] = quant_inverse(s[l]);
	}
	for (int i = 0; i < g->elems; i++) {
		for (int l = 0; l < L; l++) {
			float t = g->x[i][l] + m[l];
			float q = quant_nearest_of(t * is[l], 0, top);
			float r = t - s[l] * q;

			e[l] += g->w[i][l] * (r * r);
		}
	}
	memcpy(err, e, sizeof(e));
}

void QUANT_AT(codes_min)(const struct quant_group *g, float top, const float scale[L], const float min[L],
                         uint32_t codes[][L])
{
	float m[L], is[L];

	for (int l = 0; l < L; l++) {
		m[l] = min[l];
		is[l] = quant_inverse(scale[l]);
	}
	for (int i = 0; i < g->elems; i++)
		for (int l = 0; l < L; l++)
			codes[i][l] = quant_nearest_above((g->x[i][l] + m[l]) * is[l], 0, top);
}
