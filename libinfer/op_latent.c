/* Queries of latent attention (arXiv:2405.04434, 2.1.2). */
#include "op.h"

#include <string.h>

struct copy {
	const struct infer_model *m;
	uint32_t n_heads;
	float *y;
	const float *q;
};

static void copy_turned(void *ctx, uint64_t t, unsigned worker)
{
	const struct copy *c = ctx;
	const struct infer_model *m = c->m;
	size_t width = m->latent.width, kept = infer_cache_k(m), n = kept - width;

	(void)worker;
	for (size_t i = t * c->n_heads; i < (t + 1) * c->n_heads; i++)
		memcpy(c->y + i * kept + width, c->q + i * m->d_k + m->latent.d_nope, n * sizeof *c->y);
}

void op_latent_queries(struct infer_run *r, float *y, const float *q, const struct infer_w *w)
{
	struct copy c = { .m = r->model, .n_heads = r->model->layers[r->layer].n_head, .y = y, .q = q };

	op_linear_heads(r, y, infer_cache_k(r->model), q, r->model->d_k, w);
	quant_pool_run(r->pool, r->n_tok, copy_turned, &c);
	op_done(r, "linear", w, y, r->n_tok, c.n_heads * (size_t)infer_cache_k(r->model), false);
}
