/* Arithmetic on each element. */
#include "elementary.h"
#include "op.h"

#include <string.h>

void op_scale(struct infer_run *r, float *x, size_t n, float factor)
{
	for (size_t i = 0; i < r->n_tok * n; i++)
		x[i] *= factor;
	op_done(r, "scale", NULL, x, r->n_tok, n, false);
}

void op_temperature(struct infer_run *r, float *x, size_t n)
{
	const struct infer_model *m = r->model;

	if (!(m->temperature.scale > 0))
		return;
	for (size_t t = 0; t < r->n_tok; t++) {
		uint64_t step = ((uint64_t)r->pos + t + m->temperature.from) / m->temperature.length;
		float factor = 1 + m->temperature.scale * (float)infer_log(1 + (double)step);

		for (size_t i = 0; i < n; i++)
			x[t * n + i] *= factor;
	}
	op_done(r, "temperature", NULL, x, r->n_tok, n, false);
}

void op_clear(struct infer_run *r, float *x, size_t n)
{
	for (size_t i = 0; i < r->n_tok * n; i++)
		x[i] = 0;
	op_done(r, "clear", NULL, x, r->n_tok, n, false);
}

void op_add(struct infer_run *r, float *x, const float *y, size_t n)
{
	for (size_t i = 0; i < r->n_tok * n; i++)
		x[i] += y[i];
	op_done(r, "sum", NULL, x, r->n_tok, n, true);
}

void op_clip(struct infer_run *r, float *x, size_t n, float limit)
{
	for (size_t i = 0; limit > 0 && i < r->n_tok * n; i++)
		x[i] = x[i] > limit ? limit : x[i] < -limit ? -limit : x[i];
	op_done(r, "clip", NULL, x, r->n_tok, n, false);
}

struct cap {
	float *x, cap;
	size_t n;
};

static void softcap_row(void *ctx, uint64_t row, unsigned worker)
{
	const struct cap *c = ctx;

	(void)worker;
	infer_softcap_row(c->x + row * c->n, c->cap, c->n);
}

void op_softcap(struct infer_run *r, float *x, size_t n, float cap)
{
	struct cap c = { .x = x, .cap = cap, .n = n };

	if (cap > 0)
		quant_pool_run(r->pool, r->n_tok, softcap_row, &c);
	op_done(r, "soft cap", NULL, x, r->n_tok, n, false);
}

void op_halves(struct infer_run *r, float *first, float *second, const float *x, size_t n_groups, size_t n)
{
	for (size_t i = 0; i < r->n_tok * n_groups; i++) {
		memcpy(first + i * n, x + 2 * i * n, n * sizeof *x);
		memcpy(second + i * n, x + (2 * i + 1) * n, n * sizeof *x);
	}
	op_done(r, "first halves", NULL, first, r->n_tok, n_groups * n, false);
	op_done(r, "second halves", NULL, second, r->n_tok, n_groups * n, false);
}

void op_sigmoid_mul(struct infer_run *r, float *y, const float *gate, size_t n)
{
	for (size_t i = 0; i < r->n_tok * n; i++)
		y[i] *= 1.0f / (1.0f + infer_expf(-gate[i]));
	op_done(r, "gate", NULL, y, r->n_tok, n, false);
}
