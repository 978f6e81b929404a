/* Q2_0: 64 levels -1, 0, 1, 2 under one half-float scale of either sign. */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "half_inline.h"
#include "kernels.h"
#include "ternary.h"

static void q2_0_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct block_q2_0 b;
	uint8_t q[QUANT_ELEMS_Q2_0];

	assert(n % QUANT_ELEMS_Q2_0 == 0);
	for (size_t col = 0; col < n; col += QUANT_ELEMS_Q2_0) {
		b.d = quant_ternary(x + col, &imp, col, QUANT_ELEMS_Q2_0, 2, q);
		for (int i = 0; i < 16; i++)
			b.qs[i] = (uint8_t)(q[4 * i] | q[4 * i + 1] << 2 | q[4 * i + 2] << 4 | q[4 * i + 3] << 6);
		memcpy((unsigned char *)dst + col / QUANT_ELEMS_Q2_0 * sizeof(b), &b, sizeof(b));
	}
}

static void q2_0_decode(const void *src, float *x, size_t n)
{
	struct block_q2_0 b;

	assert(n % QUANT_ELEMS_Q2_0 == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q2_0; i++, x += QUANT_ELEMS_Q2_0) {
		float d;

		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		d = quant_f16_widen(b.d);
		for (int j = 0; j < QUANT_ELEMS_Q2_0; j++)
			x[j] = d * (float)((b.qs[j / 4] >> 2 * (j % 4) & 3) - 1);
	}
}

const struct quant_type QUANT_AT(q2_0) = {
	.type = FMT_Q2_0, .encode = q2_0_encode, .decode = q2_0_decode, .uses_weights = true
};
