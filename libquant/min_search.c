/* The min family: x = s q - m, q = 0..top; see scale_search.h. */
#include <string.h>

#include "scale_search.h"
#include "transpose.h"

#define L QUANT_LANES

struct range {
	float low[L], width[L];
};

/* Lowest value and width of a lane. Unless the min may be negative, the range takes in zero at its lower end. */
static void ranges(const struct quant_group *g, bool free_min, struct range *r)
{
	float lo[L], hi[L];

	memcpy(lo, g->x[0], sizeof(lo));
	memcpy(hi, g->x[0], sizeof(hi));
	for (int i = 1; i < g->elems; i++) {
		for (int l = 0; l < L; l++) {
			lo[l] = g->x[i][l] < lo[l] ? g->x[i][l] : lo[l];
			hi[l] = g->x[i][l] > hi[l] ? g->x[i][l] : hi[l];
		}
	}
	for (int l = 0; l < L; l++) {
		r->low[l] = free_min || lo[l] < 0 ? lo[l] : 0;
		r->width[l] = hi[l] - r->low[l];
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
			float q = quant_clamp(quant_nearest((g->x[i][l] - lo[l]) * is[l]), 0, top);
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
static void start(const struct quant_min_sums *sums, bool free_min, struct best *b)
{
	for (int l = 0; l < L; l++) {
		float m = sums->w[l] > 0 ? -sums->x[l] / sums->w[l] : 0;

		m = free_min || m > 0 ? m : 0;
		b->s[l] = 0;
		b->m[l] = m;
		b->gain[l] = -m * sums->x[l];
	}
}

/* Least squares for s and m given the codes; where that makes m negative and it must not be, for s alone.
 * The gain, what is taken off sum(w x x), is s sum(w x q) - m sum(w x). */
static void keep_better(const struct quant_min_sums *sums, bool free_min, struct best *b)
{
	for (int l = 0; l < L; l++) {
		float w = sums->w[l], x = sums->x[l], q = sums->q[l], qq = sums->qq[l], xq = sums->xq[l];
		float det = w * qq - q * q;
		float inverse = 1 / (det > 0 ? det : 1);
		float s = (w * xq - q * x) * inverse, m = (q * xq - qq * x) * inverse, gain;
		bool alone = !free_min && m < 0;

		s = alone ? xq / (qq > 0 ? qq : 1) : s;
		m = alone ? 0 : m;
		gain = s * xq - m * x;
		gain = det > 0 ? gain : 0;
		b->s[l] = gain > b->gain[l] ? s : b->s[l];
		b->m[l] = gain > b->gain[l] ? m : b->m[l];
		b->gain[l] = gain > b->gain[l] ? gain : b->gain[l];
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
		for (int o = 0; o < how->n_offsets; o++) {
			float low[L], is[L];

			for (int l = 0; l < L; l++) {
				is[l] = how->steps[k] * quant_inverse(r.width[l]);
				low[l] = r.low[l] + how->offsets[o] * (r.width[l] / how->steps[k]);
			}
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
			float q = quant_clamp(quant_nearest(t * is[l]), 0, top);
			float r = t - s[l] * q;

			e[l] += g->w[i][l] * (r * r);
		}
	}
	memcpy(err, e, sizeof(e));
}

void QUANT_AT(codes_min)(const struct quant_group *g, float top, const float scale[L], const float min[L],
                         uint8_t *codes)
{
	float rows[QUANT_GROUP_ELEMS];
	float m[L], is[L];

	for (int l = 0; l < L; l++) {
		m[l] = min[l];
		is[l] = quant_inverse(scale[l]);
	}
	for (int i = 0; i < g->elems; i++) {
		for (int l = 0; l < L; l++) {
			float q = quant_nearest((g->x[i][l] + m[l]) * is[l]);

			rows[L * i + l] = quant_clamp(q, 0, top);
		}
	}
	quant_to_lanes(rows, g->elems, codes);
}
