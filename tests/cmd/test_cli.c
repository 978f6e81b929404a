/* The pieces that all programs share: options, sizes, JSON, safe text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cli.h>

static void sizes(void **state)
{
	uint64_t n;

	(void)state;
	assert_true(cli_size("4GiB", &n) && n == UINT64_C(4) << 30);
	assert_true(cli_size("4G", &n) && n == UINT64_C(4) << 30);
	assert_true(cli_size("512m", &n) && n == UINT64_C(512) << 20);
	assert_true(cli_size("1.5GB", &n) && n == 1500000000);
	assert_true(cli_size("1000", &n) && n == 1000);
	assert_false(cli_size("", &n));
	assert_false(cli_size("-1", &n));
	assert_false(cli_size("4X", &n));
	assert_false(cli_size("99999999999T", &n));
}

static void numbers_for_people(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(cli_bytes(0, buf), "0 B");
	assert_string_equal(cli_bytes(1023, buf), "1023 B");
	assert_string_equal(cli_bytes(5775952, buf), "5.51 MiB");
	assert_string_equal(cli_count(2885888, buf), "2.89 M");
	assert_string_equal(cli_thousands(2885888, buf), "2,885,888");
	assert_string_equal(cli_thousands(999, buf), "999");
	assert_string_equal(cli_thousands(UINT64_MAX, buf), "18,446,744,073,709,551,615");
}

static void options(void **state)
{
	bool force = false, given = false, check = false, look = false;
	const char *out = NULL, *check_text = NULL, *look_text = NULL;
	uint64_t n = 7, limit = 0;
	double temp = 0;
	struct cli_list types = { 0 };
	struct cli_opt opts[] = {
		{ .kind = CLI_FLAG, .letter = 'f', .name = "force", .dst = &force, .help = "h" },
		{ .kind = CLI_STRING, .letter = 'o', .name = "output", .value = "FILE", .dst = &out, .help = "h", .given = &given },
		{ .kind = CLI_UINT, .letter = 'n', .name = "count", .value = "N", .dst = &n, .help = "h" },
		{ .kind = CLI_SIZE, .name = "limit", .value = "SIZE", .dst = &limit, .help = "h" },
		{ .kind = CLI_REAL, .name = "temp", .value = "T", .dst = &temp, .help = "h" },
		{ .kind = CLI_OPTIONAL, .name = "check", .value = "TEXT", .dst = &check_text, .help = "h", .given = &check },
		{ .kind = CLI_OPTIONAL, .name = "look", .value = "TEXT", .dst = &look_text, .help = "h", .given = &look },
		{ .kind = CLI_LIST, .name = "type", .value = "T", .dst = &types, .help = "h" },
		{ 0 },
	};
	struct cli_program p = { .name = "test", .usage = "test", .about = "a", .opts = opts };
	char words[][12] = { "test", "a", "-fn5", "-o", "x", "--limit=1K", "--temp", "-0.5", "--type", "u", "--type=v", "--check", "-",
		             "--look=b",
		             "--", "-z" };
	char *argv[sizeof words / sizeof words[0] + 1] = { 0 };
	int argc = sizeof words / sizeof words[0];

	(void)state;
	for (int i = 0; i < argc; i++)
		argv[i] = words[i];
	cli_parse(&p, &argc, argv);
	assert_int_equal(argc, 3);
	assert_string_equal(argv[1], "a");
	assert_string_equal(argv[2], "-");
	assert_string_equal(argv[3], "-z");
	assert_true(force && given);
	assert_string_equal(out, "x");
	assert_int_equal(n, 5);
	assert_int_equal(limit, 1024);
	assert_true(temp == -0.5);
	assert_true(check && !check_text && look);
	assert_string_equal(look_text, "b");
	assert_int_equal(types.n, 2);
	assert_string_equal(types.items[1], "v");
	free(types.items);
}

static char *slurp(FILE *f, char *buf, size_t cap)
{
	size_t n;

	rewind(f);
	n = fread(buf, 1, cap - 1, f);
	buf[n] = 0;
	fclose(f);
	return buf;
}

static void json(void **state)
{
	FILE *f = tmpfile();
	struct cli_json j;
	char buf[256];

	(void)state;
	cli_json_start(&j, f);
	j.pretty = false;
	cli_json_object(&j, NULL);
	cli_json_str(&j, "s", FMT_STR("a\"\\\n\x01\xff\xc3\xa9"));
	cli_json_array(&j, "a");
	cli_json_u64(&j, NULL, UINT64_MAX);
	cli_json_f64(&j, NULL, 0.1);
	cli_json_f64(&j, NULL, 1.0 / 0.0);
	cli_json_close(&j, ']');
	cli_json_key_str(&j, FMT_STR("k"));
	cli_json_object(&j, NULL);
	cli_json_close(&j, '}');
	cli_json_bool(&j, "b", true);
	cli_json_close(&j, '}');
	assert_string_equal(slurp(f, buf, sizeof buf),
	                    "{\"s\":\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\",\"a\":[18446744073709551615,0.1,null],\"k\":{},"
	                    "\"b\":true}");
}

static void safe_text(void **state)
{
	FILE *f = tmpfile();
	char buf[64];

	(void)state;
	cli_print_str(f, FMT_STR("a\033]0;\xc2\x9b\xff\xc3\xa9"));
	assert_string_equal(slurp(f, buf, sizeof buf), "a\\x1b]0;\\xc2\\x9b\\xff\xc3\xa9");
}

static void safe_markup(void **state)
{
	FILE *f = tmpfile();
	char buf[128];

	(void)state;
	cli_print_xml(f, FMT_STR("<a b=\"&\">\x01\xff\xc2\x9b\xef\xbf\xbf\xc3\xa9"));
	assert_string_equal(slurp(f, buf, sizeof buf), "&lt;a b=&quot;&amp;&quot;&gt;\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9");
}

/* A file is no terminal, so whole characters. */
static void bars_and_lines(void **state)
{
	FILE *f = tmpfile(), *g = tmpfile();
	char buf[256];

	(void)state;
	cli_print_bar(f, 0.49, 10);
	cli_print_bar(f, 0, 10);
	fputc('|', f);
	cli_print_bar(f, 1, 3);
	assert_string_equal(slurp(f, buf, sizeof buf), "#####|###");
	cli_print_wrapped(g, "0123456789 0123456789  0123456789", 55, 4);
	cli_print_wrapped(g, "", 0, 4);
	assert_string_equal(slurp(g, buf, sizeof buf), "0123456789 0123456789\n    0123456789\n\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes), cmocka_unit_test(numbers_for_people), cmocka_unit_test(options),
		cmocka_unit_test(json),  cmocka_unit_test(safe_text),          cmocka_unit_test(safe_markup),
		cmocka_unit_test(bars_and_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
