/* Hyper-parameters: read from the keys, checked against each other. What they say about shapes is checked in bind.c,
 * tensor by tensor, so that nothing is allocated by their word alone. */
#include "hyper.h"

#include <math.h>
#include <stdlib.h>

/* On sizes of recurrent layers, far above any model: products of two of them are addressable. */
enum { MAX_SSM = 1 << 24 };

enum { GATING_SOFTMAX = 1, GATING_SIGMOID = 2 }; /* expert_gating_func */

static bool need_positive(const char *key, uint32_t value, struct fmt_err *err)
{
	return value || fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "the model's %s is missing or zero", key);
}

static bool read_one(const struct fmt_view *v, const char *key, uint32_t absent, uint32_t *out, struct fmt_err *err)
{
	return fmt_view_u32(v, key, -1, absent, out, err) && need_positive(key, *out, err);
}

static bool read_real(const struct fmt_view *v, const char *key, float absent, float *out, struct fmt_err *err)
{
	if (!fmt_view_f32(v, key, absent, out, err))
		return false;
	return (*out >= 0 && *out < 1e30f) ||
	       fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "%s is out of range: %g", key, (double)*out);
}

/* Element i of a key that may hold a flag per layer. */
static bool read_flag(const struct fmt_view *v, const char *key, int32_t i, bool absent, bool *out, struct fmt_err *err)
{
	const struct fmt_value *x = fmt_view_arch_get(v, key);

	*out = absent;
	if (!x || x->type != FMT_KV_ARR || x->elem != FMT_KV_BOOL)
		return true;
	if ((uint64_t)i >= x->n)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "%s has fewer elements than layers", key);
	*out = ((const uint8_t *)x->as.data)[i];
	return true;
}

/* What single layers differ in: those without a window, or without positions. */
static bool read_patterns(struct infer_model *m, int32_t i, struct infer_layer *l, struct fmt_err *err)
{
	uint32_t every = m->forward->no_rope_every;
	bool rotates;

	if (!fmt_view_window(m->view, i, &l->window, err) ||
	    !read_flag(m->view, "attention.rope_pattern", i, !every || (uint32_t)(i + 1) % every, &rotates, err))
		return false;
	l->no_rope = !rotates || (m->forward->rope_in_windows && !l->window);
	return true;
}

static bool read_heads(const struct fmt_view *v, int32_t i, struct infer_layer *l, struct fmt_err *err)
{
	if (!fmt_view_u32(v, "attention.head_count", i, 0, &l->n_head, err) ||
	    !need_positive("attention.head_count", l->n_head, err) ||
	    !fmt_view_u32(v, "attention.head_count_kv", i, l->n_head, &l->n_head_kv, err) ||
	    !need_positive("attention.head_count_kv", l->n_head_kv, err))
		return false;
	if (l->n_head % l->n_head_kv)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET,
		                "layer %d has %u query heads, which %u key heads cannot share evenly", (int)i,
		                l->n_head, l->n_head_kv);
	return true;
}

/* Layers of a model with recurrent ones are what their tensors make them; of any other, each has attention and a
 * feed-forward block. */
static bool read_layer(struct infer_model *m, int32_t i, struct infer_layer *l, struct fmt_err *err)
{
	const struct fmt_view *v = m->view;
	bool attends = !m->forward->recurrent || fmt_view_role(v, FMT_ROLE_ATTN_OUT, i);
	bool feeds = !m->forward->recurrent || fmt_view_role(v, FMT_ROLE_FFN_DOWN, i);

	l->recurrent = m->forward->recurrent && fmt_view_role(v, FMT_ROLE_SSM_CONV, i);
	l->experts = m->moe.n_experts && (fmt_view_role(v, FMT_ROLE_MOE_ROUTER, i) || fmt_view_role(v, FMT_ROLE_MOE_DOWN, i));
	if ((attends && !read_heads(v, i, l, err)) ||
	    (feeds && (!fmt_view_u32(v, "feed_forward_length", i, 0, &l->d_ff, err) ||
	               !need_positive("feed_forward_length", l->d_ff, err))))
		return false;
	if (!attends && !l->recurrent && !(m->forward->one_block && (feeds || l->experts)))
		return fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "layer %d has neither attn_output nor ssm_conv1d", (int)i);
	return read_patterns(m, i, l, err);
}

/* Every layer has tensors, so a count of layers that the file can hold is below its count of tensors. */
static bool read_layers(struct infer_model *m, struct fmt_err *err)
{
	bool any_experts = false;
	uint32_t n = infer_layers(m);

	if (n > m->view->n_tensors)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "block_count is %u, but there are only %llu tensors", n,
		                (unsigned long long)m->view->n_tensors);
	m->layers = calloc(n, sizeof *m->layers);
	if (!m->layers)
		return fmt_fail_nomem(err, (uint64_t)n * sizeof *m->layers);
	for (uint32_t i = 0; i < n; i++) {
		if (!read_layer(m, (int32_t)i, &m->layers[i], err))
			return false;
		any_experts |= m->layers[i].experts;
	}
	if (!any_experts) /* so that nothing is allocated for those that keys speak of */
		m->moe = (struct infer_moe){ 0 };
	return true;
}

/* Groups of experts, and the shared ones, which are one wide block. */
static bool read_groups(struct infer_model *m, struct fmt_err *err)
{
	struct infer_moe *moe = &m->moe;
	uint32_t gating, n_shared;

	if (!fmt_view_u32(m->view, "expert_gating_func", -1, m->forward->sigmoid ? GATING_SIGMOID : GATING_SOFTMAX, &gating, err) ||
	    !fmt_view_u32(m->view, "expert_group_count", -1, 0, &moe->n_groups, err) ||
	    !fmt_view_u32(m->view, "expert_group_used_count", -1, moe->n_groups, &moe->n_groups_used, err) ||
	    !fmt_view_u32(m->view, "expert_group_top", -1, 2, &moe->group_top, err) ||
	    !fmt_view_u32(m->view, "expert_shared_count", -1, 0, &n_shared, err) ||
	    !read_real(m->view, "expert_weights_scale", 0, &moe->scale, err))
		return false;
	if (gating != GATING_SOFTMAX && gating != GATING_SIGMOID)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "expert_gating_func %u is not known here: 1 (softmax) and 2 (sigmoid) "
		                "are", gating);
	moe->sigmoid = gating == GATING_SIGMOID;
	moe->weigh_input = m->forward->llama4;
	if (!moe->d_shared && n_shared) {
		if (n_shared > UINT32_MAX / moe->d_ff)
			return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "expert_shared_count is %u", n_shared);
		moe->d_shared = n_shared * moe->d_ff;
	}
	if (!moe->group_top || moe->n_groups <= 1) /* they limit nothing */
		moe->n_groups = 0;
	if (!moe->n_groups)
		return true;
	if (moe->n_experts % moe->n_groups || !moe->n_groups_used || moe->n_groups_used > moe->n_groups || moe->group_top > 2 ||
	    moe->n_used > moe->n_experts / moe->n_groups * moe->n_groups_used)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "%u experts of %u in %u of %u groups, chosen by their %u best", moe->n_used,
		                moe->n_experts, moe->n_groups_used, moe->n_groups, moe->group_top);
	return true;
}

/* Mixtures of experts. A model without feed_forward_length for one expert has experts as wide as its dense blocks. */
static bool read_moe(struct infer_model *m, struct fmt_err *err)
{
	const struct fmt_value *norm = fmt_view_arch_get(m->view, "expert_weights_norm");
	struct infer_moe *moe = &m->moe;
	uint32_t d_ff;

	if (!fmt_view_u32(m->view, "expert_count", -1, 0, &moe->n_experts, err) ||
	    !fmt_view_u32(m->view, "expert_used_count", -1, 0, &moe->n_used, err) ||
	    !fmt_view_u32(m->view, "feed_forward_length", -1, 0, &d_ff, err) ||
	    !fmt_view_u32(m->view, "expert_feed_forward_length", -1, d_ff, &moe->d_ff, err) ||
	    !fmt_view_u32(m->view, "expert_shared_feed_forward_length", -1, 0, &moe->d_shared, err) ||
	    !fmt_view_u32(m->view, "moe_latent_size", -1, m->d_model, &moe->d_in, err) ||
	    !read_real(m->view, "expert_router_jitter", 0.01f, &moe->jitter, err))
		return false;
	moe->normalise = norm && norm->type == FMT_KV_BOOL ? norm->as.b : m->forward->normalise;
	if (!moe->n_experts)
		return true;
	if (!moe->n_used || moe->n_used > moe->n_experts)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "expert_used_count is %u of %u experts", moe->n_used,
		                moe->n_experts);
	return need_positive("expert_feed_forward_length", moe->d_ff, err) && need_positive("moe_latent_size", moe->d_in, err) &&
	       read_groups(m, err);
}

static bool read_eps(struct infer_model *m, struct fmt_err *err)
{
	const char *key = m->forward->layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon";

	if (!fmt_view_f32(m->view, key, 0, &m->eps, err))
		return false;
	if (!(m->eps > 0) || m->eps > 1)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "%s is missing, or out of range: %g", key, (double)m->eps);
	return true;
}

/* 1 / sqrt(d_k); but Gemma's 27B are known by their number of layers, and scale as if heads were as wide as D / Hq. */
static float usual_scale(const struct infer_model *m)
{
	bool wide = m->forward->wide_scale_layers && m->n_layers == m->forward->wide_scale_layers;

	return (float)(1 / sqrt((double)(wide ? m->d_model / m->layers[0].n_head : m->d_k)));
}

/* What happens to attention scores and to logits. A scale of 0 is the usual one, as llama.cpp has it. */
static bool read_scores(struct infer_model *m, struct fmt_err *err)
{
	const struct fmt_value *gelu = fmt_view_arch_get(m->view, "feed_forward.gelu_tanh");
	const struct fmt_value *parallel = fmt_view_arch_get(m->view, "use_parallel_residual");
	bool tanh_formula;

	if (!read_real(m->view, "attention.output_scale", 0, &m->attn_scale, err) || /* Grok's word */
	    !read_real(m->view, "attention.scale", m->attn_scale, &m->attn_scale, err) ||
	    !read_real(m->view, "attention.clamp_kqv", 0, &m->clip, err) ||
	    !read_real(m->view, "attn_logit_softcapping", 0, &m->attn_cap, err) ||
	    !read_real(m->view, "final_logit_softcapping", 0, &m->final_cap, err))
		return false;
	m->parallel = !parallel || parallel->type != FMT_KV_BOOL || parallel->as.b;
	tanh_formula = gelu && gelu->type == FMT_KV_BOOL ? gelu->as.b : m->forward->gelu_tanh;
	m->gelu = tanh_formula ? INFER_GELU_TANH : INFER_GELU_ERF;
	if (!(m->attn_scale > 0) && m->d_k)
		m->attn_scale = usual_scale(m);
	return true;
}

/* How queries grow with their position: by Llama 4's usual values, or where the model says how much. */
static bool read_temperature(struct infer_model *m, struct fmt_err *err)
{
	const struct fmt_value *norm = fmt_view_arch_get(m->view, "attention.qk_norm");
	bool llama4 = m->forward->llama4;
	uint32_t length;

	/* llama.cpp knows the model whose queries and keys are taken as they are by its 128 experts */
	m->l2_norm = llama4 && (norm && norm->type == FMT_KV_BOOL ? norm->as.b : m->moe.n_experts != 128);
	m->temperature.from = llama4;
	m->chunked = m->forward->chunked;
	m->gated_queries = m->forward->gated_queries;
	if (!fmt_view_u32(m->view, "rope.scaling.original_context_length", -1, m->n_ctx_train, &length, err) ||
	    !fmt_view_u32(m->view, "attention.temperature_length", -1, llama4 ? 8192 : length, &m->temperature.length, err) ||
	    !read_real(m->view, "attention.temperature_scale", llama4 ? 0.1f : 0, &m->temperature.scale, err))
		return false;
	return !(m->temperature.scale > 0) || need_positive("attention.temperature_length", m->temperature.length, err);
}

/* A factor that is absent is 1; and 0 is absent, as llama.cpp has it. */
static bool read_factor(const struct fmt_view *v, const char *key, float *out, struct fmt_err *err)
{
	if (!read_real(v, key, 0, out, err))
		return false;
	*out = *out > 0 ? *out : 1;
	return true;
}

/* The sizes behind latent attention's one wide head. */
static bool read_latent(struct infer_model *m, struct fmt_err *err)
{
	struct infer_latent *latent = &m->latent;
	uint32_t n_rope;

	if (!m->forward->latent)
		return true;
	if (!read_one(m->view, "attention.kv_lora_rank", 0, &latent->width, err) ||
	    !read_one(m->view, "attention.key_length_mla", 0, &m->d_k, err) ||
	    !read_one(m->view, "attention.value_length_mla", 0, &m->d_v, err) ||
	    !read_one(m->view, "rope.dimension_count", 0, &n_rope, err) ||
	    !fmt_view_u32(m->view, "attention.q_lora_rank", -1, 0, &latent->n_queries, err))
		return false;
	if (n_rope >= m->d_k || latent->width > UINT32_MAX - n_rope)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "rope.dimension_count is %u of heads that are %u wide", n_rope, m->d_k);
	latent->d_nope = m->d_k - n_rope;
	for (uint32_t i = 0; i < m->n_layers; i++)
		if (m->layers[i].n_head_kv != 1)
			return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "layer %u has %u key heads: latent attention has one", i,
			                m->layers[i].n_head_kv);
	return true;
}

/* Sizes of the recurrent layers, none of which may make a product that overflows: those of weights are checked where they are
 * bound, tensor by tensor. */
static bool read_ssm(struct infer_model *m, struct fmt_err *err)
{
	struct infer_ssm *s = &m->ssm;
	uint32_t steps;

	if (!m->forward->recurrent)
		return true;
	if (!read_one(m->view, "ssm.inner_size", 0, &s->inner, err) || !read_one(m->view, "ssm.state_size", 0, &s->state, err) ||
	    !read_one(m->view, "ssm.conv_kernel", 0, &s->kernel, err) ||
	    !read_one(m->view, "ssm.time_step_rank", 0, &steps, err) ||
	    !read_real(m->view, "ssm.time_step_min", 0, &s->step_least, err) ||
	    !read_real(m->view, "ssm.time_step_max", 0, &s->step_most, err))
		return false;
	*(m->forward->ssm_heads ? &s->heads : &s->rank) = steps;
	s->in_turn = m->forward->heads_in_turn;
	if (m->forward->ssm_heads && !read_one(m->view, "ssm.group_count", 0, &s->groups, err))
		return false;
	if (s->inner > MAX_SSM || s->state > MAX_SSM || s->kernel > MAX_SSM || steps > MAX_SSM ||
	    (uint64_t)s->groups * s->state > MAX_SSM)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "ssm.*: a size above %u", MAX_SSM);
	if (s->heads && (s->inner % s->heads || s->heads % s->groups))
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "ssm.inner_size %u, %u heads (ssm.time_step_rank), %u groups: one does "
		                "not divide the other", s->inner, s->heads, s->groups);
	return true;
}

/* Whether all of these layers are there, and one that can be run: files may have lost them, and keep the key. */
static bool has_next(const struct infer_model *m, uint32_t first, uint32_t n)
{
	if (!m->forward->block)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!fmt_view_role(m->view, FMT_ROLE_NEXT_PROJ, (int32_t)(first + i)))
			return false;
	return true;
}

/* How many layers there are; those for multi-token prediction stand last. */
static bool read_count(struct infer_model *m, bool with_next, struct fmt_err *err)
{
	uint32_t n = 0, next = 0;

	if (!read_one(m->view, "block_count", 0, &n, err) || !fmt_view_u32(m->view, "nextn_predict_layers", -1, 0, &next, err))
		return false;
	if (next >= n)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "nextn_predict_layers: %u of %u layers", next, n);
	m->n_layers = n - next;
	m->n_next = with_next && has_next(m, m->n_layers, next) ? next : 0;
	return true;
}

/* Of the first layer that has attention; 0: none has. */
static uint32_t usual_head_width(const struct infer_model *m)
{
	for (uint32_t i = 0; i < m->n_layers; i++)
		if (m->layers[i].n_head)
			return m->d_model / m->layers[i].n_head;
	return 0;
}

/* Widths of heads, where there are any. */
static bool read_head_widths(struct infer_model *m, struct fmt_err *err)
{
	uint32_t usual = usual_head_width(m);

	if (m->forward->recurrent && !usual)
		return true;
	return read_one(m->view, "attention.key_length", usual, &m->d_k, err) &&
	       read_one(m->view, "attention.value_length", usual, &m->d_v, err);
}

bool infer_hyper_read(struct infer_model *m, bool with_next, struct fmt_err *err)
{
	const struct fmt_view *v = m->view;
	const struct fmt_view_tensor *embd = fmt_view_role(v, FMT_ROLE_TOKEN_EMBD, -1);

	if (!embd || embd->n_dims != 2 || !embd->dims[0] || embd->dims[0] > INT32_MAX)
		return fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "token_embd.weight is missing or no matrix");
	m->n_vocab = (uint32_t)embd->dims[0];
	if (!read_one(v, "context_length", 0, &m->n_ctx_train, err) ||
	    !read_one(v, "embedding_length", 0, &m->d_model, err) ||
	    !read_count(m, with_next, err) || !read_moe(m, err) || !read_layers(m, err))
		return false;
	if (fmt_view_role(v, FMT_ROLE_POSITION_EMBD, -1)) {
		m->max_ctx = m->n_ctx_train;
		m->max_ctx_why = "the model has learned positions for";
	}
	return read_head_widths(m, err) && read_latent(m, err) && read_ssm(m, err) && read_eps(m, err) &&
	       read_scores(m, err) && read_temperature(m, err) &&
	       read_factor(v, "embedding_scale", &m->embd_scale, err) &&
	       read_factor(v, "residual_scale", &m->residual_scale, err) &&
	       read_factor(v, "logit_scale", &m->logit_scale, err);
}

uint64_t infer_dim(const struct infer_model *m, const struct infer_layer *l, enum infer_dim d)
{
	switch (d) {
	case DIM_VOCAB:
		return m->n_vocab;
	case DIM_MODEL:
		return m->d_model;
	case DIM_MODEL_TWICE:
		return 2 * (uint64_t)m->d_model;
	case DIM_Q_NORM:
		return (uint64_t)(m->forward->norm_across_heads ? l->n_head : 1) * m->d_k;
	case DIM_K_NORM:
		return (uint64_t)(m->forward->norm_across_heads ? l->n_head_kv : 1) * m->d_k;
	case DIM_Q:
		return (uint64_t)l->n_head * m->d_k;
	case DIM_K:
		return (uint64_t)l->n_head_kv * m->d_k;
	case DIM_V:
		return (uint64_t)l->n_head_kv * m->d_v;
	case DIM_HEADS:
		return l->n_head;
	case DIM_HEADS_KV:
		return l->n_head_kv;
	case DIM_HEAD_K:
		return m->d_k;
	case DIM_QKV:
		return (uint64_t)l->n_head * m->d_k + (uint64_t)l->n_head_kv * ((uint64_t)m->d_k + m->d_v);
	case DIM_HEADS_V:
		return (uint64_t)l->n_head * m->d_v;
	case DIM_FF:
		return l->d_ff;
	case DIM_FF_TWICE:
		return 2 * (uint64_t)l->d_ff;
	case DIM_HEAD_V:
		return m->d_v;
	case DIM_NOPE:
		return m->latent.d_nope;
	case DIM_LATENT:
		return m->latent.width;
	case DIM_CACHE_K:
		return infer_cache_k(m);
	case DIM_Q_LATENT:
		return m->latent.n_queries;
	case DIM_CTX_TRAIN:
		return m->n_ctx_train;
	case DIM_EXPERTS:
		return m->moe.n_experts;
	case DIM_EXPERT_FF:
		return m->moe.d_ff;
	case DIM_EXPERT_IN:
		return m->moe.d_in;
	case DIM_SHARED_FF:
		return m->moe.d_shared;
	case DIM_SSM_INNER:
		return m->ssm.inner;
	case DIM_SSM_INNER_TWICE:
		return 2 * (uint64_t)m->ssm.inner;
	case DIM_SSM_STATE:
		return m->ssm.state;
	case DIM_SSM_KERNEL:
		return m->ssm.kernel;
	case DIM_SSM_RANK:
		return m->ssm.rank;
	case DIM_SSM_X:
		return m->ssm.rank + 2 * (uint64_t)m->ssm.state;
	case DIM_SSM_HEADS:
		return m->ssm.heads;
	case DIM_SSM_HEAD:
		return m->ssm.inner / m->ssm.heads;
	case DIM_SSM_GROUPS:
		return m->ssm.groups;
	case DIM_SSM_GROUP:
		return m->ssm.inner / m->ssm.groups;
	case DIM_SSM_IN:
		return m->ssm.inner + infer_conv_width(&m->ssm) + m->ssm.heads;
	case DIM_SSM_HEADS_TWICE:
		return 2 * (uint64_t)m->ssm.heads;
	case DIM_Q_TWICE:
		return 2 * (uint64_t)l->n_head * m->d_k;
	case DIM_SSM_CONV:
		return infer_conv_width(&m->ssm);
	case DIM_ONE:
	case DIM_ROW:
	case DIM_ANY:
		break;
	}
	return 1;
}
