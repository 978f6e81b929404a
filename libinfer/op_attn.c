/* Causal attention over the cache (arXiv:1706.03762), with shared key heads (arXiv:2305.13245) and a sliding window. */
#include "elementary.h"
#include "op.h"

struct attention {
	const struct infer_run *r;
	const struct infer_layer *layer;
	float *y;
	const float *q;
	const float *k, *v; /* the layer's cache: [Hk, n_ctx, d_k], [Hk, n_ctx, d_v] */
};

size_t op_attend_scratch(size_t group, size_t n_ctx)
{
	return group * n_ctx;
}

/* a[i] = exp(a[i] - max a) / sum. The sum in double: partial sum l takes elements l, l + 8, ..., folded in halves. */
static void softmax(float *a, size_t n)
{
	double s[8] = { 0 };
	float max = a[0], inverse;

	for (size_t i = 1; i < n; i++)
		max = a[i] > max ? a[i] : max;
	infer_expf_row(a, a, max, n);
	for (size_t i = 0; i < n; i++)
		s[i % 8] += (double)a[i];
	for (size_t half = 4; half > 0; half /= 2)
		for (size_t l = 0; l < half; l++)
			s[l] += s[l + half];
	inverse = (float)(1 / s[0]);
	for (size_t i = 0; i < n; i++)
		a[i] *= inverse;
}

/* One token and one key head: its group of G query heads together, scores [G, n_seen] in scratch. */
static void attend_item(void *ctx, uint64_t item, unsigned worker)
{
	const struct attention *c = ctx;
	const struct infer_run *r = c->r;
	size_t n_kv = c->layer->n_head_kv, group = c->layer->n_head / n_kv, n_ctx = r->kv.n_ctx;
	size_t d_k = r->model->d_k, d_v = r->model->d_v, t = item / n_kv, head = item % n_kv;
	size_t end = r->pos + t + 1, window = c->layer->window;
	size_t start = window && end > window ? end - window : 0, n_seen = end - start;
	const float *q = c->q + (t * n_kv + head) * group * d_k;
	float *y = c->y + (t * n_kv + head) * group * d_v, *scores = infer_scratch(r, worker);

	r->kernels->tile(c->k + (head * n_ctx + start) * d_k, d_k, n_seen, q, d_k, group, d_k, scores, n_seen);
	for (size_t i = 0; i < group * n_seen; i++)
		scores[i] *= r->model->attn_scale;
	if (r->model->attn_cap > 0)
		infer_softcap_row(scores, r->model->attn_cap, group * n_seen);
	for (size_t i = 0; i < group; i++)
		softmax(scores + i * n_seen, n_seen);
	r->kernels->mix(scores, n_seen, group, c->v + (head * n_ctx + start) * d_v, d_v, n_seen, d_v, y, d_v);
}

void op_attend(struct infer_run *r, float *y, const float *q, const float *k, const float *v)
{
	const struct infer_model *m = r->model;
	const struct infer_layer *layer = &m->layers[r->layer];
	float *cache_k = r->kv.k[r->layer], *cache_v = r->kv.v[r->layer];
	struct attention c = { .r = r, .layer = layer, .y = y, .q = q, .k = cache_k, .v = cache_v };

	infer_kv_store(cache_k, r->kv.n_ctx, layer->n_head_kv, m->d_k, r->pos, k, r->n_tok);
	infer_kv_store(cache_v, r->kv.n_ctx, layer->n_head_kv, m->d_v, r->pos, v, r->n_tok);
	quant_pool_run(r->pool, (uint64_t)r->n_tok * layer->n_head_kv, attend_item, &c);
}
