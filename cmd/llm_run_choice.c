/* llm-run --hellaswag, --winogrande and --multiple-choice: how often a model finds the right answer. */
#include <inttypes.h>
#include <stdlib.h>

#include <libinfer/choice.h>

#include "llm_run.h"

#define HELLASWAG_TASKS 400 /* as llama-perplexity takes them where nothing else is asked for */

/* What is asked for: its format, its name on the command line, and how many of its tasks, 0 for all. */
struct asked {
	enum fmt_tasks_kind kind;
	const char *name;
	uint64_t n;
};

static struct asked what_is_asked(const struct choice_options *o)
{
	if (o->hellaswag)
		return (struct asked){ FMT_TASKS_HELLASWAG, "hellaswag", o->hellaswag_tasks ? o->hellaswag_tasks : HELLASWAG_TASKS };
	if (o->winogrande)
		return (struct asked){ FMT_TASKS_WINOGRANDE, "winogrande", o->winogrande_tasks };
	return (struct asked){ FMT_TASKS_CHOICE, "multiple-choice", o->multiple_choice_tasks };
}

int choices_asked(const struct choice_options *o)
{
	return o->hellaswag + o->winogrande + o->multiple_choice;
}

bool choice_tasks_fit(const struct choice_options *o)
{
	return (o->hellaswag || !o->hellaswag_tasks) && (o->winogrande || !o->winogrande_tasks) &&
	       (o->multiple_choice || !o->multiple_choice_tasks) &&
	       (!o->tasks_given || o->hellaswag_tasks || o->winogrande_tasks || o->multiple_choice_tasks);
}

static double percent_right(const struct infer_choices *c)
{
	return 100 * (double)c->n_right / (double)c->n;
}

static void print(const struct infer_choices *c)
{
	double low, high;

	infer_choices_interval(c, &low, &high);
	printf("right answers  %.4f %% +/- %.4f\n", percent_right(c), 100 * infer_choices_error(c));
	printf("  %" PRIu64 " of %" PRIu64 " tasks; with 95 %% between %.4f and %.4f %%; guesses would get %.4f %%\n", c->n_right, c->n,
	       100 * low, 100 * high, 100 * c->chance);
}

static void json_tasks(struct cli_json *j, const struct fmt_tasks *tasks, const struct infer_choices *c)
{
	cli_json_array(j, "tasks");
	for (uint64_t i = 0; i < c->n; i++) {
		const struct infer_choice *choice = &c->choices[i];

		cli_json_object(j, NULL);
		cli_json_str(j, "question", tasks->tasks[i].before);
		cli_json_array(j, "scores");
		for (uint32_t s = 0; s < tasks->tasks[i].n_answers; s++)
			cli_json_f64(j, NULL, choice->scores[s]);
		cli_json_close(j, ']');
		cli_json_u64(j, "chosen", choice->chosen);
		cli_json_bool(j, "right", choice->right);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

static void json(const char *path, const struct asked *asked, const struct fmt_tasks *tasks, const struct infer_choices *c)
{
	double low, high;
	struct cli_json j;

	infer_choices_interval(c, &low, &high);
	cli_json_start(&j, stdout);
	cli_json_object(&j, NULL);
	cli_json_cstr(&j, "model", path);
	cli_json_cstr(&j, "benchmark", asked->name);
	cli_json_u64(&j, "n_tasks", c->n);
	cli_json_u64(&j, "n_right", c->n_right);
	cli_json_f64(&j, "percent_right", percent_right(c));
	cli_json_f64(&j, "percent_right_error", 100 * infer_choices_error(c));
	cli_json_array(&j, "percent_right_interval");
	cli_json_f64(&j, NULL, 100 * low);
	cli_json_f64(&j, NULL, 100 * high);
	cli_json_close(&j, ']');
	cli_json_f64(&j, "percent_by_guessing", 100 * c->chance);
	json_tasks(&j, tasks, c);
	cli_json_close(&j, '}');
	cli_json_end(&j);
}

static bool choose(const struct cli_program *p, const struct options *o, const struct loaded *l, const struct fmt_tasks *tasks,
                   struct infer_choices *c, struct fmt_err *err)
{
	struct cli_progress progress;
	struct infer_choose_options how = { .n_ctx = (uint32_t)o->n_ctx, .n_batch = (uint32_t)o->n_batch,
		                            .progress = cli_progress_update, .user = &progress };
	bool ok;

	cli_progress_start(&progress, p, "tasks", "tasks");
	ok = infer_choose(l->model, l->tokenizer, tasks, &how, c, err);
	cli_progress_end(&progress);
	return ok;
}

bool run_choice(const struct cli_program *p, const struct options *o, const char *path, const struct loaded *l, struct fmt_err *err)
{
	struct asked asked = what_is_asked(&o->choice);
	struct infer_choices c = { 0 };
	size_t n = 0;
	char *text = cli_read(o->file, &n, err);
	struct fmt_tasks *tasks = text ? fmt_tasks_read(asked.kind, text, n, err) : NULL;
	bool ok;

	if (!tasks) {
		fmt_err_file(err, o->file);
		free(text);
		return false;
	}
	if (asked.n)
		infer_tasks_draw(tasks, asked.n);
	ok = choose(p, o, l, tasks, &c, err);
	if (ok && p->json)
		json(path, &asked, tasks, &c);
	else if (ok)
		print(&c);
	infer_choices_finish(&c);
	fmt_tasks_free(tasks);
	free(text);
	return ok;
}
