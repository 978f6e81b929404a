/* Q1_0: 128 signs under one half-float scale. The best scale is the mean magnitude, so there is nothing to search. */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "grids.h"
#include "half_inline.h"
#include "kernels.h"
#include "small.h"
#include "superblock.h"

static float mean_magnitude(const struct quant_small *b)
{
	float wx[QUANT_LANES] = { 0 }, w[QUANT_LANES] = { 0 }, sum;
	const float *x = b->x, *weight = b->w;

	for (int i = 0; i < b->n; i += QUANT_LANES, x += QUANT_LANES, weight += QUANT_LANES) {
		for (int l = 0; l < QUANT_LANES; l++) {
			wx[l] += weight[l] * fabsf(x[l]);
			w[l] += weight[l];
		}
	}
	sum = quant_sum_lanes(w);
	return sum > 0 ? quant_sum_lanes(wx) / sum : 0;
}

static void q1_0_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct quant_small s;
	struct block_q1_0 b;

	assert(n % QUANT_ELEMS_Q1_0 == 0);
	for (size_t col = 0; col < n; col += QUANT_ELEMS_Q1_0) {
		float d;

		QUANT_AT(small_load)(&s, x + col, &imp, col, QUANT_ELEMS_Q1_0);
		b.d = QUANT_AT(half_of)(mean_magnitude(&s), s.unit, &d);
		for (int i = 0; i < 16; i++) {
			unsigned bits = 0;

			for (int j = 0; j < 8; j++)
				bits |= (unsigned)(s.x[8 * i + j] >= 0) << j;
			b.bits[i] = (uint8_t)bits;
		}
		memcpy((unsigned char *)dst + col / QUANT_ELEMS_Q1_0 * sizeof(b), &b, sizeof(b));
	}
}

static void q1_0_decode(const void *src, float *x, size_t n)
{
	struct block_q1_0 b;

	assert(n % QUANT_ELEMS_Q1_0 == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q1_0; i++, x += QUANT_ELEMS_Q1_0) {
		float d;

		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		d = quant_f16_widen(b.d);
		for (int j = 0; j < QUANT_ELEMS_Q1_0 / 8; j++)
			for (int k = 0; k < 8; k++)
				x[8 * j + k] = quant_signed_by(d, ~(uint32_t)b.bits[j], k);
	}
}

const struct quant_type QUANT_AT(q1_0) = {
	.type = FMT_Q1_0, .encode = q1_0_encode, .decode = q1_0_decode, .uses_weights = true
};
