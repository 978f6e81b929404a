/* OLMo (arXiv:2402.00838): Llama's block, but norms have no weights, and queries, keys and values are clipped in some.
 * T tokens, D model width, Hq, Hk query and key heads, Dk, Dv their widths, F feed-forward width, V vocabulary. */
#include "forward.h"

static const struct infer_need global[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL },
	{ FMT_ROLE_OUTPUT, "output", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL, .optional = true }, /* absent: the embedding */
	{ FMT_ROLE_NONE },
};

static const struct infer_need layer[] = {
	{ FMT_ROLE_ATTN_Q, "attn_q", FMT_ROLE_ATTN_Q_B, DIM_Q, DIM_MODEL },
	{ FMT_ROLE_ATTN_K, "attn_k", FMT_ROLE_ATTN_K_B, DIM_K, DIM_MODEL },
	{ FMT_ROLE_ATTN_V, "attn_v", FMT_ROLE_ATTN_V_B, DIM_V, DIM_MODEL },
	{ FMT_ROLE_ATTN_OUT, "attn_output", FMT_ROLE_ATTN_OUT_B, DIM_MODEL, DIM_HEADS_V },
	{ FMT_ROLE_FFN_GATE, "ffn_gate", FMT_ROLE_NONE, DIM_FF, DIM_MODEL },
	{ FMT_ROLE_FFN_UP, "ffn_up", FMT_ROLE_NONE, DIM_FF, DIM_MODEL },
	{ FMT_ROLE_FFN_DOWN, "ffn_down", FMT_ROLE_NONE, DIM_MODEL, DIM_FF },
	{ FMT_ROLE_NONE },
};

static void block(struct infer_run *r, const struct infer_layer *l, float *x /* [T, D], in and out */)
{
	const struct infer_w *w = l->w;

	op_layernorm_bare(r, r->h, x);                       /* h = norm(x)                   [T, D]     */
	op_linear(r, r->q, r->h, &w[FMT_ROLE_ATTN_Q]);       /* q = h Wq'                     [T, Hq*Dk] */
	op_linear(r, r->k, r->h, &w[FMT_ROLE_ATTN_K]);       /* k = h Wk'                     [T, Hk*Dk] */
	op_linear(r, r->v, r->h, &w[FMT_ROLE_ATTN_V]);       /* v = h Wv'                     [T, Hk*Dv] */
	op_clip(r, r->q, w[FMT_ROLE_ATTN_Q].rows, r->model->clip);
	op_clip(r, r->k, w[FMT_ROLE_ATTN_K].rows, r->model->clip);
	op_clip(r, r->v, w[FMT_ROLE_ATTN_V].rows, r->model->clip);
	op_rope(r, r->q, l->n_head);
	op_rope(r, r->k, l->n_head_kv);
	op_attend(r, r->h, r->q, r->k, r->v);                /* h = softmax(q k' / sqrt(Dk)) v [T, Hq*Dv] */
	op_linear_add(r, x, r->h, &w[FMT_ROLE_ATTN_OUT]);    /* x += h Wo'                    [T, D]     */

	op_layernorm_bare(r, r->h, x);                       /* h = norm(x)                   [T, D]     */
	op_swiglu(r, r->g, r->h, &w[FMT_ROLE_FFN_GATE], &w[FMT_ROLE_FFN_UP]); /* g = silu(h Wg') * (h Wu') [T, F] */
	op_linear_add(r, x, r->g, &w[FMT_ROLE_FFN_DOWN]);    /* x += g Wd'                    [T, D]     */
}

static void forward(struct infer_run *r)
{
	const struct infer_model *m = r->model;

	op_embed(r, r->x, &m->w[FMT_ROLE_TOKEN_EMBD]);       /* x = E[ids]                    [T, D]     */
	op_rope_angles(r);
	for (r->layer = 0; r->layer < m->n_layers; r->layer++)
		block(r, &m->layers[r->layer], r->x);
	op_wanted(r, r->x);
	op_layernorm_bare(r, r->h, r->x);
	op_linear(r, r->logits, r->h, &m->w[FMT_ROLE_OUTPUT]); /* logits = norm(x) E'         [T, V]     */
}

const struct infer_forward infer_fwd_olmo = {
	.arch = "olmo",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_NEIGHBOURS,
	.layer_norm = true,
};
