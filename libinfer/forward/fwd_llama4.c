/* Llama 4 Scout and Maverick: Llama's block; three layers of four attend within chunks, with norms on queries and keys once they
 * have turned, and the fourth attends to everything without positions, with queries that grow (arXiv:2501.19399). Experts read what
 * their weight has scaled, and beside them every token passes one more.
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
	{ FMT_ROLE_FFN_GATE, "ffn_gate", FMT_ROLE_NONE, DIM_FF, DIM_MODEL, .in = IN_DENSE },
	{ FMT_ROLE_FFN_UP, "ffn_up", FMT_ROLE_NONE, DIM_FF, DIM_MODEL, .in = IN_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down", FMT_ROLE_NONE, DIM_MODEL, DIM_FF, .in = IN_DENSE },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp", FMT_ROLE_NONE, DIM_EXPERTS, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps", FMT_ROLE_NONE, DIM_MODEL, DIM_EXPERT_FF, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_SHARED_GATE, "ffn_gate_shexp", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp", FMT_ROLE_NONE, DIM_MODEL, DIM_EXPERT_FF, .in = IN_MOE },
	{ FMT_ROLE_NONE },
};

/* What layers do to q and k that are ready: those that turn norm them, those that do not let queries grow. */
static void place(struct infer_run *r, const struct infer_layer *l)
{
	op_rope(r, r->q, l->n_head);
	op_rope(r, r->k, l->n_head_kv);
	if (l->no_rope) {
		op_temperature(r, r->q, l->w[FMT_ROLE_ATTN_Q].rows);
	} else if (r->model->l2_norm) {
		op_headnorm_bare(r, r->q, l->n_head);
		op_headnorm_bare(r, r->k, l->n_head_kv);
	}
}

static void feed_forward(struct infer_run *r, const struct infer_layer *l, float *x, const float *h)
{
	const struct infer_w *w = l->w;
	const int gate = l->experts ? FMT_ROLE_SHARED_GATE : FMT_ROLE_FFN_GATE, up = l->experts ? FMT_ROLE_SHARED_UP : FMT_ROLE_FFN_UP;

	if (l->experts) {
		op_route(r, h, &w[FMT_ROLE_MOE_ROUTER]);     /* each token's experts and their weights       */
		op_experts_add(r, x, h, &w[FMT_ROLE_MOE_GATE], &w[FMT_ROLE_MOE_UP], &w[FMT_ROLE_MOE_DOWN]);
	}
	op_swiglu(r, r->g, h, &w[gate], &w[up]);             /* g = silu(h Wg') * (h Wu')     [T, F]     */
	op_linear_add(r, x, r->g, &w[l->experts ? FMT_ROLE_SHARED_DOWN : FMT_ROLE_FFN_DOWN]); /* x += g Wd' */
}

static void block(struct infer_run *r, const struct infer_layer *l, float *x /* [T, D], in and out */)
{
	const struct infer_w *w = l->w;

	op_rmsnorm(r, r->h, x, &w[FMT_ROLE_ATTN_NORM]);      /* h = norm(x)                   [T, D]     */
	op_linear(r, r->q, r->h, &w[FMT_ROLE_ATTN_Q]);       /* q = h Wq'                     [T, Hq*Dk] */
	op_linear(r, r->k, r->h, &w[FMT_ROLE_ATTN_K]);       /* k = h Wk'                     [T, Hk*Dk] */
	op_linear(r, r->v, r->h, &w[FMT_ROLE_ATTN_V]);       /* v = h Wv'                     [T, Hk*Dv] */
	place(r, l);
	op_attend(r, r->h, r->q, r->k, r->v);                /* h = softmax(q k' / sqrt(Dk)) v [T, Hq*Dv] */
	op_linear_add(r, x, r->h, &w[FMT_ROLE_ATTN_OUT]);    /* x += h Wo'                    [T, D]     */

	op_rmsnorm(r, r->h, x, &w[FMT_ROLE_FFN_NORM]);       /* h = norm(x)                   [T, D]     */
	feed_forward(r, l, x, r->h);
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

const struct infer_forward infer_fwd_llama4 = {
	.arch = "llama4",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_NEIGHBOURS,
	.no_rope_every = 4,
	.chunked = true,
	.llama4 = true,
	.sigmoid = true,
};
