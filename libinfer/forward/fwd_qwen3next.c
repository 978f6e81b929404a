/* Qwen 3-Next and Qwen 3.5: layers of the gated delta rule (arXiv:2412.06464) with attention in every fourth or so, whose output
 * has a gate. Feed-forward blocks are those of Llama's kin, dense or of experts with a gated shared one.
 * T tokens, D model width, Hq, Hk query and key heads, Dk their width; of the delta rule I width, H heads, G groups of them, N the
 * width of their keys, C = I + 2 G N channels of the convolution. */
#include "forward.h"

static const struct infer_need global[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_OUTPUT, "output", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL, .optional = true }, /* absent: the embedding */
	{ FMT_ROLE_NONE },
};

static const struct infer_need layer[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_ATTN_Q, "attn_q", FMT_ROLE_ATTN_Q_B, DIM_Q_TWICE, DIM_MODEL, .in = IN_ATTENTION },
	{ FMT_ROLE_ATTN_K, "attn_k", FMT_ROLE_ATTN_K_B, DIM_K, DIM_MODEL, .in = IN_ATTENTION },
	{ FMT_ROLE_ATTN_V, "attn_v", FMT_ROLE_ATTN_V_B, DIM_V, DIM_MODEL, .in = IN_ATTENTION },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm", FMT_ROLE_NONE, DIM_ONE, DIM_Q_NORM, .in = IN_ATTENTION },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm", FMT_ROLE_NONE, DIM_ONE, DIM_K_NORM, .in = IN_ATTENTION },
	{ FMT_ROLE_ATTN_OUT, "attn_output", FMT_ROLE_ATTN_OUT_B, DIM_MODEL, DIM_HEADS_V, .in = IN_ATTENTION },
	{ FMT_ROLE_ATTN_QKV, "attn_qkv", FMT_ROLE_NONE, DIM_SSM_CONV, DIM_MODEL, .in = IN_RECURRENT },
	{ FMT_ROLE_ATTN_GATE, "attn_gate", FMT_ROLE_NONE, DIM_SSM_INNER, DIM_MODEL, .in = IN_RECURRENT },
	{ FMT_ROLE_SSM_CONV, "ssm_conv1d", FMT_ROLE_NONE, DIM_SSM_CONV, DIM_SSM_KERNEL, .in = IN_RECURRENT },
	{ FMT_ROLE_SSM_DT_B, "ssm_dt", FMT_ROLE_NONE, DIM_ONE, DIM_SSM_HEADS, .in = IN_RECURRENT, .end = ".bias" },
	{ FMT_ROLE_SSM_A, "ssm_a", FMT_ROLE_NONE, DIM_ONE, DIM_SSM_HEADS, .in = IN_RECURRENT, .end = "" },
	{ FMT_ROLE_SSM_NORM, "ssm_norm", FMT_ROLE_NONE, DIM_ONE, DIM_SSM_HEAD, .in = IN_RECURRENT },
	{ FMT_ROLE_SSM_OUT, "ssm_out", FMT_ROLE_NONE, DIM_MODEL, DIM_SSM_INNER, .in = IN_RECURRENT },
	{ FMT_ROLE_FFN_NORM, "post_attention_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_FFN_GATE, "ffn_gate", FMT_ROLE_NONE, DIM_FF, DIM_MODEL, .in = IN_DENSE },
	{ FMT_ROLE_FFN_UP, "ffn_up", FMT_ROLE_NONE, DIM_FF, DIM_MODEL, .in = IN_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down", FMT_ROLE_NONE, DIM_MODEL, DIM_FF, .in = IN_DENSE },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp", FMT_ROLE_NONE, DIM_EXPERTS, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps", FMT_ROLE_NONE, DIM_MODEL, DIM_EXPERT_FF, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_SHARED_ROUTER, "ffn_gate_inp_shexp", FMT_ROLE_NONE, DIM_ROW, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_SHARED_GATE, "ffn_gate_shexp", FMT_ROLE_NONE, DIM_SHARED_FF, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp", FMT_ROLE_NONE, DIM_SHARED_FF, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp", FMT_ROLE_NONE, DIM_MODEL, DIM_SHARED_FF, .in = IN_MOE },
	{ FMT_ROLE_NONE },
};

/* What Next has in one matrix, 3.5 has in two. */
static const struct infer_need of_next[] = {
	{ FMT_ROLE_SSM_BA, "ssm_ba", FMT_ROLE_NONE, DIM_SSM_HEADS_TWICE, DIM_MODEL, .in = IN_RECURRENT },
	{ FMT_ROLE_NONE },
};

static const struct infer_need of_35[] = {
	{ FMT_ROLE_SSM_BETA, "ssm_beta", FMT_ROLE_NONE, DIM_SSM_HEADS, DIM_MODEL, .in = IN_RECURRENT },
	{ FMT_ROLE_SSM_ALPHA, "ssm_alpha", FMT_ROLE_NONE, DIM_SSM_HEADS, DIM_MODEL, .in = IN_RECURRENT },
	{ FMT_ROLE_NONE },
};

static void attention(struct infer_run *r, const struct infer_layer *l, float *x, const float *h)
{
	const struct infer_w *w = l->w;
	size_t d_k = r->model->d_k;

	op_linear(r, r->q_gate, h, &w[FMT_ROLE_ATTN_Q]);     /* of each head q and a gate     [T, Hq, 2 Dk] */
	op_halves(r, r->q, r->gate, r->q_gate, l->n_head, d_k);
	op_linear(r, r->k, h, &w[FMT_ROLE_ATTN_K]);          /* k = h Wk'                     [T, Hk*Dk] */
	op_linear(r, r->v, h, &w[FMT_ROLE_ATTN_V]);          /* v = h Wv'                     [T, Hk*Dk] */
	op_headnorm(r, r->q, l->n_head, &w[FMT_ROLE_ATTN_Q_NORM]);
	op_headnorm(r, r->k, l->n_head_kv, &w[FMT_ROLE_ATTN_K_NORM]);
	op_rope(r, r->q, l->n_head);
	op_rope(r, r->k, l->n_head_kv);
	op_attend(r, r->h, r->q, r->k, r->v);                /* softmax(q k' / sqrt(Dk)) v    [T, Hq*Dk] */
	op_sigmoid_mul(r, r->h, r->gate, l->n_head * d_k);
	op_linear_add(r, x, r->h, &w[FMT_ROLE_ATTN_OUT]);    /* x += h Wo'                    [T, D]     */
}

/* How far to go, and time steps [T, H]. */
static void delta_steps(struct infer_run *r, const struct infer_w *w, const float *h)
{
	const struct infer_ssm *s = &r->model->ssm;
	struct infer_ssm_rows *b = &r->ssm;

	if (!w[FMT_ROLE_SSM_BA].tensor) {
		op_linear(r, b->beta, h, &w[FMT_ROLE_SSM_BETA]);
		op_linear(r, b->step, h, &w[FMT_ROLE_SSM_ALPHA]);
		return;
	}
	op_linear(r, b->both, h, &w[FMT_ROLE_SSM_BA]);       /* both, key by key              [T, 2 H]   */
	op_halves(r, b->beta, b->step, b->both, s->groups, s->heads / s->groups);
}

static void delta(struct infer_run *r, const struct infer_w *w, float *x, const float *h)
{
	struct infer_ssm_rows *b = &r->ssm;

	op_linear(r, b->in, h, &w[FMT_ROLE_ATTN_QKV]);       /* q, k, v                       [T, C]     */
	op_linear(r, b->z, h, &w[FMT_ROLE_ATTN_GATE]);       /* the gate                      [T, I]     */
	delta_steps(r, w, h);                                /* how far to go, and time steps [T, H]     */
	op_conv(r, b->x, b->in, &w[FMT_ROLE_SSM_CONV]);      /* silu(conv(q, k, v))           [T, C]     */
	op_delta_rule(r, b->y, b->x, b->step, b->beta, &w[FMT_ROLE_SSM_A], &w[FMT_ROLE_SSM_DT_B]);
	op_headnorm_gated(r, b->y, b->z, &w[FMT_ROLE_SSM_NORM]); /* norm(y) * silu(z)         [T, I]     */
	op_linear_add(r, x, b->y, &w[FMT_ROLE_SSM_OUT]);     /* x += y Wo'                    [T, D]     */
}

static void block(struct infer_run *r, const struct infer_layer *l, float *x /* [T, D], in and out */)
{
	op_rmsnorm(r, r->h, x, &l->w[FMT_ROLE_ATTN_NORM]);   /* h = norm(x)                   [T, D]     */
	if (l->recurrent)
		delta(r, l->w, x, r->h);
	else
		attention(r, l, x, r->h);
	op_rmsnorm(r, r->h, x, &l->w[FMT_ROLE_FFN_NORM]);    /* h = norm(x)                   [T, D]     */
	fwd_llama_feed_forward(r, l, x, r->h);
}

static void forward(struct infer_run *r)
{
	const struct infer_model *m = r->model;

	op_embed(r, r->x, &m->w[FMT_ROLE_TOKEN_EMBD]);       /* x = E[ids]                    [T, D]     */
	op_rope_angles(r);
	for (r->layer = 0; r->layer < m->n_layers; r->layer++)
		block(r, &m->layers[r->layer], r->x);
	op_wanted(r, r->x);
	op_rmsnorm(r, r->h, r->x, &m->w[FMT_ROLE_OUTPUT_NORM]);
	op_linear(r, r->logits, r->h, &m->w[FMT_ROLE_OUTPUT]); /* logits = norm(x) E'         [T, V]     */
}

const struct infer_forward infer_fwd_qwen3next = {
	.arch = "qwen3next",
	.run = forward,
	.block = block,
	.global = global,
	.layer = layer,
	.layer_too = of_next,
	.pairs = INFER_HALVES,
	.normalise = true,
	.recurrent = true,
	.ssm_heads = true,
	.gated_queries = true,
};

const struct infer_forward infer_fwd_qwen35 = {
	.arch = "qwen35",
	.run = forward,
	.block = block,
	.global = global,
	.layer = layer,
	.layer_too = of_35,
	.pairs = INFER_HALVES,
	.recurrent = true,
	.ssm_heads = true,
	.heads_in_turn = true,
	.gated_queries = true,
};

const struct infer_forward infer_fwd_qwen35moe = {
	.arch = "qwen35moe",
	.run = forward,
	.block = block,
	.global = global,
	.layer = layer,
	.layer_too = of_35,
	.pairs = INFER_HALVES,
	.normalise = true,
	.recurrent = true,
	.ssm_heads = true,
	.heads_in_turn = true,
	.gated_queries = true,
};
