/* llama.cpp's cache and buffers. See <libfmt/runtime.h>. */
#include "ckd.h"
#include "runtime_impl.h"

static bool too_large(struct fmt_err *err)
{
	return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the size of llama.cpp's buffers does not fit into 64 bits");
}

/* Keys and values may be of two types. Latent attention keeps no values: they are a part of the keys. */
static bool kept(const struct fmt_estimate *e, const struct fmt_runtime_opts *o, struct fmt_runtime_bytes *b,
                 struct fmt_err *err)
{
	struct fmt_cache_opts c = { .keep = FMT_KEEP_LLAMA_CPP, .type = o->k_type, .context = o->context,
		                        .ubatch = o->swa_full ? o->context : o->ubatch, .sequences = o->sequences };

	return fmt_estimate_cache(e, &c, &b->kv, &b->state, err);
}

bool runtime_llama(const struct fmt_estimate *e, const struct fmt_runtime_opts *o, struct fmt_runtime_bytes *b,
                   struct fmt_err *err)
{
	uint64_t width = 0;

	if (!kept(e, o, b, err))
		return false;
	/* the output: scores of every token, beside the residual stream and its norm */
	if (ckd_mul(&width, e->model_width, 2) || ckd_add(&width, width, e->vocab) || ckd_mul(&width, width, 4) ||
	    ckd_mul(&b->compute, width, o->ubatch) || ckd_mul(&b->output, e->vocab, 4) ||
	    ckd_mul(&b->output, b->output, o->sequences))
		return too_large(err);
	return true;
}
