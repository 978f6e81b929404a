/* Norms. */
#include "op.h"

#include <math.h>

struct norm {
	const struct infer_run *r;
	float *y;
	const float *x;
	const struct infer_w *w;
};

/* Sum of squares: partial sum l takes elements l, l + 8, ... in sequence; then the eight are folded in halves. */
static double sum_of_squares(const float *x, size_t n)
{
	double s[8] = { 0 };
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		for (size_t l = 0; l < 8; l++)
			s[l] += (double)x[i + l] * x[i + l];
	for (size_t l = 0; i < n; i++, l++)
		s[l] += (double)x[i] * x[i];
	for (size_t half = 4; half > 0; half /= 2)
		for (size_t l = 0; l < half; l++)
			s[l] += s[l + half];
	return s[0];
}

static void rmsnorm_token(void *ctx, uint64_t t, unsigned worker)
{
	const struct norm *c = ctx;
	size_t n = c->w->cols;
	const float *x = c->x + t * n;
	float *y = c->y + t * n, scale;

	(void)worker;
	scale = (float)(1 / sqrt(sum_of_squares(x, n) / (double)n + (double)c->r->model->eps));
	for (size_t i = 0; i < n; i++)
		y[i] = x[i] * scale * c->w->f32[i];
}

void op_rmsnorm(struct infer_run *r, float *y, const float *x, const struct infer_w *w)
{
	struct norm c = { .r = r, .y = y, .x = x, .w = w };

	quant_pool_run(r->pool, r->n_tok, rmsnorm_token, &c);
}
