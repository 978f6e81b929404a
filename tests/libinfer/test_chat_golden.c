/* Chat templates against what transformers renders: every template and conversation of $ASSAY_SHARED/chat.
 *
 * usage: test_chat_golden NAME   NAME.jinja and NAME.golden.json */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <libinfer/chat.h>

enum { PATH_BYTES = 4096 };

static const char *name;

static void check(bool ok, const struct fmt_err *err)
{
	char line[800];

	if (ok)
		return;
	fmt_err_line(err, line, sizeof line);
	fail_msg("%s", line);
}

/* A file of the folder; the caller frees. */
static char *slurp(const char *stem, const char *suffix, size_t *n)
{
	char path[PATH_BYTES], *p;
	FILE *f;
	long size;

	snprintf(path, sizeof path, "%s/chat/%s%s", getenv("ASSAY_SHARED"), stem, suffix);
	f = fopen(path, "rb");
	if (!f)
		fail_msg("cannot open %s", path);
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	p = malloc((size_t)size + 1);
	assert_non_null(p);
	*n = fread(p, 1, (size_t)size, f);
	fclose(f);
	return p;
}

static struct json_doc *open_json(const char *stem, const char *suffix)
{
	size_t n;
	char *text = slurp(stem, suffix, &n);
	struct fmt_err err = { 0 };
	struct json_doc *d = json_parse(text, n, &err);

	check(d, &err);
	free(text);
	return d;
}

/* True if a conversation gives the text of its golden, or fails with the message of it. */
static bool is_golden(const struct infer_template *t, const struct infer_chat *chat, const struct json *golden)
{
	struct fmt_str want = json_str(json_get(golden, "rendered")), error = json_str(json_get(golden, "error"));
	struct fmt_err err = { 0 };
	char *text = NULL, message[400];
	size_t n = 0;
	bool rendered = infer_template_render(t, chat, &text, &n, &err), same;

	if (error.p) { /* "TypeError: text" */
		const char *colon = memchr(error.p, ':', error.n);

		assert_non_null(colon);
		snprintf(message, sizeof message, "%.*s", (int)(error.p + error.n - colon - 2), colon + 2);
		same = !rendered && strstr(err.msg, message);
	} else {
		same = rendered && n == want.n && !memcmp(text, want.p, n);
	}
	if (!same)
		printf("want '%.*s'\ngot  '%s%s'\n", (int)(error.p ? error.n : want.n), error.p ? error.p : want.p,
		       text ? text : "", err.msg);
	free(text);
	return same;
}

static void golden(void **state)
{
	struct json_doc *conversations = open_json("conversations", ".json"), *goldens = open_json(name, ".golden.json");
	const struct json *results = json_first(json_get(json_root(goldens), "results"));
	struct infer_chat chat = {
		.bos = json_str(json_get(json_root(goldens), "bos_token")),
		.eos = json_str(json_get(json_root(goldens), "eos_token")),
	};
	size_t n, n_bad = 0, n_cases = 0;
	char *text = slurp(name, ".jinja", &n);
	struct fmt_err err = { 0 };
	struct infer_template *t = infer_template_create(text, n, &err);

	(void)state;
	check(t, &err);
	free(text);
	assert_true(infer_chat_time("2026-01-15 12:34:56", &chat.now));
	for (const struct json *c = json_first(json_get(json_root(conversations), "conversations")); c; c = json_next(c)) {
		assert_true(fmt_str_eq(json_str(json_get(c, "name")), json_str(json_get(results, "name"))));
		chat.conversation = c;
		n_bad += !is_golden(t, &chat, results);
		n_cases++;
		results = json_next(results);
	}
	assert_true(n_cases >= 7);
	assert_int_equal(n_bad, 0);
	infer_template_destroy(t);
	json_free(conversations);
	json_free(goldens);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(golden) };
	const char *shared = getenv("ASSAY_SHARED");
	char path[PATH_BYTES];

	if (argc != 2 || !shared)
		return 1;
	name = argv[1];
	snprintf(path, sizeof path, "%s/chat", shared);
	if (access(path, R_OK)) {
		printf("skipped: no %s\n", path);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
