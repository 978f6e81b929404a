/* The table of cards: every row can be named, and its figures are in the right units. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <libfmt/cards.h>

static void every_row(void **state)
{
	size_t n = 0;
	const struct fmt_card *cards = fmt_card_list(&n);

	(void)state;
	assert_true(n > 20);
	for (size_t i = 0; i < n; i++) {
		const struct fmt_card *c = &cards[i];

		for (const char *p = c->name; *p; p++)
			assert_true(islower((unsigned char)*p) || isdigit((unsigned char)*p) || *p == '-');
		assert_true(isalpha((unsigned char)c->name[0])); /* never to be mistaken for a size */
		assert_ptr_equal(fmt_card_find(c->name, strlen(c->name)), c); /* no two have one name */
		assert_true(c->usable <= c->nominal && c->usable >= c->nominal / 10 * 9);
		assert_true(c->nominal % (UINT64_C(1) << 30) == 0);
		assert_true(c->bandwidth >= 100 && c->bandwidth < 100000);
		assert_true(c->tflops >= 10 && c->tflops < 10000);
	}
}

static void by_name(void **state)
{
	const struct fmt_card *c = fmt_card_find("RTX4090,rtx3090", 7);

	(void)state;
	assert_non_null(c);
	assert_string_equal(c->title, "NVIDIA GeForce RTX 4090");
	assert_true(c->usable == UINT64_C(24564) << 20);
	assert_null(fmt_card_find("rtx409", 6));
	assert_null(fmt_card_find("rtx4090x", 8));
	assert_null(fmt_card_find("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
