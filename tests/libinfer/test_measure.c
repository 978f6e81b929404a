/* Likelihood and divergence against their formulas in long double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libinfer/measure.h>

enum { N = 300 };

static uint64_t seed = 1;

static void fill(float *x, double spread)
{
	for (size_t i = 0; i < N; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		x[i] = (float)((int32_t)(seed >> 32) / 2147483648.0 * spread);
	}
}

static long double log_softmax(const float *x, size_t i)
{
	long double sum = 0;

	for (size_t j = 0; j < N; j++)
		sum += expl((long double)x[j] - (long double)x[i]);
	return -logl(sum);
}

static void nll_is_its_formula(void **state)
{
	float x[N];

	(void)state;
	for (double spread = 0.1; spread < 200; spread *= 3) {
		fill(x, spread);
		for (int32_t id = 0; id < N; id += 37)
			assert_true(fabsl((long double)infer_nll(x, N, id) + log_softmax(x, (size_t)id)) < 1e-12L * spread + 1e-12L);
	}
}

static void add(struct infer_divergence *d, const float *p, const float *q)
{
	struct fmt_err err = { .code = FMT_OK };

	assert_true(infer_divergence_add(d, p, q, N, 5, &err));
}

static void divergence_is_its_formula(void **state)
{
	struct infer_divergence d = { 0 };
	float p[N], q[N];
	long double sum = 0, largest = 0;
	double max_diff = 0;

	(void)state;
	for (int k = 0; k < 5; k++) {
		long double kl = 0;

		fill(p, 8);
		fill(q, 8);
		for (size_t i = 0; i < N; i++) {
			long double log_p = log_softmax(p, i);

			kl += expl(log_p) * (log_p - log_softmax(q, i));
			max_diff = fmax(max_diff, fabs((double)p[i] - (double)q[i]));
		}
		sum += kl;
		largest = kl > largest ? kl : largest;
		add(&d, p, q);
	}
	assert_int_equal(d.n, 5);
	assert_true(fabsl(infer_divergence_kl_quantile(&d, 1) - largest) < 1e-6L * largest);
	assert_true(fabsl(d.kl.sum - sum) < 1e-10L);
	assert_true(d.max_diff == max_diff);
	infer_divergence_finish(&d);
}

/* A constant added to all logits changes no probability. */
static void equal_predictions_do_not_diverge(void **state)
{
	struct infer_divergence d = { 0 };
	float p[N], q[N];

	(void)state;
	fill(p, 8);
	for (size_t i = 0; i < N; i++)
		q[i] = p[i] + 0.5f;
	add(&d, p, p);
	assert_true(d.kl.sum == 0 && d.max_diff == 0 && d.n_same_top == 1);
	add(&d, p, q);
	assert_true(fabs(d.kl.sum) < 1e-6 && d.n_same_top == 2 && fabs(d.max_diff - 0.5) < 1e-6);
	q[7] = 100;
	add(&d, p, q);
	assert_int_equal(d.n_same_top, 2);
	assert_true(d.kl.sum > 1);
	infer_divergence_finish(&d);
}

static void what_is_not_a_number_stays_visible(void **state)
{
	struct infer_divergence d = { 0 };
	float p[N], q[N];

	(void)state;
	fill(p, 8);
	fill(q, 8);
	q[3] = NAN;
	add(&d, p, q);
	assert_true(isnan(d.kl.sum));
	infer_divergence_finish(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nll_is_its_formula),
		cmocka_unit_test(divergence_is_its_formula),
		cmocka_unit_test(equal_predictions_do_not_diverge),
		cmocka_unit_test(what_is_not_a_number_stays_visible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
