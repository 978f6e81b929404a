/* Grok-1 (xai-org/grok-1, model.py): norms before and behind each block, scores squeezed into a range, experts with a GELU, and factors
 * on embedding and logits.
 * T tokens, D model width, Hq, Hk query and key heads, Dk, Dv their widths, F width of an expert, V vocabulary. */
#include "forward.h"

static const struct infer_need global[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_OUTPUT, "output", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL, .optional = true }, /* absent: the embedding */
	{ FMT_ROLE_NONE },
};

static const struct infer_need layer[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_ATTN_Q, "attn_q", FMT_ROLE_NONE, DIM_Q, DIM_MODEL },
	{ FMT_ROLE_ATTN_K, "attn_k", FMT_ROLE_NONE, DIM_K, DIM_MODEL },
	{ FMT_ROLE_ATTN_V, "attn_v", FMT_ROLE_NONE, DIM_V, DIM_MODEL },
	{ FMT_ROLE_ATTN_OUT, "attn_output", FMT_ROLE_NONE, DIM_MODEL, DIM_HEADS_V },
	{ FMT_ROLE_ATTN_POST_NORM, "attn_output_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_FFN_NORM, "ffn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp", FMT_ROLE_NONE, DIM_EXPERTS, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps", FMT_ROLE_NONE, DIM_MODEL, DIM_EXPERT_FF, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_FFN_POST_NORM, "layer_output_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_NONE },
};

/* x += norm(y) */
static void add_normed(struct infer_run *r, float *x, const struct infer_w *norm)
{
	op_rmsnorm(r, r->y, r->y, norm);
	op_add(r, x, r->y, r->model->d_model);
}

static void block(struct infer_run *r, const struct infer_layer *l, float *x /* [T, D], in and out */)
{
	const struct infer_model *m = r->model;
	const struct infer_w *w = l->w;

	op_rmsnorm(r, r->h, x, &w[FMT_ROLE_ATTN_NORM]);      /* h = norm(x)                   [T, D]     */
	op_linear(r, r->q, r->h, &w[FMT_ROLE_ATTN_Q]);       /* q = h Wq'                     [T, Hq*Dk] */
	op_linear(r, r->k, r->h, &w[FMT_ROLE_ATTN_K]);       /* k = h Wk'                     [T, Hk*Dk] */
	op_linear(r, r->v, r->h, &w[FMT_ROLE_ATTN_V]);       /* v = h Wv'                     [T, Hk*Dv] */
	op_rope(r, r->q, l->n_head);
	op_rope(r, r->k, l->n_head_kv);
	op_attend(r, r->h, r->q, r->k, r->v);                /* h = softmax(cap(q k' scale)) v [T, Hq*Dv] */
	op_linear(r, r->y, r->h, &w[FMT_ROLE_ATTN_OUT]);
	add_normed(r, x, &w[FMT_ROLE_ATTN_POST_NORM]);       /* x += norm(h Wo')              [T, D]     */

	op_rmsnorm(r, r->h, x, &w[FMT_ROLE_FFN_NORM]);       /* h = norm(x)                   [T, D]     */
	op_clear(r, r->y, m->d_model);
	op_route(r, r->h, &w[FMT_ROLE_MOE_ROUTER]);          /* each token's experts and their weights   */
	op_experts_in(r, r->h, &w[FMT_ROLE_MOE_GATE], &w[FMT_ROLE_MOE_UP]);
	op_gelu_mul(r, r->g, r->u, (size_t)r->n_tok * m->moe.n_used, m->moe.d_ff); /* gelu(h Wg') * (h Wu') */
	op_experts_out(r, r->y, &w[FMT_ROLE_MOE_DOWN]);      /* y = sum of weight * (g Wd')   [T, D]     */
	add_normed(r, x, &w[FMT_ROLE_FFN_POST_NORM]);
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
	op_scale(r, r->logits, m->n_vocab, m->logit_scale);  /* logits = scale * norm(x) E'   [T, V]     */
}

const struct infer_forward infer_fwd_grok = {
	.arch = "grok",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_HALVES,
};
