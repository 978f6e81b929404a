/* Superblocks whose sub-blocks have a scale and a min, each a few bits of a wide one; see superblock.h. */
#include "superblock.h"

#define L QUANT_LANES

struct attempt {
	uint16_t half_d[L], half_dmin[L];                       /* per block */
	float d[L], dmin[L], ks[L], km[L], s[L], m[L], err[L];  /* per lane */
};

static void set_scales(const struct quant_group *g, int block_lanes, int first, float d, float dmin,
                       struct attempt *a)
{
	float rd, rm;

	a->half_d[first / block_lanes] = QUANT_AT(half_of)(d, g->unit[first], &rd);
	a->half_dmin[first / block_lanes] = QUANT_AT(half_of)(dmin, g->unit[first], &rm);
	for (int l = first; l < first + block_lanes; l++) {
		a->d[l] = rd;
		a->dmin[l] = rm;
	}
}

static void widest(const struct quant_group *g, int block_lanes, float limit, const float s[L], const float m[L],
                   struct attempt *a)
{
	for (int first = 0; first < L; first += block_lanes) {
		float most_s = 0, most_m = 0;

		for (int l = first; l < first + block_lanes; l++) {
			most_s = s[l] > most_s ? s[l] : most_s;
			most_m = m[l] > most_m ? m[l] : most_m;
		}
		set_scales(g, block_lanes, first, most_s / limit, most_m / limit, a);
	}
}

/* The pair of codes nearest to the wanted scale and min, or of its eight neighbours the one of least error. */
static void choose_codes(const struct quant_group *g, float top, float limit, const float want_s[L],
                         const float want_m[L], struct attempt *a)
{
	static const int8_t around[8][2] = { { 0, -1 }, { 0, 1 }, { -1, 0 }, { 1, 0 },
		                             { -1, -1 }, { 1, 1 }, { -1, 1 }, { 1, -1 } };
	float cs[L], cm[L], ks[L], km[L], s[L], m[L], err[L];

	for (int l = 0; l < L; l++) {
		cs[l] = quant_clamp(quant_nearest(want_s[l] * quant_inverse(a->d[l])), 0, limit);
		cm[l] = quant_clamp(quant_nearest(want_m[l] * quant_inverse(a->dmin[l])), 0, limit);
		a->ks[l] = cs[l];
		a->km[l] = cm[l];
		a->s[l] = a->d[l] * cs[l];
		a->m[l] = a->dmin[l] * cm[l];
	}
	QUANT_AT(error_min)(g, top, a->s, a->m, a->err);
	for (int k = 0; k < 8; k++) {
		for (int l = 0; l < L; l++) {
			ks[l] = quant_clamp(cs[l] + (float)around[k][0], 0, limit);
			km[l] = quant_clamp(cm[l] + (float)around[k][1], 0, limit);
			s[l] = a->d[l] * ks[l];
			m[l] = a->dmin[l] * km[l];
		}
		QUANT_AT(error_min)(g, top, s, m, err);
		for (int l = 0; l < L; l++) {
			bool better = err[l] < a->err[l];

			a->ks[l] = better ? ks[l] : a->ks[l];
			a->km[l] = better ? km[l] : a->km[l];
			a->s[l] = better ? s[l] : a->s[l];
			a->m[l] = better ? m[l] : a->m[l];
			a->err[l] = better ? err[l] : a->err[l];
		}
	}
}

/* The best pair of wide scales for the codes of `from`. With a = ks q and b = -km the model is x = d a + dmin b. */
static void least_squares(const struct quant_group *g, float top, int block_lanes, const struct attempt *from,
                          struct attempt *to)
{
	struct quant_min_sums sums;

	QUANT_AT(sums_min)(g, top, from->s, from->m, &sums);
	for (int first = 0; first < L; first += block_lanes) {
		float aa = 0, ab = 0, bb = 0, xa = 0, xb = 0, det, d, dmin;

		for (int l = first; l < first + block_lanes; l++) {
			float ks = from->ks[l], km = from->km[l];

			aa += ks * ks * sums.qq[l];
			ab -= ks * km * sums.q[l];
			bb += km * km * sums.w[l];
			xa += ks * sums.xq[l];
			xb -= km * sums.x[l];
		}
		det = aa * bb - ab * ab;
		d = det > 0 ? (xa * bb - xb * ab) / det : 0;
		dmin = det > 0 ? (xb * aa - xa * ab) / det : 0;
		if (!(d > 0) || !(dmin > 0)) {
			d = aa > 0 ? xa / aa : 0;
			dmin = 0;
		}
		set_scales(g, block_lanes, first, d, dmin, to);
	}
}

static void take(const struct attempt *a, int block_lanes, int first, struct quant_min_fit *fit)
{
	fit->d[first / block_lanes] = a->half_d[first / block_lanes];
	fit->dmin[first / block_lanes] = a->half_dmin[first / block_lanes];
	for (int l = first; l < first + block_lanes; l++) {
		fit->ks[l] = a->ks[l];
		fit->km[l] = a->km[l];
		fit->s[l] = a->s[l];
		fit->m[l] = a->m[l];
	}
}

void QUANT_AT(fit_min)(const struct quant_group *g, float top, int block_lanes, float limit, const float s[L],
                       const float m[L], struct quant_min_fit *fit)
{
	struct attempt one, two;

	widest(g, block_lanes, limit, s, m, &one);
	choose_codes(g, top, limit, s, m, &one);
	least_squares(g, top, block_lanes, &one, &two);
	choose_codes(g, top, limit, one.s, one.m, &two);
	for (int first = 0; first < L; first += block_lanes) {
		float e1 = 0, e2 = 0;

		for (int l = first; l < first + block_lanes; l++) {
			e1 += one.err[l];
			e2 += two.err[l];
		}
		take(e2 < e1 ? &two : &one, block_lanes, first, fit);
	}
}
