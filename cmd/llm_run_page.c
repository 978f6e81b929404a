/* llm-run --compare --report: what the page shows beside the divergence. */
#include <stdlib.h>

#include <libinfer/trace.h>

#include "divergence_page.h"
#include "llm_run.h"

/* Weights, where both have the same tensors. What keeps them from being compared is no error here: the page says it. */
struct weights {
	struct quant_error *errors;
	enum fmt_type *types;
	struct fmt_err why;
};

static bool compare_weights(const struct cli_program *p, const struct loaded *l, const struct loaded *reference,
                            struct quant_pool *pool, struct weights *w, struct fmt_err *err)
{
	uint64_t n = reference->view->n_tensors;
	struct cli_progress progress;
	struct quant_compare c = {
		.reference = { reference->view, NULL },
		.other = { l->view, l->adapters.lora },
		.pool = pool,
		.progress = cli_progress_update,
		.progress_ctx = &progress,
	};
	bool ok;

	w->errors = calloc(n + 1, sizeof *w->errors);
	w->types = calloc(n + 1, sizeof *w->types);
	if (!w->errors || !w->types)
		return fmt_fail_nomem(err, (n + 1) * sizeof *w->errors);
	cli_progress_start(&progress, p, "tensors", "weights");
	ok = quant_compare_run(&c, w->errors, &w->why);
	cli_progress_end(&progress);
	for (uint64_t i = 0; ok && i < n; i++)
		w->types[i] = fmt_view_find(l->view, reference->view->tensors[i].name)->type;
	return true;
}

bool write_page(const struct cli_program *p, const struct options *o, const struct measured *m, const struct loaded *l,
                const struct loaded *reference, struct quant_pool *pool, const struct infer_tokens *ids, struct infer_divergence *d,
                struct fmt_err *err)
{
	struct limit limits[DIVERGENCE_LIMITS];
	struct infer_trace t = { .n_parts = 0 };
	struct weights w = { .errors = NULL };
	struct fmt_err parting = { 0 };
	uint32_t n = ids->n < UINT32_MAX ? (uint32_t)ids->n : UINT32_MAX;
	bool traced = infer_trace_compare(reference->model, l->model, ids->ids, n, &t, &parting);
	bool ok = compare_weights(p, l, reference, pool, &w, err);
	struct divergence_page page = {
		.model = m->model,
		.reference = m->reference,
		.text = o->file || uses_sample(o) ? divergence_text(o->file) : "the prompt",
		.d = d,
		.windows = m->windows,
		.trace = traced ? &t : NULL,
		.view = reference->view,
		.errors = w.why.code ? NULL : w.errors,
		.types = w.types,
		.no_trace = parting.msg,
		.no_errors = w.why.msg,
		.limits = limits,
		.n_limits = divergence_limits(&o->limits, d, limits),
	};

	ok = ok && divergence_page_write(&page, o->report, o->force, err);
	infer_trace_finish(&t);
	free(w.errors);
	free(w.types);
	return ok;
}
