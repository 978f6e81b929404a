/* Causal attention over the cache (arXiv:1706.03762), with shared key heads (arXiv:2305.13245) and a sliding window; or over
 * narrow vectors that all heads share (arXiv:2405.04434). */
#include "elementary.h"
#include "op.h"

enum { LATENT_GROUP = 8 }; /* heads of latent attention that a worker takes at a time */

/* Queries come in groups that look at the same keys. */
struct attention {
	const struct infer_run *r;
	uint32_t window;
	float *y;               /* [T, n_groups, group, d_v] */
	const float *q;         /* [T, n_groups, group, d_k] */
	size_t n_groups, group;
	const float *k, *v;     /* the layer's cache: rows of k_row and v_row floats, one per position */
	size_t k_row, v_row;
	size_t head_rows;       /* from one group's first row to the next one's: n_ctx, or 0 where all have the same */
	size_t d_k, d_v;
	const float *sinks;     /* [n_groups, group], or NULL */
};

size_t op_attend_group(const struct infer_model *m, const struct infer_layer *l)
{
	size_t group = l->n_head < LATENT_GROUP ? l->n_head : LATENT_GROUP;

	if (!m->latent.width)
		return l->n_head / l->n_head_kv;
	while (l->n_head % group)
		group--;
	return group;
}

size_t op_attend_scratch(size_t group, size_t n_ctx)
{
	return group * n_ctx;
}

/* a[i] = exp(a[i] - max a) / sum. The sum in double: partial sum l takes elements l, l + 8, ..., folded in halves. A sink is one
 * more element, the last of the sum. */
static void softmax(float *a, size_t n, const float *sink)
{
	double s[8] = { 0 };
	float max = a[0], inverse;

	for (size_t i = 1; i < n; i++)
		max = a[i] > max ? a[i] : max;
	max = sink && *sink > max ? *sink : max;
	infer_expf_row(a, a, max, n);
	for (size_t i = 0; i < n; i++)
		s[i % 8] += (double)a[i];
	for (size_t half = 4; half > 0; half /= 2)
		for (size_t l = 0; l < half; l++)
			s[l] += s[l + half];
	if (sink)
		s[0] += (double)infer_expf(*sink - max);
	inverse = (float)(1 / s[0]);
	for (size_t i = 0; i < n; i++)
		a[i] *= inverse;
}

/* What the token before position `end` sees begins here. */
static size_t first_seen(const struct attention *c, size_t end)
{
	if (!c->window)
		return 0;
	if (c->r->model->chunked)
		return (end - 1) / c->window * c->window;
	return end > c->window ? end - c->window : 0;
}

/* One token and one group of G queries: scores [G, n_seen] in scratch. */
static void attend_item(void *ctx, uint64_t item, unsigned worker)
{
	const struct attention *c = ctx;
	const struct infer_run *r = c->r;
	size_t t = item / c->n_groups, first = item % c->n_groups * c->head_rows;
	size_t end = r->pos + t + 1, start = first_seen(c, end), n_seen = end - start;
	const float *q = c->q + item * c->group * c->d_k;
	float *scores = infer_scratch(r, worker);

	r->kernels->tile(c->k + (first + start) * c->k_row, c->k_row, n_seen, q, c->d_k, c->group, c->d_k, scores, n_seen);
	for (size_t i = 0; i < c->group * n_seen; i++)
		scores[i] *= r->model->attn_scale;
	if (r->model->attn_cap > 0)
		infer_softcap_row(scores, r->model->attn_cap, c->group * n_seen);
	for (size_t i = 0; i < c->group; i++)
		softmax(scores + i * n_seen, n_seen, c->sinks ? c->sinks + item % c->n_groups * c->group + i : NULL);
	r->kernels->mix(scores, n_seen, c->group, c->v + (first + start) * c->v_row, c->v_row, n_seen, c->d_v,
	                c->y + item * c->group * c->d_v, c->d_v);
}

void op_attend(struct infer_run *r, float *y, const float *q, const float *k, const float *v)
{
	op_attend_sinks(r, y, q, k, v, &(struct infer_w){ 0 });
}

void op_attend_sinks(struct infer_run *r, float *y, const float *q, const float *k, const float *v, const struct infer_w *sinks)
{
	const struct infer_model *m = r->model;
	const struct infer_layer *l = &m->layers[r->layer];
	float *cache_k = r->kv.k[r->layer], *cache_v = r->kv.v[r->layer];
	struct attention c = { .r = r, .window = l->window, .y = y, .q = q, .n_groups = l->n_head_kv,
	                       .group = op_attend_group(m, l), .k = cache_k, .v = cache_v, .k_row = m->d_k, .v_row = m->d_v,
	                       .head_rows = r->kv.n_ctx, .d_k = m->d_k, .d_v = m->d_v, .sinks = sinks->f32 };

	infer_kv_store(cache_k, r->kv.n_ctx, l->n_head_kv, m->d_k, r->pos, k, r->n_tok);
	infer_kv_store(cache_v, r->kv.n_ctx, l->n_head_kv, m->d_v, r->pos, v, r->n_tok);
	quant_pool_run(r->pool, r->n_tok * c.n_groups, attend_item, &c);
	op_done(r, "attention", NULL, y, r->n_tok, (size_t)l->n_head * m->d_v, false);
}

/* All heads look at the same rows, of which values are the first part; groups only divide the work. */
void op_attend_latent(struct infer_run *r, float *y, const float *q, const float *kv)
{
	const struct infer_model *m = r->model;
	const struct infer_layer *l = &m->layers[r->layer];
	float *cache = r->kv.k[r->layer];
	size_t row = infer_cache_k(m), group = op_attend_group(m, l);
	struct attention c = { .r = r, .y = y, .q = q, .n_groups = l->n_head / group, .group = group, .k = cache, .v = cache,
	                       .k_row = row, .v_row = row, .d_k = row, .d_v = m->latent.width };

	infer_kv_store(cache, r->kv.n_ctx, 1, infer_cache_k(m), r->pos, kv, r->n_tok);
	quant_pool_run(r->pool, r->n_tok * c.n_groups, attend_item, &c);
	op_done(r, "attention", NULL, y, r->n_tok, (size_t)l->n_head * m->latent.width, false);
}
