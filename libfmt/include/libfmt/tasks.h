/* Multiple-choice tasks in the formats that llama-perplexity reads.
 *
 * HellaSwag (--hellaswag): six lines for each task: the text to continue, the number of the right ending (0 to 3), four endings.
 *
 * WinoGrande (--winogrande): a line for each task: number,sentence,first,second,answer. One `_` in the sentence is the gap; the
 * sentence may be quoted, as it must be where it has a comma; the answer is 1 or 2.
 *
 * Multiple choice (--multiple-choice), binary, little endian: a u32 with the number of tasks; a u32 for each with its offset in
 * the file; the tasks. A task is its question, and twice a list of answers: one in which a single answer is right, one in which
 * several are, which nobody scores. A list is a u32 with their number, the answers, and an i32 for each, 1 where it is right. A
 * text is a u32 with its bytes, and the bytes.
 * Source: llama.cpp, tools/perplexity, August 2026. */
#ifndef LIBFMT_TASKS_H
#define LIBFMT_TASKS_H

#include <libfmt/model.h>

enum fmt_tasks_kind { FMT_TASKS_HELLASWAG, FMT_TASKS_WINOGRANDE, FMT_TASKS_CHOICE };

struct fmt_task {
	struct fmt_str before;         /* every answer: the question; of WinoGrande the sentence up to its gap */
	struct fmt_str after;          /* every answer; empty but for WinoGrande */
	const struct fmt_str *answers; /* [n_answers], at least one */
	const bool *right;             /* [n_answers] */
	uint32_t n_answers;
};

struct fmt_tasks {
	enum fmt_tasks_kind kind;
	struct fmt_task *tasks; /* [n], in the order of the file; whoever reads may put them in another */
	uint64_t n;             /* at least one; may be lowered */
	struct fmt_tasks_impl *impl;
};

/* Of the n_bytes of a file, which must stay: texts are parts of them. A newline at the end may be missing.
 * returns NULL with *err set: a file that is not of this format, to the last byte; a task that has no gap, no right answer or
 * another that does not exist. Nothing is skipped: a score of fewer tasks than the file has would be another score */
struct fmt_tasks *fmt_tasks_read(enum fmt_tasks_kind kind, const char *bytes, uint64_t n_bytes, struct fmt_err *err);
void fmt_tasks_free(struct fmt_tasks *t); /* NULL is fine */

#endif
