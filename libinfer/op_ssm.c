/* Recurrent layers: what they keep of a sequence does not grow with it. Work is divided by channels or heads, each of which goes
 * through the tokens of the batch in order. */
#include "elementary.h"
#include "op.h"

#include <math.h>

enum { CHANNELS_PER_ITEM = 64 };

/* Partial sum l takes elements l, l + 8, ...; then the eight are folded in halves. */
static float dot(const float *a, const float *b, size_t n)
{
	float s[8] = { 0 };
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		for (size_t l = 0; l < 8; l++)
			s[l] += a[i + l] * b[i + l];
	for (size_t l = 0; i < n; i++, l++)
		s[l] += a[i] * b[i];
	for (size_t half = 4; half > 0; half /= 2)
		for (size_t l = 0; l < half; l++)
			s[l] += s[l + half];
	return s[0];
}

struct conv {
	const struct infer_run *r;
	float *y;
	const float *x;
	float *kept; /* [kernel - 1, C]: inputs before the batch */
	const struct infer_w *w;
};

/* Input of channel c, `at` tokens after the first that is kept. */
static float conv_input(const struct conv *v, size_t at, size_t c)
{
	size_t n_kept = v->w->cols - 1;

	return at < n_kept ? v->kept[at * v->w->rows + c] : v->x[(at - n_kept) * v->w->rows + c];
}

static void conv_channels(void *ctx, uint64_t item, unsigned worker)
{
	const struct conv *v = ctx;
	size_t n = v->w->rows, kernel = v->w->cols, first = item * CHANNELS_PER_ITEM;
	size_t end = n - first < CHANNELS_PER_ITEM ? n : first + CHANNELS_PER_ITEM;

	(void)worker;
	for (size_t t = 0; t < v->r->n_tok; t++)
		for (size_t c = first; c < end; c++) {
			float sum = v->w->bias ? v->w->bias[c] : 0;

			for (size_t j = 0; j < kernel; j++)
				sum += conv_input(v, t + j, c) * v->w->f32[c * kernel + j];
			v->y[t * n + c] = sum / (1.0f + infer_expf(-sum));
		}
	for (size_t j = 0; j + 1 < kernel; j++)
		for (size_t c = first; c < end; c++)
			v->kept[j * n + c] = conv_input(v, v->r->n_tok + j, c);
}

void op_conv(struct infer_run *r, float *y, const float *x, const struct infer_w *w)
{
	struct conv v = { .r = r, .y = y, .x = x, .kept = r->kv.conv[r->layer], .w = w };

	quant_pool_run(r->pool, (w->rows + CHANNELS_PER_ITEM - 1) / CHANNELS_PER_ITEM, conv_channels, &v);
	op_done(r, "convolution", w, y, r->n_tok, w->rows, false);
}

struct scan {
	const struct infer_run *r;
	float *y;              /* [T, I] */
	const float *x;        /* [T, x_row], the first I of each */
	const float *z;        /* [T, I] */
	const float *step;     /* [T, I], or [T, heads] */
	const float *b, *c;    /* [T, bc_row], the first N of each; of heads [groups, N] */
	size_t x_row, bc_row;
	const float *a, *d, *bias;
	float *state;          /* [I, N] */
};

/* One element of the width. */
static void selective_scan_item(void *ctx, uint64_t i, unsigned worker)
{
	const struct scan *s = ctx;
	size_t width = s->r->model->ssm.inner, n_state = s->r->model->ssm.state;
	float *state = s->state + i * n_state, *decay = infer_scratch(s->r, worker);

	for (size_t t = 0; t < s->r->n_tok; t++) {
		const float *b = s->b + t * s->bc_row, *c = s->c + t * s->bc_row;
		float x = s->x[t * s->x_row + i], step = infer_softplusf(s->step[t * width + i]);
		float *y = &s->y[t * width + i];

		for (size_t n = 0; n < n_state; n++)
			decay[n] = step * s->a[i * n_state + n];
		infer_expf_row(decay, decay, 0, n_state);
		for (size_t n = 0; n < n_state; n++)
			state[n] = decay[n] * state[n] + step * b[n] * x;
		*y = dot(state, c, n_state) + s->d[i] * x;
		infer_silu_mul_row(y, &s->z[t * width + i], y, 1);
	}
}

void op_selective_scan(struct infer_run *r, float *y, const float *x, const float *z, const float *step, const float *bc,
                       const struct infer_w *a, const struct infer_w *d)
{
	size_t width = r->model->ssm.inner, n_state = r->model->ssm.state;
	struct scan s = { .r = r, .y = y, .x = x, .x_row = width, .z = z, .step = step, .b = bc, .c = bc + n_state,
	                  .bc_row = 2 * n_state, .a = a->f32, .d = d->f32, .state = r->kv.state[r->layer] };

	quant_pool_run(r->pool, width, selective_scan_item, &s);
	op_done(r, "selective scan", a, y, r->n_tok, width, false);
}

/* softplus(x), within the model's limits. */
static float time_step(const struct infer_ssm *ssm, float x)
{
	float step = infer_softplusf(x);

	if (ssm->step_least > 0 && step < ssm->step_least)
		step = ssm->step_least;
	return ssm->step_most > 0 && step > ssm->step_most ? ssm->step_most : step;
}

/* One head, whose elements share what decays. */
static void ssd_scan_item(void *ctx, uint64_t head, unsigned worker)
{
	const struct scan *s = ctx;
	const struct infer_ssm *ssm = &s->r->model->ssm;
	size_t width = ssm->inner / ssm->heads, n_state = ssm->state, group = head / (ssm->heads / ssm->groups);

	(void)worker;
	for (size_t t = 0; t < s->r->n_tok; t++) {
		const float *b = s->b + t * s->bc_row + group * n_state, *c = s->c + t * s->bc_row + group * n_state;
		const float *x = s->x + t * s->x_row + head * width;
		float step = time_step(ssm, s->step[t * ssm->heads + head] + s->bias[head]), decay = infer_expf(step * s->a[head]);
		float *y = s->y + t * ssm->inner + head * width;

		for (size_t i = 0; i < width; i++) {
			float *state = s->state + (head * width + i) * n_state;

			for (size_t n = 0; n < n_state; n++)
				state[n] = decay * state[n] + step * b[n] * x[i];
			y[i] = dot(state, c, n_state) + s->d[head] * x[i];
		}
	}
}

void op_ssd_scan(struct infer_run *r, float *y, const float *xbc, const float *step, const struct infer_w *a,
                 const struct infer_w *d, const struct infer_w *bias)
{
	const struct infer_ssm *ssm = &r->model->ssm;
	size_t n_shared = (size_t)ssm->groups * ssm->state, row = infer_conv_width(ssm);
	struct scan s = { .r = r, .y = y, .x = xbc, .x_row = row, .step = step, .b = xbc + ssm->inner,
	                  .c = xbc + ssm->inner + n_shared, .bc_row = row, .a = a->f32, .d = d->f32, .bias = bias->f32,
	                  .state = r->kv.state[r->layer] };

	quant_pool_run(r->pool, ssm->heads, ssd_scan_item, &s);
	op_done(r, "state space scan", a, y, r->n_tok, ssm->inner, false);
}

struct delta {
	const struct infer_run *r;
	float *y;                 /* [T, heads, width] */
	const float *qkv;         /* [T, C] */
	const float *step, *beta; /* [T, heads] */
	const float *a, *bias;
	float *state;             /* [heads, width, N] */
};

/* y = x / sqrt(sum(x^2) + 1e-6) * scale */
static void unit(float *y, const float *x, size_t n, float scale)
{
	float inverse = 1.0f / sqrtf(dot(x, x, n) + 1e-6f);

	for (size_t i = 0; i < n; i++)
		y[i] = x[i] * inverse * scale;
}

static void delta_item(void *ctx, uint64_t head, unsigned worker)
{
	const struct delta *d = ctx;
	const struct infer_ssm *ssm = &d->r->model->ssm;
	size_t n = ssm->state, width = ssm->inner / ssm->heads, row = infer_conv_width(ssm);
	size_t group = ssm->in_turn ? head % ssm->groups : head / (ssm->heads / ssm->groups);
	float *q = infer_scratch(d->r, worker), *k = q + n, scale = 1.0f / sqrtf((float)n);

	for (size_t t = 0; t < d->r->n_tok; t++) {
		const float *in = d->qkv + t * row, *v = in + 2 * ssm->groups * n + head * width;
		float decay = infer_expf(d->a[head] * infer_softplusf(d->step[t * ssm->heads + head] + d->bias[head]));
		float part = 1.0f / (1.0f + infer_expf(-d->beta[t * ssm->heads + head]));
		float *y = d->y + t * ssm->inner + head * width;

		unit(q, in + group * n, n, scale);
		unit(k, in + (ssm->groups + group) * n, n, 1);
		for (size_t i = 0; i < width; i++) {
			float *state = d->state + (head * width + i) * n, change;

			for (size_t j = 0; j < n; j++)
				state[j] *= decay;
			change = (v[i] - dot(state, k, n)) * part;
			for (size_t j = 0; j < n; j++)
				state[j] += k[j] * change;
			y[i] = dot(state, q, n);
		}
	}
}

void op_delta_rule(struct infer_run *r, float *y, const float *qkv, const float *step, const float *beta, const struct infer_w *a,
                   const struct infer_w *bias)
{
	struct delta d = { .r = r, .y = y, .qkv = qkv, .step = step, .beta = beta, .a = a->f32, .bias = bias->f32,
	                   .state = r->kv.state[r->layer] };

	quant_pool_run(r->pool, r->model->ssm.heads, delta_item, &d);
	op_done(r, "delta rule", a, y, r->n_tok, r->model->ssm.inner, false);
}
