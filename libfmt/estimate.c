/* Counting parameters, component by component and layer by layer. See <libfmt/estimate.h>. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/component.h>
#include <libfmt/estimate.h>

#include "ckd.h"
#include "estimate_impl.h"
#include "limit.h"
#include "tower.h"
#include "view_impl.h"

const char *fmt_share_name(enum fmt_share s)
{
	static const char *const names[FMT_SHARE_COUNT] = {
		"embeddings", "attention", "linear_attention", "mamba", "dense_ffn", "router", "routed_experts", "shared_experts", "norms",
		"lm_head", "short_convolution", "other",
	};

	return names[s];
}

const char *fmt_layer_kind_name(enum fmt_layer_kind k)
{
	static const char *const names[FMT_LAYER_KIND_COUNT] = {
		"attention", "latent_attention", "linear_attention", "mamba", "attention_and_mamba", "convolution", "feed_forward",
	};

	return names[k];
}

bool fmt_layer_attends(const struct fmt_layer *l)
{
	return !l->shared && (l->kind == FMT_LAYER_ATTENTION || l->kind == FMT_LAYER_LATENT || l->kind == FMT_LAYER_HYBRID);
}

static bool too_large(struct fmt_err *err)
{
	return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the model's numbers do not fit into 64 bits");
}

/* The share of a tensor by its GGUF name, which says it for every architecture. */
static enum fmt_share share_of(const struct fmt_view_tensor *t)
{
	switch (t->part) {
	case FMT_PART_EMBEDDING:
		return FMT_SHARE_EMBEDDINGS;
	case FMT_PART_ATTENTION:
		return FMT_SHARE_ATTENTION;
	case FMT_PART_EXPERTS:
		return FMT_SHARE_ROUTED_EXPERTS;
	case FMT_PART_RECURRENCE:
		return FMT_SHARE_MAMBA;
	case FMT_PART_NORM:
		return FMT_SHARE_NORMS;
	case FMT_PART_OUTPUT:
		return FMT_SHARE_LM_HEAD;
	case FMT_PART_FEED_FORWARD:
		return fmt_str_has(t->name, "_shexp")       ? FMT_SHARE_SHARED_EXPERTS :
		       fmt_str_has(t->name, "ffn_gate_inp") ? FMT_SHARE_ROUTER :
		                                   FMT_SHARE_DENSE_FFN;
	default:
		return FMT_SHARE_OTHER;
	}
}

/* In a layer of linear attention, what is neither norm nor feed-forward is part of it. */
static enum fmt_share share_in(const struct fmt_view_tensor *t, const struct fmt_layer *l)
{
	enum fmt_share s = share_of(t);

	if (l && l->kind == FMT_LAYER_LINEAR && (s == FMT_SHARE_ATTENTION || s == FMT_SHARE_MAMBA))
		return FMT_SHARE_LINEAR_ATTENTION;
	return s == FMT_SHARE_MAMBA && l && l->kind == FMT_LAYER_CONV ? FMT_SHARE_CONV : s;
}

/* What is stored, but no parameter: tables made from config.json for the runtime, and corrections that training keeps
 * beside the parameters (transformers' buffers). */
static bool is_buffer(struct fmt_str name)
{
	return fmt_str_has(name, "rope_freqs") || fmt_str_has(name, "rope_factors") || fmt_str_has(name, "exp_probs_b");
}

/* A GGUF may have the layers of multi-token prediction, past those that count. */
static bool is_next(const struct fmt_estimate *e, const struct fmt_view_tensor *t)
{
	return e->n_next_layers && t->layer >= 0 && (uint64_t)t->layer >= e->n_layers;
}

bool fmt_estimate_share(const struct fmt_estimate *e, const struct fmt_view_tensor *t, enum fmt_share *s)
{
	if (is_buffer(t->name) || is_next(e, t))
		return false;
	*s = share_in(t, t->layer >= 0 && (uint64_t)t->layer < e->n_layers ? &e->layers[t->layer] : NULL);
	return true;
}

/* What one token passes of so many elements of experts. n_used is at most n_experts. */
static uint64_t active_part(const struct fmt_estimate *e, enum fmt_share s, uint64_t n_elems)
{
	if (s != FMT_SHARE_ROUTED_EXPERTS || !e->n_experts)
		return n_elems;
	return n_elems / e->n_experts * e->n_experts_used;
}

void fmt_estimate_sides(const struct fmt_view *v, const struct fmt_view_tensor *t, uint64_t *rows, uint64_t *cols)
{
	const struct fmt_view_tensor *values = NULL;
	char name[48];

	if (t->role == FMT_ROLE_ATTN_LATENT_K) {
		snprintf(name, sizeof name, "blk.%" PRId32 ".attn_v_b.weight", t->layer);
		values = fmt_view_find(v, (struct fmt_str){ name, strlen(name) });
	}
	*rows = t->n_dims ? t->dims[t->n_dims > 2 ? t->n_dims - 2 : 0] : 0;
	*cols = t->n_dims > 1 ? t->dims[t->n_dims - 1] : 0;
	if (t->n_dims == 3 && t->role == FMT_ROLE_LAYER_PROJ) { /* so many matrices of their own */
		*rows *= t->dims[0];
		*cols *= t->dims[0];
	}
	if (!values || t->n_dims != 3 || values->n_dims != 3)
		return;
	*rows = t->dims[0] * (t->dims[2] + values->dims[1]); /* both products are below the counts of elements */
	*cols = t->dims[1];
}

/* Adapters stand beside the matrices of a layer, but not beside experts and routers. */
bool fmt_estimate_takes_adapter(const struct fmt_view_tensor *t, enum fmt_share s)
{
	bool apart = t->role == FMT_ROLE_LAYER_PROJ, stacked = t->role == FMT_ROLE_ATTN_LATENT_K || apart;

	return (t->layer >= 0 || apart) && (t->n_dims == 2 || (t->n_dims == 3 && stacked)) && t->name.n > 7 &&
	       !memcmp(t->name.p + t->name.n - 7, ".weight", 7) &&
	       s != FMT_SHARE_NORMS && s != FMT_SHARE_ROUTER && s != FMT_SHARE_ROUTED_EXPERTS && !fmt_str_has(t->name, "conv1d") &&
	       !fmt_str_has(t->name, "shortconv.conv");
}

static bool count_tensor(struct fmt_estimate *e, const struct fmt_view *v, const struct fmt_view_tensor *t, enum fmt_share s,
                         struct fmt_err *err)
{
	struct fmt_layer *l = t->layer >= 0 && (uint64_t)t->layer < e->n_layers ? &e->layers[t->layer] : NULL;
	uint64_t active = active_part(e, s, t->n_elems), rows, cols, sides = 0;
	bool over = ckd_add(&e->total, e->total, t->n_elems) || ckd_add(&e->active, e->active, active) ||
	            ckd_add(&e->by_share[s], e->by_share[s], t->n_elems);

	fmt_estimate_sides(v, t, &rows, &cols);
	if (fmt_estimate_takes_adapter(t, s)) {
		over = over || ckd_add(&sides, rows, t->second_half ? 0 : cols) || ckd_add(&e->lora_linear, e->lora_linear, sides);
		/* GGUF's names for q_proj and v_proj; a fused matrix has another */
		if (fmt_str_has(t->name, ".attn_q.weight") || fmt_str_has(t->name, ".attn_v.weight"))
			over = over || ckd_add(&e->lora_qv, e->lora_qv, sides);
	}
	if (t->n_dims)
		(l ? l->rows : e->rows)[t->role] = rows;
	if (l && t->role == FMT_ROLE_FFN_DOWN && t->n_dims == 2)
		l->down_inputs = t->dims[1];
	if (!over && l)
		over = ckd_add(&l->params, l->params, t->n_elems) || ckd_add(&l->active, l->active, active);
	if (t->n_elems > e->largest_elems) {
		e->largest_elems = t->n_elems;
		e->largest_name = t->name;
	}
	return !over || too_large(err);
}

/* What a layer with attention keeps of each token. */
static void keys_and_values(struct fmt_layer *l, const struct arch_conf *c, int64_t layer)
{
	unsigned is = c->layer[layer];
	bool full = !(is & LAYER_WINDOW);

	l->n_heads = arch_conf_in(c, P_HEADS, layer);
	l->window = is & LAYER_WINDOW ? c->n[P_WINDOW] : 0;
	l->shared = is & LAYER_SHARED;
	if (l->shared)
		return;
	l->latent = c->n[P_LATENT_KEPT];
	if (l->latent)
		return;
	l->n_kv_heads = full && c->set[P_HEADS_KV_FULL] ? c->n[P_HEADS_KV_FULL] : c->n[P_HEADS_KV];
	l->k_dim = l->v_dim = full && c->set[P_HEAD_DIM_FULL] ? c->n[P_HEAD_DIM_FULL] : c->n[P_HEAD_DIM];
}

static void layer_of_config(struct fmt_layer *l, const struct arch_conf *c, int64_t layer)
{
	unsigned is = c->layer[layer];
	bool attends = is & LAYER_ATTENTION;

	l->experts = is & LAYER_MOE;
	l->kind = attends && is & LAYER_SSM ? FMT_LAYER_HYBRID :
	          is & LAYER_SSM            ? FMT_LAYER_MAMBA :
	          is & LAYER_LINEAR         ? FMT_LAYER_LINEAR :
	          is & LAYER_CONV           ? FMT_LAYER_CONV :
	          !attends                  ? FMT_LAYER_FEED_FORWARD :
	          c->set[P_LATENT]          ? FMT_LAYER_LATENT :
	                                      FMT_LAYER_ATTENTION;
	if (is & (LAYER_SSM | LAYER_LINEAR | LAYER_CONV)) {
		l->conv_elems = c->set[P_SSM_CONV] ? (c->n[P_SSM_CONV] - 1) * c->n[P_CONV_WIDTH] : 0;
		l->state_elems = is & LAYER_CONV ? 0 : c->n[P_STATE_ELEMS];
	}
	if (attends)
		keys_and_values(l, c, layer);
}

/* Layers from a config.json that its description has read. */
static bool layers_of_config(struct fmt_estimate *e, const struct fmt_view *v, struct fmt_err *err)
{
	const struct arch_conf *c = &v->impl->conf;
	const struct json *config = hf_json(&v->impl->dir, HF_CONFIG);
	bool mixture = false;

	e->n_layers = c->n[P_LAYERS];
	e->layers = calloc((size_t)e->n_layers, sizeof *e->layers);
	if (!e->layers)
		return fmt_fail_nomem(err, e->n_layers * sizeof *e->layers);
	for (uint64_t i = 0; i < e->n_layers; i++) {
		struct fmt_layer *l = &e->layers[i];

		layer_of_config(l, c, (int64_t)i);
		mixture = mixture || l->experts;
	}
	e->layers_known = true;
	e->n_experts = mixture ? c->n[P_EXPERTS] : 0;
	e->n_experts_used = mixture ? c->n[P_EXPERTS_USED] : 0;
	e->context = c->n[P_CONTEXT];
	e->vocab = c->n[P_VOCAB];
	e->model_width = c->n[P_MODEL];
	e->n_next_layers = c->n[P_NEXT_LAYERS];
	e->own_windows = v->arch->own_windows;
	e->repeated_heads = c->n[P_NEW_DECODER];
	return tower_count(config, json_str(json_get(config, "model_type")), e->model_width, &e->other, err);
}

/* Layers for multi-token prediction that config.json declares: each a layer like the last one, a matrix that joins two residual streams, and three
 * norms. A checkpoint may repeat the embedding and the output matrix in them. */
static bool count_next(struct fmt_estimate *e, struct fmt_err *err)
{
	uint64_t n = 0;

	if (!e->n_next_layers)
		return true;
	if (ckd_add(&n, e->layers[e->n_layers - 1].params, 2 * e->model_width * e->model_width + 3 * e->model_width) ||
	    ckd_mul(&e->next_params, n, e->n_next_layers))
		return too_large(err);
	return true;
}

bool fmt_estimate_init(struct fmt_estimate *e, const struct fmt_view *v, struct fmt_err *err)
{
	const struct fmt_view_tensor *embd = fmt_view_find(v, FMT_STR("token_embd.weight"));

	*e = (struct fmt_estimate){ .other = { .known = true } };
	if (!(v->from_dir ? layers_of_config(e, v, err) : estimate_layers_of_keys(e, v, err)))
		return false;
	for (uint64_t i = 0; i < v->n_tensors; i++) {
		enum fmt_share s = FMT_SHARE_OTHER;

		if (fmt_estimate_share(e, &v->tensors[i], &s) && !count_tensor(e, v, &v->tensors[i], s, err))
			return false;
		if (is_next(e, &v->tensors[i]) && ckd_add(&e->next_params, e->next_params, v->tensors[i].n_elems))
			return too_large(err);
	}
	e->tied = embd && !fmt_view_find(v, FMT_STR("output.weight"));
	if (!e->vocab && embd && embd->n_dims == 2)
		e->vocab = embd->dims[0];
	e->active_without_input_embedding = e->active - (e->tied ? 0 : e->by_share[FMT_SHARE_EMBEDDINGS]);
	e->non_embedding = e->total - e->by_share[FMT_SHARE_EMBEDDINGS] - e->by_share[FMT_SHARE_LM_HEAD];
	if (ckd_add(&e->total_with_other, e->total, e->other.params))
		return too_large(err);
	return !v->from_dir || count_next(e, err);
}

void fmt_estimate_finish(struct fmt_estimate *e)
{
	free(e->layers);
	*e = (struct fmt_estimate){ .total = 0 };
}
