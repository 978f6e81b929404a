/* Cache and state at a context. See <libfmt/estimate.h>. */
#include <inttypes.h>
#include <string.h>

#include <libfmt/estimate.h>

#include "ckd.h"
#include "estimate_impl.h"

/* llama.cpp allocates cells in multiples of this many (llama-kv-cache.cpp, August 2026). */
#define CELLS 256

static const char *const keep_names[FMT_KEEP_COUNT] = { "ideal", "no_window", "llama.cpp" };

const char *fmt_keep_name(enum fmt_keep k)
{
	return keep_names[k];
}

bool fmt_keep_from_name(const char *name, enum fmt_keep *k)
{
	for (int i = 0; i < FMT_KEEP_COUNT; i++) {
		if (strcmp(name, keep_names[i]))
			continue;
		*k = (enum fmt_keep)i;
		return true;
	}
	return false;
}

static bool too_large(struct fmt_err *err)
{
	return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the cache's size does not fit into 64 bits");
}

bool estimate_llama_cells(const struct fmt_estimate *e, const struct fmt_layer *l, uint64_t context, uint64_t ubatch,
                          bool whole_windows, uint64_t *cells)
{
	uint64_t n = context, seen = 0;

	if (l->window && e->own_windows && !whole_windows) {
		if (ckd_add(&seen, l->window, ubatch))
			return false;
		n = seen < n ? seen : n;
	}
	return !ckd_align(cells, n, CELLS);
}

bool fmt_estimate_cells(const struct fmt_estimate *e, const struct fmt_layer *l, const struct fmt_cache_opts *o,
                        uint64_t *cells)
{
	if (o->keep == FMT_KEEP_LLAMA_CPP)
		return estimate_llama_cells(e, l, o->context, o->ubatch, false, cells);
	*cells = o->keep == FMT_KEEP_IDEAL && l->window && l->window < o->context ? l->window : o->context;
	return true;
}

/* Bytes per token. Each head must be whole blocks, since rows of heads are read by themselves. */
static bool token_bytes(const struct fmt_layer *l, enum fmt_type type, uint64_t *bytes, struct fmt_err *err)
{
	uint64_t k = 0, v = 0;

	if (!fmt_layer_attends(l)) {
		*bytes = 0;
		return true;
	}
	if (l->latent) {
		if (fmt_row_bytes(type, l->latent, bytes))
			return true;
	} else if (fmt_row_bytes(type, l->k_dim, &k) && fmt_row_bytes(type, l->v_dim, &v)) {
		return (!ckd_add(bytes, k, v) && !ckd_mul(bytes, *bytes, l->n_kv_heads)) || too_large(err);
	}
	return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "a cache of type %s needs heads of a multiple of %" PRIu32
	                " elements; these have %" PRIu64, fmt_type_info(type)->name, fmt_type_info(type)->block_elems,
	                l->latent ? l->latent : l->k_dim);
}

bool fmt_estimate_cache(const struct fmt_estimate *e, const struct fmt_cache_opts *o, uint64_t *kv_bytes,
                        uint64_t *state_bytes, struct fmt_err *err)
{
	*kv_bytes = *state_bytes = 0;
	if (!e->layers_known)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "what this architecture's layers keep is not known here");
	for (uint64_t i = 0; i < e->n_layers; i++) {
		const struct fmt_layer *l = &e->layers[i];
		uint64_t cells = 0, bytes = 0, state = 0;

		if (!token_bytes(l, o->type, &bytes, err))
			return false;
		if (!fmt_estimate_cells(e, l, o, &cells) || ckd_mul(&bytes, bytes, cells) || ckd_mul(&bytes, bytes, o->sequences) ||
		    ckd_add(kv_bytes, *kv_bytes, bytes) || ckd_add(&state, l->conv_elems, l->state_elems) ||
		    ckd_mul(&state, state, 4) || ckd_mul(&state, state, o->sequences) ||
		    ckd_add(state_bytes, *state_bytes, state))
			return too_large(err);
	}
	return true;
}

bool fmt_estimate_per_token(const struct fmt_estimate *e, uint64_t *elems, uint64_t *beyond_window, struct fmt_err *err)
{
	*elems = *beyond_window = 0;
	for (uint64_t i = 0; i < e->n_layers; i++) {
		const struct fmt_layer *l = &e->layers[i];
		uint64_t n = 0;

		if (ckd_add(&n, l->k_dim, l->v_dim) || ckd_mul(&n, n, l->n_kv_heads) || ckd_add(&n, n, l->latent) ||
		    ckd_add(elems, *elems, n) || ckd_add(beyond_window, *beyond_window, l->window ? 0 : n))
			return too_large(err);
	}
	return true;
}
