/* Multiple-choice tasks: the first byte says in which format; every text of every task is looked at. */
#include <stdlib.h>

#include <libfmt/tasks.h>

#include "fuzz.h"

static void look(const struct fmt_tasks *t, const uint8_t *data, size_t n)
{
	const char *begin = (const char *)data, *end = begin + n;

	for (uint64_t i = 0; i < t->n; i++) {
		const struct fmt_task *task = &t->tasks[i];
		bool any = false;

		for (uint32_t k = 0; k < task->n_answers; k++) {
			const struct fmt_str *a = &task->answers[k];

			if (a->n && (a->p < begin || a->n > (size_t)(end - a->p)))
				abort();
			any = any || task->right[k];
		}
		if (!any || (task->before.n && (task->before.p < begin || task->before.n > (size_t)(end - task->before.p))))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fmt_err err = { 0 };
	struct fmt_tasks *t;

	if (!n)
		return 0;
	t = fmt_tasks_read((enum fmt_tasks_kind)(data[0] % 3), (const char *)data + 1, n - 1, &err);
	if (t ? !t->n : !err.code || !err.msg[0])
		abort();
	if (t)
		look(t, data + 1, n - 1);
	fmt_tasks_free(t);
	return 0;
}
