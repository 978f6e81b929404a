/* The pool: every item once, worker numbers in range, any number of runs, and the CPUs of a quota. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libquant/pool.h>

#include "cpu_count.h"

enum { N_ITEMS = 1000 };

struct tally {
	unsigned n_threads;
	atomic_int seen[N_ITEMS];
	atomic_int bad_worker;
};

static void count_item(void *ctx, uint64_t item, unsigned worker)
{
	struct tally *t = ctx;

	atomic_fetch_add(&t->seen[item], 1);
	if (worker >= t->n_threads)
		atomic_fetch_add(&t->bad_worker, 1);
}

static void check_runs(struct quant_pool *p)
{
	static const uint64_t sizes[] = { 0, 1, 2, 7, N_ITEMS };

	for (int repeat = 0; repeat < 20; repeat++) {
		for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
			struct tally t = { .n_threads = quant_pool_threads(p) };

			quant_pool_run(p, sizes[s], count_item, &t);
			assert_int_equal(t.bad_worker, 0);
			for (uint64_t i = 0; i < N_ITEMS; i++)
				assert_int_equal(t.seen[i], i < sizes[s]);
		}
	}
}

static void every_item_once(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 9; n += 2) {
		struct quant_pool *p = quant_pool_create(n);

		assert_non_null(p);
		assert_int_equal(quant_pool_threads(p), n);
		check_runs(p);
		quant_pool_destroy(p);
	}
}

static void without_a_pool(void **state)
{
	(void)state;
	assert_int_equal(quant_pool_threads(NULL), 1);
	check_runs(NULL);
	quant_pool_destroy(NULL);
}

static void default_size(void **state)
{
	struct quant_pool *p = quant_pool_create(0);

	(void)state;
	assert_non_null(p);
	assert_in_range(quant_pool_threads(p), 1, 1 << 20);
	assert_int_equal(quant_pool_threads(p), quant_cpu_count());
	quant_pool_destroy(p);
}

/* Written by hand from the kernel's documentation of cpu.max: "$MAX $PERIOD" in microseconds. */
static void quotas(void **state)
{
	unsigned n = 77;

	(void)state;
	assert_false(quant_cpu_quota("max 100000\n", &n));
	assert_false(quant_cpu_quota("", &n));
	assert_false(quant_cpu_quota("-1\n100000\n", &n)); /* version 1: no limit */
	assert_false(quant_cpu_quota("100000\n", &n));
	assert_false(quant_cpu_quota("100000 0\n", &n));
	assert_int_equal(n, 77);
	assert_true(quant_cpu_quota("200000 100000\n", &n));
	assert_int_equal(n, 2);
	assert_true(quant_cpu_quota("150000\n100000\n", &n));
	assert_int_equal(n, 2);
	assert_true(quant_cpu_quota("1000 100000", &n));
	assert_int_equal(n, 1);
	assert_true(quant_cpu_quota("18446744073709551615 1", &n));
	assert_true(n > 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_item_once),
		cmocka_unit_test(without_a_pool),
		cmocka_unit_test(default_size),
		cmocka_unit_test(quotas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
