/* One element per block: floats of other widths, integers, truth values. Weights have nothing to choose here. */
#include <string.h>

#include "half_inline.h"
#include "kernels.h"

static void f32_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	(void)w;
	(void)effort;
	if (n)
		memcpy(dst, x, n * sizeof(*x));
}

static void f32_decode(const void *src, float *x, size_t n)
{
	if (n)
		memcpy(x, src, n * sizeof(*x));
}

static void f16_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	unsigned char *p = dst;

	(void)w;
	(void)effort;
	for (size_t i = 0; i < n; i++) {
		uint16_t h = quant_f16_round(x[i]);

		memcpy(p + 2 * i, &h, 2);
	}
}

static void f16_decode(const void *src, float *x, size_t n)
{
	const unsigned char *p = src;

	for (size_t i = 0; i < n; i++) {
		uint16_t h;

		memcpy(&h, p + 2 * i, 2);
		x[i] = quant_f16_widen(h);
	}
}

static void bf16_encode(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n)
{
	unsigned char *p = dst;

	(void)w;
	(void)effort;
	for (size_t i = 0; i < n; i++) {
		uint16_t h = quant_bf16_round(x[i]);

		memcpy(p + 2 * i, &h, 2);
	}
}

static void bf16_decode(const void *src, float *x, size_t n)
{
	const unsigned char *p = src;

	for (size_t i = 0; i < n; i++) {
		uint16_t h;

		memcpy(&h, p + 2 * i, 2);
		x[i] = quant_bf16_widen(h);
	}
}

/* A decoder that reads one C type per element, aligned or not, and converts as C does (nearest, halves to even). */
#define DECODE(name, ctype)                                          \
	static void name(const void *src, float *x, size_t n)        \
	{                                                            \
		const unsigned char *p = src;                        \
		ctype v;                                             \
                                                                     \
		for (size_t i = 0; i < n; i++) {                     \
			memcpy(&v, p + i * sizeof(v), sizeof(v));    \
			x[i] = (float)v;                             \
		}                                                    \
	}

DECODE(f64_decode, double)
DECODE(i8_decode, int8_t)
DECODE(i16_decode, int16_t)
DECODE(i32_decode, int32_t)
DECODE(i64_decode, int64_t)
DECODE(u8_decode, uint8_t)
DECODE(u16_decode, uint16_t)
DECODE(u32_decode, uint32_t)
DECODE(u64_decode, uint64_t)

static void bool_decode(const void *src, float *x, size_t n)
{
	const unsigned char *p = src;

	for (size_t i = 0; i < n; i++)
		x[i] = p[i] ? 1.0f : 0.0f;
}

const struct quant_type QUANT_AT(f32) = { .type = FMT_F32, .encode = f32_encode, .decode = f32_decode };
const struct quant_type QUANT_AT(f16) = { .type = FMT_F16, .encode = f16_encode, .decode = f16_decode };
const struct quant_type QUANT_AT(bf16) = { .type = FMT_BF16, .encode = bf16_encode, .decode = bf16_decode };
const struct quant_type QUANT_AT(f64) = { .type = FMT_F64, .decode = f64_decode };
const struct quant_type QUANT_AT(bool) = { .type = FMT_BOOL, .decode = bool_decode };
const struct quant_type QUANT_AT(i8) = { .type = FMT_I8, .decode = i8_decode };
const struct quant_type QUANT_AT(i16) = { .type = FMT_I16, .decode = i16_decode };
const struct quant_type QUANT_AT(i32) = { .type = FMT_I32, .decode = i32_decode };
const struct quant_type QUANT_AT(i64) = { .type = FMT_I64, .decode = i64_decode };
const struct quant_type QUANT_AT(u8) = { .type = FMT_U8, .decode = u8_decode };
const struct quant_type QUANT_AT(u16) = { .type = FMT_U16, .decode = u16_decode };
const struct quant_type QUANT_AT(u32) = { .type = FMT_U32, .decode = u32_decode };
const struct quant_type QUANT_AT(u64) = { .type = FMT_U64, .decode = u64_decode };
