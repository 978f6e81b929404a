/* Digests against published values of XXH3-128. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libfmt/digest.h>

static void known_values(void **state)
{
	struct fmt_digest *d = fmt_digest_create();
	char hex[FMT_DIGEST_HEX];

	(void)state;
	assert_non_null(d);
	fmt_digest_hex(d, hex);
	assert_string_equal(hex, "99aa06d3014798d86001c324468d497f"); /* of nothing */
	fmt_digest_add(d, "ab", 2);
	fmt_digest_add(d, "c", 1);
	fmt_digest_hex(d, hex);
	assert_string_equal(hex, "06b05ab6733a618578af5f94892f3950"); /* of "abc" */
	fmt_digest_reset(d);
	fmt_digest_hex(d, hex);
	assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
	fmt_digest_destroy(d);
	fmt_digest_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_values) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
