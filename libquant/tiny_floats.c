/* Floats of eight bits and fewer, as checkpoints hold them: decoded only.
 *
 * The bits of a magnitude are put where a float has them and the bias added; subnormals are counted, since processors
 * multiply subnormal floats slowly. Sources: OCP 8-bit Floating Point 1.0; the FNUZ forms of arXiv:2206.02915; OCP
 * Microscaling 1.0 for E8M0 and for floats of six and four bits, which safetensors packs from the lowest bit up. */
#include "half_inline.h"
#include "kernels.h"

/* A magnitude of `mantissa` bits below its exponent, of the given bias. */
static inline float magnitude(uint32_t bits, int mantissa, int bias)
{
	float subnormal = (float)(int)bits * quant_f32_of((uint32_t)(128 - bias - mantissa) << 23);
	float normal = quant_f32_of((bits << (23 - mantissa)) + ((uint32_t)(127 - bias) << 23));

	return bits >> mantissa ? normal : subnormal;
}

static inline float with_sign(float x, uint32_t negative)
{
	return quant_f32_of(quant_u32_of(x) | negative << 31);
}

static void e4m3_decode(const void *src, float *x, size_t n)
{
	const uint8_t *p = src;

	for (size_t i = 0; i < n; i++) {
		uint32_t a = p[i] & 127;

		x[i] = with_sign(a == 127 ? quant_f32_of(0x7fc00000) : magnitude(a, 3, 7), p[i] >> 7);
	}
}

/* The upper half of a half float. */
static void e5m2_decode(const void *src, float *x, size_t n)
{
	const uint8_t *p = src;

	for (size_t i = 0; i < n; i++)
		x[i] = quant_f16_widen((uint16_t)(p[i] << 8));
}

/* No infinity, no -0: that byte is the only NaN. */
static inline float fnuz(uint8_t byte, int mantissa, int bias)
{
	float x = with_sign(magnitude(byte & 127, mantissa, bias), byte >> 7);

	return byte == 0x80 ? quant_f32_of(0x7fc00000) : x;
}

static void e4m3fnuz_decode(const void *src, float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = fnuz(((const uint8_t *)src)[i], 3, 8);
}

static void e5m2fnuz_decode(const void *src, float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = fnuz(((const uint8_t *)src)[i], 2, 16);
}

/* A power of two: 2^(byte - 127). */
static void e8m0_decode(const void *src, float *x, size_t n)
{
	const uint8_t *p = src;

	for (size_t i = 0; i < n; i++)
		x[i] = quant_f32_of(p[i] == 255 ? 0x7fc00000 : p[i] ? (uint32_t)p[i] << 23 : 0x00400000);
}

/* Element i of four of six bits in three bytes. */
static inline uint32_t six_bits(const uint8_t *p, size_t i)
{
	const uint8_t *t = p + i / 4 * 3;
	uint32_t word = (uint32_t)t[0] | (uint32_t)t[1] << 8 | (uint32_t)t[2] << 16;

	return word >> 6 * (i % 4) & 63;
}

static void e2m3_decode(const void *src, float *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits = six_bits(src, i);

		x[i] = with_sign(magnitude(bits & 31, 3, 1), bits >> 5);
	}
}

static void e3m2_decode(const void *src, float *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits = six_bits(src, i);

		x[i] = with_sign(magnitude(bits & 31, 2, 3), bits >> 5);
	}
}

/* Two to a byte, the first in the low half. */
static void e2m1_decode(const void *src, float *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits = ((const uint8_t *)src)[i / 2] >> 4 * (i % 2) & 15;

		x[i] = with_sign(magnitude(bits & 7, 1, 1), bits >> 3);
	}
}

const struct quant_type QUANT_AT(f8_e4m3) = { .type = FMT_F8_E4M3, .decode = e4m3_decode };
const struct quant_type QUANT_AT(f8_e5m2) = { .type = FMT_F8_E5M2, .decode = e5m2_decode };
const struct quant_type QUANT_AT(f8_e4m3fnuz) = { .type = FMT_F8_E4M3FNUZ, .decode = e4m3fnuz_decode };
const struct quant_type QUANT_AT(f8_e5m2fnuz) = { .type = FMT_F8_E5M2FNUZ, .decode = e5m2fnuz_decode };
const struct quant_type QUANT_AT(f8_e8m0) = { .type = FMT_F8_E8M0, .decode = e8m0_decode };
const struct quant_type QUANT_AT(f6_e2m3) = { .type = FMT_F6_E2M3, .decode = e2m3_decode };
const struct quant_type QUANT_AT(f6_e3m2) = { .type = FMT_F6_E3M2, .decode = e3m2_decode };
const struct quant_type QUANT_AT(f4) = { .type = FMT_F4, .decode = e2m1_decode };
