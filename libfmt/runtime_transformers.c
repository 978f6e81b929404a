/* transformers 5: its DynamicCache, and what generate() holds while a prompt is computed. See <libfmt/runtime.h>. */
#include "ckd.h"
#include "runtime_impl.h"

/* Elements of one token. Latent attention keeps the keys and values that it made of the latent vector. */
static bool token_elems(const struct fmt_estimate *e, const struct fmt_layer *l, uint64_t *n)
{
	const uint64_t *rows = l->rows;
	uint64_t q = rows[FMT_ROLE_ATTN_Q] ? rows[FMT_ROLE_ATTN_Q] : rows[FMT_ROLE_ATTN_Q_B_PROJ], rotating = 0;

	if (l->latent) { /* kv_b makes each head's keys, but for the part that rotates, and its values */
		if (ckd_mul(&rotating, l->latent - rows[FMT_ROLE_ATTN_KV_A_NORM], l->n_heads))
			return false;
		return q && !ckd_add(n, rows[FMT_ROLE_ATTN_LATENT_K], rotating);
	}
	return !ckd_add(n, l->k_dim, l->v_dim) && !ckd_mul(n, *n, e->repeated_heads ? l->n_heads : l->n_kv_heads);
}

static bool kept(const struct fmt_estimate *e, const struct fmt_layer *l, const struct fmt_runtime_opts *o,
                 uint64_t elem_bytes, struct fmt_runtime_bytes *b)
{
	uint64_t n = 0, conv = l->conv_elems, state = 0, tokens = o->context;

	if (fmt_layer_attends(l)) {
		if (l->window && l->window - 1 < tokens) /* the token at hand is not in the cache yet when it looks back */
			tokens = l->window - 1;
		if (!token_elems(e, l, &n) || ckd_mul(&n, n, tokens) || ckd_mul(&n, n, elem_bytes) || ckd_mul(&n, n, o->sequences))
			return false;
		return !ckd_add(&b->kv, b->kv, n);
	}
	/* the convolution keeps as many columns as its kernel has; linear attention's state is f32 whatever the model is */
	if (conv && ckd_add(&conv, conv, l->rows[FMT_ROLE_SSM_CONV]))
		return false;
	if (ckd_mul(&conv, conv, elem_bytes) || ckd_mul(&state, l->state_elems, l->kind == FMT_LAYER_LINEAR ? 4 : elem_bytes))
		return false;
	return !ckd_add(&n, conv, state) && !ckd_mul(&n, n, o->sequences) && !ckd_add(&b->state, b->state, n);
}

bool runtime_transformers(const struct fmt_estimate *e, const struct fmt_runtime_opts *o, struct fmt_runtime_bytes *b,
                          struct fmt_err *err)
{
	uint64_t elem_bytes = 0, tokens = o->batch < o->context ? o->batch : o->context;

	if (o->k_type != o->v_type)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "transformers keeps keys and values in one type");
	if (!runtime_torch_elem(o->k_type, "transformers", &elem_bytes, err))
		return false;
	for (uint64_t i = 0; i < e->n_layers; i++)
		if (!kept(e, &e->layers[i], o, elem_bytes, b))
			return runtime_too_large(err);
	/* generate() asks for the scores of the last token alone, and makes them f32 */
	if (runtime_torch_activations(e, tokens, o->sequences, o->flash != FMT_FLASH_OFF, &b->compute) ||
	    ckd_mul(&b->output, e->vocab, 2 + 4) || ckd_mul(&b->output, b->output, o->sequences))
		return runtime_too_large(err);
	return true;
}
