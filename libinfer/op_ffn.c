/* Feed-forward blocks. */
#include "elementary.h"
#include "op.h"

struct gated {
	float *g;
	const float *u;
	size_t n;
};

static void silu_mul_token(void *ctx, uint64_t t, unsigned worker)
{
	const struct gated *c = ctx;

	(void)worker;
	infer_silu_mul_row(c->g + t * c->n, c->g + t * c->n, c->u + t * c->n, c->n);
}

void op_swiglu(struct infer_run *r, float *g, const float *x, const struct infer_w *gate, const struct infer_w *up)
{
	struct gated c = { .g = g, .u = r->u, .n = gate->rows };

	op_linear(r, g, x, gate);
	op_linear(r, r->u, x, up);
	quant_pool_run(r->pool, r->n_tok, silu_mul_token, &c);
}
