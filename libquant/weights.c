/* See <libquant/weights.h>. */
#include <inttypes.h>
#include <string.h>

#include <libquant/quant.h>
#include <libquant/weights.h>

/* The output matrix and the embedding: llama-imatrix has no data for them unless asked, and they keep more bits. */
static bool is_end(struct fmt_str name)
{
	return fmt_str_is(name, "output.weight") || fmt_str_is(name, "token_embd.weight") ||
	       fmt_str_is(name, "per_layer_token_embd.weight");
}

bool quant_weights_needed(const struct quant_recipe *r, enum fmt_type type, struct fmt_str name)
{
	if (is_end(name))
		return false;
	switch (type) {
	case FMT_IQ1_S:
	case FMT_IQ1_M:
	case FMT_IQ2_XXS:
	case FMT_IQ2_XS:
	case FMT_IQ2_S:
	case FMT_IQ3_XXS:
		return true;
	case FMT_Q2_K:
		return r && !strcmp(r->name, "Q2_K_S");
	default:
		return false;
	}
}

static bool can_use(const struct fmt_view_tensor *vt, enum fmt_type type)
{
	const struct quant_type *q = quant_type(type);

	return q && q->uses_weights && vt->n_dims >= 2 && (vt->type != type || vt->op != FMT_OP_NONE);
}

static bool has_one(struct fmt_str name, const char *const *parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fmt_str_has(name, parts[i]))
			return true;
	return false;
}

static bool passes(const struct quant_weights_filter *f, struct fmt_str name)
{
	return !f || ((!f->n_include || has_one(name, f->include, f->n_include)) && !has_one(name, f->exclude, f->n_exclude));
}

static bool all_zero(const float *x, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (x[i] != 0)
			return false;
	return true;
}

/* A stack of which every matrix sees all tokens (heads of latent attention) has one count. */
static bool match(const struct fmt_view_tensor *vt, const struct fmt_imatrix_entry *e, struct quant_weights *w,
                  struct quant_weights_report *r, struct fmt_err *err)
{
	uint64_t cols = vt->dims[vt->n_dims - 1], mats = vt->n_dims > 2 ? vt->dims[0] : 1;

	if (e->n_values % cols || e->n_values / cols != mats || (e->n_counts > 1 && e->n_counts != mats))
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "entry %.*s has %" PRIu64 " values, the tensor asks for %" PRIu64
		                " columns times %" PRIu64 ": made from another model?", (int)(vt->name.n < 80 ? vt->name.n : 80),
		                vt->name.p, e->n_values, cols, mats);
	*w = (struct quant_weights){ e->values, mats };
	r->n_used++;
	for (uint64_t i = 0; i < mats; i++) {
		uint64_t *n = mats > 1 ? &r->n_experts : &r->n_zero;
		struct fmt_str *first = mats > 1 ? &r->expert_of : &r->zero;

		r->n_mats++;
		if (all_zero(e->values + i * cols, cols) && !(*n)++)
			*first = vt->name;
	}
	return true;
}

static void count_unused(const struct fmt_view *v, const struct fmt_imatrix *im, struct quant_weights_report *r)
{
	for (uint64_t i = 0; i < im->n_entries; i++) {
		if (fmt_view_find(v, im->entries[i].name))
			continue;
		if (!r->n_unused++)
			r->unused = im->entries[i].name;
	}
}

bool quant_weights_match(const struct fmt_view *v, const enum fmt_type *types, const struct fmt_imatrix *im,
                         const struct quant_weights_filter *filter, struct quant_weights *weights,
                         struct quant_weights_report *report, struct fmt_err *err)
{
	*report = (struct quant_weights_report){ .n_used = 0 };
	memset(weights, 0, v->n_tensors * sizeof *weights);
	for (uint64_t i = 0; i < v->n_tensors; i++) {
		const struct fmt_view_tensor *vt = &v->tensors[i];
		const struct fmt_imatrix_entry *e = fmt_imatrix_find(im, vt->name);

		if (!can_use(vt, types[i]) || !passes(filter, vt->name))
			continue;
		if (e && !match(vt, e, &weights[i], report, err)) {
			fmt_err_file(err, im->path);
			return false;
		}
		if (!e && !is_end(vt->name) && !report->n_missing++)
			report->missing = vt->name;
	}
	count_unused(v, im, report);
	if (report->n_mats && report->n_experts + report->n_zero == report->n_mats) {
		fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "nothing but zeros: it says nothing of what matters");
		fmt_err_file(err, im->path);
		return false;
	}
	if (report->n_unused < im->n_entries)
		return true;
	fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "none of its %" PRIu64 " entries is a tensor of this model: it was made from "
	         "another one", im->n_entries);
	fmt_err_file(err, im->path);
	return false;
}
