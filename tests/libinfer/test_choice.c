/* Which tasks are drawn, beside std::mt19937 of GNU's library, and what the figures say. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libinfer/choice.h>

enum { MOST = 2000 };

/* Tasks that know their number by n_answers. */
static struct fmt_tasks numbered(enum fmt_tasks_kind kind, uint32_t n)
{
	static struct fmt_task tasks[MOST];

	for (uint32_t i = 0; i < n; i++)
		tasks[i] = (struct fmt_task){ .n_answers = i };
	return (struct fmt_tasks){ .kind = kind, .tasks = tasks, .n = n };
}

static void check_drawn(enum fmt_tasks_kind kind, uint32_t n, const uint32_t *want, uint32_t n_want)
{
	struct fmt_tasks t = numbered(kind, n);

	infer_tasks_draw(&t, n_want);
	assert_int_equal(t.n, n_want);
	for (uint32_t i = 0; i < n_want; i++)
		assert_int_equal(t.tasks[i].n_answers, want[i]);
}

/* From a program of twenty lines with std::mt19937(1) and llama-perplexity's two ways, built by g++ 14. */
static void drawn_as_by_gnu(void **state)
{
	static const uint32_t erased[] = { 417, 997, 719, 931, 0, 128, 302, 999, 147, 236, 92, 398 };
	static const uint32_t filled[] = { 417, 996, 718, 929, 0, 127, 300, 992, 145, 233, 91, 392 };
	struct fmt_tasks t;
	uint64_t sum = 0;

	(void)state;
	check_drawn(FMT_TASKS_HELLASWAG, 1000, erased, 12);
	check_drawn(FMT_TASKS_WINOGRANDE, 1000, filled, 12);
	check_drawn(FMT_TASKS_CHOICE, 1000, filled, 12);
	check_drawn(FMT_TASKS_HELLASWAG, 3, (const uint32_t[]){ 1, 2 }, 2);
	check_drawn(FMT_TASKS_CHOICE, 3, (const uint32_t[]){ 1, 2 }, 2);
	t = numbered(FMT_TASKS_HELLASWAG, MOST);
	infer_tasks_draw(&t, 1500); /* more numbers than the generator makes at a time */
	for (uint64_t i = 0; i < t.n; i++)
		sum += (i + 1) * t.tasks[i].n_answers;
	assert_int_equal(sum, 1137359210);
}

static void all_stay_in_order(void **state)
{
	static const uint32_t order[] = { 0, 1, 2, 3, 4 };

	(void)state;
	check_drawn(FMT_TASKS_HELLASWAG, 5, order, 5);
	for (int more = 0; more < 2; more++) {
		struct fmt_tasks t = numbered(FMT_TASKS_WINOGRANDE, 5);

		infer_tasks_draw(&t, 5 + (uint64_t)more * UINT32_MAX);
		assert_int_equal(t.n, 5);
		assert_int_equal(t.tasks[4].n_answers, 4);
	}
}

/* Wilson's interval: its ends are where the distance to what was found is 1.96 standard deviations of theirs. */
static void intervals(void **state)
{
	(void)state;
	for (uint64_t n = 1; n < 500; n = 3 * n + 1)
		for (uint64_t right = 0; right <= n; right += 1 + n / 7) {
			const struct infer_choices c = { .n = n, .n_right = right };
			double p = (double)right / (double)n, end[2];

			infer_choices_interval(&c, &end[0], &end[1]);
			assert_true(end[0] >= -1e-12 && end[0] <= p + 1e-12 && p <= end[1] + 1e-12 && end[1] <= 1 + 1e-12);
			for (int i = 0; i < 2; i++)
				assert_true(fabs(fabs(p - end[i]) - 1.959963984540054 * sqrt(end[i] * (1 - end[i]) / (double)n)) < 1e-7);
		}
	assert_true(infer_choices_error(&(struct infer_choices){ .n = 1, .n_right = 1 }) == 0);
	assert_true(fabs(infer_choices_error(&(struct infer_choices){ .n = 101, .n_right = 1 }) - 10.0 / 1010) < 1e-12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drawn_as_by_gnu),
		cmocka_unit_test(all_stay_in_order),
		cmocka_unit_test(intervals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
