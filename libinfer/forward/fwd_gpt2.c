/* GPT-2 (Radford et al. 2019): learned positions, LayerNorm, one matrix for queries, keys and values, biases everywhere.
 * T tokens, D model width, H heads of width Dk, F feed-forward width, V vocabulary. */
#include "forward.h"

static const struct infer_need global[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL },
	{ FMT_ROLE_POSITION_EMBD, "position_embd", FMT_ROLE_NONE, DIM_CTX_TRAIN, DIM_MODEL },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm", FMT_ROLE_OUTPUT_NORM_B, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_OUTPUT, "output", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL, .optional = true }, /* absent: the embedding */
	{ FMT_ROLE_NONE },
};

static const struct infer_need layer[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm", FMT_ROLE_ATTN_NORM_B, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_ATTN_QKV, "attn_qkv", FMT_ROLE_ATTN_QKV_B, DIM_QKV, DIM_MODEL },
	{ FMT_ROLE_ATTN_OUT, "attn_output", FMT_ROLE_ATTN_OUT_B, DIM_MODEL, DIM_HEADS_V },
	{ FMT_ROLE_FFN_NORM, "ffn_norm", FMT_ROLE_FFN_NORM_B, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_FFN_UP, "ffn_up", FMT_ROLE_FFN_UP_B, DIM_FF, DIM_MODEL },
	{ FMT_ROLE_FFN_DOWN, "ffn_down", FMT_ROLE_FFN_DOWN_B, DIM_MODEL, DIM_FF },
	{ FMT_ROLE_NONE },
};

static void block(struct infer_run *r, const struct infer_layer *l, float *x /* [T, D], in and out */)
{
	const struct infer_w *w = l->w;

	op_layernorm(r, r->h, x, &w[FMT_ROLE_ATTN_NORM]);    /* h = norm(x)                   [T, D]     */
	op_qkv(r, r->h, &w[FMT_ROLE_ATTN_QKV]);              /* q, k, v = h Wqkv' + b         [T, H*Dk] each */
	op_attend(r, r->h, r->q, r->k, r->v);                /* h = softmax(q k' / sqrt(Dk)) v [T, H*Dk] */
	op_linear_add(r, x, r->h, &w[FMT_ROLE_ATTN_OUT]);    /* x += h Wo' + bo               [T, D]     */

	op_layernorm(r, r->h, x, &w[FMT_ROLE_FFN_NORM]);     /* h = norm(x)                   [T, D]     */
	op_gelu(r, r->g, r->h, &w[FMT_ROLE_FFN_UP], r->model->gelu); /* g = gelu(h Wu' + bu)          [T, F]     */
	op_linear_add(r, x, r->g, &w[FMT_ROLE_FFN_DOWN]);    /* x += g Wd' + bd               [T, D]     */
}

static void forward(struct infer_run *r)
{
	const struct infer_model *m = r->model;

	op_embed(r, r->x, &m->w[FMT_ROLE_TOKEN_EMBD]);
	op_add_positions(r, r->x, &m->w[FMT_ROLE_POSITION_EMBD]); /* x = E[ids] + P[positions]  [T, D]     */
	for (r->layer = 0; r->layer < m->n_layers; r->layer++)
		block(r, &m->layers[r->layer], r->x);
	op_wanted(r, r->x);
	op_layernorm(r, r->h, r->x, &m->w[FMT_ROLE_OUTPUT_NORM]);
	op_linear(r, r->logits, r->h, &m->w[FMT_ROLE_OUTPUT]); /* logits = norm(x) E'         [T, V]     */
}

const struct infer_forward infer_fwd_gpt2 = {
	.arch = "gpt2",
	.run = forward,
	.global = global,
	.layer = layer,
	.layer_norm = true,
	.gelu_tanh = true,
};
