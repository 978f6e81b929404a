/* Pictures of a report: memory over context as SVG, and a page around it. */
#ifndef CMD_LLM_MEM_CHART_H
#define CMD_LLM_MEM_CHART_H

#include "llm_mem.h"

/* A size that a model may have to fit into. */
struct mem_limit {
	char label[80]; /* "24 GiB" */
	uint64_t bytes;
	uint64_t margin; /* bytes of them that are left free */
};

#define MEM_MAX_LIMITS 16 /* as many as there can be cards */

/* The last part of the model's path. */
struct fmt_str mem_name(const struct mem_report *r);

/* Whether --fit or --gpu asks what fits. */
bool mem_asks_fit(const struct mem_report *r);

/* What was asked for, of cards the first, the first two and so on; else the sizes that cards have. Ascending.
 * limits   room for MEM_MAX_LIMITS
 * returns  their number */
size_t mem_limits(const struct mem_report *r, struct mem_limit *limits);

/* What the totals hold, in a few words: "weights + cache in F16 (llama.cpp)". */
void mem_print_scope(FILE *f, const struct mem_report *r);

/* llm_mem_svg.c: the chart. On a page it takes the page's width, alone it has a size of its own.
 * returns false with *err set as mem_sum does */
bool mem_print_svg(const struct mem_report *r, FILE *f, bool on_page, struct fmt_err *err);

/* llm_mem_html.c: one page that needs nothing else. */
bool mem_print_html(const struct mem_report *r, FILE *f, struct fmt_err *err);

#endif
