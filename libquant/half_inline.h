/* The conversions of half.h for loops: inlined, and free of branches so that they vectorize.
 *
 * The NaN rules are those of F16C and NEON: the quiet bit is set, the rest of the payload kept as far as it fits. Needs
 * subnormals (no flush to zero). */
#ifndef LIBQUANT_HALF_INLINE_H
#define LIBQUANT_HALF_INLINE_H

#include <stdint.h>
#include <string.h>

static inline float quant_f32_of(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

static inline uint32_t quant_u32_of(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static inline float quant_f16_widen(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16;
	uint32_t a = (uint32_t)(h & 0x7fff) << 13;
	/* The half's exponent bias is 15, the float's 127; a product moves it, and makes subnormal halves normal. */
	uint32_t finite = quant_u32_of(quant_f32_of(a) * 0x1p112f);
	uint32_t special = a | 0x70000000 | (a > 0x0f800000 ? 0x00400000 : 0);

	return quant_f32_of(sign | (a >= 0x0f800000 ? special : finite));
}

/* The half of a magnitude below 65520, both as bits. */
static inline uint32_t quant_f16_round_finite(uint32_t a)
{
	/* Below 2^-14 one step is 2^-24, which is the last bit of a float between 1/2 and 1. */
	uint32_t small = quant_u32_of(quant_f32_of(a < 0x38800000 ? a : 0) + 0.5f) - 0x3f000000;
	/* Rebias, add just under half a step (half if the last bit kept is odd), cut. A carry walks into the
	 * exponent, and past 65504 makes infinity. */
	uint32_t normal = (a + 0xc8000000 + 0xfff + (a >> 13 & 1)) >> 13;

	return a < 0x38800000 ? small : normal;
}

static inline uint16_t quant_f16_round(float f)
{
	uint32_t u = quant_u32_of(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
	uint32_t h = quant_f16_round_finite(a);

	h = a >= 0x47800000 ? 0x7c00 : h; /* 65536 and above */
	h = a > 0x7f800000 ? 0x7e00 | (a >> 13 & 0x3ff) : h;
	return (uint16_t)(sign | h);
}

static inline float quant_bf16_widen(uint16_t h)
{
	return quant_f32_of((uint32_t)h << 16);
}

static inline uint16_t quant_bf16_round(float f)
{
	uint32_t u = quant_u32_of(f);
	uint32_t rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;

	return (uint16_t)((u & 0x7fffffff) > 0x7f800000 ? u >> 16 | 0x40 : rounded);
}

#endif
