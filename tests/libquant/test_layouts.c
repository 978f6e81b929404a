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

static const struct {
	enum fmt_type type;
	double (*value)(const uint8_t *block, int e);
} layouts[] = {
	{ FMT_Q4_0, q4_0 }, { FMT_Q4_1, q4_1 }, { FMT_Q5_0, q5_0 }, { FMT_Q5_1, q5_1 },
	{ FMT_Q8_0, q8_0 }, { FMT_Q2_K, q2_k }, { FMT_Q3_K, q3_k }, { FMT_Q4_K, q4_k },
	{ FMT_Q5_K, q5_k }, { FMT_Q6_K, q6_k }, { FMT_IQ4_NL, iq4_nl }, { FMT_IQ4_XS, iq4_xs },
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_bytes),
		cmocka_unit_test(integers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
