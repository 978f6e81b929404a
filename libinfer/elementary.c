/* Elementary functions from argument reduction and Taylor series, in double, rounded once at the end.
 *
 * Series are cut where the next term is below the error that elementary.h states; the bound stands beside each. */
#include "elementary.h"

#include <stdint.h>
#include <string.h>

/* log2(e); ln 2 split so that k * LN2_HI is exact for |k| < 2^20 (33 significant bits). */
#define LOG2_E 1.4426950408889634074
#define LN2_HI 6.93147180369123816490e-01
#define LN2_LO 1.90821492927058770002e-10

/* Adding and subtracting 1.5 * 2^52 rounds a double of magnitude below 2^51 to the nearest integer. */
#define ROUNDER 6755399441055744.0

static double from_bits(uint64_t u)
{
	double x;

	memcpy(&x, &u, sizeof x);
	return x;
}

static uint64_t to_bits(double x)
{
	uint64_t u;

	memcpy(&u, &x, sizeof u);
	return u;
}

/* 2^k for k = shifted - ROUNDER, -1022 <= k <= 1023: the low bits of `shifted` hold k in two's complement. */
static double power_of_two(double shifted)
{
	return from_bits((to_bits(shifted) + 1023) << 52);
}

/* exp(x), |x| <= 150, to 1e-11: |r| <= ln(2)/2, r^10/10! < 7e-12. Branch-free, so that loops of it become vectors. */
static inline double exp_short(double x)
{
	double shifted = x * LOG2_E + ROUNDER;
	double r = x - (shifted - ROUNDER) * (LN2_HI + LN2_LO);
	double p = 1.0 / 362880;

	p = p * r + 1.0 / 40320;
	p = p * r + 1.0 / 5040;
	p = p * r + 1.0 / 720;
	p = p * r + 1.0 / 120;
	p = p * r + 1.0 / 24;
	p = p * r + 1.0 / 6;
	p = p * r + 0.5;
	p = p * r + 1.0;
	p = p * r + 1.0;
	return p * power_of_two(shifted);
}

/* Past +-150 a float is infinity or 0 whatever the argument. The comparisons let NaN through. */
static inline float exp_one(float x)
{
	double d = x;

	d = d < -150.0 ? -150.0 : d;
	d = d > 150.0 ? 150.0 : d;
	return (float)exp_short(d);
}

float infer_expf(float x)
{
	return exp_one(x);
}

void infer_expf_row(float *dst, const float *src, float minus, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = exp_one(src[i] - minus);
}

void infer_silu_mul_row(float *dst, const float *gate, const float *up, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = gate[i] / (1.0f + exp_one(-gate[i])) * up[i];
}

/* (e^2x - 1) / (e^2x + 1); near 0, where that loses digits, the continued fraction x / (1 + x^2 / (3 + x^2 / (5 + ...)))
 * to the 9, in lowest terms: its error there is below x^11 / 9e6, |x| < 1/2. Both are computed, so that loops have no branch. */
static inline float tanh_one(float x)
{
	double d = x, t, e, near;

	d = d < -20.0 ? -20.0 : d;
	d = d > 20.0 ? 20.0 : d;
	t = d * d;
	e = exp_short(2 * d);
	near = d * (945 + t * (105 + t)) / (945 + t * (420 + t * 15));
	return (float)(t < 0.25 ? near : (e - 1) / (e + 1));
}

float infer_tanhf(float x)
{
	return tanh_one(x);
}

void infer_softcap_row(float *x, float cap, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = tanh_one(x[i] / cap) * cap;
}

/* (1 + tanh u) / 2 is 1 / (1 + exp(-2u)), which loses no digits. */
void infer_gelu_row(float *dst, const float *src, size_t n)
{
	const double root_2_over_pi = 0.79788456080286535588;

	for (size_t i = 0; i < n; i++) {
		double x = src[i], u = -2 * root_2_over_pi * (x + 0.044715 * x * x * x);

		u = u < -150.0 ? -150.0 : u;
		u = u > 150.0 ? 150.0 : u;
		dst[i] = (float)(x / (1 + exp_short(u)));
	}
}

double infer_exp(double x)
{
	/* 1/13!, 1/12!, ... 1/0!: |r| <= ln(2)/2, r^14/14! < 5e-18 */
	static const double inverse_factorial[] = { 1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
		                                    1.0 / 362880,     1.0 / 40320,     1.0 / 5040,     1.0 / 720,
		                                    1.0 / 120,        1.0 / 24,        1.0 / 6,        0.5,
		                                    1.0,              1.0 };
	double shifted, k, r, p = 0;

	if (x < -745.2)
		return 0;
	if (x > 709.79)
		return from_bits(UINT64_C(0x7ff) << 52);
	shifted = x * LOG2_E + ROUNDER;
	k = shifted - ROUNDER;
	r = (x - k * LN2_HI) - k * LN2_LO;
	for (size_t i = 0; i < sizeof inverse_factorial / sizeof *inverse_factorial; i++)
		p = p * r + inverse_factorial[i];
	/* In two steps, 2^(k +- 600) and 2^-+600, for k reaches from -1075 to 1024. */
	if (k < 0)
		return p * power_of_two(shifted + 600) * from_bits(UINT64_C(423) << 52);
	return p * power_of_two(shifted - 600) * from_bits(UINT64_C(1623) << 52);
}

double infer_log(double x)
{
	uint64_t bits = to_bits(x);
	/* Subtracting the exponent field of sqrt(1/2) brings m into [sqrt(1/2), sqrt(2)). */
	int64_t k = (int64_t)((bits - UINT64_C(0x3fe6a09e00000000)) >> 52);
	double m, f, f2, p = 0;

	k = k >= 2048 ? k - 4096 : k;
	m = from_bits(bits - ((uint64_t)k << 52));
	/* log m = 2 atanh f = 2 (f + f^3/3 + ... ), |f| < 0.172, f^25/25 < 4e-21 */
	f = (m - 1) / (m + 1);
	f2 = f * f;
	for (int n = 23; n >= 3; n -= 2)
		p = (p + 1.0 / n) * f2;
	return (double)k * LN2_HI + (2 * f + (2 * f * p + (double)k * LN2_LO));
}

double infer_pow(double x, double y)
{
	return infer_exp(y * infer_log(x));
}

float infer_softplusf(float x)
{
	double e;

	if (!(x <= 20))
		return x;
	e = infer_exp(x);
	/* e - e^2/2 + e^3/3, where 1 + e would lose digits: the next term is below e * 3e-16 */
	return (float)(e < 1e-5 ? e * (1 - e * (0.5 - e / 3)) : infer_log(1 + e));
}

/* 1 - erf(z), z >= 0, to a relative 1e-11. Below 5/2 from erf = 2 / sqrt(pi) exp(-z^2) (z + 2 z^3 / 3 + 4 z^5 / 15 + ...), all
 * terms positive; above from the continued fraction exp(-z^2) / sqrt(pi) / (z + 1/2 / (z + 1 / (z + 3/2 / ...))). */
static double erf_rest(double z)
{
	const double root_pi = 1.77245385090551602730, e = infer_exp(-z * z);
	double term = z, sum = z, f = z;

	if (z < 2.5) {
		for (int n = 1; n <= 60; n++) {
			term *= 2 * z * z / (2 * n + 1);
			sum += term;
		}
		return 1 - 2 / root_pi * e * sum;
	}
	for (int n = 40; n >= 1; n--)
		f = z + n / 2.0 / f;
	return e / (root_pi * f);
}

void infer_gelu_erf_row(float *dst, const float *src, size_t n)
{
	const double root_half = 0.70710678118654752440;

	for (size_t i = 0; i < n; i++) {
		double x = src[i], rest = erf_rest((x < 0 ? -x : x) * root_half) / 2;

		dst[i] = (float)(x < 0 ? x * rest : x * (1 - rest));
	}
}

/* pi/2 in three parts of 27, 27 and 53 bits: k times either of the first two is exact for |k| < 2^26. */
#define PIO2_1 1.57079632580280303955e+00
#define PIO2_2 9.92093573959351715530e-10
#define PIO2_3 5.72118872610983179676e-18

/* sin r and cos r for |r| <= pi/4: r^17/17! < 5e-17, r^16/16! < 1e-15. */
static double sin_small(double r)
{
	double r2 = r * r, p = 0;

	for (int n = 15; n >= 3; n -= 2)
		p = (p + 1) * (-r2 / (n * (n - 1)));
	return r + r * p;
}

static double cos_small(double r)
{
	double r2 = r * r, p = 0;

	for (int n = 14; n >= 2; n -= 2)
		p = (p + 1) * (-r2 / (n * (n - 1)));
	return 1 + p;
}

void infer_sincosf(float x, float *sin_x, float *cos_x)
{
	double shifted = x * (2 / 3.14159265358979323846) + ROUNDER, k = shifted - ROUNDER;
	double r = ((x - k * PIO2_1) - k * PIO2_2) - k * PIO2_3;
	double s = sin_small(r), c = cos_small(r);
	unsigned quadrant = (unsigned)to_bits(shifted) & 3;

	*sin_x = (float)(quadrant == 0 ? s : quadrant == 1 ? c : quadrant == 2 ? -s : -c);
	*cos_x = (float)(quadrant == 0 ? c : quadrant == 1 ? -s : quadrant == 2 ? -c : s);
}
