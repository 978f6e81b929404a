/* Norms. */
#include "elementary.h"
#include "op.h"

#include <math.h>

struct norm {
	const struct infer_run *r;
	float *y;
	const float *x;
	const struct infer_w *w;
	size_t step; /* from row to row; 0: the weight's width */
	float eps;   /* 0: the model's */
};

/* Eight partial sums folded in halves. */
static double fold(double *s)
{
	for (size_t half = 4; half > 0; half /= 2)
		for (size_t l = 0; l < half; l++)
			s[l] += s[l + half];
	return s[0];
}

/* One over the root of a mean of squares, kept off zero. */
static float inverse_root(const struct norm *c, double mean_square)
{
	return (float)(1 / sqrt(mean_square + (double)(c->eps > 0 ? c->eps : c->r->model->eps)));
}

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
	return fold(s);
}

/* The same for the mean, and for squares of what is left when it is taken off. */
static double mean_of(const float *x, size_t n)
{
	double s[8] = { 0 };

	for (size_t i = 0; i < n; i++)
		s[i % 8] += (double)x[i];
	return fold(s) / (double)n;
}

static double variance(const float *x, size_t n, double mean)
{
	double s[8] = { 0 };

	for (size_t i = 0; i < n; i++)
		s[i % 8] += ((double)x[i] - mean) * ((double)x[i] - mean);
	return fold(s) / (double)n;
}

/* One row of as many elements as the weight has: a token, or a head of it. */
static void rmsnorm_row(void *ctx, uint64_t row, unsigned worker)
{
	const struct norm *c = ctx;
	size_t n = c->w->cols, at = row * (c->step ? c->step : n);
	const float *x = c->x + at;
	float *y = c->y + at, scale;

	(void)worker;
	scale = inverse_root(c, sum_of_squares(x, n) / (double)n);
	for (size_t i = 0; i < n; i++)
		y[i] = x[i] * scale * (c->w->f32 ? c->w->f32[i] : 1);
}

void op_rmsnorm(struct infer_run *r, float *y, const float *x, const struct infer_w *w)
{
	struct norm c = { .r = r, .y = y, .x = x, .w = w };

	quant_pool_run(r->pool, r->n_tok, rmsnorm_row, &c);
	op_done(r, "norm", w, y, r->n_tok, w->cols, false);
}

/* One group of a token's, of which the weight has a row each. */
static void group_row(void *ctx, uint64_t row, unsigned worker)
{
	const struct norm *c = ctx;
	size_t n = c->w->cols;
	const float *z = c->x + row * n, *w = c->w->f32 + row % c->w->rows * n;
	float *y = c->y + row * n, scale;

	(void)worker;
	infer_silu_mul_row(y, z, y, n);
	scale = inverse_root(c, sum_of_squares(y, n) / (double)n);
	for (size_t i = 0; i < n; i++)
		y[i] = y[i] * scale * w[i];
}

/* One head, of which all have the same weight. */
static void gated_head_row(void *ctx, uint64_t row, unsigned worker)
{
	const struct norm *c = ctx;
	size_t n = c->w->cols;
	float *y = c->y + row * n, scale = inverse_root(c, sum_of_squares(y, n) / (double)n);

	(void)worker;
	for (size_t i = 0; i < n; i++)
		y[i] = y[i] * scale * c->w->f32[i];
	infer_silu_mul_row(y, c->x + row * n, y, n);
}

void op_headnorm_gated(struct infer_run *r, float *y, const float *z, const struct infer_w *w)
{
	struct norm c = { .r = r, .y = y, .x = z, .w = w };

	quant_pool_run(r->pool, (uint64_t)r->n_tok * r->model->ssm.heads, gated_head_row, &c);
	op_done(r, "gated norm", w, y, r->n_tok, r->model->ssm.inner, false);
}

void op_gated_groupnorm(struct infer_run *r, float *y, const float *z, const struct infer_w *w)
{
	struct norm c = { .r = r, .y = y, .x = z, .w = w };

	quant_pool_run(r->pool, (uint64_t)r->n_tok * w->rows, group_row, &c);
	op_done(r, "gated norm", w, y, r->n_tok, w->rows * w->cols, false);
}

static void norm_part(struct infer_run *r, float *x, size_t width, const struct infer_w *w, float eps)
{
	struct norm c = { .r = r, .y = x, .x = x, .w = w, .step = width, .eps = eps };

	if (!w->tensor)
		return;
	quant_pool_run(r->pool, r->n_tok, rmsnorm_row, &c);
	op_done_part(r, "norm", w, x, r->n_tok, w->cols, width, false);
}

void op_rmsnorm_part(struct infer_run *r, float *x, size_t width, const struct infer_w *w)
{
	norm_part(r, x, width, w, 0);
}

/* Neither the authors' classes nor those of transformers give these norms the epsilon of config.json: they have the usual one. */
void op_latent_norm(struct infer_run *r, float *x, size_t width, const struct infer_w *w)
{
	norm_part(r, x, width, w, 1e-6f);
}

/* Row after row has row after row of the weight, which has one or as many as there are heads. */
static void layernorm_row(void *ctx, uint64_t row, unsigned worker)
{
	const struct norm *c = ctx;
	size_t n = c->w->cols;
	const float *x = c->x + row * n, *bias = c->w->bias, *w = c->w->f32 ? c->w->f32 + row % c->w->rows * n : NULL;
	float *y = c->y + row * n, scale;
	double mean = mean_of(x, n);

	(void)worker;
	scale = inverse_root(c, variance(x, n, mean));
	for (size_t i = 0; i < n; i++)
		y[i] = (float)((double)x[i] - mean) * scale * (w ? w[i] : 1) + (bias ? bias[i] : 0);
}

void op_layernorm(struct infer_run *r, float *y, const float *x, const struct infer_w *w)
{
	struct norm c = { .r = r, .y = y, .x = x, .w = w };

	quant_pool_run(r->pool, r->n_tok, layernorm_row, &c);
	op_done(r, "norm", w, y, r->n_tok, w->cols, false);
}

void op_layernorm_bare(struct infer_run *r, float *y, const float *x)
{
	const struct infer_w none = { .rows = 1, .cols = r->model->d_model };

	op_layernorm(r, y, x, &none);
}

void op_heads_layernorm(struct infer_run *r, float *x, const struct infer_w *w)
{
	struct norm c = { .r = r, .y = x, .x = x, .w = w };

	if (!w->tensor)
		return;
	quant_pool_run(r->pool, (uint64_t)r->n_tok * w->rows, layernorm_row, &c);
	op_done(r, "norm", w, x, r->n_tok, w->rows * w->cols, false);
}

void op_headnorm(struct infer_run *r, float *x, uint32_t n_heads, const struct infer_w *w)
{
	struct norm c = { .r = r, .y = x, .x = x, .w = w };

	if (!w->tensor)
		return;
	quant_pool_run(r->pool, (uint64_t)r->n_tok * n_heads * r->model->d_k / w->cols, rmsnorm_row, &c);
	op_done(r, "norm", w, x, r->n_tok, (size_t)n_heads * r->model->d_k, false);
}

void op_headnorm_bare(struct infer_run *r, float *x, uint32_t n_heads)
{
	const struct infer_w none = { .rows = 1, .cols = r->model->d_k };
	struct norm c = { .r = r, .y = x, .x = x, .w = &none };

	quant_pool_run(r->pool, (uint64_t)r->n_tok * n_heads, rmsnorm_row, &c);
	op_done(r, "norm", NULL, x, r->n_tok, (size_t)n_heads * r->model->d_k, false);
}
