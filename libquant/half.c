/* IEEE half and bfloat16, by integer arithmetic and exact float operations only.
 *
 * The NaN rules are those of F16C and NEON, so that hardware conversions give the same bits: the quiet bit is set, the
 * rest of the payload kept as far as it fits. Needs subnormals (no flush to zero). */
#include <string.h>

#include <libquant/half.h>

static float f32_of(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

static uint32_t u32_of(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

float quant_f16_to_f32(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16;
	uint32_t exp_mant = (uint32_t)(h & 0x7fff) << 13;
	uint32_t u;

	/* Infinity and NaN: all ones in the wider exponent, too. */
	if (exp_mant >= 0x0f800000)
		return f32_of(sign | 0x70000000 | exp_mant | (exp_mant > 0x0f800000 ? 0x00400000 : 0));
	/* The half's exponent bias is 15, the float's 127; a product moves it, and makes subnormal halves normal. */
	u = u32_of(f32_of(exp_mant) * 0x1p112f);
	return f32_of(sign | u);
}

uint16_t quant_f32_to_f16(float f)
{
	uint32_t u = u32_of(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;

	if (a > 0x7f800000)
		return (uint16_t)(sign | 0x7e00 | (a >> 13 & 0x3ff));
	if (a >= 0x47800000) /* 65536 and above */
		return (uint16_t)(sign | 0x7c00);
	if (a < 0x38800000) { /* below 2^-14: one step is 2^-24, which is the last bit of a float between 1/2 and 1 */
		return (uint16_t)(sign | (u32_of(f32_of(a) + 0.5f) - 0x3f000000));
	}
	/* Rebias, add just under half a step (half if the last bit kept is odd), cut. A carry walks into the exponent,
	 * and past 65504 makes infinity. */
	a += 0xc8000000 + 0xfff + (a >> 13 & 1);
	return (uint16_t)(sign | a >> 13);
}

float quant_bf16_to_f32(uint16_t h)
{
	return f32_of((uint32_t)h << 16);
}

uint16_t quant_f32_to_bf16(float f)
{
	uint32_t u = u32_of(f);

	if ((u & 0x7fffffff) > 0x7f800000)
		return (uint16_t)(u >> 16 | 0x40);
	return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
