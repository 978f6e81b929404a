/* The state of one sequence while it is computed; what the operations of op.h work on. */
#ifndef LIBINFER_RUN_H
#define LIBINFER_RUN_H

#include "bind.h"
#include "dot.h"
#include "kv.h"

#include <libinfer/trace.h>

/* Consecutive rows that go through one matrix of a stack. */
struct infer_group {
	uint32_t matrix, first, n;
};

/* Which experts each token of the batch goes to. Pairs of a token and an expert have a row each, sorted by expert and then
 * by token, so that the rows of one expert are a group. */
struct infer_route {
	float *p;          /* [n_batch, n_experts]: what the router says; then [n_batch], the gate of the shared expert */
	float *score;      /* [n_batch, n_experts]: what they are chosen by */
	float *group;      /* [n_batch, n_groups]: and groups of them */
	float *weight;     /* [n_batch, n_used] */
	uint32_t *expert;  /* [n_batch, n_used], ascending in each token */
	uint32_t *row;     /* [n_batch, n_used]: where the pair's row is */
	struct infer_group *groups; /* [n_experts] */
	uint32_t n_groups; /* experts that have rows */
	float *x, *y;      /* [n_batch * n_used, d_in]: their inputs and outputs */
	float *in, *out;   /* [n_batch, d_in]: the same of tokens, where it is not d_model */
};

/* What a recurrent layer computes on the way: [n_batch, ...]. */
struct infer_ssm_rows {
	float *z;    /* inner: what gates the result */
	float *in;   /* infer_conv_width: what goes into the convolution, */
	float *x;    /* and what comes out */
	float *low;  /* rank: what time steps are made of */
	float *bc;   /* 2 * state: what writes to the state and what reads it, of Mamba */
	float *step; /* inner, of Mamba; else heads */
	float *beta; /* heads: how far the delta rule goes, */
	float *both; /* 2 * heads: and steps too, as one matrix makes them */
	float *y;    /* inner: the result */
};

/* The first operation of a batch whose result is not finite. */
struct infer_fault {
	const char *op;                       /* NULL: none */
	const struct fmt_view_tensor *tensor; /* its weight, or NULL */
	int32_t layer;                        /* -1: before or after the layers */
};

struct infer_run {
	const struct infer_model *model;
	const struct infer_kernels *kernels;
	struct quant_pool *pool;
	struct infer_kv kv;
	uint32_t n_batch;   /* most tokens at once */
	unsigned n_threads;

	infer_watch_fn *watch; /* NULL: nobody looks */
	void *watch_user;

	/* the batch */
	const int32_t *ids; /* [n_tok] */
	uint32_t n_tok;     /* rows of the buffers below that are in use */
	uint32_t pos;       /* position of row 0: tokens before the batch */
	uint32_t layer;     /* the one being computed; n_layers: none */
	uint32_t n_wanted;  /* the last so many tokens need logits */
	float *logits;      /* [n_wanted, vocab], the caller's */

	/* buffers: [n_batch, ...] */
	float *x;           /* d_model: the residual stream */
	float *y;           /* d_model: what is added to it, where that is not done at once */
	float *h;           /* the widest input of a matrix but the feed-forward's */
	float *q, *k, *v;   /* heads * d_k, kv heads * infer_cache_k, kv heads * d_v */
	float *q_gate;      /* heads * 2 * d_k: queries and their gate, as one matrix makes them; */
	float *gate;        /* heads * d_k: the gate */
	float *latent_q;    /* heads * infer_cache_k: queries of latent attention */
	float *latent_y;    /* heads * latent.width, or latent.n_queries */
	float *next_in;     /* 2 * d_model: what goes into a layer for multi-token prediction, and */
	float *next_hidden; /* [n_next, 1 + n_batch, d_model]: what these go on from */
	float *g, *u;       /* d_ff, or n_used * the experts' d_ff */
	float *cos, *sin;   /* rope.n_dims / 2 */
	float *cos_window, *sin_window; /* the same, of rope.inv_freq_window */
	float *low;         /* n_used or 1, * max_rank: between the two products of an adapter */

	struct infer_ssm_rows ssm; /* of recurrent layers */
	struct infer_route route; /* of a mixture of experts */

	uint64_t *expert_use; /* [layers, experts]: how often each was chosen; NULL: nobody counts */

	struct infer_fault fault;

	infer_step_fn *trace; /* after every operation; NULL: nobody looks */
	void *trace_user;

	float *scratch;     /* one piece per worker */
	size_t scratch_elems;
	void *memory;       /* that all of these lie in */
	size_t n_bytes;     /* of it */
};

/* The piece of scratch of one worker. */
static inline float *infer_scratch(const struct infer_run *r, unsigned worker)
{
	return r->scratch + (size_t)worker * r->scratch_elems;
}

#endif
