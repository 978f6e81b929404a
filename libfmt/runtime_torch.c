/* What the runtimes on PyTorch share. See <libfmt/runtime.h>. */
#include <string.h>

#include "ckd.h"
#include "runtime_impl.h"

/* Elements per token while attention runs: residual and norm, queries, keys, values, and what comes out. */
static bool attention_width(const struct fmt_estimate *e, const struct fmt_layer *l, uint64_t *n)
{
	const uint64_t *rows = l->rows;
	uint64_t q = rows[FMT_ROLE_ATTN_Q] ? rows[FMT_ROLE_ATTN_Q] : rows[FMT_ROLE_ATTN_Q_B_PROJ], kv = 0;

	if (rows[FMT_ROLE_SSM_IN])
		return ckd_mul(n, rows[FMT_ROLE_SSM_IN], 2) || ckd_add(n, *n, 2 * e->model_width);
	if (ckd_add(&kv, l->k_dim, l->v_dim) || ckd_mul(&kv, kv, l->n_kv_heads) || ckd_add(&kv, kv, l->latent) ||
	    ckd_add(&kv, kv, rows[FMT_ROLE_ATTN_LATENT_K]) || ckd_mul(&q, q ? q : l->k_dim * l->n_heads, 2))
		return true;
	return ckd_add(n, q, kv) || ckd_add(n, *n, 2 * e->model_width);
}

/* Elements per token in the feed-forward block: gate, up and their product, in as many experts as a token passes. */
static bool feed_width(const struct fmt_estimate *e, const struct fmt_layer *l, uint64_t *n)
{
	uint64_t dense = 0, routed = 0;

	if (ckd_mul(&dense, l->rows[FMT_ROLE_FFN_UP] + l->rows[FMT_ROLE_SHARED_UP], 3) ||
	    ckd_mul(&routed, l->rows[FMT_ROLE_MOE_UP], 3))
		return true;
	if (routed && (ckd_add(&routed, routed, e->model_width) || ckd_mul(&routed, routed, e->n_experts_used)))
		return true;
	return ckd_add(n, dense, routed) || ckd_add(n, *n, 2 * e->model_width);
}

bool runtime_torch_activations(const struct fmt_estimate *e, uint64_t tokens, uint64_t sequences, bool fused,
                               uint64_t *n_bytes)
{
	uint64_t most = 0;

	for (uint64_t i = 0; i < e->n_layers; i++) {
		const struct fmt_layer *l = &e->layers[i];
		uint64_t a = 0, f = 0, scores = 0;

		if (attention_width(e, l, &a) || feed_width(e, l, &f) || ckd_mul(&a, a, 2) || ckd_mul(&f, f, 2))
			return true;
		/* a row of scores per head: in 16 bits, and again in f32 where they are made to sum to 1 */
		if (!fused && fmt_layer_attends(l) &&
		    (ckd_mul(&scores, l->n_heads, tokens) || ckd_mul(&scores, scores, 2 + 4) || ckd_add(&a, a, scores)))
			return true;
		most = a > most ? a : most;
		most = f > most ? f : most;
	}
	return ckd_mul(n_bytes, most, tokens) || ckd_mul(n_bytes, *n_bytes, sequences);
}

bool runtime_torch_elem(enum fmt_type type, const char *runtime, uint64_t *n_bytes, struct fmt_err *err)
{
	const struct fmt_type_info *info = fmt_type_info(type);

	*n_bytes = info->block_bytes;
	return info->block_elems == 1 || fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "%s keeps no cache of type %s; it has "
	                                          "F32, F16, BF16 and fp8", runtime, info->name);
}
