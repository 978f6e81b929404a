/* See small.h. */
#include "small.h"

#include "half_inline.h"

#define L QUANT_LANES

/* Lowest and highest of all, and the one that is farther from zero; the highest if both are. */
static float extreme_of(const float *x, int n)
{
	float lo[L] = { 0 }, hi[L] = { 0 };

	for (int i = 0; i < n; i += L, x += L) {
		for (int l = 0; l < L; l++) {
			lo[l] = x[l] < lo[l] ? x[l] : lo[l];
			hi[l] = x[l] > hi[l] ? x[l] : hi[l];
		}
	}
	for (int l = 1; l < L; l++) {
		lo[0] = lo[l] < lo[0] ? lo[l] : lo[0];
		hi[0] = hi[l] > hi[0] ? hi[l] : hi[0];
	}
	return -lo[0] > hi[0] ? lo[0] : hi[0];
}

void QUANT_AT(small_load)(struct quant_small *b, const float *x, const struct quant_importance *imp, size_t col, int n)
{
	float extreme = extreme_of(x, n), scale = imp->scale, low = imp->floor, inverse;
	const float *w = imp->w ? imp->w + col : NULL;

	b->unit = quant_unit_below(fabsf(extreme));
	inverse = quant_inverse_unit(b->unit);
	b->extreme = extreme * inverse;
	b->n = n;
	for (int i = 0; i < n; i++)
		b->x[i] = x[i] * inverse;
	for (int i = 0; i < n && w; i++)
		b->w[i] = w[i] * scale + low;
	for (int i = 0; i < n && !w; i++)
		b->w[i] = 1;
}

/* sum(w x q) and sum(w q q) for the codes that an inverse scale gives. */
static void sums(const struct quant_small *b, float lo, float hi, float is, float *sxq, float *sqq)
{
	float xq[L] = { 0 }, qq[L] = { 0 };
	const float *x = b->x, *w = b->w;

	for (int i = 0; i < b->n; i += L, x += L, w += L) {
		for (int l = 0; l < L; l++) {
			float q = quant_nearest_of(x[l] * is, lo, hi), wq = w[l] * q;

			xq[l] += wq * x[l];
			qq[l] += wq * q;
		}
	}
	*sxq = quant_sum_lanes(xq);
	*sqq = quant_sum_lanes(qq);
}

float QUANT_AT(small_scale)(const struct quant_small *b, float lo, float hi, const float *ends, int n_ends)
{
	enum { REFINE = 3 };
	float best_xq = 0, best_qq = 1, is = 0;

	for (int k = 0; k < n_ends + REFINE; k++) {
		float xq, qq;

		is = k < n_ends ? ends[k] * quant_inverse(b->extreme) : quant_inverse(best_xq / best_qq);
		sums(b, lo, hi, is, &xq, &qq);
		if (!(xq * xq * best_qq > best_xq * best_xq * qq))
			continue;
		best_xq = xq;
		best_qq = qq;
	}
	return best_xq / best_qq;
}

void QUANT_AT(small_codes)(const struct quant_small *b, float lo, float hi, float s, uint8_t *codes)
{
	float is = quant_inverse(s);

	for (int i = 0; i < b->n; i++)
		codes[i] = (uint8_t)(int)(quant_nearest_of(b->x[i] * is, lo, hi) - lo);
}
