/* Nemotron-H (arXiv:2504.03624): each layer is one of four things behind a norm, Mamba 2, attention without positions, a
 * feed-forward block of two matrices with a squared ReLU between them, or experts that are such blocks, beside a shared one. In
 * some, experts work on a narrower vector than the model's.
 * T tokens, D model width, F feed-forward width, L width of what experts see, K experts per token. */
#include "forward.h"

static const struct infer_need global[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_OUTPUT, "output", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL, .optional = true }, /* absent: the embedding */
	{ FMT_ROLE_NONE },
};

static const struct infer_need layer[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_SSM_IN, "ssm_in", FMT_ROLE_SSM_IN_B, DIM_SSM_IN, DIM_MODEL, .in = IN_RECURRENT },
	{ FMT_ROLE_SSM_CONV, "ssm_conv1d", FMT_ROLE_SSM_CONV_B, DIM_SSM_CONV, DIM_SSM_KERNEL, .in = IN_RECURRENT },
	{ FMT_ROLE_SSM_DT_B, "ssm_dt", FMT_ROLE_NONE, DIM_ONE, DIM_SSM_HEADS, .in = IN_RECURRENT, .end = ".bias" },
	{ FMT_ROLE_SSM_A, "ssm_a", FMT_ROLE_NONE, DIM_SSM_HEADS, DIM_ROW, .in = IN_RECURRENT, .end = "" },
	{ FMT_ROLE_SSM_D, "ssm_d", FMT_ROLE_NONE, DIM_SSM_HEADS, DIM_ROW, .in = IN_RECURRENT, .end = "" },
	{ FMT_ROLE_SSM_NORM, "ssm_norm", FMT_ROLE_NONE, DIM_SSM_GROUPS, DIM_SSM_GROUP, .in = IN_RECURRENT },
	{ FMT_ROLE_SSM_OUT, "ssm_out", FMT_ROLE_SSM_OUT_B, DIM_MODEL, DIM_SSM_INNER, .in = IN_RECURRENT },
	{ FMT_ROLE_ATTN_Q, "attn_q", FMT_ROLE_ATTN_Q_B, DIM_Q, DIM_MODEL, .in = IN_ATTENTION },
	{ FMT_ROLE_ATTN_K, "attn_k", FMT_ROLE_ATTN_K_B, DIM_K, DIM_MODEL, .in = IN_ATTENTION },
	{ FMT_ROLE_ATTN_V, "attn_v", FMT_ROLE_ATTN_V_B, DIM_V, DIM_MODEL, .in = IN_ATTENTION },
	{ FMT_ROLE_ATTN_OUT, "attn_output", FMT_ROLE_ATTN_OUT_B, DIM_MODEL, DIM_HEADS_V, .in = IN_ATTENTION },
	{ FMT_ROLE_FFN_UP, "ffn_up", FMT_ROLE_FFN_UP_B, DIM_FF, DIM_MODEL, .in = IN_BLOCK },
	{ FMT_ROLE_FFN_DOWN, "ffn_down", FMT_ROLE_FFN_DOWN_B, DIM_MODEL, DIM_FF, .in = IN_BLOCK },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp", FMT_ROLE_NONE, DIM_EXPERTS, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_MOE_BIAS, "exp_probs_b", FMT_ROLE_NONE, DIM_ONE, DIM_EXPERTS, .in = IN_MOE, .end = ".bias" },
	{ FMT_ROLE_MOE_LATENT, "ffn_latent_down", FMT_ROLE_MOE_LATENT_B, DIM_EXPERT_IN, DIM_MODEL, .in = IN_MOE_LATENT },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_EXPERT_IN, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps", FMT_ROLE_NONE, DIM_EXPERT_IN, DIM_EXPERT_FF, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_LATENT_UP, "ffn_latent_up", FMT_ROLE_MOE_LATENT_UP_B, DIM_MODEL, DIM_EXPERT_IN, .in = IN_MOE_LATENT },
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp", FMT_ROLE_SHARED_UP_B, DIM_SHARED_FF, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp", FMT_ROLE_SHARED_DOWN_B, DIM_MODEL, DIM_SHARED_FF, .in = IN_MOE },
	{ FMT_ROLE_NONE },
};

static void feed_forward(struct infer_run *r, const struct infer_w *up, const struct infer_w *down, float *x, const float *h)
{
	op_linear(r, r->g, h, up);                           /* g = max(h Wu', 0)^2           [T, F]     */
	op_relu_squared(r, r->g, r->n_tok, up->rows);
	op_linear_add(r, x, r->g, down);                     /* x += g Wd'                    [T, D]     */
}

/* What the experts make of h [T, L] for x [T, L]. */
static void experts(struct infer_run *r, const struct infer_w *w, float *x, const float *h)
{
	op_experts_in(r, h, &w[FMT_ROLE_MOE_UP], NULL);      /* g = max(h Wu', 0)^2           [T, K, F]  */
	op_relu_squared(r, r->g, (size_t)r->n_tok * r->model->moe.n_used, r->model->moe.d_ff);
	op_experts_out(r, x, &w[FMT_ROLE_MOE_DOWN]);         /* x += weight * (g Wd')         [T, L]     */
}

static void mixture(struct infer_run *r, const struct infer_w *w, float *x, const float *h)
{
	op_route_corrected(r, h, &w[FMT_ROLE_MOE_ROUTER], &w[FMT_ROLE_MOE_BIAS]); /* each token's experts and their weights */
	if (w[FMT_ROLE_MOE_LATENT].tensor) {
		op_linear(r, r->route.in, h, &w[FMT_ROLE_MOE_LATENT]); /* what they see           [T, L]     */
		op_clear(r, r->route.out, r->model->moe.d_in);
		experts(r, w, r->route.out, r->route.in);
		op_linear_add(r, x, r->route.out, &w[FMT_ROLE_MOE_LATENT_UP]);
	} else {
		experts(r, w, x, h);
	}
	feed_forward(r, &w[FMT_ROLE_SHARED_UP], &w[FMT_ROLE_SHARED_DOWN], x, h);
}

static void block(struct infer_run *r, const struct infer_layer *l, float *x /* [T, D], in and out */)
{
	op_rmsnorm(r, r->h, x, &l->w[FMT_ROLE_ATTN_NORM]);   /* h = norm(x)                   [T, D]     */
	if (l->recurrent)
		fwd_mamba2_mixer(r, l->w, x, r->h);
	else if (l->n_head)
		fwd_attention_bare(r, l->w, x, r->h);
	else if (l->experts)
		mixture(r, l->w, x, r->h);
	else
		feed_forward(r, &l->w[FMT_ROLE_FFN_UP], &l->w[FMT_ROLE_FFN_DOWN], x, r->h);
}

static void forward(struct infer_run *r)
{
	const struct infer_model *m = r->model;

	op_embed(r, r->x, &m->w[FMT_ROLE_TOKEN_EMBD]);       /* x = E[ids]                    [T, D]     */
	for (r->layer = 0; r->layer < m->n_layers; r->layer++)
		block(r, &m->layers[r->layer], r->x);
	op_wanted(r, r->x);
	op_rmsnorm(r, r->h, r->x, &m->w[FMT_ROLE_OUTPUT_NORM]);
	op_linear(r, r->logits, r->h, &m->w[FMT_ROLE_OUTPUT]); /* logits = norm(x) E'         [T, V]     */
}

const struct infer_forward infer_fwd_nemotronh = {
	.arch = "nemotron_h",
	.run = forward,
	.global = global,
	.layer = layer,
	.recurrent = true,
	.ssm_heads = true,
	.one_block = true,
};

const struct infer_forward infer_fwd_nemotronh_moe = {
	.arch = "nemotron_h_moe",
	.run = forward,
	.global = global,
	.layer = layer,
	.normalise = true,
	.sigmoid = true,
	.recurrent = true,
	.ssm_heads = true,
	.one_block = true,
};
