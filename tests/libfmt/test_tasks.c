/* Multiple-choice tasks: the three formats, and what is refused of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <libfmt/tasks.h>

#define S(text) (struct fmt_str){ text, sizeof text - 1 }

static bool is(struct fmt_str s, const char *want)
{
	return fmt_str_is(s, want);
}

static struct fmt_tasks *good(enum fmt_tasks_kind kind, struct fmt_str text)
{
	struct fmt_err err = { 0 };
	struct fmt_tasks *t = fmt_tasks_read(kind, text.p, text.n, &err);

	if (!t)
		fail_msg("%s", err.msg);
	return t;
}

/* The bytes stand in memory of just their size, so that a sanitizer sees a look past their end. */
static void refused(enum fmt_tasks_kind kind, struct fmt_str text, enum fmt_code code, uint64_t off, const char *words)
{
	struct fmt_err err = { 0 };
	char *copy = malloc(text.n + !text.n);

	assert_non_null(copy);
	memcpy(copy, text.p, text.n);
	assert_null(fmt_tasks_read(kind, copy, text.n, &err));
	free(copy);
	if (err.code != code || err.off != off || !strstr(err.msg, words))
		fail_msg("%.*s: code %d, offset %lld, %s", (int)text.n, text.p, (int)err.code, (long long)err.off, err.msg);
}

static void hellaswag(void **state)
{
	struct fmt_tasks *t = good(FMT_TASKS_HELLASWAG, S("A: one\n2\na\nb\nc d\n\nB\n0\n1\n2\n3\n4"));

	(void)state;
	assert_int_equal(t->n, 2);
	assert_true(is(t->tasks[0].before, "A: one") && is(t->tasks[0].after, "") && t->tasks[0].n_answers == 4);
	assert_true(is(t->tasks[0].answers[2], "c d") && is(t->tasks[0].answers[3], ""));
	assert_true(!t->tasks[0].right[0] && !t->tasks[0].right[1] && t->tasks[0].right[2] && !t->tasks[0].right[3]);
	assert_true(is(t->tasks[1].before, "B") && is(t->tasks[1].answers[3], "4") && t->tasks[1].right[0]);
	fmt_tasks_free(t);
	refused(FMT_TASKS_HELLASWAG, S(""), FMT_MALFORMED, FMT_NO_OFFSET, "no tasks");
	refused(FMT_TASKS_HELLASWAG, S("A\n4\na\nb\nc\nd\n"), FMT_MALFORMED, FMT_NO_OFFSET, "line 2:");
	refused(FMT_TASKS_HELLASWAG, S("A\n\na\nb\nc\nd\n"), FMT_MALFORMED, FMT_NO_OFFSET, "line 2:");
	refused(FMT_TASKS_HELLASWAG, S("A\n1\na\nb\nc\nd\nB\n-1\n"), FMT_MALFORMED, FMT_NO_OFFSET, "line 8:");
	refused(FMT_TASKS_HELLASWAG, S("A\n1\na\nb\nc\n"), FMT_TRUNCATED, FMT_NO_OFFSET, "5 lines");
	refused(FMT_TASKS_HELLASWAG, S("A\n1\na\nb\nc\nd\nB"), FMT_TRUNCATED, FMT_NO_OFFSET, "7 lines");
}

static void winogrande(void **state)
{
	struct fmt_tasks *t = good(FMT_TASKS_WINOGRANDE, S("0,Ann met Eve so _ left.,Ann,Eve,2\n7,\"So, _, yes\",a b,,1\r\n,_,x,y, 2 "));

	(void)state;
	assert_int_equal(t->n, 3);
	assert_true(is(t->tasks[0].before, "Ann met Eve so ") && is(t->tasks[0].after, " left.") && t->tasks[0].n_answers == 2);
	assert_true(is(t->tasks[0].answers[0], "Ann") && is(t->tasks[0].answers[1], "Eve"));
	assert_true(!t->tasks[0].right[0] && t->tasks[0].right[1]);
	assert_true(is(t->tasks[1].before, "So, ") && is(t->tasks[1].after, ", yes") && is(t->tasks[1].answers[0], "a b") &&
	            is(t->tasks[1].answers[1], "") && t->tasks[1].right[0]);
	assert_true(is(t->tasks[2].before, "") && is(t->tasks[2].after, "") && t->tasks[2].right[1]);
	fmt_tasks_free(t);
	refused(FMT_TASKS_WINOGRANDE, S("qID,sentence,option1,option2,answer\n"), FMT_MALFORMED, FMT_NO_OFFSET, "line 1: no gap");
	refused(FMT_TASKS_WINOGRANDE, S("0,a _ b,x,y,1\n1,a _ b,x,y\n"), FMT_MALFORMED, FMT_NO_OFFSET, "line 2: no four commas");
	refused(FMT_TASKS_WINOGRANDE, S("0,\"a _ b,x,y,1\n"), FMT_MALFORMED, FMT_NO_OFFSET, "line 1: no four commas");
	refused(FMT_TASKS_WINOGRANDE, S("0,a _ b,x,y,3\n"), FMT_MALFORMED, FMT_NO_OFFSET, "neither 1 nor 2");
	refused(FMT_TASKS_WINOGRANDE, S("0,a _ b,x,y,\n"), FMT_MALFORMED, FMT_NO_OFFSET, "neither 1 nor 2");
	refused(FMT_TASKS_WINOGRANDE, S("0,,x,y,1\n"), FMT_MALFORMED, FMT_NO_OFFSET, "no gap");
}

/* One task of two answers, the second right, and an empty second list: offset 8 on. */
#define ONE "\1\0\0\0\x08\0\0\0" "\1\0\0\0Q" "\2\0\0\0" "\1\0\0\0a" "\2\0\0\0bc" "\0\0\0\0\1\0\0\0"

static void choice(void **state)
{
	struct fmt_tasks *t = good(FMT_TASKS_CHOICE, S(ONE "\0\0\0\0"));

	(void)state;
	assert_int_equal(t->n, 1);
	assert_true(is(t->tasks[0].before, "Q") && t->tasks[0].n_answers == 2 && is(t->tasks[0].answers[1], "bc"));
	assert_true(!t->tasks[0].right[0] && t->tasks[0].right[1]);
	fmt_tasks_free(t);
	t = good(FMT_TASKS_CHOICE, S(ONE "\1\0\0\0\1\0\0\0x\1\0\0\0")); /* whatever is in the second list */
	assert_int_equal(t->tasks[0].n_answers, 2);
	fmt_tasks_free(t);
}

/* Whatever is cut off is missed. */
static void cut_choices(void **state)
{
	static const char whole[] = ONE "\0\0\0\0";

	(void)state;
	for (size_t n = 0; n < sizeof whole - 1; n++) {
		struct fmt_err err = { 0 };
		char *copy = malloc(n + 1);

		assert_non_null(copy);
		memcpy(copy, whole, n);
		assert_null(fmt_tasks_read(FMT_TASKS_CHOICE, copy, n, &err));
		assert_true(err.code == FMT_TRUNCATED || err.code == FMT_LIMIT);
		assert_true(err.msg[0] && err.off < n + 1);
		free(copy);
	}
}

static void bad_choices(void **state)
{
	(void)state;
	refused(FMT_TASKS_CHOICE, S("\0\0\0\0"), FMT_MALFORMED, FMT_NO_OFFSET, "no tasks");
	refused(FMT_TASKS_CHOICE, S("\xff\xff\xff\xff" "12345678901234567890"), FMT_LIMIT, 0, "tasks");
	refused(FMT_TASKS_CHOICE, S(ONE "\0\0\0\0x"), FMT_MALFORMED, 40, "1 bytes after the last task");
	refused(FMT_TASKS_CHOICE, S("\1\0\0\0\x09\0\0\0" "\1\0\0\0Q" "\0\0\0\0\0\0\0\0"), FMT_MALFORMED, 4, "said to be at offset 9");
	refused(FMT_TASKS_CHOICE, S("\1\0\0\0\x08\0\0\0" "\0\0\0\0" "\1\0\0\0" "\1\0\0\0a" "\1\0\0\0" "\0\0\0\0"), FMT_MALFORMED, 8, "no question");
	refused(FMT_TASKS_CHOICE, S("\1\0\0\0\x08\0\0\0" "\1\0\0\0Q" "\0\0\0\0" "\0\0\0\0"), FMT_MALFORMED, 8, "no answers");
	refused(FMT_TASKS_CHOICE, S("\1\0\0\0\x08\0\0\0" "\1\0\0\0Q" "\1\0\0\0" "\0\0\0\0" "\1\0\0\0" "\0\0\0\0"), FMT_MALFORMED, 8, "is empty");
	refused(FMT_TASKS_CHOICE, S("\1\0\0\0\x08\0\0\0" "\1\0\0\0Q" "\1\0\0\0" "\1\0\0\0a" "\2\0\0\0" "\0\0\0\0"), FMT_MALFORMED, 8,
	        "no answer is marked as right");
	refused(FMT_TASKS_CHOICE, S("\1\0\0\0\x08\0\0\0" "\xff\xff\xff\x7f" "Q1234567890123"), FMT_LIMIT, 8, "a question");
}

static void too_many_answers(void **state)
{
	enum { N = 101, BYTES = 8 + 5 + 4 + N * 9 + 4 };
	static char text[BYTES] = "\1\0\0\0\x08\0\0\0" "\1\0\0\0Q";

	(void)state;
	text[13] = N;
	for (int i = 0; i < N; i++) {
		text[17 + 5 * i] = 1;
		text[17 + 5 * i + 4] = 'a';
		text[17 + 5 * N + 4 * i] = 1;
	}
	refused(FMT_TASKS_CHOICE, (struct fmt_str){ text, BYTES }, FMT_LIMIT, 13, "101 answers");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hellaswag),
		cmocka_unit_test(winogrande),
		cmocka_unit_test(choice),
		cmocka_unit_test(cut_choices),
		cmocka_unit_test(bad_choices),
		cmocka_unit_test(too_many_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
