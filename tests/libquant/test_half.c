/* 16-bit floats against their definition: value = sign * mantissa * 2^exponent, and nearest of all values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <libquant/half.h>

static uint32_t bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static float from_bits(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

/* The value of a finite half by the formula of IEEE 754. */
static double half_value(uint32_t h)
{
	int exponent = (int)(h >> 10 & 31);
	double mantissa = h & 1023;
	double v = exponent ? ldexp(mantissa + 1024, exponent - 25) : ldexp(mantissa, -24);

	return h & 0x8000 ? -v : v;
}

static void f16_every_value(void **state)
{
	(void)state;
	for (uint32_t h = 0; h < 65536; h++) {
		float f = quant_f16_to_f32((uint16_t)h);

		if ((h & 0x7fff) > 0x7c00) {
			assert_int_equal(bits(f), (h & 0x8000) << 16 | 0x7fc00000 | (h & 0x3ff) << 13);
			assert_int_equal(quant_f32_to_f16(f), h | 0x200);
			continue;
		}
		if ((h & 0x7fff) == 0x7c00)
			assert_true(isinf(f) && !!signbit(f) == !!(h & 0x8000));
		else
			assert_true((double)f == half_value(h) && !!signbit(f) == !!(h & 0x8000));
		assert_int_equal(quant_f32_to_f16(f), h);
	}
}

/* Between two neighbours: the middle goes to the even one, anything beside it to the nearer one. */
static void f16_ties(void **state)
{
	(void)state;
	for (uint32_t h = 0; h < 0x7c00; h++) {
		double next = h == 0x7bff ? 65536.0 : half_value(h + 1);
		float mid = (float)((half_value(h) + next) / 2);

		assert_true((double)mid * 2 == half_value(h) + next);
		assert_int_equal(quant_f32_to_f16(mid), h & 1 ? h + 1 : h);
		assert_int_equal(quant_f32_to_f16(from_bits(bits(mid) - 1)), h);
		assert_int_equal(quant_f32_to_f16(from_bits(bits(mid) + 1)), h + 1);
		assert_int_equal(quant_f32_to_f16(-mid), 0x8000 | (h & 1 ? h + 1 : h));
	}
}

static void f16_extremes(void **state)
{
	(void)state;
	assert_int_equal(quant_f32_to_f16(65504.0f), 0x7bff);
	assert_int_equal(quant_f32_to_f16(65519.99f), 0x7bff);
	assert_int_equal(quant_f32_to_f16(65520.0f), 0x7c00);
	assert_int_equal(quant_f32_to_f16(3e38f), 0x7c00);
	assert_int_equal(quant_f32_to_f16(-INFINITY), 0xfc00);
	assert_int_equal(quant_f32_to_f16(0x1p-149f), 0);
	assert_int_equal(quant_f32_to_f16(-0x1p-25f), 0x8000);
	assert_int_equal(quant_f32_to_f16(0x1.000002p-25f), 1);
	assert_int_equal(quant_f32_to_f16(from_bits(0x7f800001)), 0x7e00); /* a NaN must not become infinity */
}

static void bf16_every_value(void **state)
{
	(void)state;
	for (uint32_t h = 0; h < 65536; h++) {
		float f = quant_bf16_to_f32((uint16_t)h);
		bool nan = (h & 0x7fff) > 0x7f80;

		assert_int_equal(bits(f), h << 16);
		assert_int_equal(quant_f32_to_bf16(f), nan ? h | 0x40 : h);
		if ((h & 0x7fff) >= 0x7f80)
			continue;
		assert_int_equal(quant_f32_to_bf16(from_bits(h << 16 | 0x8000)), h & 1 ? h + 1 : h);
		assert_int_equal(quant_f32_to_bf16(from_bits(h << 16 | 0x7fff)), h);
		assert_int_equal(quant_f32_to_bf16(from_bits(h << 16 | 0x8001)), h + 1);
	}
	assert_int_equal(quant_f32_to_bf16(from_bits(0x7f800001)), 0x7fc0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(f16_every_value),
		cmocka_unit_test(f16_ties),
		cmocka_unit_test(f16_extremes),
		cmocka_unit_test(bf16_every_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
