/* DeepSeek V2 and V3 (arXiv:2405.04434, 2412.19437): latent attention, of which the cache keeps one narrow vector per token and
 * a key's part that turns; after the first layers a mixture of experts beside shared ones.
 * T tokens, D model width, H heads, N and R the parts of a head's query and key that do not and do turn, Dv its value's width,
 * C width of the latent vector, Q that of queries, F feed-forward width, V vocabulary. */
#include "forward.h"

static const struct infer_need global[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_OUTPUT, "output", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL, .optional = true }, /* absent: the embedding */
	{ FMT_ROLE_NONE },
};

static const struct infer_need layer[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_ATTN_Q, "attn_q", FMT_ROLE_NONE, DIM_Q, DIM_MODEL, .in = IN_Q_FULL },
	{ FMT_ROLE_ATTN_Q_A, "attn_q_a", FMT_ROLE_ATTN_Q_A_B, DIM_Q_LATENT, DIM_MODEL, .in = IN_Q_LATENT },
	{ FMT_ROLE_ATTN_Q_A_NORM, "attn_q_a_norm", FMT_ROLE_NONE, DIM_ONE, DIM_Q_LATENT, .in = IN_Q_LATENT },
	{ FMT_ROLE_ATTN_Q_B_PROJ, "attn_q_b", FMT_ROLE_NONE, DIM_Q, DIM_Q_LATENT, .in = IN_Q_LATENT },
	{ FMT_ROLE_ATTN_KV_A, "attn_kv_a_mqa", FMT_ROLE_ATTN_KV_A_B, DIM_CACHE_K, DIM_MODEL },
	{ FMT_ROLE_ATTN_KV_A_NORM, "attn_kv_a_norm", FMT_ROLE_NONE, DIM_ONE, DIM_LATENT },
	{ FMT_ROLE_ATTN_LATENT_K, "attn_k_b", FMT_ROLE_NONE, DIM_LATENT, DIM_NOPE, .stack = DIM_HEADS },
	{ FMT_ROLE_ATTN_LATENT_V, "attn_v_b", FMT_ROLE_NONE, DIM_HEAD_V, DIM_LATENT, .stack = DIM_HEADS },
	{ FMT_ROLE_ATTN_OUT, "attn_output", FMT_ROLE_ATTN_OUT_B, DIM_MODEL, DIM_HEADS_V },
	{ FMT_ROLE_FFN_NORM, "ffn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_FFN_GATE, "ffn_gate", FMT_ROLE_FFN_GATE_B, DIM_FF, DIM_MODEL, .in = IN_DENSE },
	{ FMT_ROLE_FFN_UP, "ffn_up", FMT_ROLE_FFN_UP_B, DIM_FF, DIM_MODEL, .in = IN_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down", FMT_ROLE_FFN_DOWN_B, DIM_MODEL, DIM_FF, .in = IN_DENSE },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp", FMT_ROLE_NONE, DIM_EXPERTS, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_MOE_BIAS, "exp_probs_b", FMT_ROLE_NONE, DIM_ONE, DIM_EXPERTS, .in = IN_MOE, .optional = true }, /* V2: none */
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps", FMT_ROLE_NONE, DIM_EXPERT_FF, DIM_MODEL, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps", FMT_ROLE_NONE, DIM_MODEL, DIM_EXPERT_FF, .in = IN_MOE, .stack = DIM_EXPERTS },
	{ FMT_ROLE_SHARED_GATE, "ffn_gate_shexp", FMT_ROLE_SHARED_GATE_B, DIM_SHARED_FF, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp", FMT_ROLE_SHARED_UP_B, DIM_SHARED_FF, DIM_MODEL, .in = IN_MOE },
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp", FMT_ROLE_SHARED_DOWN_B, DIM_MODEL, DIM_SHARED_FF, .in = IN_MOE },
	{ FMT_ROLE_NONE },
};

static void queries(struct infer_run *r, const struct infer_w *w, const float *h)
{
	if (!r->model->latent.n_queries) {
		op_linear(r, r->q, h, &w[FMT_ROLE_ATTN_Q]);          /* q = h Wq'                   [T, H*(N+R)] */
		return;
	}
	op_linear(r, r->latent_y, h, &w[FMT_ROLE_ATTN_Q_A]);         /* q = norm(h Wqa') Wqb'       [T, H*(N+R)] */
	op_latent_norm(r, r->latent_y, r->model->latent.n_queries, &w[FMT_ROLE_ATTN_Q_A_NORM]);
	op_linear(r, r->q, r->latent_y, &w[FMT_ROLE_ATTN_Q_B_PROJ]);
}

static void attention(struct infer_run *r, const struct infer_layer *l, float *x, const float *h)
{
	const struct infer_model *m = r->model;
	const struct infer_w *w = l->w;
	size_t width = m->latent.width, kept = infer_cache_k(m);

	queries(r, w, h);
	op_linear(r, r->k, h, &w[FMT_ROLE_ATTN_KV_A]);               /* c, k = h Wkva'              [T, C], [T, R] */
	op_latent_norm(r, r->k, kept, &w[FMT_ROLE_ATTN_KV_A_NORM]);  /* c = norm(c)                              */
	op_rope_part(r, r->q, l->n_head, m->d_k, m->latent.d_nope);
	op_rope_part(r, r->k, 1, kept, width);
	op_temperature(r, r->q, (size_t)l->n_head * m->d_k);         /* of Mistral Small 4 */
	op_latent_queries(r, r->latent_q, r->q, &w[FMT_ROLE_ATTN_LATENT_K]); /* q = q Wk, q         [T, H*(C+R)] */
	op_attend_latent(r, r->latent_y, r->latent_q, r->k);         /* y = softmax(q [c, k]' scale) c [T, H*C]  */
	op_linear_heads(r, r->h, m->d_v, r->latent_y, width, &w[FMT_ROLE_ATTN_LATENT_V]); /* h = y Wv' [T, H*Dv] */
	op_linear_add(r, x, r->h, &w[FMT_ROLE_ATTN_OUT]);            /* x += h Wo'                  [T, D]       */
}

static void feed_forward(struct infer_run *r, const struct infer_layer *l, float *x, const float *h)
{
	const struct infer_w *w = l->w;

	if (!l->experts) {
		op_swiglu(r, r->g, h, &w[FMT_ROLE_FFN_GATE], &w[FMT_ROLE_FFN_UP]); /* silu(h Wg') * (h Wu') [T, F] */
		op_linear_add(r, x, r->g, &w[FMT_ROLE_FFN_DOWN]);    /* x += g Wd'                  [T, D]       */
		return;
	}
	op_route_corrected(r, h, &w[FMT_ROLE_MOE_ROUTER], &w[FMT_ROLE_MOE_BIAS]);
	op_experts_add(r, x, h, &w[FMT_ROLE_MOE_GATE], &w[FMT_ROLE_MOE_UP], &w[FMT_ROLE_MOE_DOWN]);
	op_swiglu(r, r->g, h, &w[FMT_ROLE_SHARED_GATE], &w[FMT_ROLE_SHARED_UP]); /* the same for those that all pass */
	op_linear_add(r, x, r->g, &w[FMT_ROLE_SHARED_DOWN]);
}

static void forward(struct infer_run *r)
{
	const struct infer_model *m = r->model;

	op_embed(r, r->x, &m->w[FMT_ROLE_TOKEN_EMBD]);               /* x = E[ids]                  [T, D]       */
	op_rope_angles(r);
	for (r->layer = 0; r->layer < m->n_layers; r->layer++) {
		const struct infer_layer *l = &m->layers[r->layer];

		op_rmsnorm(r, r->h, r->x, &l->w[FMT_ROLE_ATTN_NORM]);
		attention(r, l, r->x, r->h);
		op_rmsnorm(r, r->h, r->x, &l->w[FMT_ROLE_FFN_NORM]);
		feed_forward(r, l, r->x, r->h);
	}
	op_wanted(r, r->x);
	op_rmsnorm(r, r->h, r->x, &m->w[FMT_ROLE_OUTPUT_NORM]);
	op_linear(r, r->logits, r->h, &m->w[FMT_ROLE_OUTPUT]);       /* logits = norm(x) E'         [T, V]       */
}

const struct infer_forward infer_fwd_deepseek2 = {
	.arch = "deepseek2",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_NEIGHBOURS,
	.latent = true,
};

const struct infer_forward infer_fwd_mistral4 = {
	.arch = "mistral4",
	.run = forward,
	.global = global,
	.layer = layer,
	.pairs = INFER_NEIGHBOURS,
	.latent = true,
};
