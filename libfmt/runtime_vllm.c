/* vLLM's V1 engine: a cache in pages, and the memory that its profiling run finds. See <libfmt/runtime.h>.
 *
 * Layers that keep the same form groups of one size, so that a page serves any group; the last group of a kind may have
 * places for layers that are not there. */
#include "ckd.h"
#include "runtime_impl.h"

#define PAGE_TOKENS 16    /* block_size on CUDA */
#define MOST_SEQUENCES 256 /* max_num_seqs: the profiling run asks for the scores of so many */

/* What the profiling run cannot see, on one CUDA device. CUDA graphs: vllm-project/vllm#21489; the rest, CUDA's context
 * and libraries: as logged in vLLM's documentation ("non_torch_memory takes 0.15GiB"). */
#define CUDA_GRAPHS (UINT64_C(1331) << 20)
#define NOT_TORCH (UINT64_C(154) << 20)

enum { FULL, SLIDING, STATE, N_KINDS };

/* Layers of one kind: how many, bytes of a token in one (of everything, for a state), and the tokens that it keeps. */
struct kind {
	uint64_t n_layers, n_bytes, tokens;
};

static int kind_of(const struct fmt_layer *l)
{
	return !fmt_layer_attends(l) ? STATE : l->window ? SLIDING : FULL;
}

static bool count(const struct fmt_estimate *e, const struct fmt_runtime_opts *o, uint64_t elem_bytes,
                  struct kind *kinds)
{
	for (uint64_t i = 0; i < e->n_layers; i++) {
		const struct fmt_layer *l = &e->layers[i];
		struct kind *k = &kinds[kind_of(l)];
		uint64_t n = 0, tokens = o->context;

		if (l->kind == FMT_LAYER_FEED_FORWARD)
			continue;
		if (ckd_add(&n, l->k_dim, l->v_dim) || ckd_mul(&n, n, l->n_kv_heads) || ckd_add(&n, n, l->latent) ||
		    ckd_add(&n, n, l->conv_elems) || ckd_add(&n, n, l->state_elems) || ckd_mul(&n, n, elem_bytes))
			return false;
		if (l->window && (ckd_add(&tokens, l->window - 1, o->batch) || tokens > o->context))
			tokens = o->context;
		k->n_layers++;
		k->n_bytes = n > k->n_bytes ? n : k->n_bytes;
		k->tokens = tokens > k->tokens ? tokens : k->tokens;
	}
	return true;
}

/* Layers per group: the fewest that any kind has, so that little is wasted; all of the most where that is close. */
static uint64_t group_size(const struct kind *kinds)
{
	uint64_t least = UINT64_MAX, most = 0;

	for (int k = 0; k < N_KINDS; k++) {
		if (!kinds[k].n_layers)
			continue;
		least = kinds[k].n_layers < least ? kinds[k].n_layers : least;
		most = kinds[k].n_layers > most ? kinds[k].n_layers : most;
	}
	return most < least + least / 2 + least % 2 ? most : least;
}

/* Tokens on a page: enough that a page of attention holds a whole state. */
static bool page_tokens(const struct kind *kinds, uint64_t *n)
{
	uint64_t token = kinds[FULL].n_bytes > kinds[SLIDING].n_bytes ? kinds[FULL].n_bytes : kinds[SLIDING].n_bytes;

	*n = PAGE_TOKENS;
	if (!kinds[STATE].n_layers || !token)
		return true;
	*n = kinds[STATE].n_bytes / token + (kinds[STATE].n_bytes % token != 0);
	return !ckd_align(n, *n ? *n : 1, PAGE_TOKENS);
}

/* Bytes of all pages of a kind for one sequence. */
static bool pages(const struct kind *kinds, int k, uint64_t group, uint64_t tokens, uint64_t page, uint64_t *n_bytes)
{
	uint64_t n = kinds[k].tokens / tokens + (kinds[k].tokens % tokens != 0), layers = 0;

	if (k == STATE)
		n = 1;
	if (k == SLIDING && kinds[FULL].n_layers)
		n += n * tokens < kinds[FULL].tokens; /* a window seldom starts where a page does */
	return !ckd_align(&layers, kinds[k].n_layers, group) && !ckd_mul(n_bytes, n, page) &&
	       !ckd_mul(n_bytes, *n_bytes, layers);
}

static bool kept(const struct kind *kinds, const struct fmt_runtime_opts *o, struct fmt_runtime_bytes *b)
{
	uint64_t group = group_size(kinds), tokens = 0, page = 0, token = 0, n = 0;

	if (!page_tokens(kinds, &tokens))
		return false;
	token = kinds[FULL].n_bytes > kinds[SLIDING].n_bytes ? kinds[FULL].n_bytes : kinds[SLIDING].n_bytes;
	if (ckd_mul(&page, token, tokens))
		return false;
	page = page ? page : kinds[STATE].n_bytes; /* nothing but states */
	for (int k = 0; k < N_KINDS; k++) {
		uint64_t *sum = k == STATE ? &b->state : &b->kv;

		if (kinds[k].n_layers && (!pages(kinds, k, group, tokens, page, &n) || ckd_mul(&n, n, o->sequences) ||
		                          ckd_add(sum, *sum, n)))
			return false;
	}
	return true;
}

bool runtime_vllm(const struct fmt_estimate *e, const struct fmt_runtime_opts *o, struct fmt_runtime_bytes *b,
                  struct fmt_err *err)
{
	struct kind kinds[N_KINDS] = { { .n_layers = 0 } };
	uint64_t elem_bytes = 0;

	if (o->k_type != o->v_type)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "vLLM keeps keys and values in one type");
	if (!runtime_torch_elem(o->k_type, "vLLM", &elem_bytes, err))
		return false;
	if (!count(e, o, elem_bytes, kinds) || !kept(kinds, o, b))
		return runtime_too_large(err);
	/* the sampler works in f32 beside the scores in 16 bits */
	if (runtime_torch_activations(e, o->batch, 1, true, &b->compute) || ckd_mul(&b->output, e->vocab, 2 + 4) ||
	    ckd_mul(&b->output, b->output, MOST_SEQUENCES))
		return runtime_too_large(err);
	b->other = CUDA_GRAPHS + NOT_TORCH;
	return true;
}
