/* Keys and values of the tokens so far, in float32: per layer and head a matrix [n_ctx, head width]. */
#ifndef LIBINFER_KV_H
#define LIBINFER_KV_H

#include "bind.h"

struct infer_kv {
	uint32_t n_ctx;  /* positions it can hold */
	float **k, **v;  /* [n_layers]: each [n_head_kv, n_ctx, infer_cache_k or infer_cache_v] */
	void *memory;
	uint64_t n_bytes; /* of it */
};

/* Bytes that the cache takes; false: they cannot be addressed. */
bool infer_kv_bytes(const struct infer_model *m, uint32_t n_ctx, uint64_t *n_bytes, struct fmt_err *err);

bool infer_kv_init(struct infer_kv *kv, const struct infer_model *m, uint32_t n_ctx, struct fmt_err *err);
void infer_kv_finish(struct infer_kv *kv); /* a zeroed one is fine */

/* Stores rows [n, n_heads * width] of one layer's keys (or values) at positions pos .. pos + n - 1. */
void infer_kv_store(float *cache, uint32_t n_ctx, uint32_t n_heads, uint32_t width, uint32_t pos, const float *rows,
                    uint32_t n);

#endif
