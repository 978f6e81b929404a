/* What llm-run --compare and st2gguf --verify say of how far two models are apart. */
#ifndef CMD_DIVERGENCE_H
#define CMD_DIVERGENCE_H

#include <libinfer/measure.h>

#include "cli.h"

/* What --max-kld, --min-top1 (in percent) and --max-ppl-ratio allow. */
struct divergence_limits {
	double max_kld, min_top1, max_ppl_ratio;
	bool max_kld_given, min_top1_given, max_ppl_ratio_given;
};

/* One limit: the option's name, what it allows, what was found, and whether that holds. What is no number holds nowhere. */
struct limit {
	const char *name;
	double allowed, found;
	bool holds;
};
enum { DIVERGENCE_LIMITS = 3 };

/* Those that were given. limits: room for DIVERGENCE_LIMITS; returns how many */
size_t divergence_limits(const struct divergence_limits *given, const struct infer_divergence *d, struct limit *limits);

/* A message for each that does not hold. returns CLI_OK, or CLI_CHECK */
int limits_check(const struct cli_program *p, const struct limit *limits, size_t n);
void limits_json(struct cli_json *j, const struct limit *limits, size_t n); /* the member "limits" */

/* What the figures say, for somebody who has not seen many. */
const char *divergence_verdict(const struct infer_divergence *d);

/* What to call the text in `file`, "-" and NULL among them: "standard input", "a built-in text". */
const char *divergence_text(const char *file);

/* How many of the tokens that were compared, in percent. */
double divergence_percent(const struct infer_divergence *d, uint64_t n);

/* The verdict and the figures, as text; the members of a JSON object that is open. The windows: members too. */
void divergence_print(struct infer_divergence *d);
void divergence_json(struct cli_json *j, struct infer_divergence *d);
void divergence_json_windows(struct cli_json *j, const struct infer_windows *w);

#endif
