/* What the parts of llm-run share. */
#ifndef CMD_LLM_RUN_H
#define CMD_LLM_RUN_H

#include <libinfer/infer.h>
#include <libinfer/sampler.h>
#include <libinfer/tokenizer.h>

#include "chat_text.h"
#include "cli.h"
#include "divergence.h"
#include "loaded.h"

/* --hellaswag, --winogrande and --multiple-choice; 0 tasks: not asked for. */
struct choice_options {
	bool hellaswag, winogrande, multiple_choice, tasks_given;
	uint64_t hellaswag_tasks, winogrande_tasks, multiple_choice_tasks;
};

struct options {
	const char *prompt, *file, *ids, *logits, *compare, *perplexity, *kld, *save_logits, *method, *report;
	char *text;          /* in `file` or the conversation's, read once, since standard input can be */
	size_t text_bytes;
	struct chat_options chat;
	struct choice_options choice;
	struct cli_list loras;
	uint64_t n, n_ctx, n_batch, top_k, seed, stride, chunks;
	double temp, top_p, min_p;
	struct divergence_limits limits;
	bool layers, experts, as_ids;
	bool n_given, no_special, ignore_eos, no_echo, force, memory;
};

/* Whether --compare is to take the built-in text. */
bool uses_sample(const struct options *o);

/* The ids to run, from --ids, --chat, -f, -p or the built-in text; the caller finishes *out. */
bool prompt_ids(const struct options *o, const struct loaded *l, struct infer_tokens *out, struct fmt_err *err);

struct generation {
	const struct cli_program *program;
	const struct options *o;
	const struct loaded *l;
	struct infer_run *run;
	struct infer_sampler *sampler;
	float *logits;            /* [vocab] of the last token */
	struct infer_tokens *prompt;
	int32_t *ids;             /* generated */
	size_t n;
	char *text;               /* all of it, for --json */
	size_t text_bytes;
	const char *stop;         /* why it ended: "length", "end", "context" */
	double prompt_seconds, seconds;
};

/* Computes the prompt (to a file of logits, if asked for), continues it, and prints or reports everything.
 * path: the model's, as the user wrote it */
bool run_prompt(struct generation *g, const char *path, struct fmt_err *err);
/* Sets the run up: its context, buffers and sampler. What can be refused is refused here, before anything is printed. */
bool prepare_run(struct generation *g, uint32_t *n_ctx, struct fmt_err *err);
void generation_finish(struct generation *g);

/* llm_run_measure.c: --perplexity, --compare, --kld, --experts and multiple choice. */
bool is_measuring(const struct options *o);
int measuring_options(const struct cli_program *p, struct options *o); /* CLI_OK, or the exit status */

/* The model beside itself, another or a base file, on the ids (of --kld: on those of the file); prints what came out.
 * status  out: CLI_CHECK where a limit does not hold */
bool run_measure(const struct cli_program *p, const struct options *o, const char *path, const struct loaded *l,
                 struct quant_pool *pool, const struct infer_tokens *ids, int *status, struct fmt_err *err);

/* llm_run_experts.c: --experts, how often each was chosen; prints what came out. w->progress is set. */
bool run_experts(const struct cli_program *p, const struct options *o, const char *path, const struct loaded *l,
                 struct infer_windows *w, struct fmt_err *err);

/* llm_run_choice.c: --hellaswag, --winogrande and --multiple-choice, of the tasks in o->file; prints what came out. */
int choices_asked(const struct choice_options *o); /* how many of the three */
bool choice_tasks_fit(const struct choice_options *o); /* each number of tasks goes with its own */
bool run_choice(const struct cli_program *p, const struct options *o, const char *path, const struct loaded *l, struct fmt_err *err);

/* llm_run_layers.c: --compare --layers, the two operation by operation; prints what came out.
 * status  out: CLI_CHECK where a part departs further than its type explains */
bool run_layers(const struct cli_program *p, const struct loaded *l, const struct loaded *reference, const char *path,
                const char *reference_path, const struct infer_tokens *ids, int *status, struct fmt_err *err);

/* llm_run_report.c: what was measured. */
struct measured {
	const char *model, *reference;
	const struct infer_windows *windows;
};
void report_perplexity(const struct cli_program *p, const struct measured *m, const struct infer_sum *nll);
/* returns CLI_OK, or CLI_CHECK where a limit does not hold */
int report_divergence(const struct cli_program *p, const struct options *o, const struct measured *m, struct infer_divergence *d);

/* llm_run_page.c: --report, the page of a divergence that was measured. */
bool write_page(const struct cli_program *p, const struct options *o, const struct measured *m, const struct loaded *l,
                const struct loaded *reference, struct quant_pool *pool, const struct infer_tokens *ids, struct infer_divergence *d,
                struct fmt_err *err);

/* llm_run_memory.c: prints what a run takes that was set up. */
void print_memory(const struct generation *g, const char *path);

#endif
