/* Decoders against the layouts as one writes them down: the value of element e, by formula, in double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <libquant/half.h>
#include <libquant/quant.h>

#include "grids.h"
#include "rows.h"

static double half_at(const uint8_t *b, int at)
{
	return (double)quant_f16_to_f32((uint16_t)(b[at] | b[at + 1] << 8));
}

/* Nibble of element e: low halves first, sixteen bytes for 32 elements. */
static int nibble(const uint8_t *qs, int e)
{
	return e < 16 ? qs[e] & 15 : qs[e - 16] >> 4;
}

static int bit(const uint8_t *bits, int i)
{
	return bits[i / 8] >> i % 8 & 1;
}

static double q4_0(const uint8_t *b, int e)
{
	return half_at(b, 0) * (nibble(b + 2, e) - 8);
}

static double q4_1(const uint8_t *b, int e)
{
	return half_at(b, 0) * nibble(b + 4, e) + half_at(b, 2);
}

static double q5_0(const uint8_t *b, int e)
{
	return half_at(b, 0) * (nibble(b + 6, e) + 16 * bit(b + 2, e) - 16);
}

static double q5_1(const uint8_t *b, int e)
{
	return half_at(b, 0) * (nibble(b + 8, e) + 16 * bit(b + 4, e)) + half_at(b, 2);
}

static double q8_0(const uint8_t *b, int e)
{
	return half_at(b, 0) * (int8_t)b[2 + e];
}

static int plane2(const uint8_t *qs, int e)
{
	return qs[32 * (e / 128) + e % 32] >> 2 * (e / 32 % 4) & 3;
}

static double q2_k(const uint8_t *b, int e)
{
	int scale = b[e / 16];

	return half_at(b, 80) * (scale & 15) * plane2(b + 16, e) - half_at(b, 82) * (scale >> 4);
}

static double q3_k(const uint8_t *b, int e)
{
	const uint8_t *s = b + 96;
	int j = e / 16, low = j < 8 ? s[j] & 15 : s[j - 8] >> 4;
	int k = low + 16 * (s[8 + j % 4] >> 2 * (j / 4) & 3);
	int q = plane2(b + 32, e) + 4 * (b[e % 32] >> e / 32 & 1);

	return half_at(b, 108) * (k - 32) * (q - 4);
}

static void pair(const uint8_t *s, int j, int *ks, int *km)
{
	*ks = j < 4 ? s[j] % 64 : s[j + 4] % 16 + 16 * (s[j - 4] / 64);
	*km = j < 4 ? s[j + 4] % 64 : s[j + 4] / 16 + 16 * (s[j] / 64);
}

static int pair_nibble(const uint8_t *qs, int e)
{
	return qs[32 * (e / 64) + e % 32] >> (e / 32 % 2 ? 4 : 0) & 15;
}

static double q4_k(const uint8_t *b, int e)
{
	int ks, km;

	pair(b + 4, e / 32, &ks, &km);
	return half_at(b, 0) * ks * pair_nibble(b + 16, e) - half_at(b, 2) * km;
}

static double q5_k(const uint8_t *b, int e)
{
	int ks, km, q = pair_nibble(b + 48, e) + 16 * (b[16 + e % 32] >> e / 32 & 1);

	pair(b + 4, e / 32, &ks, &km);
	return half_at(b, 0) * ks * q - half_at(b, 2) * km;
}

static double q6_k(const uint8_t *b, int e)
{
	int h = e / 128, r = e % 128 / 32, l = e % 32;
	int low = b[64 * h + 32 * (r % 2) + l] >> (r < 2 ? 0 : 4) & 15;
	int q = low + 16 * (b[128 + 32 * h + l] >> 2 * r & 3);

	return half_at(b, 208) * (int8_t)b[192 + e / 16] * (q - 32);
}

static const int iq4[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };

static double iq4_nl(const uint8_t *b, int e)
{
	return half_at(b, 0) * iq4[nibble(b + 2, e)];
}

static double iq4_xs(const uint8_t *b, int e)
{
	int j = e / 32, high = (b[2] | b[3] << 8) >> 2 * j & 3;
	int k = (b[4 + j / 2] >> 4 * (j % 2) & 15) + 16 * high;

	return half_at(b, 0) * (k - 32) * iq4[nibble(b + 8 + 16 * j, e % 32)];
}

/* Digit i of a grid's point, and the sign word whose eighth bit makes the negatives even. */
static int digit8(const uint16_t *grid, int point, int i)
{
	return grid[point] >> 2 * i & 3;
}

static int even_sign(int word, int i)
{
	int ones = 0;

	for (int b = 0; b < 7; b++)
		ones += word >> b & 1;
	return i < 7 ? word >> i & 1 : ones & 1;
}

static const int iq2[4] = { 8, 25, 43, 0 };
static const int iq3[8] = { 4, 12, 20, 28, 36, 44, 52, 62 };

static uint32_t word32(const uint8_t *b)
{
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static double negated_if(int negative, double v)
{
	return negative ? -v : v;
}

static double iq2_xxs(const uint8_t *b, int e)
{
	const uint8_t *sub = b + 2 + 8 * (e / 32);
	int g = e % 32 / 8;
	uint32_t w = word32(sub + 4);
	double v = half_at(b, 0) * (0.5 + (int)(w >> 28)) / 4 * iq2[digit8(quant_grid_iq2_xxs, sub[g], e % 8)];

	return negated_if(even_sign((int)(w >> 7 * g & 127), e % 8), v);
}

static double iq2_xs(const uint8_t *b, int e)
{
	int g = e / 8, word = b[2 + 2 * g] | b[3 + 2 * g] << 8, k = b[66 + g / 4] >> (g % 4 < 2 ? 0 : 4) & 15;
	double v = half_at(b, 0) * (0.5 + k) / 4 * iq2[digit8(quant_grid_iq2_xs, word % 512, e % 8)];

	return negated_if(even_sign(word / 512, e % 8), v);
}

static double iq2_s(const uint8_t *b, int e)
{
	int g = e / 8, k = b[74 + g / 4] >> (g % 4 < 2 ? 0 : 4) & 15;
	int point = b[2 + g] + 256 * (b[66 + g / 4] >> 2 * (g % 4) & 3);
	double v = half_at(b, 0) * (0.5 + k) / 4 * iq2[digit8(quant_grid_iq2_s, point, e % 8)];

	return negated_if(b[34 + g] >> e % 8 & 1, v);
}

static double iq3_xxs(const uint8_t *b, int e)
{
	uint32_t w = word32(b + 66 + 4 * (e / 32));
	int digit = quant_grid_iq3_xxs[b[2 + e / 4]] >> 3 * (e % 4) & 7;

	return negated_if(even_sign((int)(w >> 7 * (e % 32 / 8) & 127), e % 8),
	                  half_at(b, 0) * (0.5 + (int)(w >> 28)) / 2 * iq3[digit]);
}

static double iq3_s(const uint8_t *b, int e)
{
	int quad = e / 4, point = b[2 + quad] + 256 * (b[66 + quad / 8] >> quad % 8 & 1);
	int k = b[106 + e / 64] >> (e / 32 % 2 ? 4 : 0) & 15, digit = quant_grid_iq3_s[point] >> 3 * (e % 4) & 7;

	return negated_if(b[74 + e / 8] >> e % 8 & 1, half_at(b, 0) * (1 + 2 * k) * (2 * digit + 1));
}

static double iq1_s(const uint8_t *b, int e)
{
	int h = b[34 + 2 * (e / 32)] | b[35 + 2 * (e / 32)] << 8, g = e % 32 / 8;
	int point = b[2 + e / 8] + 256 * (h >> 3 * g & 7);

	return half_at(b, 0) * (2 * (h >> 12 & 7) + 1) *
	       (digit8(quant_grid_iq1_s, point, e % 8) - 1 + (h >> 15 ? -0.125 : 0.125));
}

static double iq1_m(const uint8_t *b, int e)
{
	int g = e / 8, nibble = b[32 + g / 2] >> (g % 2 ? 4 : 0) & 15, point = b[g] + 256 * (nibble & 7), bits = 0;
	int k = (b[48 + 2 * (e / 64)] | b[49 + 2 * (e / 64)] << 8) >> 3 * (e / 16 % 4) & 7;

	for (int i = 0; i < 4; i++)
		bits |= (b[49 + 2 * i] >> 4) << 4 * i;
	return (double)quant_f16_to_f32((uint16_t)bits) * (2 * k + 1) *
	       (digit8(quant_grid_iq1_s, point, e % 8) - 1 + (nibble & 8 ? -0.125 : 0.125));
}

/* Digit i of base 3, the first highest, of a byte that holds n / 243 as a fraction of 256. */
static int fraction_digit(int byte, int i)
{
	for (; i > 0; i--)
		byte = byte * 3 % 256;
	return byte * 3 / 256;
}

static double tq1_0(const uint8_t *b, int e)
{
	int q = e < 160 ? fraction_digit(b[e % 32], e / 32) :
	        e < 240 ? fraction_digit(b[32 + e % 16], (e - 160) / 16) :
	                  fraction_digit(b[48 + e % 4], (e - 240) / 4);

	return half_at(b, 52) * (q - 1);
}

static double tq2_0(const uint8_t *b, int e)
{
	return half_at(b, 64) * (plane2(b, e) - 1);
}

static const double e2m1[16] = { 0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6 };

static double mxfp4(const uint8_t *b, int e)
{
	return ldexp(e2m1[nibble(b + 1, e)], b[0] - 127);
}

static double nvfp4(const uint8_t *b, int e)
{
	const uint8_t *qs = b + 4 + 8 * (e / 16);
	int s = b[e / 16], q = e % 16 < 8 ? qs[e % 8] & 15 : qs[e % 8] >> 4;
	double scale = s == 127 ? 0 : s % 128 < 8 ? ldexp(s % 8, -9) : ldexp(8 + s % 8, s % 128 / 8 - 10);

	return scale * e2m1[q];
}

static double q1_0(const uint8_t *b, int e)
{
	return negated_if(!bit(b + 2, e), half_at(b, 0));
}

static double q2_0(const uint8_t *b, int e)
{
	return half_at(b, 0) * ((b[2 + e / 4] >> 2 * (e % 4) & 3) - 1);
}

static const struct {
	enum fmt_type type;
	double (*value)(const uint8_t *block, int e);
} layouts[] = {
	{ FMT_Q4_0, q4_0 }, { FMT_Q4_1, q4_1 }, { FMT_Q5_0, q5_0 }, { FMT_Q5_1, q5_1 },
	{ FMT_Q8_0, q8_0 }, { FMT_Q2_K, q2_k }, { FMT_Q3_K, q3_k }, { FMT_Q4_K, q4_k },
	{ FMT_Q5_K, q5_k }, { FMT_Q6_K, q6_k }, { FMT_IQ4_NL, iq4_nl }, { FMT_IQ4_XS, iq4_xs },
	{ FMT_IQ2_XXS, iq2_xxs }, { FMT_IQ2_XS, iq2_xs }, { FMT_IQ2_S, iq2_s }, { FMT_IQ3_XXS, iq3_xxs },
	{ FMT_IQ3_S, iq3_s }, { FMT_IQ1_S, iq1_s }, { FMT_IQ1_M, iq1_m }, { FMT_TQ1_0, tq1_0 },
	{ FMT_TQ2_0, tq2_0 }, { FMT_MXFP4, mxfp4 }, { FMT_NVFP4, nvfp4 }, { FMT_Q1_0, q1_0 }, { FMT_Q2_0, q2_0 },
};

/* Every product is exact in float, and the double formula rounds once at the end. */
static void random_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++) {
		const struct fmt_type_info *info = fmt_type_info(layouts[i].type);
		uint8_t block[256];
		float x[256];
		uint32_t seed = 1;

		for (int round = 0; round < 300; round++) {
			for (uint32_t j = 0; j < info->block_bytes; j++)
				block[j] = (uint8_t)(row_random(&seed) >> 5);
			quant_type(layouts[i].type)->decode(block, x, info->block_elems);
			for (uint32_t e = 0; e < info->block_elems; e++) {
				float want = (float)layouts[i].value(block, (int)e);

				if (want == want && memcmp(&want, x + e, sizeof(want)) != 0)
					fail_msg("%s, element %u: %a, not %a", info->name, e, (double)x[e], (double)want);
				assert_true((want == want) == (x[e] == x[e]));
			}
		}
	}
}

static void integers(void **state)
{
	static const int64_t i64[3] = { -5, INT64_C(1) << 40, (INT64_C(1) << 24) + 1 };
	static const uint8_t u8[3] = { 0, 1, 255 };
	static const double f64[3] = { 0.1, -1e300, 2 };
	float x[3];

	(void)state;
	quant_type(FMT_I64)->decode(i64, x, 3);
	assert_true(x[0] == -5 && x[1] == 0x1p40f && x[2] == 0x1p24f);
	quant_type(FMT_U8)->decode(u8, x, 3);
	assert_true(x[0] == 0 && x[1] == 1 && x[2] == 255);
	quant_type(FMT_I8)->decode(u8, x, 3);
	assert_true(x[2] == -1);
	quant_type(FMT_BOOL)->decode(u8, x, 3);
	assert_true(x[0] == 0 && x[1] == 1 && x[2] == 1);
	quant_type(FMT_F64)->decode(f64, x, 3);
	assert_true(x[0] == 0.1f && isinf(x[1]) && x[2] == 2);
}

/* The value of a float of so many exponent and mantissa bits, as its standard writes it down. */
static double small_float(unsigned bits, int exponent_bits, int mantissa_bits, int bias)
{
	int m = (int)(bits & ((1U << mantissa_bits) - 1));
	int e = (int)(bits >> mantissa_bits & ((1U << exponent_bits) - 1));
	double v = e ? ldexp(m + (1 << mantissa_bits), e - bias - mantissa_bits) : ldexp(m, 1 - bias - mantissa_bits);

	return negated_if(bits >> (exponent_bits + mantissa_bits) & 1, v);
}

static void same_value(enum fmt_type t, unsigned byte, float x, double want, int is_nan)
{
	if (is_nan ? x == x : x != (float)want || !signbit(x) != !signbit(want))
		fail_msg("%s: byte %#x gives %a, not %a", fmt_type_info(t)->name, byte, (double)x,
		         is_nan ? (double)NAN : want);
}

static void tiny_floats(void **state)
{
	static const struct {
		enum fmt_type type;
		int exponent, mantissa, bias;
	} kinds[] = {
		{ FMT_F8_E4M3, 4, 3, 7 },
		{ FMT_F8_E5M2, 5, 2, 15 },
		{ FMT_F8_E4M3FNUZ, 4, 3, 8 },
		{ FMT_F8_E5M2FNUZ, 5, 2, 16 },
	};
	uint8_t bytes[256];
	float x[1024];

	(void)state;
	for (int i = 0; i < 256; i++)
		bytes[i] = (uint8_t)i;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		enum fmt_type t = kinds[k].type;

		quant_type(t)->decode(bytes, x, 256);
		for (unsigned i = 0; i < 256; i++) {
			int is_nan = t == FMT_F8_E4M3 ? (i & 127) == 127 :
			             t == FMT_F8_E5M2 ? (i & 127) > 124 :
			                                i == 128;
			double want = small_float(i, kinds[k].exponent, kinds[k].mantissa, kinds[k].bias);

			want = t == FMT_F8_E5M2 && (i & 127) == 124 ? negated_if(i > 127, (double)INFINITY) : want;
			same_value(t, i, x[i], want, is_nan);
		}
	}
	quant_type(FMT_F8_E8M0)->decode(bytes, x, 256);
	for (unsigned i = 0; i < 256; i++)
		same_value(FMT_F8_E8M0, i, x[i], ldexp(1, (int)i - 127), i == 255);
	quant_type(FMT_F4)->decode(bytes, x, 512);
	for (unsigned i = 0; i < 512; i++)
		same_value(FMT_F4, i / 2, x[i], small_float(bytes[i / 2] >> 4 * (i % 2) & 15, 2, 1, 1), 0);
	quant_type(FMT_F6_E2M3)->decode(bytes, x, 340);
	for (unsigned i = 0; i < 340; i++) {
		unsigned first = 6 * i / 8, both = bytes[first] | (unsigned)bytes[first + 1] << 8;

		same_value(FMT_F6_E2M3, first, x[i], small_float(both >> 6 * i % 8 & 63, 2, 3, 1), 0);
	}
	quant_type(FMT_F6_E3M2)->decode(bytes, x, 340);
	for (unsigned i = 0; i < 340; i++) {
		unsigned first = 6 * i / 8, both = bytes[first] | (unsigned)bytes[first + 1] << 8;

		same_value(FMT_F6_E3M2, first, x[i], small_float(both >> 6 * i % 8 & 63, 3, 2, 3), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_bytes),
		cmocka_unit_test(integers),
		cmocka_unit_test(tiny_floats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
