/* Bounds of speed. See <libfmt/speed.h>. */
#include <libfmt/speed.h>

#include "ckd.h"

uint64_t fmt_speed_tensor_bytes(const struct fmt_estimate *e, const struct fmt_view_tensor *t, uint64_t n_bytes)
{
	enum fmt_share s;

	if (!fmt_estimate_share(e, t, &s))
		return 0;
	if (s == FMT_SHARE_ROUTED_EXPERTS && e->n_experts)
		return n_bytes / e->n_experts * e->n_experts_used;
	if (s == FMT_SHARE_EMBEDDINGS && t->n_dims == 2 && t->dims[0]) {
		uint64_t row = n_bytes / t->dims[0];

		return t->role == FMT_ROLE_TOKEN_EMBD && e->tied ? n_bytes + row : row;
	}
	return n_bytes;
}

bool fmt_speed_step(const struct fmt_estimate *e, uint64_t weights, const struct fmt_cache_opts *o, struct fmt_step *s,
                    struct fmt_err *err)
{
	struct fmt_cache_opts ideal = *o;
	uint64_t state = 0;

	ideal.keep = FMT_KEEP_IDEAL;
	ideal.sequences = 1;
	*s = (struct fmt_step){ .weights = weights };
	if (!fmt_estimate_cache(e, &ideal, &s->cache, &state, err))
		return false;
	if (ckd_mul(&s->state, state, 2) || ckd_add(&s->total, s->weights, s->cache) || ckd_add(&s->total, s->total, s->state))
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the bytes of one token do not fit into 64 bits");
	return true;
}

/* Elements that one query of all heads is multiplied with per token before it: keys, then values. */
static double pair_width(const struct fmt_layer *l, const struct fmt_view *v, int32_t layer)
{
	const struct fmt_view_tensor *q, *out;

	if (!l->latent)
		return (double)l->n_heads * (double)(l->k_dim + l->v_dim);
	/* latent attention, written out: keys are as wide as queries, values as what the output matrix reads */
	q = fmt_view_role(v, FMT_ROLE_ATTN_Q, layer);
	q = q ? q : fmt_view_role(v, FMT_ROLE_ATTN_Q_B_PROJ, layer);
	out = fmt_view_role(v, FMT_ROLE_ATTN_OUT, layer);
	return (q ? (double)q->dims[0] : 0) + (out && out->n_dims == 2 ? (double)out->dims[1] : 0);
}

/* Pairs of a token and one before it or itself, at most `window` back. */
static double pairs(double n, double window)
{
	return window && window < n ? window * (window + 1) / 2 + (n - window) * window : n * (n + 1) / 2;
}

void fmt_speed_prompt(const struct fmt_estimate *e, const struct fmt_view *v, uint64_t n, struct fmt_prompt *p)
{
	double head = (double)e->vocab * (double)e->model_width;
	uint64_t passed = e->active - e->by_share[FMT_SHARE_EMBEDDINGS] - e->by_share[FMT_SHARE_LM_HEAD];

	*p = (struct fmt_prompt){ .linear = 2.0 * (double)passed * (double)n, .output = 2.0 * head };
	for (uint64_t i = 0; i < e->n_layers; i++)
		if (fmt_layer_attends(&e->layers[i]))
			p->attention += 2.0 * pair_width(&e->layers[i], v, (int32_t)i) * pairs((double)n, (double)e->layers[i].window);
	p->total = p->linear + p->attention + p->output;
}
