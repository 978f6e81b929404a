/* Q8_0: 32 signed bytes under one half-float scale, x = d q.
 *
 * The encoder does not search: the largest magnitude lies on 127, codes are rounded with the scale before it became a
 * half. These are the bytes of the reference converter (--outtype q8_0), which users compare with. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "blocks.h"
#include "half_inline.h"
#include "kernels.h"

/* Nearest integer, halves away from zero, of |v| <= 127.5. (v + 0.5 would round 0.49999997 up.) */
static int round_away(float v)
{
	int t = (int)v;
	float rest = fabsf(v - (float)t);

	return t + (rest >= 0.5f ? (v < 0 ? -1 : 1) : 0);
}

static void encode_block(const float *x, struct block_q8_0 *b)
{
	float amax = 0, d, id;

	for (int i = 0; i < 32; i++)
		amax = fabsf(x[i]) > amax ? fabsf(x[i]) : amax;
	d = amax / 127.0f;
	if (d > 65504.0f) /* the largest half; what lies above is clipped */
		d = 65504.0f;
	id = d >= 0x1p-126f ? 1.0f / d : 0.0f; /* a scale below that is zero as a half */
	b->d = quant_f16_round(d);
	for (int i = 0; i < 32; i++) {
		float v = x[i] * id;

		v = v > -127.0f ? v : -127.0f;
		v = v < 127.0f ? v : 127.0f;
		b->qs[i] = (int8_t)round_away(v);
	}
}

static void q8_0_encode(const float *x, const float *w, void *dst, size_t n)
{
	struct block_q8_0 b;

	(void)w;
	assert(n % QUANT_ELEMS_Q8_0 == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q8_0; i++) {
		encode_block(x + i * QUANT_ELEMS_Q8_0, &b);
		memcpy((unsigned char *)dst + i * sizeof(b), &b, sizeof(b));
	}
}

static void q8_0_decode(const void *src, float *x, size_t n)
{
	struct block_q8_0 b;

	assert(n % QUANT_ELEMS_Q8_0 == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q8_0; i++, x += QUANT_ELEMS_Q8_0) {
		float d;

		memcpy(&b, (const unsigned char *)src + i * sizeof(b), sizeof(b));
		d = quant_f16_widen(b.d);
		for (int j = 0; j < 32; j++)
			x[j] = d * (float)b.qs[j];
	}
}

const struct quant_type QUANT_AT(q8_0) = { .type = FMT_Q8_0, .encode = q8_0_encode, .decode = q8_0_decode };
