/* What an importance matrix says of the tensors of a view. */
#ifndef LIBQUANT_WEIGHTS_H
#define LIBQUANT_WEIGHTS_H

#include <libfmt/imatrix.h>
#include <libfmt/view.h>
#include <libquant/recipe.h>

struct quant_weights {
	const float *values; /* [n_mats][columns]; NULL: none. A matrix of zeros counts as none */
	uint64_t n_mats;     /* experts of a stacked tensor; 1 */
};

/* Holes: what has no data is quantized as without an importance matrix. */
struct quant_weights_report {
	uint64_t n_used;     /* tensors with data */
	uint64_t n_mats;     /* their matrices: each expert is one */
	uint64_t n_missing;  /* tensors that could use data and have none; the output matrix and the embedding never have */
	uint64_t n_experts;  /* experts without data, in stacked tensors: never chosen by the text */
	uint64_t n_zero;     /* other tensors whose data are zeros only */
	uint64_t n_unused;   /* entries that no tensor of the view has the name of */
	struct fmt_str missing, expert_of, zero, unused; /* the first of each */
};

/* Parts of tensors' names. With `include` only tensors with one of these use importance, with `exclude` all but those. */
struct quant_weights_filter {
	const char *const *include, *const *exclude;
	size_t n_include, n_exclude;
};

/* Finds the entry of every tensor that will be quantized into a type that can use it.
 * filter   may be NULL. What it leaves out is not missing
 * weights  out: v->n_tensors of them
 * returns  false with *err set: sizes that do not fit (an importance matrix of another model), no entry at all that belongs
 *          to the view, or nothing but zeros */
bool quant_weights_match(const struct fmt_view *v, const enum fmt_type *types, const struct fmt_imatrix *im,
                         const struct quant_weights_filter *filter, struct quant_weights *weights,
                         struct quant_weights_report *report, struct fmt_err *err);

/* Does this type of this tensor come out bad without importance, so that llama-quantize refuses it? */
bool quant_weights_needed(const struct quant_recipe *r, enum fmt_type type, struct fmt_str name);

#endif
