/* llm-mem --bandwidth, --tflops: how fast it can be at most. */
#ifndef CMD_LLM_MEM_SPEED_H
#define CMD_LLM_MEM_SPEED_H

#include <libfmt/speed.h>

#include "cli.h"

struct mem_report;
struct mem_weights;

struct mem_speed {
	const char *card;          /* of the table; NULL: none named */
	double bandwidth, tflops;  /* 10^9 bytes and 10^12 operations per second; 0: not known */
	bool bandwidth_given, tflops_given;
};

/* Fills in what the card has and was not given.
 * returns false with *err set: FMT_USAGE, an unknown card, a number that is none */
bool mem_speed_options(struct mem_speed *s, struct fmt_err *err);

/* Text, or a member "speed" in j. Nothing where neither figure is known.
 * returns false with *err set as fmt_speed_step does */
bool mem_speed_print(const struct mem_report *r, struct cli_json *j, struct fmt_err *err);

/* Tokens per second at most at o's context: of generating one sequence, and of reading a prompt of so many tokens at once.
 * 0: not asked for, or the layers are not known.
 * returns false with *err set as fmt_speed_step does */
bool mem_speed_rates(const struct mem_report *r, const struct mem_weights *w, const struct fmt_cache_opts *o,
                     double *generating, double *reading, struct fmt_err *err);

#endif
