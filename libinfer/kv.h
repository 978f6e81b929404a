/* What is kept of a sequence, in float32: keys and values of the tokens so far, per layer and head a matrix [n_ctx, head width];
 * and of recurrent layers a state, whose size does not depend on how many there were. */
#ifndef LIBINFER_KV_H
#define LIBINFER_KV_H

#include "bind.h"

struct infer_kv {
	uint32_t n_ctx;  /* positions it can hold */
	float **k, **v;  /* [n_layers]: each [n_head_kv, n_ctx, infer_cache_k or infer_cache_v] */
	float **conv;    /* [n_layers]: the last inputs of the convolution, [kernel - 1, infer_conv_width] */
	float **state;   /* [n_layers]: [inner, state] */
	float *states;   /* where all of these lie together, */
	size_t n_states; /* so many floats */
	void *memory;
	uint64_t n_bytes; /* of it */
};

/* Its sizes, n_bytes and n_states, before anything is allocated; false: they cannot be addressed. */
bool infer_kv_count(struct infer_kv *kv, const struct infer_model *m, uint32_t n_ctx, struct fmt_err *err);

bool infer_kv_init(struct infer_kv *kv, const struct infer_model *m, uint32_t n_ctx, struct fmt_err *err);
void infer_kv_finish(struct infer_kv *kv); /* a zeroed one is fine */

/* Forgets the tokens so far. */
void infer_kv_reset(struct infer_kv *kv);

/* Stores rows [n, n_heads * width] of one layer's keys (or values) at positions pos .. pos + n - 1. */
void infer_kv_store(float *cache, uint32_t n_ctx, uint32_t n_heads, uint32_t width, uint32_t pos, const float *rows,
                    uint32_t n);

#endif
