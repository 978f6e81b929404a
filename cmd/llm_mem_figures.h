/* Figures with their products, for llm-mem --explain. */
#ifndef CMD_LLM_MEM_FIGURES_H
#define CMD_LLM_MEM_FIGURES_H

#include <libfmt/explain.h>

#include "llm_mem.h"

/* One figure. Its expression has numbers, + - x / and brackets; every other word is a unit or a name, so that the
 * numbers alone multiply out to `value`. */
struct figure {
	char name[80];  /* where it stands in the JSON: "parameters.by_component.attention" */
	char title[64]; /* for people */
	bool bytes;     /* else elements */
	uint64_t value;
	char *expression;
	int share;      /* enum fmt_share whose tensors make it; -1: none */
	const struct mem_weights *weights; /* whose sum it is; NULL: none */
	bool plain;     /* a sum that anyone can see: not in the text */
	struct fmt_origin_set used;
};

struct figures {
	const struct mem_report *r;
	struct fmt_tensor_kinds kinds;
	struct figure *list;
	size_t n, cap;
	FILE *f;        /* the expression being written */
	size_t size;    /* of it */
	bool no_memory;
};

/* All figures of a report; to be finished in every case.
 * returns false with *err set: no memory, a product past 64 bits */
bool figures_init(struct figures *x, const struct mem_report *r, struct fmt_err *err);
void figures_finish(struct figures *x);

/* Adds a figure that is made of others: `format` holds its expression. Without memory x->no_memory is set. */
void figures_add(struct figures *x, const char *name, const char *title, uint64_t value, const char *format, ...)
	FMT_PRINTF(5, 6);

/* llm_mem_figures_asked.c: those of --bandwidth and --train, where they were given.
 * returns false with *err set as fmt_speed_step does */
bool figures_speed(struct figures *x, struct fmt_err *err);
void figures_training(struct figures *x);

#endif
