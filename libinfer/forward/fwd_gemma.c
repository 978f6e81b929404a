/* Gemma (arXiv:2403.08295): Llama's block with a GELU, and an embedding multiplied by sqrt(D). Gemma 2 (arXiv:2408.00118):
 * norms after each block too, scores and logits squeezed into a range, and a window on every other layer. Gemma 3
 * (arXiv:2503.19786): norms on the heads of q and k in place of squeezed scores, windows on five layers of six.
 * T tokens, D model width, Hq, Hk query and key heads, Dk, Dv their widths, F feed-forward width, V vocabulary. */
#include "forward.h"

#include <math.h>

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
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm", FMT_ROLE_NONE, DIM_ONE, DIM_Q_NORM, .optional = true },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm", FMT_ROLE_NONE, DIM_ONE, DIM_K_NORM, .optional = true },
	{ FMT_ROLE_ATTN_OUT, "attn_output", FMT_ROLE_ATTN_OUT_B, DIM_MODEL, DIM_HEADS_V },
	{ FMT_ROLE_ATTN_POST_NORM, "post_attention_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL, .optional = true },
	{ FMT_ROLE_FFN_NORM, "ffn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_FFN_GATE, "ffn_gate", FMT_ROLE_NONE, DIM_FF, DIM_MODEL },
	{ FMT_ROLE_FFN_UP, "ffn_up", FMT_ROLE_NONE, DIM_FF, DIM_MODEL },
	{ FMT_ROLE_FFN_DOWN, "ffn_down", FMT_ROLE_NONE, DIM_MODEL, DIM_FF },
	{ FMT_ROLE_FFN_POST_NORM, "post_ffw_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL, .optional = true },
	{ FMT_ROLE_NONE },
};

/* x += norm(y), or y where the model has no such norm. */
static void add_normed(struct infer_run *r, float *x, float *y, const struct infer_w *norm)
{
	if (norm->tensor)
		op_rmsnorm(r, y, y, norm);
	op_add(r, x, y, r->model->d_model);
}

static void block(struct infer_run *r, const struct infer_layer *l, float *x /* [T, D], in and out */)
{
	const struct infer_w *w = l->w;

	op_rmsnorm(r, r->h, x, &w[FMT_ROLE_ATTN_NORM]);      /* h = norm(x)                   [T, D]     */
	op_linear(r, r->q, r->h, &w[FMT_ROLE_ATTN_Q]);       /* q = h Wq'                     [T, Hq*Dk] */
	op_linear(r, r->k, r->h, &w[FMT_ROLE_ATTN_K]);       /* k = h Wk'                     [T, Hk*Dk] */
	op_linear(r, r->v, r->h, &w[FMT_ROLE_ATTN_V]);       /* v = h Wv'                     [T, Hk*Dv] */
	op_headnorm(r, r->q, l->n_head, &w[FMT_ROLE_ATTN_Q_NORM]); /* Gemma 3                           */
	op_headnorm(r, r->k, l->n_head_kv, &w[FMT_ROLE_ATTN_K_NORM]);
	op_rope(r, r->q, l->n_head);
	op_rope(r, r->k, l->n_head_kv);
	op_attend(r, r->h, r->q, r->k, r->v);                /* h = softmax(cap(q k' scale)) v [T, Hq*Dv] */
	op_linear(r, r->y, r->h, &w[FMT_ROLE_ATTN_OUT]);
	add_normed(r, x, r->y, &w[FMT_ROLE_ATTN_POST_NORM]); /* x += norm(h Wo')              [T, D]     */

	op_rmsnorm(r, r->h, x, &w[FMT_ROLE_FFN_NORM]);       /* h = norm(x)                   [T, D]     */
	op_geglu(r, r->g, r->h, &w[FMT_ROLE_FFN_GATE], &w[FMT_ROLE_FFN_UP]); /* gelu(h Wg') * (h Wu') [T, F] */
	op_linear(r, r->y, r->g, &w[FMT_ROLE_FFN_DOWN]);
	add_normed(r, x, r->y, &w[FMT_ROLE_FFN_POST_NORM]);  /* x += norm(g Wd')              [T, D]     */
}

static void forward(struct infer_run *r)
{
	const struct infer_model *m = r->model;

	op_embed(r, r->x, &m->w[FMT_ROLE_TOKEN_EMBD]);
	op_scale(r, r->x, m->d_model, (float)sqrt((double)m->d_model)); /* x = sqrt(D) E[ids]  [T, D]     */
	op_rope_angles(r);
	for (r->layer = 0; r->layer < m->n_layers; r->layer++)
		block(r, &m->layers[r->layer], r->x);
	op_wanted(r, r->x);
	op_rmsnorm(r, r->h, r->x, &m->w[FMT_ROLE_OUTPUT_NORM]);
	op_linear(r, r->logits, r->h, &m->w[FMT_ROLE_OUTPUT]);
	op_softcap(r, r->logits, m->n_vocab, m->final_cap);  /* logits = cap(norm(x) E')      [T, V]     */
}

const struct infer_forward infer_fwd_gemma = {
	.arch = "gemma",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_HALVES,
};

const struct infer_forward infer_fwd_gemma2 = {
	.arch = "gemma2",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_HALVES,
	.wide_scale_layers = 46,
};

const struct infer_forward infer_fwd_gemma3 = {
	.arch = "gemma3",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_HALVES,
	.window_rope = true,
	.window_base = 10000,
	.wide_scale_layers = 62,
};
