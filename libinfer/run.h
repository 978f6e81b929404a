/* The state of one sequence while it is computed; what the operations of op.h work on. */
#ifndef LIBINFER_RUN_H
#define LIBINFER_RUN_H

#include "bind.h"
#include "dot.h"
#include "kv.h"

struct infer_run {
	const struct infer_model *model;
	const struct infer_kernels *kernels;
	struct quant_pool *pool;
	struct infer_kv kv;
	uint32_t n_batch;   /* most tokens at once */

	/* the batch */
	const int32_t *ids; /* [n_tok] */
	uint32_t n_tok;     /* rows of the buffers below that are in use */
	uint32_t pos;       /* position of row 0: tokens before the batch */
	uint32_t layer;     /* the one being computed */
	uint32_t n_wanted;  /* the last so many tokens need logits */
	float *logits;      /* [n_wanted, vocab], the caller's */

	/* buffers: [n_batch, ...] */
	float *x;           /* d_model: the residual stream */
	float *h;           /* the widest input of a matrix but the feed-forward's */
	float *q, *k, *v;   /* heads * d_k, kv heads * d_k, kv heads * d_v */
	float *g, *u;       /* d_ff */
	float *cos, *sin;   /* rope.n_dims / 2 */

	float *scratch;     /* one piece per worker */
	size_t scratch_elems;
	void *memory;       /* that all of these lie in */
};

/* The piece of scratch of one worker. */
static inline float *infer_scratch(const struct infer_run *r, unsigned worker)
{
	return r->scratch + (size_t)worker * r->scratch_elems;
}

#endif
