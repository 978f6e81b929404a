/* OLMo 2 (arXiv:2501.00656): Llama's block with the norms behind its parts in place of before them, and norms over all queries
 * and over all keys. OLMo 3: windows on three layers of four, where positions are never scaled.
 * T tokens, D model width, Hq, Hk query and key heads, Dk, Dv their widths, F feed-forward width, V vocabulary. */
#include "forward.h"

static const struct infer_need global[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_OUTPUT, "output", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL, .optional = true }, /* absent: the embedding */
	{ FMT_ROLE_NONE },
};

static const struct infer_need layer[] = {
	{ FMT_ROLE_ATTN_Q, "attn_q", FMT_ROLE_ATTN_Q_B, DIM_Q, DIM_MODEL },
	{ FMT_ROLE_ATTN_K, "attn_k", FMT_ROLE_ATTN_K_B, DIM_K, DIM_MODEL },
	{ FMT_ROLE_ATTN_V, "attn_v", FMT_ROLE_ATTN_V_B, DIM_V, DIM_MODEL },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm", FMT_ROLE_NONE, DIM_ONE, DIM_Q_NORM },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm", FMT_ROLE_NONE, DIM_ONE, DIM_K_NORM },
	{ FMT_ROLE_ATTN_OUT, "attn_output", FMT_ROLE_ATTN_OUT_B, DIM_MODEL, DIM_HEADS_V },
	{ FMT_ROLE_ATTN_POST_NORM, "post_attention_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_FFN_GATE, "ffn_gate", FMT_ROLE_NONE, DIM_FF, DIM_MODEL },
	{ FMT_ROLE_FFN_UP, "ffn_up", FMT_ROLE_NONE, DIM_FF, DIM_MODEL },
	{ FMT_ROLE_FFN_DOWN, "ffn_down", FMT_ROLE_NONE, DIM_MODEL, DIM_FF },
	{ FMT_ROLE_FFN_POST_NORM, "post_ffw_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_NONE },
};

static void block(struct infer_run *r, const struct infer_layer *l, float *x /* [T, D], in and out */)
{
	const struct infer_w *w = l->w;
	size_t d = r->model->d_model;

	op_linear(r, r->q, x, &w[FMT_ROLE_ATTN_Q]);          /* q = x Wq'                     [T, Hq*Dk] */
	op_linear(r, r->k, x, &w[FMT_ROLE_ATTN_K]);          /* k = x Wk'                     [T, Hk*Dk] */
	op_linear(r, r->v, x, &w[FMT_ROLE_ATTN_V]);          /* v = x Wv'                     [T, Hk*Dv] */
	op_headnorm(r, r->q, l->n_head, &w[FMT_ROLE_ATTN_Q_NORM]);    /* q = norm(q)                     */
	op_headnorm(r, r->k, l->n_head_kv, &w[FMT_ROLE_ATTN_K_NORM]); /* k = norm(k)                     */
	op_rope(r, r->q, l->n_head);
	op_rope(r, r->k, l->n_head_kv);
	op_attend(r, r->h, r->q, r->k, r->v);                /* h = softmax(q k' / sqrt(Dk)) v [T, Hq*Dv] */
	op_linear(r, r->y, r->h, &w[FMT_ROLE_ATTN_OUT]);
	op_rmsnorm(r, r->y, r->y, &w[FMT_ROLE_ATTN_POST_NORM]);
	op_add(r, x, r->y, d);                               /* x += norm(h Wo')              [T, D]     */

	op_swiglu(r, r->g, x, &w[FMT_ROLE_FFN_GATE], &w[FMT_ROLE_FFN_UP]); /* g = silu(x Wg') * (x Wu') [T, F] */
	op_linear(r, r->y, r->g, &w[FMT_ROLE_FFN_DOWN]);
	op_rmsnorm(r, r->y, r->y, &w[FMT_ROLE_FFN_POST_NORM]);
	op_add(r, x, r->y, d);                               /* x += norm(g Wd')              [T, D]     */
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

const struct infer_forward infer_fwd_olmo2 = {
	.arch = "olmo2",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_HALVES,
	.norm_across_heads = true,
	.window_rope = true,
};
