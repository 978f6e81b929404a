/* llama.cpp's cache and buffers. See <libfmt/runtime.h>. */
#include <inttypes.h>

#include "ckd.h"
#include "estimate_impl.h"
#include "runtime_graph.h"

bool runtime_llama_cells(const struct fmt_estimate *e, const struct fmt_layer *l, const struct fmt_runtime_opts *o,
                         uint64_t *cells)
{
	return estimate_llama_cells(e, l, o->context, o->ubatch, o->swa_full, cells);
}

static bool row_bytes(const struct fmt_layer *l, enum fmt_type type, uint64_t dim,
                      uint64_t *bytes, struct fmt_err *err)
{
	if (fmt_row_bytes(type, dim, bytes) && !ckd_mul(bytes, *bytes, l->latent ? 1 : l->n_kv_heads))
		return true;
	return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "a cache of type %s needs heads of a multiple of %" PRIu32
	                " elements; these have %" PRIu64, fmt_type_info(type)->name, fmt_type_info(type)->block_elems, dim);
}

/* Latent attention keeps no values: they are a part of the keys. */
static bool kept(const struct fmt_estimate *e, const struct fmt_layer *l, const struct fmt_runtime_opts *o,
                 struct fmt_runtime_bytes *b, struct fmt_err *err)
{
	uint64_t k = 0, v = 0, cells = 0, state = 0;

	if (fmt_layer_attends(l)) {
		if (!row_bytes(l, o->k_type, l->latent ? l->latent : l->k_dim, &k, err) ||
		    (!l->latent && !row_bytes(l, o->v_type, l->v_dim, &v, err)))
			return false;
		if (!runtime_llama_cells(e, l, o, &cells) || ckd_add(&k, k, v) || ckd_mul(&k, k, cells) ||
		    ckd_mul(&k, k, o->sequences) || ckd_add(&b->kv, b->kv, k))
			return runtime_too_large(err);
	}
	if (ckd_add(&state, l->conv_elems, l->state_elems) || ckd_mul(&state, state, 4) ||
	    ckd_mul(&state, state, o->sequences) || ckd_add(&b->state, b->state, state))
		return runtime_too_large(err);
	return true;
}

bool runtime_llama(const struct fmt_estimate *e, const struct fmt_runtime_opts *o, struct fmt_runtime_bytes *b,
                   struct fmt_err *err)
{
	if (o->flash == FMT_FLASH_OFF && fmt_type_info(o->v_type)->block_elems > 1)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "llama.cpp keeps values of type %s only with flash attention",
		                fmt_type_info(o->v_type)->name);
	for (uint64_t i = 0; i < e->n_layers; i++)
		if (!kept(e, &e->layers[i], o, b, err))
			return false;
	if (ckd_mul(&b->output, e->vocab, 4) || ckd_mul(&b->output, b->output, o->sequences))
		return runtime_too_large(err);
	return graph_peak(e, o, &b->compute, err);
}
