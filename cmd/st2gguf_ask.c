/* What a person asks of a conversion beside the recipe's name: an importance matrix, types of single tensors, strictness. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "st2gguf.h"

static bool read_type(const char *option, const char *name, enum fmt_type *t, bool *given, struct fmt_err *err)
{
	*given = name != NULL;
	if (!name || quant_type_named(name, strlen(name), t))
		return true;
	return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "unknown type '%s' for %s (one type, such as Q6_K or BF16, not a mix such "
	                "as Q4_K_M)", name, option);
}

static bool read_overrides(struct conversion *c, const struct st2gguf_ask *a, struct fmt_err *err)
{
	if (!a->tensor_types.n && !a->tensor_type_file)
		return true;
	c->overrides = quant_overrides_create(err);
	if (!c->overrides)
		return false;
	for (size_t i = 0; i < a->tensor_types.n; i++)
		if (!quant_overrides_add(c->overrides, a->tensor_types.items[i], err))
			return false;
	c->ask.overrides = c->overrides;
	return !a->tensor_type_file || quant_overrides_add_file(c->overrides, a->tensor_type_file, err);
}

bool st2gguf_ask(struct conversion *c, const struct st2gguf_ask *a, struct fmt_err *err)
{
	c->ask.pure = a->pure;
	c->ask.leave_output = a->leave_output;
	if (!read_type("--output-type", a->output_type, &c->ask.output, &c->ask.output_given, err) ||
	    !read_type("--embedding-type", a->embedding_type, &c->ask.embedding, &c->ask.embedding_given, err) ||
	    !read_overrides(c, a, err))
		return false;
	c->filter = (struct quant_weights_filter){ a->include.items, a->exclude.items, a->include.n, a->exclude.n };
	if (a->imatrix) {
		c->imatrix = fmt_imatrix_open(a->imatrix, err);
		c->ask.imatrix = c->imatrix != NULL;
	}
	return !a->imatrix || c->imatrix;
}

void st2gguf_ask_finish(struct conversion *c)
{
	quant_overrides_destroy(c->overrides);
	fmt_imatrix_close(c->imatrix);
	free(c->weights);
	c->overrides = NULL;
	c->imatrix = NULL;
	c->weights = NULL;
}

/* Types that come out bad without importance are refused where there is none at all; a plan may be looked at. */
static bool check_needed(const struct conversion *c, bool dry_run, struct fmt_err *err)
{
	for (uint64_t i = 0; i < c->view->n_tensors && !c->imatrix; i++) {
		const struct fmt_view_tensor *vt = &c->view->tensors[i];

		if (vt->type == c->types[i] || !quant_weights_needed(c->recipe, c->types[i], vt->name))
			continue;
		if (!dry_run)
			return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "%s needs an importance matrix (--imatrix FILE, or --imatrix-from TEXT) for tensor '%.*s': "
			                "without one it would lose too much", fmt_type_info(c->types[i])->name, (int)vt->name.n,
			                vt->name.p);
		cli_note(c->program, "note: it can be written with an importance matrix only (--imatrix FILE)");
		break;
	}
	return true;
}

static bool match_weights(struct conversion *c, struct fmt_err *err)
{
	if (!c->imatrix || !c->imatrix->n_entries)
		return true;
	c->weights = calloc(c->view->n_tensors + 1, sizeof *c->weights);
	if (!c->weights)
		return fmt_fail_nomem(err, (c->view->n_tensors + 1) * sizeof *c->weights);
	return quant_weights_match(c->view, c->types, c->imatrix, &c->filter, c->weights, &c->holes, err);
}

/* One finding: a note, or with --strict the error that ends the run. */
static bool found(const struct conversion *c, bool strict, struct fmt_err *err, const char *text)
{
	if (strict)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "%s (--strict)", text);
	cli_note(c->program, "note: %s", text);
	return true;
}

static bool check_fallbacks(const struct conversion *c, bool strict, struct fmt_err *err)
{
	uint64_t n = 0;
	const struct fmt_view_tensor *first = NULL;
	char text[300];

	for (uint64_t i = 0; i < c->view->n_tensors; i++) {
		if (c->why[i] != quant_recipe_fallback)
			continue;
		first = n++ ? first : &c->view->tensors[i];
	}
	if (!n)
		return true;
	snprintf(text, sizeof text, "%" PRIu64 " tensors take another type, their rows are no whole number of blocks: '%.*s'%s",
	         n, (int)(first->name.n < 80 ? first->name.n : 80), first->name.p, n > 1 ? " and others (--dry-run shows them)" : "");
	return found(c, strict, err, text);
}

/* What became of an expression. */
enum use { USE_NO_NAME, USE_KEPT, USE_SHADOWED, USE_USED };

/* Of each expression; a list to be freed, or NULL with *err set. Norms and their like stay as they are, an option of its own
 * (--output-type) comes before an expression, and so does an earlier one. */
static enum use *overrides_used(const struct conversion *c, struct fmt_err *err)
{
	int n = quant_overrides_count(c->overrides);
	enum use *uses = calloc((size_t)n + 1, sizeof *uses);

	if (!uses) {
		fmt_fail_nomem(err, ((size_t)n + 1) * sizeof *uses);
		return NULL;
	}
	for (uint64_t i = 0; n && i < c->view->n_tensors; i++) {
		bool by_expression = c->why[i] == quant_recipe_by_expression || c->why[i] == quant_recipe_fallback;
		int first = quant_overrides_find(c->overrides, c->view->tensors[i].name);

		for (int k = first; k >= 0 && k < n; k++) {
			enum use use = !by_expression ? USE_KEPT : k > first ? USE_SHADOWED : USE_USED;

			if (use > uses[k] && (k == first || quant_overrides_match(c->overrides, k, c->view->tensors[i].name)))
				uses[k] = use;
		}
	}
	return uses;
}

/* An expression that chose no tensor's type is a slip, most often. */
static bool check_overrides(const struct conversion *c, bool strict, struct fmt_err *err)
{
	static const char *const why[] = {
		[USE_NO_NAME] = "none has such a name",
		[USE_KEPT] = "all that have such a name stay as they are, or have an option of their own",
		[USE_SHADOWED] = "earlier expressions take all that have such a name",
	};
	enum use *uses = overrides_used(c, err);
	bool ok = uses != NULL;

	for (int k = 0; ok && k < quant_overrides_count(c->overrides); k++) {
		char text[300];

		if (uses[k] == USE_USED)
			continue;
		snprintf(text, sizeof text, "--tensor-type %.120s is used by no tensor: %s", quant_overrides_text(c->overrides, k),
		         why[uses[k]]);
		ok = found(c, strict, err, text);
	}
	free(uses);
	return ok;
}

/* "the importance matrix WHAT: 'first name' and others", if there is any. */
static bool hole(const struct conversion *c, bool strict, uint64_t n, struct fmt_str first, const char *before,
                 const char *after, struct fmt_err *err)
{
	char text[300];

	if (!n)
		return true;
	snprintf(text, sizeof text, "%s %" PRIu64 " %s: '%.*s'%s", before, n, after, (int)(first.n < 80 ? first.n : 80), first.p,
	         n > 1 ? " and others" : "");
	return found(c, strict, err, text);
}

static bool check_holes(const struct conversion *c, bool strict, struct fmt_err *err)
{
	const struct quant_weights_report *h = &c->holes;

	if (c->weights && !h->n_used)
		cli_note(c->program, "note: no tensor's type uses importance: the result is that without --imatrix");
	return hole(c, strict, h->n_missing, h->missing, "the importance matrix has no data for",
	            "tensors, which are quantized without", err) &&
	       hole(c, strict, h->n_zero, h->zero, "the importance matrix has only zeros for", "tensors, which are quantized without",
	            err) &&
	       hole(c, strict, h->n_experts, h->expert_of, "the text of the importance matrix never reached",
	            "experts, which are quantized without, in", err) &&
	       hole(c, strict, h->n_unused, h->unused, "the importance matrix has entries for",
	            "tensors that this model does not have", err);
}

/* Of what is included or excluded by name, what no tensor has in its name. */
static bool check_filter(const struct conversion *c, bool strict, const char *const *parts, size_t n, struct fmt_err *err)
{
	for (size_t k = 0; k < n; k++) {
		bool there = false;
		char text[300];

		for (uint64_t i = 0; i < c->view->n_tensors && !there; i++)
			there = fmt_str_has(c->view->tensors[i].name, parts[k]);
		snprintf(text, sizeof text, "no tensor has '%.120s' in its name (--include-weights, --exclude-weights)", parts[k]);
		if (!there && !found(c, strict, err, text))
			return false;
	}
	return true;
}

bool st2gguf_ask_check(struct conversion *c, bool strict, bool dry_run, struct fmt_err *err)
{
	return check_needed(c, dry_run, err) && match_weights(c, err) && check_fallbacks(c, strict, err) &&
	       check_overrides(c, strict, err) &&
	       check_filter(c, strict, c->filter.include, c->filter.n_include, err) &&
	       check_filter(c, strict, c->filter.exclude, c->filter.n_exclude, err) && check_holes(c, strict, err);
}
