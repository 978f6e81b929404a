/* Jamba (arXiv:2403.19887): Mamba in most layers, attention without positions in some; feed-forward blocks of Llama's kin,
 * dense or of experts whose weights are taken as they are.
 * T tokens, D model width, Hq, Hk query and key heads, Dk their width; of Mamba I width, N numbers kept per element of it. */
#include "forward.h"

static const struct infer_need global[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_OUTPUT, "output", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL, .optional = true }, /* absent: the embedding */
	{ FMT_ROLE_NONE },
};

static const struct infer_need layer[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_ATTN_Q, "attn_q", FMT_ROLE_NONE, DIM_Q, DIM_MODEL, .in = IN_ATTENTION },
	{ FMT_ROLE_ATTN_K, "attn_k", FMT_ROLE_NONE, DIM_K, DIM_MODEL, .in = IN_ATTENTION },
	{ FMT_ROLE_ATTN_V, "attn_v", FMT_ROLE_NONE, DIM_V, DIM_MODEL, .in = IN_ATTENTION },
	{ FMT_ROLE_ATTN_OUT, "attn_output", FMT_ROLE_NONE, DIM_MODEL, DIM_HEADS_V, .in = IN_ATTENTION },
	{ FMT_ROLE_SSM_IN, "ssm_in", FMT_ROLE_SSM_IN_B, DIM_SSM_INNER_TWICE, DIM_MODEL, .in = IN_RECURRENT },
	{ FMT_ROLE_SSM_CONV, "ssm_conv1d", FMT_ROLE_SSM_CONV_B, DIM_SSM_CONV, DIM_SSM_KERNEL, .in = IN_RECURRENT },
	{ FMT_ROLE_SSM_X, "ssm_x", FMT_ROLE_NONE, DIM_SSM_X, DIM_SSM_INNER, .in = IN_RECURRENT },
	{ FMT_ROLE_SSM_DT_NORM, "ssm_dt_norm", FMT_ROLE_NONE, DIM_ONE, DIM_SSM_RANK, .in = IN_RECURRENT },
	{ FMT_ROLE_SSM_B_NORM, "ssm_b_norm", FMT_ROLE_NONE, DIM_ONE, DIM_SSM_STATE, .in = IN_RECURRENT },
	{ FMT_ROLE_SSM_C_NORM, "ssm_c_norm", FMT_ROLE_NONE, DIM_ONE, DIM_SSM_STATE, .in = IN_RECURRENT },
	{ FMT_ROLE_SSM_DT, "ssm_dt", FMT_ROLE_SSM_DT_B, DIM_SSM_INNER, DIM_SSM_RANK, .in = IN_RECURRENT },
	{ FMT_ROLE_SSM_A, "ssm_a", FMT_ROLE_NONE, DIM_SSM_INNER, DIM_SSM_STATE, .in = IN_RECURRENT, .end = "" },
	{ FMT_ROLE_SSM_D, "ssm_d", FMT_ROLE_NONE, DIM_ONE, DIM_SSM_INNER, .in = IN_RECURRENT, .end = "" },
	{ FMT_ROLE_SSM_OUT, "ssm_out", FMT_ROLE_SSM_OUT_B, DIM_MODEL, DIM_SSM_INNER, .in = IN_RECURRENT },
	{ FMT_ROLE_FFN_NORM, "ffn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_FFN_GATE, "ffn_gate", FMT_ROLE_NONE, DIM_FF, DIM_MODEL, .in = IN_DENSE },
	{ FMT_ROLE_FFN_UP, "ffn_up", FMT_ROLE_NONE, DIM_FF, DIM_MODEL, .in = IN_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down", FMT_ROLE_NONE, DIM_MODEL, DIM_FF, .in = IN_DENSE },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp", FMT_ROLE_NONE, DIM_EXPERTS, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps", FMT_ROLE_NONE, DIM_MODEL, DIM_EXPERT_FF, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_NONE },
};

void fwd_attention_bare(struct infer_run *r, const struct infer_w *w, float *x, const float *h)
{
	op_linear(r, r->q, h, &w[FMT_ROLE_ATTN_Q]);          /* q = h Wq'                     [T, Hq*Dk] */
	op_linear(r, r->k, h, &w[FMT_ROLE_ATTN_K]);          /* k = h Wk'                     [T, Hk*Dk] */
	op_linear(r, r->v, h, &w[FMT_ROLE_ATTN_V]);          /* v = h Wv'                     [T, Hk*Dk] */
	op_attend(r, r->h, r->q, r->k, r->v);                /* softmax(q k' / sqrt(Dk)) v    [T, Hq*Dk] */
	op_linear_add(r, x, r->h, &w[FMT_ROLE_ATTN_OUT]);    /* x += h Wo'                    [T, D]     */
}

static void block(struct infer_run *r, const struct infer_layer *l, float *x /* [T, D], in and out */)
{
	op_rmsnorm(r, r->h, x, &l->w[FMT_ROLE_ATTN_NORM]);   /* h = norm(x)                   [T, D]     */
	(l->recurrent ? fwd_mamba_mixer : fwd_attention_bare)(r, l->w, x, r->h);
	op_rmsnorm(r, r->h, x, &l->w[FMT_ROLE_FFN_NORM]);    /* h = norm(x)                   [T, D]     */
	fwd_llama_feed_forward(r, l, x, r->h);
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

const struct infer_forward infer_fwd_jamba = {
	.arch = "jamba",
	.run = forward,
	.global = global,
	.layer = layer,
	.recurrent = true,
};
