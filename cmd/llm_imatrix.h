/* What the parts of llm-imatrix share. */
#ifndef CMD_LLM_IMATRIX_H
#define CMD_LLM_IMATRIX_H

#include <libfmt/imatrix_sums.h>
#include <libinfer/windows.h>

#include "cli.h"

/* llm_imatrix_unfinished.c: OUT.partial, which has exact sums of the windows that are done, and says of what work they are. */
struct unfinished {
	char *path;
	char *work; /* in words; NULL until unfinished_describe */
};
bool unfinished_init(struct unfinished *u, const char *output, struct fmt_err *err);
void unfinished_finish(struct unfinished *u);
bool unfinished_is_there(const struct unfinished *u);

/* Everything that the sums will depend on but the contents of the model and of the files that are merged. */
bool unfinished_describe(struct unfinished *u, const char *model, const struct infer_windows *w, bool with_output,
                         const struct cli_list *merge, struct fmt_err *err);

bool unfinished_save(const struct unfinished *u, struct fmt_imatrix_sums *sums, uint64_t n_done, struct fmt_err *err);
/* Adds what was done, if it is of the same work. */
bool unfinished_load(const struct unfinished *u, const struct infer_windows *w, struct fmt_imatrix_sums *sums, uint64_t *n_done,
                     struct fmt_err *err);
void unfinished_remove(const struct unfinished *u);

/* llm_imatrix_report.c */

/* What was written, to standard output with --json, else to standard error. */
void report_sums(const struct cli_program *p, const char *output, const struct fmt_imatrix_sums *sums);

/* Figures of each entry of a file, on standard output. */
bool report_statistics(const struct cli_program *p, const char *path, struct fmt_err *err);

#endif
