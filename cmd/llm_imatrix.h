/* What the parts of llm-imatrix share. */
#ifndef CMD_LLM_IMATRIX_H
#define CMD_LLM_IMATRIX_H

#include <libfmt/imatrix_sums.h>

#include "cli.h"

/* llm_imatrix_report.c */

/* What was written, to standard output with --json, else to standard error. */
void report_sums(const struct cli_program *p, const char *output, const struct fmt_imatrix_sums *sums);

/* Figures of each entry of a file, on standard output. */
bool report_statistics(const struct cli_program *p, const char *path, struct fmt_err *err);

#endif
