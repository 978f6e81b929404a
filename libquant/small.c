/* See small.h. */
#include "small.h"

#include "half_inline.h"

#define L QUANT_LANES

static float sum_lanes(const float part[L])
{
	float sum = part[0];

	for (int l = 1; l < L; l++)
		sum += part[l];
	return sum;
}

void QUANT_AT(small_load)(struct quant_small *b, const float *x, const struct quant_importance *imp, size_t col, int n)
{
	float most[L] = { 0 }, max = 0, inverse;
	uint32_t exponent;

	b->n = n;
	b->extreme = 0;
	for (int i = 0; i < n; i += L)
		for (int l = 0; l < L; l++)
			most[l] = fabsf(x[i + l]) > most[l] ? fabsf(x[i + l]) : most[l];
	for (int l = 0; l < L; l++)
		max = most[l] > max ? most[l] : max;
	exponent = quant_u32_of(max) >> 23;
	exponent = exponent < 1 ? 1 : exponent > 252 ? 252 : exponent;
	b->unit = quant_f32_of(exponent << 23);
	inverse = 1 / b->unit;
	for (int i = 0; i < n; i++)
		b->x[i] = x[i] * inverse;
	for (int i = 0; i < n && b->extreme == 0; i++)
		b->extreme = fabsf(x[i]) == max ? b->x[i] : 0;
	for (int i = 0; i < n; i++)
		b->w[i] = imp->w ? imp->w[col + (size_t)i] * imp->scale + imp->floor : 1;
}

/* sum(w x q) and sum(w q q) for the codes that an inverse scale gives. */
static void sums(const struct quant_small *b, float lo, float hi, float is, float *sxq, float *sqq)
{
	float xq[L] = { 0 }, qq[L] = { 0 };

	for (int i = 0; i < b->n; i += L) {
		for (int l = 0; l < L; l++) {
			float q = quant_nearest_of(b->x[i + l] * is, lo, hi), wq = b->w[i + l] * q;

			xq[l] += wq * b->x[i + l];
			qq[l] += wq * q;
		}
	}
	*sxq = sum_lanes(xq);
	*sqq = sum_lanes(qq);
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
