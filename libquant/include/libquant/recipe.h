/* Recipes: which type each tensor gets under a name such as Q4_K_M, as llama.cpp of August 2026 chooses. */
#ifndef LIBQUANT_RECIPE_H
#define LIBQUANT_RECIPE_H

#include <libfmt/view.h>
#include <libquant/override.h>

struct quant_recipe {
	const char *name;      /* "Q4_K_M" */
	enum fmt_type base;
	int file_type;         /* general.file_type */
	const char *about;     /* one line for --help */
};

const struct quant_recipe *quant_recipe_find(const char *name); /* any case; NULL: no such recipe */
const struct quant_recipe *quant_recipe_list(size_t *n);        /* all, in the order of --help */
const struct quant_recipe *quant_recipe_numbered(int file_type); /* by general.file_type; NULL: no such recipe */

/* Does the recipe give types by the rules of a mix? Which mix that is, by whose rules and since when. */
bool quant_recipe_mixes(const struct quant_recipe *r);
extern const char quant_recipe_mix[];

/* What a person may ask for beside a recipe's name. A zeroed one asks for nothing. */
struct quant_recipe_opts {
	bool imatrix;      /* there is importance, which some rules ask after */
	bool pure;         /* the recipe's own type everywhere: no mix */
	bool leave_output; /* output.weight keeps its type */
	bool keep_blocks;  /* what a checkpoint has in blocks (MXFP4, NVFP4) stays so, whatever the recipe */
	bool output_given, embedding_given;
	enum fmt_type output, embedding; /* of the output matrix and of the embedding; of one that is both the embedding's, if given */
	const struct quant_overrides *overrides; /* single tensors that the options above do not name; NULL: none */
};

/* The type of every tensor of the view under the recipe; without one (NULL) each keeps its own. What is asked for by name comes
 * on top. Where rows are no whole number of the type's blocks it is the
 * next type that fits, in the end F16, which fits all.
 * opts    may be NULL
 * types   out: v->n_tensors of them
 * why     out, may be NULL: per tensor a constant text naming the rule; quant_recipe_fallback where the rows did not fit
 * returns false if the metadata are not of the types that the rules need, or out of memory */
bool quant_recipe_plan(const struct fmt_view *v, const struct quant_recipe *r, const struct quant_recipe_opts *opts,
                       enum fmt_type *types, const char **why, struct fmt_err *err);
extern const char quant_recipe_fallback[];
extern const char quant_recipe_by_expression[]; /* that of one of the overrides; where its rows did not fit, the fallback's */
extern const char quant_recipe_kept[]; /* the rule of a tensor that keeps its type because nothing asks for another */

/* The same in two steps, for one view under many recipes: what the rules ask of a model and of its tensors' names takes longer
 * to find out than a plan, and is learned once. The view outlives it.
 * returns NULL with *err set as quant_recipe_plan does */
struct quant_recipe_model;
struct quant_recipe_model *quant_recipe_learn(const struct fmt_view *v, struct fmt_err *err);
void quant_recipe_forget(struct quant_recipe_model *m); /* NULL is fine */
void quant_recipe_plan_of(const struct quant_recipe_model *m, const struct quant_recipe *r,
                          const struct quant_recipe_opts *opts, enum fmt_type *types, const char **why);

#endif
