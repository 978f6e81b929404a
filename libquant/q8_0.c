/* Q8_0: 32 signed bytes under one half-float scale, x = d q.
 *
 * The encoder does not search unless asked for its best: the largest magnitude lies on 127, codes are rounded with the
 * scale before it became a half. These are the bytes of the reference converter (--outtype q8_0), which users compare
 * with. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "blocks.h"
#include "half_inline.h"
#include "kernels.h"

/* Nearest integer, halves away from zero, of v brought to -127..127. 0.5 itself would round 0.49999997 up; the float
 * below it rounds everything as it should. The limit is taken of the bits, which are ordered as the magnitudes are: NaN,
 * too, becomes a number, since a conversion to int must be defined. */
static inline int32_t code_of(float v)
{
	uint32_t bits = quant_u32_of(v), limit = quant_u32_of(127.0f), a = bits & 0x7fffffff;

	a = a < limit ? a : limit;
	a = quant_u32_of(quant_f32_of(a) + 0x1.fffffep-2f);
	return (int32_t)quant_f32_of(a | (bits & 0x80000000));
}

/* By their bits: magnitudes are ordered as integers are, whose maximum compilers take in any order. */
static inline float largest(const float *x)
{
	uint32_t most = 0;

	for (int i = 0; i < 32; i++) {
		uint32_t bits = quant_u32_of(x[i]) & 0x7fffffff;

		most = bits > most ? bits : most;
	}
	return quant_f32_of(most);
}

/* Codes are rounded with this scale, which is returned as a half. */
static inline uint16_t encode_at(const float *restrict x, float d, int8_t *restrict qs)
{
	float id;

	if (d > 65504.0f) /* the largest half; what lies above is clipped */
		d = 65504.0f;
	id = d >= 0x1p-126f ? 1.0f / d : 0.0f; /* a scale below that is zero as a half */
	for (int i = 0; i < 32; i++)
		qs[i] = (int8_t)code_of(x[i] * id);
	return quant_f16_round(d);
}

/* The squared error, in parts of the square of the largest magnitude. */
static float error_of(const float *x, float inverse_amax, float d, const int8_t *qs)
{
	float part[16] = { 0 }, sum = 0;

	for (int i = 0; i < 32; i += 16) {
		for (int l = 0; l < 16; l++) {
			float r = (x[i + l] - d * (float)qs[i + l]) * inverse_amax;

			part[l] += r * r;
		}
	}
	for (int l = 0; l < 16; l++)
		sum += part[l];
	return sum;
}

/* Some scales round 32 values better than others by chance: the best of 32, up to a tenth above the smallest that clips
 * nothing. */
static uint16_t encode_best(const float *x, float amax, int8_t *qs)
{
	uint16_t best = encode_at(x, amax / 127.0f, qs);
	float least = INFINITY;

	for (int i = 0; i < 32 && amax > 0x1p-100f; i++) {
		float d = quant_f16_widen(quant_f16_round(amax / 127.0f * (1 + (float)i * 0.003f))), e;
		int8_t trial[32];

		encode_at(x, d, trial);
		e = error_of(x, 1 / amax, d, trial);
		if (e < least) {
			least = e;
			best = quant_f16_round(d);
			memcpy(qs, trial, sizeof trial);
		}
	}
	return best;
}

static void q8_0_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	unsigned char *block = dst;

	(void)w;
	assert(n % QUANT_ELEMS_Q8_0 == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q8_0; i++, x += QUANT_ELEMS_Q8_0, block += sizeof(struct block_q8_0)) {
		int8_t *qs = (int8_t *)block + offsetof(struct block_q8_0, qs);
		float amax = largest(x);
		uint16_t half = effort == QUANT_BEST ? encode_best(x, amax, qs) : encode_at(x, amax / 127.0f, qs);

		memcpy(block, &half, sizeof half);
	}
}

/* Bytes are read where they lie: a copy of the block would be written in small pieces and read back as one vector,
 * for which the processor waits. */
static void q8_0_decode(const void *src, float *x, size_t n)
{
	const unsigned char *block = src;

	assert(n % QUANT_ELEMS_Q8_0 == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q8_0; i++, x += QUANT_ELEMS_Q8_0, block += sizeof(struct block_q8_0)) {
		const int8_t *qs = (const int8_t *)block + offsetof(struct block_q8_0, qs);
		uint16_t half;
		float d;

		memcpy(&half, block, sizeof half);
		d = quant_f16_widen(half);
		for (int j = 0; j < 32; j++)
			x[j] = d * (float)qs[j];
	}
}

const struct quant_type QUANT_AT(q8_0) = { .type = FMT_Q8_0, .encode = q8_0_encode, .decode = q8_0_decode };
