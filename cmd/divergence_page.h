/* llm-run --compare --report and st2gguf --verify --report: one page of how far two models are apart, and where. */
#ifndef CMD_DIVERGENCE_PAGE_H
#define CMD_DIVERGENCE_PAGE_H

#include <libinfer/trace.h>
#include <libquant/compare.h>

#include "divergence.h"

/* What there is to show. What is NULL was not measured; a text says why. */
struct divergence_page {
	const char *model, *reference;       /* as a person named them */
	const char *text;                    /* what they were run on, in words */
	struct infer_divergence *d;
	const struct infer_windows *windows; /* of it */
	const struct infer_trace *trace;
	const struct fmt_view *view;         /* the reference's tensors, and adapters that are merged into them or NULL */
	const struct quant_lora *lora;
	const struct quant_error *errors;    /* per tensor of it */
	const enum fmt_type *types;          /* the model's, likewise */
	const char *no_divergence, *no_trace, *no_errors;
	const struct limit *limits;
	size_t n_limits;
};

/* Writes the page, whole or not at all; under a megabyte, whatever the model. */
bool divergence_page_write(struct divergence_page *page, const char *path, bool force, struct fmt_err *err);

/* The pictures, inline SVG; the classes are those of divergence_page.c.
 * divergence_svg.c: how many tokens have which divergence; the error after each layer and within it. */
void divergence_svg_histogram(FILE *f, struct infer_divergence *d);
void divergence_svg_layers(FILE *f, const struct infer_trace *t);

/* divergence_heat.c: tensors by kind and layer, shaded by their error. */
bool divergence_svg_heat(FILE *f, const struct divergence_page *page, struct fmt_err *err);

/* Which of the shades h0 (nothing) to h8 an error has. */
enum { HEAT_SHADES = 9 };
int divergence_shade(double error);

/* What rounding to its type explains of a tensor's error, and whether the error is more. */
double divergence_explained(const struct divergence_page *page, uint64_t tensor);
bool divergence_departs(const struct divergence_page *page, uint64_t tensor);

#endif
