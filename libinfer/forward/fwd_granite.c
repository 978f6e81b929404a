/* Granite 3: Llama's block with factors on the embedding, on what is added to the residual stream, on attention scores and on
 * logits (maximal update parametrization, arXiv:2203.03466).
 * T tokens, D model width, Hq, Hk query and key heads, Dk, Dv their widths, F feed-forward width, V vocabulary. */
#include "forward.h"

static const struct infer_need global[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_OUTPUT, "output", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL, .optional = true }, /* absent: the embedding */
	{ FMT_ROLE_NONE },
};

static const struct infer_need layer[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_ATTN_Q, "attn_q", FMT_ROLE_ATTN_Q_B, DIM_Q, DIM_MODEL },
	{ FMT_ROLE_ATTN_K, "attn_k", FMT_ROLE_ATTN_K_B, DIM_K, DIM_MODEL },
	{ FMT_ROLE_ATTN_V, "attn_v", FMT_ROLE_ATTN_V_B, DIM_V, DIM_MODEL },
	{ FMT_ROLE_ATTN_OUT, "attn_output", FMT_ROLE_ATTN_OUT_B, DIM_MODEL, DIM_HEADS_V },
	{ FMT_ROLE_FFN_NORM, "ffn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_FFN_GATE, "ffn_gate", FMT_ROLE_FFN_GATE_B, DIM_FF, DIM_MODEL, .in = IN_DENSE },
	{ FMT_ROLE_FFN_UP, "ffn_up", FMT_ROLE_FFN_UP_B, DIM_FF, DIM_MODEL, .in = IN_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down", FMT_ROLE_FFN_DOWN_B, DIM_MODEL, DIM_FF, .in = IN_DENSE },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp", FMT_ROLE_NONE, DIM_EXPERTS, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps", FMT_ROLE_NONE, DIM_MODEL, DIM_EXPERT_FF, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_SHARED_GATE, "ffn_gate_shexp", FMT_ROLE_NONE, DIM_SHARED_FF, DIM_MODEL, .in = IN_MOE, .optional = true },
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp", FMT_ROLE_NONE, DIM_SHARED_FF, DIM_MODEL, .in = IN_MOE, .optional = true },
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp", FMT_ROLE_NONE, DIM_MODEL, DIM_SHARED_FF, .in = IN_MOE, .optional = true },
	{ FMT_ROLE_NONE },
};

/* x += residual_scale * y */
static void add_scaled(struct infer_run *r, float *x)
{
	op_scale(r, r->y, r->model->d_model, r->model->residual_scale);
	op_add(r, x, r->y, r->model->d_model);
}

/* y = the feed-forward block of h, or the experts of each token and what every token passes beside them. */
static void feed_forward(struct infer_run *r, const struct infer_layer *l, const float *h)
{
	const struct infer_w *w = l->w;

	if (!l->experts) {
		op_swiglu(r, r->g, h, &w[FMT_ROLE_FFN_GATE], &w[FMT_ROLE_FFN_UP]); /* g = silu(h Wg') * (h Wu') [T, F] */
		op_linear(r, r->y, r->g, &w[FMT_ROLE_FFN_DOWN]);
		return;
	}
	op_clear(r, r->y, r->model->d_model);
	op_route(r, h, &w[FMT_ROLE_MOE_ROUTER]);
	op_experts_add(r, r->y, h, &w[FMT_ROLE_MOE_GATE], &w[FMT_ROLE_MOE_UP], &w[FMT_ROLE_MOE_DOWN]);
	if (w[FMT_ROLE_SHARED_GATE].tensor) {
		op_swiglu(r, r->g, h, &w[FMT_ROLE_SHARED_GATE], &w[FMT_ROLE_SHARED_UP]);
		op_linear_add(r, r->y, r->g, &w[FMT_ROLE_SHARED_DOWN]);
	}
}

static void block(struct infer_run *r, const struct infer_layer *l, float *x /* [T, D], in and out */)
{
	const struct infer_w *w = l->w;

	op_rmsnorm(r, r->h, x, &w[FMT_ROLE_ATTN_NORM]);      /* h = norm(x)                   [T, D]     */
	op_linear(r, r->q, r->h, &w[FMT_ROLE_ATTN_Q]);       /* q = h Wq' + bq                [T, Hq*Dk] */
	op_linear(r, r->k, r->h, &w[FMT_ROLE_ATTN_K]);       /* k = h Wk' + bk                [T, Hk*Dk] */
	op_linear(r, r->v, r->h, &w[FMT_ROLE_ATTN_V]);       /* v = h Wv' + bv                [T, Hk*Dv] */
	op_rope(r, r->q, l->n_head);
	op_rope(r, r->k, l->n_head_kv);
	op_attend(r, r->h, r->q, r->k, r->v);                /* h = softmax(q k' * scale) v   [T, Hq*Dv] */
	op_linear(r, r->y, r->h, &w[FMT_ROLE_ATTN_OUT]);
	add_scaled(r, x);                                    /* x += scale * (h Wo' + bo)     [T, D]     */

	op_rmsnorm(r, r->h, x, &w[FMT_ROLE_FFN_NORM]);       /* h = norm(x)                   [T, D]     */
	feed_forward(r, l, r->h);
	add_scaled(r, x);                                    /* x += scale * y                [T, D]     */
}

static void forward(struct infer_run *r)
{
	const struct infer_model *m = r->model;

	op_embed(r, r->x, &m->w[FMT_ROLE_TOKEN_EMBD]);
	op_scale(r, r->x, m->d_model, m->embd_scale);        /* x = scale * E[ids]            [T, D]     */
	op_rope_angles(r);
	for (r->layer = 0; r->layer < m->n_layers; r->layer++)
		block(r, &m->layers[r->layer], r->x);
	op_wanted(r, r->x);
	op_rmsnorm(r, r->h, r->x, &m->w[FMT_ROLE_OUTPUT_NORM]);
	op_linear(r, r->logits, r->h, &m->w[FMT_ROLE_OUTPUT]);
	op_scale(r, r->logits, m->n_vocab, 1 / m->logit_scale); /* logits = norm(x) E' / scale [T, V]    */
}

const struct infer_forward infer_fwd_granite = {
	.arch = "granite",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_NEIGHBOURS,
};

const struct infer_forward infer_fwd_granitemoe = {
	.arch = "granitemoe",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_NEIGHBOURS,
	.normalise = true,
};
