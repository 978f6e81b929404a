/* TQ1_0: 256 digits -1, 0, 1 under one half-float scale, five to a byte.
 *
 * Five digits of base 3 are a number N below 243, kept as the fraction N / 243 of 256, rounded up: multiplying by 3
 * pushes the next digit out at the top. Bytes 0..31 hold elements m, 32 + m, 64 + m ...; bytes 32..47 elements 160 + m,
 * 176 + m ...; the last four hold four digits each, of elements 240 + m, 244 + m ... */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "half_inline.h"
#include "kernels.h"
#include "small.h"
#include "ternary.h"

/* Where byte i has its digits: element `first`, then every `stride`. */
static int digits_of(int i, int *first, int *stride)
{
	*first = i < 32 ? i : i < 48 ? 160 + i - 32 : 240 + i - 48;
	*stride = i < 32 ? 32 : i < 48 ? 16 : 4;
	return i < 48 ? 5 : 4;
}

static void tq1_0_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct block_tq1_0 b;
	uint8_t q[QUANT_SB];

	assert(n % QUANT_SB == 0);
	for (size_t col = 0; col < n; col += QUANT_SB) {
		b.d = quant_ternary(x + col, &imp, col, QUANT_SB, 1, q);
		for (int i = 0; i < 52; i++) {
			int first, stride, n_digits = digits_of(i, &first, &stride);
			unsigned number = 0;

			for (int k = 0; k < 5; k++)
				number = 3 * number + (k < n_digits ? q[first + k * stride] : 0);
			*(i < 48 ? &b.qs[i] : &b.qh[i - 48]) = (uint8_t)((number * 256 + 242) / 243);
		}
		memcpy((unsigned char *)dst + col / QUANT_SB * sizeof(b), &b, sizeof(b));
	}
}

static void tq1_0_decode(const void *src, float *x, size_t n)
{
	struct block_tq1_0 b;

	assert(n % QUANT_SB == 0);
	for (size_t i = 0; i < n / QUANT_SB; i++, x += QUANT_SB) {
		float d;

		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		d = quant_f16_widen(b.d);
		for (int j = 0; j < 52; j++) {
			int first, stride, n_digits = digits_of(j, &first, &stride);
			unsigned fraction = j < 48 ? b.qs[j] : b.qh[j - 48];

			for (int k = 0; k < n_digits; k++) {
				x[first + k * stride] = d * (float)((int)(fraction * 3 >> 8) - 1);
				fraction = fraction * 3 & 255;
			}
		}
	}
}

const struct quant_type QUANT_AT(tq1_0) = {
	.type = FMT_TQ1_0, .encode = tq1_0_encode, .decode = tq1_0_decode, .uses_weights = true
};
