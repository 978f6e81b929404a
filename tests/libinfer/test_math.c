/* Elementary functions against the system's long double ones: the errors that elementary.h promises. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "elementary.h"

static uint32_t random32(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 32);
}

/* |got - true| in units of the spacing of floats at `exact`. */
static double ulps(float got, long double exact)
{
	float near = (float)exact, next = nextafterf(fabsf(near), INFINITY);
	long double spacing = (long double)next - (long double)fabsf(near);

	return (double)(fabsl((long double)got - exact) / spacing);
}

static void expf_is_within_its_error(void **state)
{
	uint64_t seed = 1;
	double worst = 0;

	(void)state;
	for (int i = 0; i < 400000; i++) {
		float x = (float)((int32_t)random32(&seed) * (104.0 / 2147483648.0));

		if (x > 88.72f)
			continue;
		worst = fmax(worst, ulps(infer_expf(x), expl((long double)x)));
	}
	assert_true(worst < 0.51);
}

static void expf_ends(void **state)
{
	(void)state;
	assert_true(infer_expf(0) == 1.0f);
	assert_true(infer_expf(-0.0f) == 1.0f);
	assert_true(infer_expf(-INFINITY) == 0);
	assert_true(infer_expf(-104) == 0);
	assert_true(infer_expf(-103) > 0); /* a subnormal */
	assert_true(infer_expf(88.7f) < INFINITY);
	assert_true(infer_expf(88.8f) == INFINITY);
	assert_true(infer_expf(INFINITY) == INFINITY);
	assert_true(isnan(infer_expf(NAN)));
}

/* A vector loop must give what single calls give: lengths around any vector's width. */
static void rows_are_single_calls(void **state)
{
	float x[67] = { 0 }, u[67] = { 0 }, y[67], z[67];
	uint64_t seed = 2;

	(void)state;
	for (size_t n = 0; n <= 67; n++) {
		for (size_t i = 0; i < n; i++) {
			x[i] = (float)((int32_t)random32(&seed) * (20.0 / 2147483648.0));
			u[i] = (float)((int32_t)random32(&seed) * (3.0 / 2147483648.0));
		}
		infer_expf_row(y, x, 1.5f, n);
		infer_silu_mul_row(z, x, u, n);
		for (size_t i = 0; i < n; i++) {
			float e = infer_expf(x[i] - 1.5f), s = x[i] / (1.0f + infer_expf(-x[i])) * u[i];

			assert_memory_equal(&y[i], &e, sizeof e);
			assert_memory_equal(&z[i], &s, sizeof s);
		}
	}
}

static void tanhf_is_within_its_error(void **state)
{
	static const double ranges[] = { 1e-30, 1e-4, 0.1, 0.6, 3, 12 };
	uint64_t seed = 5;
	double worst = 0;

	(void)state;
	for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++)
		for (int i = 0; i < 100000; i++) {
			float x = (float)((int32_t)random32(&seed) * (ranges[r] / 2147483648.0));

			worst = fmax(worst, ulps(infer_tanhf(x), tanhl((long double)x)));
		}
	assert_true(worst < 0.51);
	assert_true(infer_tanhf(0) == 0 && infer_tanhf(INFINITY) == 1 && infer_tanhf(-INFINITY) == -1);
	assert_true(isnan(infer_tanhf(NAN)));
}

static long double gelu(long double x)
{
	return x / 2 * (1 + tanhl(sqrtl(2 / acosl(-1)) * (x + 0.044715L * x * x * x)));
}

/* By erf: from both of its formulas, and where the one ends and the other begins. */
static void gelu_erf_rows(void **state)
{
	static const double ranges[] = { 1e-6, 1, 3.6, 9 };
	uint64_t seed = 7;
	double worst = 0;

	(void)state;
	for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++)
		for (int i = 0; i < 20000; i++) {
			float x = (float)((int32_t)random32(&seed) * (ranges[r] / 2147483648.0)), y;

			infer_gelu_erf_row(&y, &x, 1);
			worst = fmax(worst, ulps(y, (long double)x / 2 * erfcl(-(long double)x / sqrtl(2))));
		}
	assert_true(worst < 0.51);
}

static void gelu_and_softcap_rows(void **state)
{
	float x[67], y[67], z[67];
	uint64_t seed = 6;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		for (size_t i = 0; i < 67; i++)
			x[i] = z[i] = (float)((int32_t)random32(&seed) * (5.0 / 2147483648.0));
		infer_gelu_row(y, x, 67);
		infer_softcap_row(z, 2.5f, 67);
		for (size_t i = 0; i < 67; i++) {
			long double want = gelu((long double)x[i]);

			assert_true(fabsl((long double)y[i] - want) <= 1e-7L * fabsl(want));
			assert_true(z[i] == infer_tanhf(x[i] / 2.5f) * 2.5f);
		}
	}
	infer_gelu_row(y, (const float[]){ 0, 100, -100, INFINITY }, 4);
	assert_true(y[0] == 0 && y[1] == 100 && fabsf(y[2]) < 1e-30f && isinf(y[3]));
}

static void sincosf_is_within_its_error(void **state)
{
	static const double ranges[] = { 0.001, 1, 7, 1000, 131072, 67108864 };
	uint64_t seed = 3;
	double worst = 0;

	(void)state;
	for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++)
		for (int i = 0; i < 100000; i++) {
			float x = (float)((int32_t)random32(&seed) * (ranges[r] / 2147483648.0)), s, c;

			infer_sincosf(x, &s, &c);
			worst = fmax(worst, fmax(ulps(s, sinl((long double)x)), ulps(c, cosl((long double)x))));
		}
	assert_true(worst < 0.51);
}

/* The multiples of pi/2 are where a reduction that is not exact shows. */
static void sincosf_near_quarter_turns(void **state)
{
	double worst = 0;

	(void)state;
	for (int k = 1; k < 100000; k++) {
		float x = (float)(k * 1.57079632679489661923), s, c;

		infer_sincosf(x, &s, &c);
		worst = fmax(worst, fmax(ulps(s, sinl((long double)x)), ulps(c, cosl((long double)x))));
	}
	assert_true(worst < 0.51);
}

static void sincosf_ends(void **state)
{
	float s, c;

	(void)state;
	infer_sincosf(0, &s, &c);
	assert_true(s == 0 && c == 1);
	infer_sincosf(INFINITY, &s, &c);
	assert_true(isnan(s) && isnan(c));
	infer_sincosf(NAN, &s, &c);
	assert_true(isnan(s) && isnan(c));
}

static double relative(double got, long double exact)
{
	return (double)fabsl(((long double)got - exact) / exact);
}

static void doubles_are_within_their_errors(void **state)
{
	uint64_t seed = 4;
	double worst_exp = 0, worst_log = 0, worst_pow = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		double x = (int32_t)random32(&seed) * (700.0 / 2147483648.0);
		double p = infer_exp(x / 10) * (1 + random32(&seed) / 4294967296.0);
		double base = 1 + random32(&seed) / 300.0, y = -1 + random32(&seed) / 4294967296.0 * 2;

		worst_exp = fmax(worst_exp, relative(infer_exp(x), expl((long double)x)));
		if (fabs(p - 1) > 1e-3)
			worst_log = fmax(worst_log, relative(infer_log(p), logl((long double)p)));
		worst_pow = fmax(worst_pow, relative(infer_pow(base, y), powl((long double)base, (long double)y)));
	}
	assert_true(worst_exp < 2 * DBL_EPSILON);
	assert_true(worst_log < 2 * DBL_EPSILON);
	assert_true(worst_pow < 1e-13);
}

static void doubles_ends(void **state)
{
	(void)state;
	assert_true(infer_exp(-746) == 0 && infer_exp(-INFINITY) == 0);
	assert_true(infer_exp(-745) > 0);
	assert_true(infer_exp(709.7) < INFINITY && infer_exp(710) == INFINITY);
	assert_true(infer_exp(0) == 1 && infer_log(1) == 0);
	assert_true(isnan(infer_exp(NAN)));
	assert_true(fabs(infer_log(DBL_MIN) - log(DBL_MIN)) < 1e-12);
	assert_true(fabs(infer_log(DBL_MAX) - log(DBL_MAX)) < 1e-12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expf_is_within_its_error),
		cmocka_unit_test(expf_ends),
		cmocka_unit_test(rows_are_single_calls),
		cmocka_unit_test(tanhf_is_within_its_error),
		cmocka_unit_test(gelu_erf_rows),
		cmocka_unit_test(gelu_and_softcap_rows),
		cmocka_unit_test(sincosf_is_within_its_error),
		cmocka_unit_test(sincosf_near_quarter_turns),
		cmocka_unit_test(sincosf_ends),
		cmocka_unit_test(doubles_are_within_their_errors),
		cmocka_unit_test(doubles_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
