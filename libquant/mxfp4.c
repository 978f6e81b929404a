/* MXFP4 of OCP Microscaling 1.0: 32 E2M1 codes under a power of two.
 *
 * The usual exponent lets the largest element clip up to a quarter; the one above it is the only other that can be
 * better. Values that came from MXFP4 have no error under the usual one, or under the next. */
#include <assert.h>
#include <string.h>

#include "blocks.h"
#include "fp4.h"
#include "half_inline.h"
#include "kernels.h"
#include "small.h"

/* Past this exponent the largest level is infinite. */
#define TOP_EXPONENT 252

/* 2^(e - 128), subnormal for 0 and 1. */
static float scale_of(unsigned e)
{
	return quant_f32_of(e < 2 ? UINT32_C(0x00200000) << e : (e - 1) << 23);
}

/* The exponent under which the block's largest element, which is extreme * unit, lies between 4 and 8. */
static int usual(const struct quant_small *s)
{
	int e = (int)(quant_u32_of(fabsf(s->extreme) * s->unit) >> 23) - 2;

	return e < 0 ? 0 : e > TOP_EXPONENT ? TOP_EXPONENT : e;
}

static void encode_block(const float *x, const struct quant_importance *imp, size_t col, struct block_mxfp4 *b)
{
	struct quant_small s;
	float is, unit;
	int e;

	QUANT_AT(small_load)(&s, x, imp, col, QUANT_ELEMS_MXFP4);
	unit = 1 / s.unit;
	e = s.extreme == 0 ? 0 : usual(&s);
	if (e < TOP_EXPONENT && quant_fp4_error(s.x, s.w, s.n, scale_of((unsigned)e + 1) * unit) <
	                       quant_fp4_error(s.x, s.w, s.n, scale_of((unsigned)e) * unit))
		e++;
	b->e = (uint8_t)e;
	is = 1 / (scale_of((unsigned)e) * unit);
	for (int i = 0; i < 16; i++)
		b->qs[i] = (uint8_t)(quant_fp4_code(s.x[i] * is) | quant_fp4_code(s.x[i + 16] * is) << 4);
}

static void mxfp4_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct quant_importance imp = QUANT_AT(importance)(w, n, effort);
	struct block_mxfp4 b;

	assert(n % QUANT_ELEMS_MXFP4 == 0);
	for (size_t col = 0; col < n; col += QUANT_ELEMS_MXFP4) {
		encode_block(x + col, &imp, col, &b);
		memcpy((unsigned char *)dst + col / QUANT_ELEMS_MXFP4 * sizeof(b), &b, sizeof(b));
	}
}

static void mxfp4_decode(const void *src, float *x, size_t n)
{
	struct block_mxfp4 b;

	assert(n % QUANT_ELEMS_MXFP4 == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_MXFP4; i++, x += QUANT_ELEMS_MXFP4) {
		float d;

		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		d = scale_of(b.e);
		for (int j = 0; j < 16; j++) {
			x[j] = d * (float)quant_fp4_level[b.qs[j] & 15];
			x[j + 16] = d * (float)quant_fp4_level[b.qs[j] >> 4];
		}
	}
}

const struct quant_type QUANT_AT(mxfp4) = {
	.type = FMT_MXFP4, .encode = mxfp4_encode, .decode = mxfp4_decode, .uses_weights = true
};
