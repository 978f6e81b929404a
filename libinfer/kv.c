/* Keys and values of the tokens so far. */
#include "kv.h"

#include <stdlib.h>
#include <string.h>

bool infer_kv_bytes(const struct infer_model *m, uint32_t n_ctx, uint64_t *n_bytes, struct fmt_err *err)
{
	size_t most = SIZE_MAX / sizeof(float), total = 0;

	for (uint32_t i = 0; i < m->n_layers; i++) {
		uint64_t heads = m->layers[i].n_head_kv, width = (uint64_t)infer_cache_k(m) + infer_cache_v(m);

		if (width && heads > (most - total) / n_ctx / width)
			return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "a cache of %u tokens is too large to address", n_ctx);
		total += (size_t)(heads * width * n_ctx);
	}
	*n_bytes = total * sizeof(float);
	return true;
}

bool infer_kv_init(struct infer_kv *kv, const struct infer_model *m, uint32_t n_ctx, struct fmt_err *err)
{
	float *at;

	*kv = (struct infer_kv){ .n_ctx = n_ctx };
	if (!infer_kv_bytes(m, n_ctx, &kv->n_bytes, err))
		return false;
	kv->k = calloc(m->n_layers, sizeof *kv->k);
	kv->v = calloc(m->n_layers, sizeof *kv->v);
	kv->memory = at = calloc(1, kv->n_bytes);
	if (!kv->k || !kv->v || !at) {
		fmt_fail_nomem(err, kv->n_bytes);
		infer_kv_finish(kv);
		return false;
	}
	for (uint32_t i = 0; i < m->n_layers; i++) {
		kv->k[i] = at;
		at += (size_t)m->layers[i].n_head_kv * n_ctx * infer_cache_k(m);
		kv->v[i] = at;
		at += (size_t)m->layers[i].n_head_kv * n_ctx * infer_cache_v(m);
	}
	return true;
}

void infer_kv_finish(struct infer_kv *kv)
{
	free(kv->k);
	free(kv->v);
	free(kv->memory);
	*kv = (struct infer_kv){ 0 };
}

void infer_kv_store(float *cache, uint32_t n_ctx, uint32_t n_heads, uint32_t width, uint32_t pos, const float *rows,
                    uint32_t n)
{
	for (uint32_t t = 0; t < n; t++)
		for (uint32_t head = 0; head < n_heads; head++)
			memcpy(cache + ((size_t)head * n_ctx + pos + t) * width,
			       rows + ((size_t)t * n_heads + head) * width, width * sizeof *cache);
}
