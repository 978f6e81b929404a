/* Keys and values of the tokens so far, and the states of recurrent layers. */
#include "kv.h"

#include <stdlib.h>
#include <string.h>

/* Floats of a layer's last inputs of the convolution, and of its state. */
static uint64_t conv_elems(const struct infer_model *m, const struct infer_layer *l)
{
	return l->recurrent ? (m->ssm.kernel - 1) * infer_conv_width(&m->ssm) : 0;
}

static uint64_t state_elems(const struct infer_model *m, const struct infer_layer *l)
{
	return l->recurrent ? (uint64_t)m->ssm.inner * m->ssm.state : 0;
}

/* Adds n rows of `width` floats to *total, if memory can be that large. */
static bool add(size_t *total, uint64_t n, uint64_t width)
{
	size_t most = SIZE_MAX / sizeof(float);

	if (width && n > (most - *total) / width)
		return false;
	*total += (size_t)(n * width);
	return true;
}

bool infer_kv_count(struct infer_kv *kv, const struct infer_model *m, uint32_t n_ctx, struct fmt_err *err)
{
	uint64_t width = (uint64_t)infer_cache_k(m) + infer_cache_v(m);
	size_t total = 0;

	*kv = (struct infer_kv){ .n_ctx = n_ctx };
	for (uint32_t i = 0; i < infer_layers(m); i++)
		if (!add(&total, conv_elems(m, &m->layers[i]), 1) || !add(&total, state_elems(m, &m->layers[i]), 1))
			return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the state of recurrent layers is too large to address");
	kv->n_states = total;
	for (uint32_t i = 0; i < infer_layers(m); i++)
		if (!add(&total, (uint64_t)m->layers[i].n_head_kv * n_ctx, width))
			return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "a cache of %u tokens is too large to address", n_ctx);
	kv->n_bytes = total * sizeof(float);
	return true;
}

static bool allocate(struct infer_kv *kv, const struct infer_model *m)
{
	kv->k = calloc(infer_layers(m), sizeof *kv->k);
	kv->v = calloc(infer_layers(m), sizeof *kv->v);
	kv->conv = calloc(infer_layers(m), sizeof *kv->conv);
	kv->state = calloc(infer_layers(m), sizeof *kv->state);
	kv->memory = calloc(1, kv->n_bytes ? kv->n_bytes : 1);
	return kv->k && kv->v && kv->conv && kv->state && kv->memory;
}

bool infer_kv_init(struct infer_kv *kv, const struct infer_model *m, uint32_t n_ctx, struct fmt_err *err)
{
	float *at;

	if (!infer_kv_count(kv, m, n_ctx, err))
		return false;
	if (!allocate(kv, m)) {
		fmt_fail_nomem(err, kv->n_bytes);
		infer_kv_finish(kv);
		return false;
	}
	at = kv->states = kv->memory;
	for (uint32_t i = 0; i < infer_layers(m); i++) {
		kv->conv[i] = at;
		at += conv_elems(m, &m->layers[i]);
		kv->state[i] = at;
		at += state_elems(m, &m->layers[i]);
	}
	for (uint32_t i = 0; i < infer_layers(m); i++) {
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
	free(kv->conv);
	free(kv->state);
	free(kv->memory);
	*kv = (struct infer_kv){ 0 };
}

/* Keys and values need nothing: those past the position are never looked at. */
void infer_kv_reset(struct infer_kv *kv)
{
	memset(kv->states, 0, kv->n_states * sizeof *kv->states);
}

void infer_kv_store(float *cache, uint32_t n_ctx, uint32_t n_heads, uint32_t width, uint32_t pos, const float *rows,
                    uint32_t n)
{
	for (uint32_t t = 0; t < n; t++)
		for (uint32_t head = 0; head < n_heads; head++)
			memcpy(cache + ((size_t)head * n_ctx + pos + t) * width,
			       rows + ((size_t)t * n_heads + head) * width, width * sizeof *cache);
}
