/* TQ2_0: 256 levels -1, 0, 1 of 2 bits under one half-float scale. The fourth code decodes to 2, but is not written:
 * other programs may not know it. */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "half_inline.h"
#include "kernels.h"
#include "planes2.h"
#include "ternary.h"

static void tq2_0_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct block_tq2_0 b;
	uint8_t q[QUANT_SB];

	assert(n % QUANT_SB == 0);
	for (size_t col = 0; col < n; col += QUANT_SB) {
		b.d = quant_ternary(x + col, &imp, col, QUANT_SB, 1, q);
		quant_planes2_pack(q, b.qs);
		memcpy((unsigned char *)dst + col / QUANT_SB * sizeof(b), &b, sizeof(b));
	}
}

static void tq2_0_decode(const void *src, float *x, size_t n)
{
	struct block_tq2_0 b;
	uint8_t q[QUANT_SB];

	assert(n % QUANT_SB == 0);
	for (size_t i = 0; i < n / QUANT_SB; i++, x += QUANT_SB) {
		float d;

		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		d = quant_f16_widen(b.d);
		quant_planes2_unpack(b.qs, q);
		for (int j = 0; j < QUANT_SB; j++)
			x[j] = d * (float)(q[j] - 1);
	}
}

const struct quant_type QUANT_AT(tq2_0) = {
	.type = FMT_TQ2_0, .encode = tq2_0_encode, .decode = tq2_0_decode, .uses_weights = true
};
