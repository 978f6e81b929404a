/* The decoder block of Llama, and the models that keep it:
 * - Llama 1 to 3 (arXiv:2302.13971, 2307.09288, 2407.21783), Mistral (arXiv:2310.06825);
 * - Mixtral (arXiv:2401.04088): experts for the feed-forward block;
 * - Qwen 2 (arXiv:2407.10671): biases on q, k and v; with experts: beside them a gated one for every token;
 * - Qwen 3 (arXiv:2505.09388), with and without experts: a norm on every head of q and k;
 * - GLM-4.5 (arXiv:2508.06471): biases, experts as DeepSeek chooses them, half of each head rotates;
 * - OLMoE (arXiv:2409.02060): experts, norms over all heads of q and of k, and q, k and v clipped in some;
 * - MiniMax-M2: experts chosen by sigmoids with a correction, norms over all heads of q and of k;
 * - Ministral 3: queries that grow with their position;
 * - Seed-OSS: biases on q, k and v;
 * - SmolLM 3: every fourth layer without positions (arXiv:2501.18795).
 * T tokens, D model width, Hq, Hk query and key heads, Dk, Dv their widths, F feed-forward width, V vocabulary. */
#include "forward.h"

static const struct infer_need global[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_OUTPUT, "output", FMT_ROLE_OUTPUT_B, DIM_VOCAB, DIM_MODEL, .optional = true }, /* absent: the embedding */
	{ FMT_ROLE_NONE },
};

static const struct infer_need layer[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_ATTN_Q, "attn_q", FMT_ROLE_ATTN_Q_B, DIM_Q, DIM_MODEL },
	{ FMT_ROLE_ATTN_K, "attn_k", FMT_ROLE_ATTN_K_B, DIM_K, DIM_MODEL },
	{ FMT_ROLE_ATTN_V, "attn_v", FMT_ROLE_ATTN_V_B, DIM_V, DIM_MODEL },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm", FMT_ROLE_NONE, DIM_ONE, DIM_Q_NORM, .optional = true },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm", FMT_ROLE_NONE, DIM_ONE, DIM_K_NORM, .optional = true },
	{ FMT_ROLE_ATTN_OUT, "attn_output", FMT_ROLE_ATTN_OUT_B, DIM_MODEL, DIM_HEADS_V },
	{ FMT_ROLE_FFN_NORM, "ffn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_FFN_GATE, "ffn_gate", FMT_ROLE_FFN_GATE_B, DIM_FF, DIM_MODEL, .in = IN_DENSE },
	{ FMT_ROLE_FFN_UP, "ffn_up", FMT_ROLE_FFN_UP_B, DIM_FF, DIM_MODEL, .in = IN_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down", FMT_ROLE_FFN_DOWN_B, DIM_MODEL, DIM_FF, .in = IN_DENSE },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp", FMT_ROLE_NONE, DIM_EXPERTS, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_MOE_BIAS, "exp_probs_b", FMT_ROLE_NONE, DIM_ONE, DIM_EXPERTS, .in = IN_MOE, .optional = true },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps", FMT_ROLE_NONE, DIM_MODEL, DIM_EXPERT_FF, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_SHARED_ROUTER, "ffn_gate_inp_shexp", FMT_ROLE_NONE, DIM_ROW, DIM_MODEL, .in = IN_MOE, .optional = true },
	{ FMT_ROLE_SHARED_GATE, "ffn_gate_shexp", FMT_ROLE_NONE, DIM_SHARED_FF, DIM_MODEL, .in = IN_MOE, .optional = true },
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp", FMT_ROLE_NONE, DIM_SHARED_FF, DIM_MODEL, .in = IN_MOE, .optional = true },
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp", FMT_ROLE_NONE, DIM_MODEL, DIM_SHARED_FF, .in = IN_MOE, .optional = true },
	{ FMT_ROLE_NONE },
};

/* What every token passes beside its experts, in some with a gate: x += sigmoid(h wg') * (silu(h Wg') * (h Wu')) Wd'. The gate is
 * the last factor, so that what goes into Wd is what llama.cpp's importance matrices have of it. */
static void shared_expert(struct infer_run *r, const struct infer_w *w, float *x, const float *h)
{
	if (!w[FMT_ROLE_SHARED_GATE].tensor)
		return;
	op_swiglu(r, r->g, h, &w[FMT_ROLE_SHARED_GATE], &w[FMT_ROLE_SHARED_UP]);
	if (!w[FMT_ROLE_SHARED_ROUTER].tensor) {
		op_linear_add(r, x, r->g, &w[FMT_ROLE_SHARED_DOWN]);
		return;
	}
	op_linear(r, r->y, r->g, &w[FMT_ROLE_SHARED_DOWN]);
	op_linear(r, r->route.p, h, &w[FMT_ROLE_SHARED_ROUTER]);
	op_sigmoid_gate(r, r->y, r->model->d_model, r->route.p);
	op_add(r, x, r->y, r->model->d_model);
}

void fwd_llama_feed_forward(struct infer_run *r, const struct infer_layer *l, float *x, const float *h)
{
	const struct infer_w *w = l->w;

	if (l->experts) {
		op_route_corrected(r, h, &w[FMT_ROLE_MOE_ROUTER], &w[FMT_ROLE_MOE_BIAS]); /* each token's experts and their weights */
		op_experts_add(r, x, h, &w[FMT_ROLE_MOE_GATE], &w[FMT_ROLE_MOE_UP], &w[FMT_ROLE_MOE_DOWN]);
		shared_expert(r, w, x, h);
		return;
	}
	op_swiglu(r, r->g, h, &w[FMT_ROLE_FFN_GATE], &w[FMT_ROLE_FFN_UP]); /* silu(h Wg') * (h Wu')   [T, F] */
	op_linear_add(r, x, r->g, &w[FMT_ROLE_FFN_DOWN]);    /* x += g Wd' + bd               [T, D]     */
}

static void block(struct infer_run *r, const struct infer_layer *l, float *x /* [T, D], in and out */)
{
	const struct infer_w *w = l->w;

	op_rmsnorm(r, r->h, x, &w[FMT_ROLE_ATTN_NORM]);      /* h = norm(x)                   [T, D]     */
	op_linear(r, r->q, r->h, &w[FMT_ROLE_ATTN_Q]);       /* q = h Wq' + bq                [T, Hq*Dk] */
	op_linear(r, r->k, r->h, &w[FMT_ROLE_ATTN_K]);       /* k = h Wk' + bk                [T, Hk*Dk] */
	op_linear(r, r->v, r->h, &w[FMT_ROLE_ATTN_V]);       /* v = h Wv' + bv                [T, Hk*Dv] */
	op_headnorm(r, r->q, l->n_head, &w[FMT_ROLE_ATTN_Q_NORM]); /* Qwen 3, OLMoE                      */
	op_headnorm(r, r->k, l->n_head_kv, &w[FMT_ROLE_ATTN_K_NORM]);
	op_clip(r, r->q, w[FMT_ROLE_ATTN_Q].rows, r->model->clip);    /* OLMoE                           */
	op_clip(r, r->k, w[FMT_ROLE_ATTN_K].rows, r->model->clip);
	op_clip(r, r->v, w[FMT_ROLE_ATTN_V].rows, r->model->clip);
	op_rope(r, r->q, l->n_head);
	op_rope(r, r->k, l->n_head_kv);
	op_temperature(r, r->q, w[FMT_ROLE_ATTN_Q].rows);    /* Ministral 3                              */
	op_attend(r, r->h, r->q, r->k, r->v);                /* h = softmax(q k' / sqrt(Dk)) v [T, Hq*Dv] */
	op_linear_add(r, x, r->h, &w[FMT_ROLE_ATTN_OUT]);    /* x += h Wo' + bo               [T, D]     */

	op_rmsnorm(r, r->h, x, &w[FMT_ROLE_FFN_NORM]);       /* h = norm(x)                   [T, D]     */
	fwd_llama_feed_forward(r, l, x, r->h);
}

static void forward(struct infer_run *r)
{
	const struct infer_model *m = r->model;

	op_embed(r, r->x, &m->w[FMT_ROLE_TOKEN_EMBD]);       /* x = E[ids]                    [T, D]     */
	op_rope_angles(r);
	for (r->layer = 0; r->layer < m->n_layers; r->layer++)
		block(r, &m->layers[r->layer], r->x);
	op_wanted(r, r->x);                                  /* from here: only tokens whose logits are asked for */
	op_rmsnorm(r, r->h, r->x, &m->w[FMT_ROLE_OUTPUT_NORM]);
	op_linear(r, r->logits, r->h, &m->w[FMT_ROLE_OUTPUT]); /* logits = norm(x) E'         [T, V]     */
}

const struct infer_forward infer_fwd_llama = {
	.arch = "llama",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_NEIGHBOURS,
	.normalise = true,
};

const struct infer_forward infer_fwd_minimaxm2 = {
	.arch = "minimax-m2",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_HALVES,
	.norm_across_heads = true,
	.normalise = true,
};

const struct infer_forward infer_fwd_mistral3 = {
	.arch = "mistral3",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_NEIGHBOURS,
	.normalise = true,
};

const struct infer_forward infer_fwd_qwen2 = {
	.arch = "qwen2",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_HALVES,
};

const struct infer_forward infer_fwd_qwen2moe = {
	.arch = "qwen2moe",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_HALVES,
};

const struct infer_forward infer_fwd_qwen3 = {
	.arch = "qwen3",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_HALVES,
};

const struct infer_forward infer_fwd_qwen3moe = {
	.arch = "qwen3moe",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_HALVES,
	.normalise = true,
};

const struct infer_forward infer_fwd_glm4moe = {
	.arch = "glm4moe",
	.run = forward,
	.block = block,
	.global = global,
	.layer = layer,
	.pairs = INFER_HALVES,
};

const struct infer_forward infer_fwd_olmoe = {
	.arch = "olmoe",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_HALVES,
	.norm_across_heads = true,
};

const struct infer_forward infer_fwd_seed_oss = {
	.arch = "seed_oss",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_HALVES,
};

const struct infer_forward infer_fwd_smollm3 = {
	.arch = "smollm3",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_NEIGHBOURS,
	.no_rope_every = 4,
};
