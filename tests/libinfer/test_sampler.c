/* The sampler against the definitions of its filters, worked out by hand on five tokens. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <libinfer/sampler.h>

enum { N = 5, DRAWS = 20000 };

/* Probabilities 0.4, 0.1, 0.3, 0.05, 0.15: sorted, ids 0 2 4 1 3. */
static const double probability[N] = { 0.4, 0.1, 0.3, 0.05, 0.15 };

static struct infer_sampler *sampler(struct infer_sampler_opts o)
{
	struct fmt_err err = { 0 };
	struct infer_sampler *s = infer_sampler_create(&o, N, &err);

	assert_non_null(s);
	return s;
}

static void fill(float *logits)
{
	for (int i = 0; i < N; i++)
		logits[i] = (float)log(probability[i]) + 3;
}

/* Draws many times; the shares must be `expected` within five standard deviations, and exactly 0 where that is 0. */
static void check_shares(struct infer_sampler_opts o, const double *expected)
{
	struct infer_sampler *s = sampler(o);
	float logits[N];
	int n[N] = { 0 };

	fill(logits);
	for (int i = 0; i < DRAWS; i++)
		n[infer_sample(s, logits)]++;
	for (int i = 0; i < N; i++) {
		double sd = sqrt(expected[i] * (1 - expected[i]) / DRAWS);

		assert_true(fabs((double)n[i] / DRAWS - expected[i]) <= 5 * sd);
	}
	infer_sampler_destroy(s);
}

static void greedy_takes_the_first_of_the_largest(void **state)
{
	struct infer_sampler *s = sampler((struct infer_sampler_opts){ .temp = 0, .top_p = 1 });
	const float ties[N] = { 1, 3, 2, 3, 0 }, nans[N] = { NAN, NAN, -1, 5, NAN }, all[N] = { NAN, NAN, NAN, NAN, NAN };

	(void)state;
	assert_int_equal(infer_sample(s, ties), 1);
	assert_int_equal(infer_sample(s, nans), 3);
	assert_int_equal(infer_sample(s, all), 0);
	infer_sampler_destroy(s);
}

static void plain_draws_follow_the_softmax(void **state)
{
	(void)state;
	check_shares((struct infer_sampler_opts){ .temp = 1, .top_p = 1, .seed = 1 }, probability);
}

static void temperature_sharpens(void **state)
{
	double expected[N], sum = 0;

	(void)state;
	for (int i = 0; i < N; i++)
		sum += expected[i] = pow(probability[i], 1 / 0.5);
	for (int i = 0; i < N; i++)
		expected[i] /= sum;
	check_shares((struct infer_sampler_opts){ .temp = 0.5f, .top_p = 1, .seed = 2 }, expected);
}

static void top_k_keeps_the_largest(void **state)
{
	(void)state;
	check_shares((struct infer_sampler_opts){ .temp = 1, .top_k = 2, .top_p = 1, .seed = 3 },
	             (double[N]){ 0.4 / 0.7, 0, 0.3 / 0.7, 0, 0 });
	check_shares((struct infer_sampler_opts){ .temp = 1, .top_k = 1, .top_p = 1, .seed = 3 },
	             (double[N]){ 1, 0, 0, 0, 0 });
	check_shares((struct infer_sampler_opts){ .temp = 1, .top_k = 99, .top_p = 1, .seed = 3 }, probability);
}

/* 0.4 + 0.3 = 0.7 reaches 0.6 but not 0.75, for which 0.15 is needed too. */
static void top_p_keeps_the_fewest_that_reach_it(void **state)
{
	(void)state;
	check_shares((struct infer_sampler_opts){ .temp = 1, .top_p = 0.6f, .seed = 4 },
	             (double[N]){ 0.4 / 0.7, 0, 0.3 / 0.7, 0, 0 });
	check_shares((struct infer_sampler_opts){ .temp = 1, .top_p = 0.75f, .seed = 4 },
	             (double[N]){ 0.4 / 0.85, 0, 0.3 / 0.85, 0, 0.15 / 0.85 });
}

static void min_p_is_relative_to_the_largest(void **state)
{
	(void)state;
	check_shares((struct infer_sampler_opts){ .temp = 1, .top_p = 1, .min_p = 0.3f, .seed = 5 },
	             (double[N]){ 0.4 / 0.85, 0, 0.3 / 0.85, 0, 0.15 / 0.85 });
	check_shares((struct infer_sampler_opts){ .temp = 1, .top_p = 1, .min_p = 1, .seed = 5 },
	             (double[N]){ 1, 0, 0, 0, 0 });
}

/* Top-k first: of 0.4 and 0.3 the first alone is 0.57, so top-p 0.55 leaves only it; the other way round it would
 * leave both. A high temperature cannot bring tokens back, for it acts last. */
static void filters_act_in_order(void **state)
{
	(void)state;
	check_shares((struct infer_sampler_opts){ .temp = 100, .top_k = 2, .top_p = 0.55f, .seed = 6 },
	             (double[N]){ 1, 0, 0, 0, 0 });
}

static void a_seed_fixes_the_text(void **state)
{
	struct infer_sampler_opts o = { .temp = 1, .top_p = 1, .seed = 7 };
	struct infer_sampler *a = sampler(o), *b = sampler(o), *c;
	float logits[N];
	int differing = 0;

	(void)state;
	fill(logits);
	o.seed = 8;
	c = sampler(o);
	for (int i = 0; i < 200; i++) {
		int32_t id = infer_sample(a, logits);

		assert_int_equal(infer_sample(b, logits), id);
		differing += infer_sample(c, logits) != id;
	}
	assert_true(differing > 50);
	infer_sampler_destroy(a);
	infer_sampler_destroy(b);
	infer_sampler_destroy(c);
}

static void infinities_do_not_hang_or_win(void **state)
{
	struct infer_sampler *s = sampler((struct infer_sampler_opts){ .temp = 1, .top_p = 0.9f, .min_p = 0.1f });
	const float none[N] = { -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY };
	const float one[N] = { -INFINITY, NAN, 2, -INFINITY, NAN }, inf[N] = { 0, INFINITY, 0, 0, 0 };

	(void)state;
	assert_int_equal(infer_sample(s, none), 0);
	assert_int_equal(infer_sample(s, inf), 1);
	for (int i = 0; i < 50; i++)
		assert_int_equal(infer_sample(s, one), 2);
	infer_sampler_destroy(s);
}

/* Larger vocabularies: the heap of top-k against a plain sort. */
static void top_k_of_many(void **state)
{
	enum { VOCAB = 1000 };
	static float logits[VOCAB];
	struct fmt_err err = { 0 };

	(void)state;
	for (int i = 0; i < VOCAB; i++)
		logits[i] = (float)(i * 7919 % VOCAB / 2); /* every value twice */
	for (uint32_t k = 1; k < 60; k += 7) {
		struct infer_sampler_opts o = { .temp = 1000, .top_k = k, .top_p = 1, .seed = k };
		struct infer_sampler *s = infer_sampler_create(&o, VOCAB, &err);
		bool seen[VOCAB] = { false };
		uint32_t distinct = 0;

		for (int i = 0; i < 3000; i++) {
			int32_t id = infer_sample(s, logits);

			/* 499 is the largest; k candidates reach down to 499 - (k - 1) / 2 */
			assert_true(logits[id] >= (float)(499 - (int)(k - 1) / 2));
			distinct += !seen[id];
			seen[id] = true;
		}
		assert_int_equal(distinct, k);
		infer_sampler_destroy(s);
	}
}

static void bad_options_are_refused(void **state)
{
	const struct infer_sampler_opts bad[] = {
		{ .temp = -1, .top_p = 1 },      { .temp = NAN, .top_p = 1 },
		{ .temp = INFINITY, .top_p = 1 }, { .temp = 1, .top_p = 0 },
		{ .temp = 1, .top_p = 1.5f },    { .temp = 1, .top_p = 1, .min_p = -0.5f },
		{ .temp = 1, .top_p = 1, .min_p = 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct fmt_err err = { 0 };

		assert_null(infer_sampler_create(&bad[i], N, &err));
		assert_int_equal(err.code, FMT_USAGE);
	}
	infer_sampler_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greedy_takes_the_first_of_the_largest),
		cmocka_unit_test(plain_draws_follow_the_softmax),
		cmocka_unit_test(temperature_sharpens),
		cmocka_unit_test(top_k_keeps_the_largest),
		cmocka_unit_test(top_p_keeps_the_fewest_that_reach_it),
		cmocka_unit_test(min_p_is_relative_to_the_largest),
		cmocka_unit_test(filters_act_in_order),
		cmocka_unit_test(a_seed_fixes_the_text),
		cmocka_unit_test(infinities_do_not_hang_or_win),
		cmocka_unit_test(top_k_of_many),
		cmocka_unit_test(bad_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
