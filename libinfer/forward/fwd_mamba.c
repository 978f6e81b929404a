/* State spaces without attention: Mamba (arXiv:2312.00752) and Mamba 2 (arXiv:2405.21060). A layer is one block, whose state has
 * the same size however long the text.
 * T tokens, D model width, I width of the block, N numbers kept per element of it, R of time steps, H heads, G groups of them,
 * C = I + 2 G N channels of the convolution, V vocabulary. */
#include "forward.h"

static const struct infer_need global[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_OUTPUT, "output", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL, .optional = true }, /* absent: the embedding */
	{ FMT_ROLE_NONE },
};

static const struct infer_need layer[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_SSM_IN, "ssm_in", FMT_ROLE_SSM_IN_B, DIM_SSM_INNER_TWICE, DIM_MODEL },
	{ FMT_ROLE_SSM_CONV, "ssm_conv1d", FMT_ROLE_SSM_CONV_B, DIM_SSM_CONV, DIM_SSM_KERNEL },
	{ FMT_ROLE_SSM_X, "ssm_x", FMT_ROLE_NONE, DIM_SSM_X, DIM_SSM_INNER },
	{ FMT_ROLE_SSM_DT, "ssm_dt", FMT_ROLE_SSM_DT_B, DIM_SSM_INNER, DIM_SSM_RANK },
	{ FMT_ROLE_SSM_A, "ssm_a", FMT_ROLE_NONE, DIM_SSM_INNER, DIM_SSM_STATE, .end = "" },
	{ FMT_ROLE_SSM_D, "ssm_d", FMT_ROLE_NONE, DIM_ONE, DIM_SSM_INNER, .end = "" },
	{ FMT_ROLE_SSM_OUT, "ssm_out", FMT_ROLE_SSM_OUT_B, DIM_MODEL, DIM_SSM_INNER },
	{ FMT_ROLE_NONE },
};

static const struct infer_need layer_2[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_SSM_IN, "ssm_in", FMT_ROLE_SSM_IN_B, DIM_SSM_IN, DIM_MODEL },
	{ FMT_ROLE_SSM_CONV, "ssm_conv1d", FMT_ROLE_SSM_CONV_B, DIM_SSM_CONV, DIM_SSM_KERNEL },
	{ FMT_ROLE_SSM_DT_B, "ssm_dt", FMT_ROLE_NONE, DIM_ONE, DIM_SSM_HEADS, .end = ".bias" },
	{ FMT_ROLE_SSM_A, "ssm_a", FMT_ROLE_NONE, DIM_SSM_HEADS, DIM_ROW, .end = "" },
	{ FMT_ROLE_SSM_D, "ssm_d", FMT_ROLE_NONE, DIM_SSM_HEADS, DIM_ROW, .end = "" },
	{ FMT_ROLE_SSM_NORM, "ssm_norm", FMT_ROLE_NONE, DIM_SSM_GROUPS, DIM_SSM_GROUP },
	{ FMT_ROLE_SSM_OUT, "ssm_out", FMT_ROLE_SSM_OUT_B, DIM_MODEL, DIM_SSM_INNER },
	{ FMT_ROLE_NONE },
};

void fwd_mamba_mixer(struct infer_run *r, const struct infer_w *w, float *x, const float *h)
{
	const struct infer_ssm *s = &r->model->ssm;
	struct infer_ssm_rows *b = &r->ssm;
	struct infer_w in = infer_w_rows(&w[FMT_ROLE_SSM_IN], 0, s->inner), z = infer_w_rows(&w[FMT_ROLE_SSM_IN], s->inner, s->inner);
	struct infer_w low = infer_w_rows(&w[FMT_ROLE_SSM_X], 0, s->rank), bc = infer_w_rows(&w[FMT_ROLE_SSM_X], s->rank, 2 * (size_t)s->state);

	op_linear(r, b->in, h, &in);                         /* what goes in, and its gate    [T, I]     */
	op_linear(r, b->z, h, &z);
	op_conv(r, b->x, b->in, &w[FMT_ROLE_SSM_CONV]);      /* x' = silu(conv(in))           [T, I]     */
	op_linear(r, b->low, b->x, &low);                    /* time steps by way of          [T, R]     */
	op_rmsnorm_part(r, b->low, s->rank, &w[FMT_ROLE_SSM_DT_NORM]); /* Jamba                            */
	op_linear(r, b->step, b->low, &w[FMT_ROLE_SSM_DT]);  /* d = x' Wl' Wd' + bd           [T, I]     */
	op_linear(r, b->bc, b->x, &bc);                      /* B, C = x' W'                  [T, 2 N]   */
	op_rmsnorm_part(r, b->bc, 2 * (size_t)s->state, &w[FMT_ROLE_SSM_B_NORM]); /* Jamba                */
	op_rmsnorm_part(r, b->bc + s->state, 2 * (size_t)s->state, &w[FMT_ROLE_SSM_C_NORM]);
	op_selective_scan(r, b->y, b->x, b->z, b->step, b->bc, &w[FMT_ROLE_SSM_A], &w[FMT_ROLE_SSM_D]);
	op_linear_add(r, x, b->y, &w[FMT_ROLE_SSM_OUT]);     /* x += y Wo'                    [T, D]     */
}

void fwd_mamba2_mixer(struct infer_run *r, const struct infer_w *w, float *x, const float *h)
{
	const struct infer_ssm *s = &r->model->ssm;
	struct infer_ssm_rows *b = &r->ssm;
	size_t n_conv = infer_conv_width(s);
	struct infer_w z = infer_w_rows(&w[FMT_ROLE_SSM_IN], 0, s->inner), in = infer_w_rows(&w[FMT_ROLE_SSM_IN], s->inner, n_conv);
	struct infer_w step = infer_w_rows(&w[FMT_ROLE_SSM_IN], s->inner + n_conv, s->heads);

	op_linear(r, b->z, h, &z);                           /* the gate                      [T, I]     */
	op_linear(r, b->in, h, &in);                         /* what goes in, B and C         [T, C]     */
	op_linear(r, b->step, h, &step);                     /* time steps                    [T, H]     */
	op_conv(r, b->x, b->in, &w[FMT_ROLE_SSM_CONV]);      /* silu(conv(in))                [T, C]     */
	op_ssd_scan(r, b->y, b->x, b->step, &w[FMT_ROLE_SSM_A], &w[FMT_ROLE_SSM_D], &w[FMT_ROLE_SSM_DT_B]);
	op_gated_groupnorm(r, b->y, b->z, &w[FMT_ROLE_SSM_NORM]); /* norm(y * silu(z))        [T, I]     */
	op_linear_add(r, x, b->y, &w[FMT_ROLE_SSM_OUT]);     /* x += y Wo'                    [T, D]     */
}

static void forward(struct infer_run *r)
{
	const struct infer_model *m = r->model;

	op_embed(r, r->x, &m->w[FMT_ROLE_TOKEN_EMBD]);       /* x = E[ids]                    [T, D]     */
	for (r->layer = 0; r->layer < m->n_layers; r->layer++) {
		const struct infer_w *w = m->layers[r->layer].w;

		op_rmsnorm(r, r->h, r->x, &w[FMT_ROLE_ATTN_NORM]); /* h = norm(x)                 [T, D]     */
		(m->ssm.heads ? fwd_mamba2_mixer : fwd_mamba_mixer)(r, w, r->x, r->h);
	}
	op_wanted(r, r->x);
	op_rmsnorm(r, r->h, r->x, &m->w[FMT_ROLE_OUTPUT_NORM]);
	op_linear(r, r->logits, r->h, &m->w[FMT_ROLE_OUTPUT]); /* logits = norm(x) E'         [T, V]     */
}

const struct infer_forward infer_fwd_mamba = {
	.arch = "mamba",
	.run = forward,
	.global = global,
	.layer = layer,
	.recurrent = true,
};

const struct infer_forward infer_fwd_mamba2 = {
	.arch = "mamba2",
	.run = forward,
	.global = global,
	.layer = layer_2,
	.recurrent = true,
	.ssm_heads = true,
};
