/* Mixtures of experts (arXiv:1701.06538): each token goes through a few of many feed-forward blocks.
 *
 * The pairs of a token and an expert are sorted by expert, so that every expert's weights are read once per batch. A
 * token's result is the sum over its experts in ascending order, whoever else is in the batch. */
#include "elementary.h"
#include "op.h"

#include <math.h>
#include <string.h>

/* p[i] = exp(p[i] - max p) / sum; the sum in double, in sequence. */
static void softmax(float *p, size_t n)
{
	float max = p[0];
	double sum = 0;

	for (size_t i = 1; i < n; i++)
		max = p[i] > max ? p[i] : max;
	infer_expf_row(p, p, max, n);
	for (size_t i = 0; i < n; i++)
		sum += (double)p[i];
	for (size_t i = 0; i < n; i++)
		p[i] = (float)((double)p[i] / sum);
}

/* p[i] = 1 / (1 + exp(-p[i])). */
static void sigmoid(float *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = 1.0f / (1.0f + infer_expf(-p[i]));
}

/* The sum of the one or two largest of s [n]. */
static float best_of_group(const float *s, size_t n, uint32_t top)
{
	float best = s[0], second = -INFINITY;

	for (size_t i = 1; i < n; i++) {
		second = s[i] > best ? best : s[i] > second ? s[i] : second;
		best = s[i] > best ? s[i] : best;
	}
	return top > 1 && n > 1 ? best + second : best;
}

/* Takes the worst groups out of the choice, of equal ones the last. */
static void limit_groups(const struct infer_moe *moe, float *s, float *group)
{
	size_t n = moe->n_experts / moe->n_groups;

	for (size_t g = 0; g < moe->n_groups; g++)
		group[g] = best_of_group(s + g * n, n, moe->group_top);
	for (size_t left = moe->n_groups; left > moe->n_groups_used; left--) {
		size_t worst = 0;

		for (size_t g = 1; g < moe->n_groups; g++)
			if (group[g] <= group[worst])
				worst = g;
		group[worst] = INFINITY;
		for (size_t i = 0; i < n; i++)
			s[worst * n + i] = -INFINITY;
	}
}

/* The n_used experts with the largest scores s [n], first ones first among equals; their numbers ascending. Each weighs what p
 * says. Takes them out of p. They are different ones even where s has NaN, which compares with nothing. */
static void choose(float *p, const float *s, size_t n, uint32_t *expert, float *weight, size_t n_used)
{
	const float taken = -1;

	for (size_t used = 0; used < n_used; used++) {
		size_t best = 0, at = used;

		while (p[best] == taken)
			best++;
		for (size_t i = best + 1; i < n; i++)
			if (p[i] != taken && s[i] > s[best])
				best = i;
		for (; at > 0 && expert[at - 1] > best; at--) {
			expert[at] = expert[at - 1];
			weight[at] = weight[at - 1];
		}
		expert[at] = (uint32_t)best;
		weight[at] = p[best];
		p[best] = taken;
	}
}

/* The sum is kept off zero as in DeepSeek's code: sigmoids can all be 0. */
static void normalise(float *weight, size_t n)
{
	double sum = 1e-20;

	for (size_t i = 0; i < n; i++)
		sum += (double)weight[i];
	for (size_t i = 0; i < n; i++)
		weight[i] = (float)((double)weight[i] / sum);
}

struct routing {
	const struct infer_run *r;
	const float *correction; /* [n_experts], or NULL */
};

static void route_token(void *ctx, uint64_t t, unsigned worker)
{
	const struct routing *c = ctx;
	const struct infer_route *route = &c->r->route;
	const struct infer_moe *moe = &c->r->model->moe;
	float *p = route->p + t * moe->n_experts, *s = route->score + t * moe->n_experts, *weight = route->weight + t * moe->n_used;

	(void)worker;
	(moe->sigmoid ? sigmoid : softmax)(p, moe->n_experts);
	for (size_t i = 0; i < moe->n_experts; i++)
		s[i] = c->correction ? p[i] + c->correction[i] : p[i];
	if (moe->n_groups)
		limit_groups(moe, s, route->group + t * moe->n_groups);
	choose(p, s, moe->n_experts, route->expert + t * moe->n_used, weight, moe->n_used);
	if (moe->normalise)
		normalise(weight, moe->n_used);
	for (size_t i = 0; moe->scale > 0 && i < moe->n_used; i++)
		weight[i] *= moe->scale;
}

/* Gives every pair its row: expert after expert, within one the tokens in order. */
static void sort_by_expert(struct infer_run *r)
{
	const struct infer_moe *moe = &r->model->moe;
	struct infer_route *route = &r->route;
	size_t n_pairs = (size_t)r->n_tok * moe->n_used;
	uint32_t first = 0;

	for (uint32_t e = 0; e < moe->n_experts; e++)
		route->groups[e] = (struct infer_group){ .matrix = e };
	for (size_t i = 0; i < n_pairs; i++)
		route->groups[route->expert[i]].n++;
	for (uint32_t e = 0; e < moe->n_experts; e++) {
		route->groups[e].first = first;
		first += route->groups[e].n;
		route->groups[e].n = 0;
	}
	for (size_t i = 0; i < n_pairs; i++) {
		struct infer_group *g = &route->groups[route->expert[i]];

		route->row[i] = g->first + g->n++;
	}
	if (r->expert_use)
		for (uint32_t e = 0; e < moe->n_experts; e++)
			r->expert_use[(size_t)r->layer * moe->n_experts + e] += route->groups[e].n;
	route->n_groups = 0;
	for (uint32_t e = 0; e < moe->n_experts; e++)
		if (route->groups[e].n)
			route->groups[route->n_groups++] = route->groups[e];
}

void op_route_corrected(struct infer_run *r, const float *x, const struct infer_w *router, const struct infer_w *correction)
{
	struct routing c = { .r = r, .correction = correction->f32 };

	op_linear(r, r->route.p, x, router);
	quant_pool_run(r->pool, r->n_tok, route_token, &c);
	sort_by_expert(r);
}

void op_route(struct infer_run *r, const float *x, const struct infer_w *router)
{
	op_route_corrected(r, x, router, &(struct infer_w){ 0 });
}

/* The largest of s [n] that is left, and its weight among those near it; takes it out of `left` (1 or 0 each). */
static uint32_t mix_one(const float *s, float *left, size_t n, float jitter, float *weight)
{
	size_t best = 0;
	double sum = 0;

	while (left[best] == 0)
		best++;
	for (size_t i = best + 1; i < n; i++)
		if (left[i] > 0 && s[i] > s[best])
			best = i;
	for (size_t i = 0; i < n; i++)
		if (left[i] > 0 && !((s[best] - s[i]) / fmaxf(fabsf(s[i]), s[best]) > 2 * jitter))
			sum += (double)infer_expf(s[i] - s[best]);
	left[best] = 0;
	*weight = (float)(1 / sum);
	return (uint32_t)best;
}

static void mix_token(void *ctx, uint64_t t, unsigned worker)
{
	const struct infer_run *r = ctx;
	const struct infer_moe *moe = &r->model->moe;
	float *s = r->route.p + t * moe->n_experts, *left = r->route.score + t * moe->n_experts, *weight = r->route.weight + t * moe->n_used;
	uint32_t *expert = r->route.expert + t * moe->n_used;

	(void)worker;
	for (size_t i = 0; i < moe->n_experts; i++)
		left[i] = 1;
	for (size_t used = 0; used < moe->n_used; used++) {
		float w;
		uint32_t e = mix_one(s, left, moe->n_experts, moe->jitter, &w);
		size_t at = used;

		for (; at > 0 && expert[at - 1] > e; at--) {
			expert[at] = expert[at - 1];
			weight[at] = weight[at - 1];
		}
		expert[at] = e;
		weight[at] = w;
	}
}

void op_route_mixed(struct infer_run *r, const float *x, const struct infer_w *router)
{
	op_linear(r, r->route.p, x, router);
	quant_pool_run(r->pool, r->n_tok, mix_token, r);
	sort_by_expert(r);
}

struct rows {
	const struct infer_run *r;
	const float *x; /* [T, n] */
	float *y;
	size_t n;
};

static void gather_token(void *ctx, uint64_t t, unsigned worker)
{
	const struct rows *c = ctx;
	size_t n = c->n, n_used = c->r->model->moe.n_used;

	(void)worker;
	for (size_t i = t * n_used; i < (t + 1) * n_used; i++) {
		float *x = c->r->route.x + c->r->route.row[i] * n;

		memcpy(x, c->x + t * n, n * sizeof *x);
		for (size_t d = 0; c->r->model->moe.weigh_input && d < n; d++)
			x[d] *= c->r->route.weight[i];
	}
}

static void sum_token(void *ctx, uint64_t t, unsigned worker)
{
	const struct rows *c = ctx;
	const struct infer_route *route = &c->r->route;
	size_t n = c->n, n_used = c->r->model->moe.n_used;
	bool weigh = !c->r->model->moe.weigh_input;
	float *y = c->y + t * n;

	(void)worker;
	for (size_t d = 0; d < n; d++) {
		float sum = 0;

		for (size_t i = t * n_used; i < (t + 1) * n_used; i++)
			sum += (weigh ? route->weight[i] : 1) * route->y[route->row[i] * n + d];
		y[d] += sum;
	}
}

void op_experts_in(struct infer_run *r, const float *x, const struct infer_w *gate, const struct infer_w *up)
{
	struct infer_route *route = &r->route;
	struct rows c = { .r = r, .x = x, .n = gate->cols };

	quant_pool_run(r->pool, r->n_tok, gather_token, &c);
	op_linear_groups(r, r->g, route->x, gate, route->groups, route->n_groups);
	if (up)
		op_linear_groups(r, r->u, route->x, up, route->groups, route->n_groups);
}

void op_experts_out(struct infer_run *r, float *y, const struct infer_w *down)
{
	struct infer_route *route = &r->route;
	struct rows c = { .r = r, .y = y, .n = down->rows };

	op_linear_groups(r, route->y, r->g, down, route->groups, route->n_groups);
	quant_pool_run(r->pool, r->n_tok, sum_token, &c);
	op_done(r, "sum of experts", NULL, y, r->n_tok, down->rows, true);
}

void op_experts_add(struct infer_run *r, float *y, const float *x, const struct infer_w *gate, const struct infer_w *up,
                    const struct infer_w *down)
{
	op_experts_in(r, x, gate, up);
	op_silu_mul(r, r->g, r->u, (size_t)r->n_tok * r->model->moe.n_used, gate->rows);
	op_experts_out(r, y, down);
}
