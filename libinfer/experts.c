/* Routing made visible: counts of what op_route chose. */
#include <libinfer/experts.h>

#include <math.h>
#include <stdlib.h>

#include "run.h"

static void sum_up(struct infer_expert_use *use, uint32_t n_experts, uint64_t total)
{
	for (uint32_t e = 0; e < n_experts; e++) {
		double part = (double)use->chosen[e] / (double)total;

		use->n_never += !use->chosen[e];
		use->busiest = use->chosen[e] > use->chosen[use->busiest] ? e : use->busiest;
		use->entropy -= use->chosen[e] ? part * log2(part) : 0;
	}
	use->share = (double)use->chosen[use->busiest] / (double)total;
}

static bool go_on(void *user, uint64_t window, struct fmt_err *err)
{
	(void)user;
	(void)window;
	return !err->code;
}

bool infer_experts_count(struct infer_run *r, const struct infer_windows *w, struct infer_experts *e, struct fmt_err *err)
{
	const struct infer_model *m = r->model;
	size_t n = (size_t)m->n_layers * m->moe.n_experts; /* of a model that is loaded, which has a row of a router for each */
	bool ok;

	*e = (struct infer_experts){ .n_experts = m->moe.n_experts, .n_used = m->moe.n_used };
	if (!m->moe.n_experts)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "the model has no experts");
	e->memory = calloc(n, sizeof *e->memory);
	e->layers = calloc(m->n_layers, sizeof *e->layers);
	if (!e->memory || !e->layers)
		return fmt_fail_nomem(err, (uint64_t)n * sizeof *e->memory);
	r->expert_use = e->memory;
	ok = infer_windows_feed(w, r, false, go_on, NULL, err);
	r->expert_use = NULL;
	for (uint32_t i = 0; ok && i < m->n_layers; i++) {
		struct infer_expert_use *use = &e->layers[e->n_layers];
		uint64_t total = 0;

		*use = (struct infer_expert_use){ .layer = i, .chosen = e->memory + (size_t)i * m->moe.n_experts };
		for (uint32_t k = 0; k < m->moe.n_experts; k++)
			total += use->chosen[k];
		if (!total)
			continue; /* a layer without experts */
		sum_up(use, m->moe.n_experts, total);
		e->n_tokens = total / m->moe.n_used;
		e->n_layers++;
	}
	return ok;
}

void infer_experts_finish(struct infer_experts *e)
{
	free(e->memory);
	free(e->layers);
	*e = (struct infer_experts){ 0 };
}
