/* Recipes: which type each tensor gets under a name such as Q4_K_M, as llama.cpp of August 2026 chooses. */
#ifndef LIBQUANT_RECIPE_H
#define LIBQUANT_RECIPE_H

#include <libfmt/view.h>

struct quant_recipe {
	const char *name;      /* "Q4_K_M" */
	enum fmt_type base;
	int file_type;         /* general.file_type */
	const char *about;     /* one line for --help */
};

const struct quant_recipe *quant_recipe_find(const char *name); /* any case; NULL: no such recipe */
const struct quant_recipe *quant_recipe_list(size_t *n);        /* all, in the order of --help */

/* The type of every tensor of the view under the recipe. Where rows are no whole number of the type's blocks it is the
 * next type that fits, in the end F16, which fits all.
 * types   out: v->n_tensors of them
 * why     out, may be NULL: per tensor a constant text naming the rule; quant_recipe_fallback where the rows did not fit
 * returns false if the metadata are not of the types that the rules need, or out of memory */
bool quant_recipe_plan(const struct fmt_view *v, const struct quant_recipe *r, enum fmt_type *types, const char **why,
                       struct fmt_err *err);
extern const char quant_recipe_fallback[];

#endif
