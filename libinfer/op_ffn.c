/* Feed-forward blocks. */
#include "elementary.h"
#include "op.h"

struct gated {
	float *g;
	const float *u; /* NULL: no gate */
	enum infer_gelu kind;
	size_t n;
};

static void silu_mul_row(void *ctx, uint64_t row, unsigned worker)
{
	const struct gated *c = ctx;

	(void)worker;
	infer_silu_mul_row(c->g + row * c->n, c->g + row * c->n, c->u + row * c->n, c->n);
}

void op_silu_mul(struct infer_run *r, float *g, const float *u, size_t n_rows, size_t n)
{
	struct gated c = { .g = g, .u = u, .n = n };

	quant_pool_run(r->pool, n_rows, silu_mul_row, &c);
}

static void relu_squared_row(void *ctx, uint64_t row, unsigned worker)
{
	const struct gated *c = ctx;
	float *g = c->g + row * c->n;

	(void)worker;
	for (size_t i = 0; i < c->n; i++)
		g[i] = g[i] > 0 ? g[i] * g[i] : 0;
}

void op_relu_squared(struct infer_run *r, float *g, size_t n_rows, size_t n)
{
	struct gated c = { .g = g, .n = n };

	quant_pool_run(r->pool, n_rows, relu_squared_row, &c);
}

static void clamped_mul_row(void *ctx, uint64_t row, unsigned worker)
{
	const struct gated *c = ctx;
	const float *u = c->u + row * c->n;
	float *g = c->g + row * c->n;

	(void)worker;
	for (size_t i = 0; i < c->n; i++) {
		float a = g[i] > 7 ? 7 : g[i], b = u[i] > 7 ? 7 : u[i] < -7 ? -7 : u[i];

		g[i] = a / (1.0f + infer_expf(-1.702f * a)) * (b + 1);
	}
}

void op_clamped_mul(struct infer_run *r, float *g, const float *u, size_t n_rows, size_t n)
{
	struct gated c = { .g = g, .u = u, .n = n };

	quant_pool_run(r->pool, n_rows, clamped_mul_row, &c);
}

static void gelu_mul_row(void *ctx, uint64_t row, unsigned worker)
{
	const struct gated *c = ctx;

	(void)worker;
	if (c->kind == INFER_GELU_TANH)
		infer_gelu_row(c->g + row * c->n, c->g + row * c->n, c->n);
	else
		infer_gelu_erf_row(c->g + row * c->n, c->g + row * c->n, c->n);
	for (size_t i = 0; c->u && i < c->n; i++)
		c->g[row * c->n + i] *= c->u[row * c->n + i];
}

void op_gelu_mul(struct infer_run *r, float *g, const float *u, size_t n_rows, size_t n)
{
	struct gated c = { .g = g, .u = u, .n = n, .kind = INFER_GELU_TANH };

	quant_pool_run(r->pool, n_rows, gelu_mul_row, &c);
}

void op_geglu(struct infer_run *r, float *g, const float *x, const struct infer_w *gate, const struct infer_w *up)
{
	op_linear(r, g, x, gate);
	op_linear(r, r->u, x, up);
	op_gelu_mul(r, g, r->u, r->n_tok, gate->rows);
}

void op_gelu(struct infer_run *r, float *g, const float *x, const struct infer_w *up, enum infer_gelu kind)
{
	struct gated c = { .g = g, .n = up->rows, .kind = kind };

	op_linear(r, g, x, up);
	quant_pool_run(r->pool, r->n_tok, gelu_mul_row, &c);
}

void op_swiglu(struct infer_run *r, float *g, const float *x, const struct infer_w *gate, const struct infer_w *up)
{
	op_linear(r, g, x, gate);
	op_linear(r, r->u, x, up);
	op_silu_mul(r, g, r->u, r->n_tok, gate->rows);
}

struct gate {
	float *g;
	size_t n;
	const float *gate;
};

static void gate_token(void *ctx, uint64_t t, unsigned worker)
{
	const struct gate *c = ctx;
	float *g = c->g + t * c->n, factor = 1.0f / (1.0f + infer_expf(-c->gate[t]));

	(void)worker;
	for (size_t i = 0; i < c->n; i++)
		g[i] *= factor;
}

void op_sigmoid_gate(struct infer_run *r, float *g, size_t n, const float *gate)
{
	struct gate c = { .g = g, .n = n, .gate = gate };

	quant_pool_run(r->pool, r->n_tok, gate_token, &c);
}
