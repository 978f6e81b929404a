/* Multiple-choice tasks. See <libfmt/tasks.h>. */
#include <libfmt/tasks.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "cursor.h"
#include "limit.h"

struct fmt_tasks_impl {
	struct fmt_tasks pub;
	struct fmt_arena mem;
	uint64_t cap;
};

enum { HELLASWAG_LINES = 6, HELLASWAG_ENDINGS = 4 };

/* Room for one more task of so many answers, of which none is right yet. NULL with *err set. */
static struct fmt_task *add(struct fmt_tasks_impl *im, uint32_t n_answers, struct fmt_str **answers, bool **right,
                            struct fmt_err *err)
{
	uint64_t n = im->pub.n, cap = im->cap ? 2 * im->cap : 64;
	struct fmt_task *task;

	if (n == im->cap) {
		im->pub.tasks = fmt_arena_grow(&im->mem, im->pub.tasks, im->cap, cap, sizeof *task, err);
		if (!im->pub.tasks)
			return NULL;
		im->cap = cap;
	}
	*answers = fmt_arena_alloc(&im->mem, n_answers, sizeof **answers, err);
	*right = *answers ? fmt_arena_alloc(&im->mem, n_answers, sizeof **right, err) : NULL;
	if (!*right)
		return NULL;
	task = &im->pub.tasks[im->pub.n++];
	*task = (struct fmt_task){ .answers = *answers, .right = *right, .n_answers = n_answers };
	return task;
}

/* ---- Lines ---- */

struct lines {
	const char *p, *end;
	uint64_t number; /* of the line that was read last, from 1 */
};

/* The next line without its newline; false after the last. */
static bool next_line(struct lines *l, struct fmt_str *line)
{
	const char *newline;

	if (l->p == l->end)
		return false;
	newline = memchr(l->p, '\n', (size_t)(l->end - l->p));
	*line = (struct fmt_str){ l->p, (size_t)((newline ? newline : l->end) - l->p) };
	l->p = newline ? newline + 1 : l->end;
	l->number++;
	return true;
}

/* A digit from `first` on, with nothing but blanks around it: its distance from it, or -1. */
static int digit(struct fmt_str s, char first, int n)
{
	while (s.n && (*s.p == ' ' || *s.p == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n && strchr(" \t\r", s.p[s.n - 1]))
		s.n--;
	return s.n == 1 && *s.p >= first && *s.p < first + n ? *s.p - first : -1;
}

static bool read_hellaswag(struct fmt_tasks_impl *im, struct lines *l, struct fmt_err *err)
{
	struct fmt_str context, label, *endings;
	struct fmt_task *task;
	bool *right;

	while (next_line(l, &context)) {
		task = add(im, HELLASWAG_ENDINGS, &endings, &right, err);
		if (!task)
			return false;
		task->before = context;
		if (next_line(l, &label)) {
			int which = digit(label, '0', HELLASWAG_ENDINGS);

			if (which < 0)
				return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "line %" PRIu64 ": the number of the right ending must be here, 0 "
				                "to 3: six lines make a task", l->number);
			right[which] = true;
		}
		for (int i = 0; i < HELLASWAG_ENDINGS; i++)
			if (!next_line(l, &endings[i]))
				return fmt_fail(err, FMT_TRUNCATED, FMT_NO_OFFSET, "%" PRIu64 " lines: six make a task, so the last one lacks some",
				                l->number);
	}
	return true;
}

/* Finds the four commas outside quotes that part a line. */
static bool find_commas(struct fmt_str line, size_t at[4])
{
	bool quoted = false;
	int n = 0;

	for (size_t i = 0; i < line.n && n < 4; i++) {
		if (line.p[i] == '"')
			quoted = !quoted;
		else if (line.p[i] == ',' && !quoted)
			at[n++] = i;
	}
	return n == 4;
}

static struct fmt_str between(struct fmt_str line, size_t from, size_t to)
{
	return (struct fmt_str){ line.p + from, to - from };
}

static bool fail_line(const struct lines *l, const char *what, struct fmt_err *err)
{
	return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "line %" PRIu64 ": %s: a task is number,sentence,first,second,answer with a _ in "
	                "the sentence", l->number, what);
}

static bool read_sentence(struct fmt_task *task, struct fmt_str s)
{
	const char *gap;

	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		s = (struct fmt_str){ s.p + 1, s.n - 2 };
	gap = s.n ? memchr(s.p, '_', s.n) : NULL;
	if (!gap)
		return false;
	task->before = (struct fmt_str){ s.p, (size_t)(gap - s.p) };
	task->after = (struct fmt_str){ gap + 1, s.n - task->before.n - 1 };
	return true;
}

static bool read_winogrande(struct fmt_tasks_impl *im, struct lines *l, struct fmt_err *err)
{
	struct fmt_str line, *answers;
	struct fmt_task *task;
	bool *right;

	while (next_line(l, &line)) {
		size_t comma[4];
		int which;

		if (!find_commas(line, comma))
			return fail_line(l, "no four commas", err);
		task = add(im, 2, &answers, &right, err);
		if (!task)
			return false;
		if (!read_sentence(task, between(line, comma[0] + 1, comma[1])))
			return fail_line(l, "no gap", err);
		answers[0] = between(line, comma[1] + 1, comma[2]);
		answers[1] = between(line, comma[2] + 1, comma[3]);
		which = digit(between(line, comma[3] + 1, line.n), '1', 2);
		if (which < 0)
			return fail_line(l, "the answer is neither 1 nor 2", err);
		right[which] = true;
	}
	return true;
}

/* ---- Binary ---- */

static bool read_text(struct fmt_cur *c, struct fmt_str *s, const char *what)
{
	uint64_t at = c->pos;
	uint64_t n = fmt_cur_count(c, fmt_cur_u32(c, what), 1, at, what);

	s->n = (size_t)n;
	s->p = (const char *)fmt_cur_take(c, s->n, what); /* of memory: it stays */
	return fmt_cur_ok(c);
}

/* The number of a list's answers: each takes at least its length and its mark. */
static uint32_t read_count(struct fmt_cur *c)
{
	uint64_t at = c->pos, n = fmt_cur_count(c, fmt_cur_u32(c, "a number of answers"), 8, at, "answers");

	if (n > LIMIT_TASK_ANSWERS)
		fmt_fail(c->err, FMT_LIMIT, at, "%" PRIu64 " answers to one question, where %d are the most", n, LIMIT_TASK_ANSWERS);
	return fmt_cur_ok(c) ? (uint32_t)n : 0;
}

static bool read_list(struct fmt_cur *c, uint32_t n, struct fmt_str *answers, bool *right)
{
	bool any = false;

	for (uint32_t i = 0; i < n; i++)
		read_text(c, &answers[i], "an answer");
	for (uint32_t i = 0; i < n && fmt_cur_ok(c); i++) {
		right[i] = fmt_cur_u32(c, "the mark of an answer") == 1;
		any = any || right[i];
	}
	return any;
}

/* The second list is passed over. */
static bool skip_list(struct fmt_cur *c)
{
	uint32_t n = read_count(c);

	for (uint32_t i = 0; i < n && fmt_cur_ok(c); i++) {
		struct fmt_str ignored;

		read_text(c, &ignored, "an answer");
	}
	return fmt_cur_skip(c, 4 * (uint64_t)n, "marks of answers");
}

static bool read_choice(struct fmt_tasks_impl *im, struct fmt_cur *c, struct fmt_err *err)
{
	uint64_t at = c->pos;
	struct fmt_str question, *answers;
	struct fmt_task *task;
	bool *right, any;
	uint32_t n;

	if (!read_text(c, &question, "a question"))
		return false;
	n = read_count(c);
	if (!fmt_cur_ok(c))
		return false;
	if (!question.n || !n)
		return fmt_fail(err, FMT_MALFORMED, at, "task %" PRIu64 " has no %s", im->pub.n, n ? "question" : "answers");
	task = add(im, n, &answers, &right, err);
	if (!task)
		return false;
	task->before = question;
	any = read_list(c, n, answers, right);
	for (uint32_t i = 0; i < n && fmt_cur_ok(c); i++)
		if (!answers[i].n)
			return fmt_fail(err, FMT_MALFORMED, at, "task %" PRIu64 ": answer %" PRIu32 " is empty", im->pub.n - 1, i);
	if (fmt_cur_ok(c) && !any)
		return fmt_fail(err, FMT_MALFORMED, at, "task %" PRIu64 ": no answer is marked as right", im->pub.n - 1);
	return fmt_cur_ok(c) && skip_list(c);
}

/* A task takes at least its place in the table and three counts. */
static bool read_choices(struct fmt_tasks_impl *im, const char *bytes, uint64_t n_bytes, struct fmt_err *err)
{
	struct fmt_cur c, table;
	uint64_t n;

	fmt_cur_init(&c, bytes, n_bytes, err);
	n = fmt_cur_count(&c, fmt_cur_u32(&c, "the number of tasks"), 16, 0,
	                  "no file of tasks, which are binary in this format, or a damaged one");
	table = c;
	fmt_cur_skip(&c, 4 * n, "offsets of tasks");
	for (uint64_t i = 0; i < n && fmt_cur_ok(&c); i++) {
		uint32_t at = fmt_cur_u32(&table, "the offset of a task");

		if (at != c.pos)
			return fmt_fail(err, FMT_MALFORMED, table.pos - 4, "task %" PRIu64 " is said to be at offset %" PRIu32 ", and the one before "
			                "it ends at %" PRIu64, i, at, c.pos);
		if (!read_choice(im, &c, err))
			return false;
	}
	if (fmt_cur_ok(&c) && fmt_cur_left(&c))
		fmt_fail(err, FMT_MALFORMED, c.pos, "%" PRIu64 " bytes after the last task", fmt_cur_left(&c));
	return fmt_cur_ok(&c);
}

struct fmt_tasks *fmt_tasks_read(enum fmt_tasks_kind kind, const char *bytes, uint64_t n_bytes, struct fmt_err *err)
{
	struct fmt_tasks_impl *im = calloc(1, sizeof *im);
	struct lines lines = { .p = bytes, .end = bytes + n_bytes };
	bool ok;

	if (!im) {
		fmt_fail_nomem(err, sizeof *im);
		return NULL;
	}
	fmt_arena_init(&im->mem, LIMIT_ARENA_BASE + (n_bytes < UINT64_MAX / 2 / LIMIT_ARENA_FACTOR ? LIMIT_ARENA_FACTOR * n_bytes : 0));
	im->pub.kind = kind;
	im->pub.impl = im;
	ok = kind == FMT_TASKS_HELLASWAG    ? read_hellaswag(im, &lines, err)
	     : kind == FMT_TASKS_WINOGRANDE ? read_winogrande(im, &lines, err)
	                                    : read_choices(im, bytes, n_bytes, err);
	if (ok && im->pub.n)
		return &im->pub;
	fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "no tasks");
	fmt_tasks_free(&im->pub);
	return NULL;
}

void fmt_tasks_free(struct fmt_tasks *t)
{
	if (!t)
		return;
	fmt_arena_finish(&t->impl->mem);
	free(t->impl);
}
