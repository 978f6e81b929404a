/* E2M1, the 4-bit float of MXFP4 and NVFP4, doubled so that its levels are whole numbers. */
#ifndef LIBQUANT_FP4_H
#define LIBQUANT_FP4_H

#include <stdint.h>

#include "scale_search.h"

/* The code for -0 decodes to 0, and is never written. */
static const int8_t quant_fp4_level[16] = { 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12 };

/* The nearest level to a magnitude; of two as near the lower. */
static inline float quant_fp4_nearest(float a)
{
	float q = 0;

	q += a > 0.5f ? 1.0f : 0.0f;
	q += a > 1.5f ? 1.0f : 0.0f;
	q += a > 2.5f ? 1.0f : 0.0f;
	q += a > 3.5f ? 1.0f : 0.0f;
	q += a > 5 ? 2.0f : 0.0f;
	q += a > 7 ? 2.0f : 0.0f;
	q += a > 10 ? 4.0f : 0.0f;
	return q;
}

/* Its code. */
static inline unsigned quant_fp4_code(float v)
{
	float a = v < 0 ? -v : v;
	unsigned code = (a > 0.5f) + (a > 1.5f) + (a > 2.5f) + (a > 3.5f) + (a > 5) + (a > 7) + (a > 10);

	return v < 0 && code ? code | 8 : code;
}

/* sum(w (x - s level)^2) over n elements, a multiple of 16, under the scale s. */
static inline float quant_fp4_error(const float *x, const float *w, int n, float s)
{
	float part[QUANT_LANES] = { 0 }, is = s > 0 ? 1 / s : 0;

	for (int i = 0; i < n; i += QUANT_LANES, x += QUANT_LANES, w += QUANT_LANES) {
		for (int l = 0; l < QUANT_LANES; l++) {
			float a = x[l] < 0 ? -x[l] : x[l], r = a - s * quant_fp4_nearest(a * is);

			part[l] += w[l] * (r * r);
		}
	}
	return quant_sum_lanes(part);
}

#endif
