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

/* Nearest integer, halves away from zero, of |v| < 2^22. Adding 1.5 * 2^23 rounds halves to even, so a half that went
 * down goes up again. (v + 0.5 would round 0.49999997 up.) */
static inline float round_away(float v)
{
	float a = fabsf(v), t = (a + 12582912.0f) - 12582912.0f;

	t += a - t == 0.5f ? 1.0f : 0.0f;
	return v < 0 ? -t : t;
}

static float largest(const float *x)
{
	float part[16] = { 0 }, amax = 0;

	for (int i = 0; i < 32; i += 16)
		for (int l = 0; l < 16; l++)
			part[l] = fabsf(x[i + l]) > part[l] ? fabsf(x[i + l]) : part[l];
	for (int l = 0; l < 16; l++)
		amax = part[l] > amax ? part[l] : amax;
	return amax;
}

/* Codes are rounded with this scale, which is stored as a half. */
static void encode_at(const float *x, float d, struct block_q8_0 *b)
{
	float id, q[32];

	if (d > 65504.0f) /* the largest half; what lies above is clipped */
		d = 65504.0f;
	id = d >= 0x1p-126f ? 1.0f / d : 0.0f; /* a scale below that is zero as a half */
	b->d = quant_f16_round(d);
	for (int i = 0; i < 32; i++) {
		float v = x[i] * id;

		v = v > -127.0f ? v : -127.0f; /* NaN, too: a conversion to int must be defined */
		v = v < 127.0f ? v : 127.0f;
		q[i] = round_away(v);
	}
	for (int i = 0; i < 32; i++)
		b->qs[i] = (int8_t)(int)q[i];
}

/* The squared error, in parts of the square of the largest magnitude. */
static float error_of(const float *x, float inverse_amax, const struct block_q8_0 *b)
{
	float d = quant_f16_widen(b->d), part[16] = { 0 }, sum = 0;

	for (int i = 0; i < 32; i += 16) {
		for (int l = 0; l < 16; l++) {
			float r = (x[i + l] - d * (float)b->qs[i + l]) * inverse_amax;

			part[l] += r * r;
		}
	}
	for (int l = 0; l < 16; l++)
		sum += part[l];
	return sum;
}

/* Some scales round 32 values better than others by chance: the best of 32, up to a tenth above the smallest that clips
 * nothing. */
static void encode_best(const float *x, float amax, struct block_q8_0 *b)
{
	float least = INFINITY;

	encode_at(x, amax / 127.0f, b);
	for (int i = 0; i < 32 && amax > 0x1p-100f; i++) {
		struct block_q8_0 trial;
		float e;

		encode_at(x, quant_f16_widen(quant_f16_round(amax / 127.0f * (1 + (float)i * 0.003f))), &trial);
		e = error_of(x, 1 / amax, &trial);
		if (e < least) {
			least = e;
			*b = trial;
		}
	}
}

static void encode_block(const float *x, enum quant_effort effort, struct block_q8_0 *b)
{
	float amax = largest(x);

	if (effort == QUANT_BEST)
		encode_best(x, amax, b);
	else
		encode_at(x, amax / 127.0f, b);
}

static void q8_0_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	struct block_q8_0 b;

	(void)w;
	assert(n % QUANT_ELEMS_Q8_0 == 0);
	for (size_t i = 0; i < n / QUANT_ELEMS_Q8_0; i++) {
		encode_block(x + i * QUANT_ELEMS_Q8_0, effort, &b);
		memcpy((unsigned char *)dst + i * sizeof(b), &b, sizeof(b));
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
