/* Layers for multi-token prediction, as DeepSeek V3 defines them (arXiv:2412.19437, section 2.2) and GLM-4.5 and Qwen have them.
 *
 * The first takes, of each token, what the model made of the one before it, normed as for the output, and the token's own
 * embedding; norms both; and makes them one row of the model's width, which passes an ordinary layer. The head's norm is the
 * last step, and the second layer begins with what comes out of it, one token further on. What their predictions would be is
 * asked by nobody: only what goes into the weights is looked at.
 * T tokens, D model width. */
#include "next.h"

#include <string.h>

#include "op.h"

const struct infer_need infer_next_needs[] = {
	{ FMT_ROLE_NEXT_PROJ, "nextn.eh_proj", FMT_ROLE_NONE, DIM_MODEL, DIM_MODEL_TWICE },
	{ FMT_ROLE_NEXT_EMBD_NORM, "nextn.enorm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_NEXT_HIDDEN_NORM, "nextn.hnorm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL },
	{ FMT_ROLE_NEXT_HEAD_NORM, "nextn.shared_head_norm", FMT_ROLE_NONE, DIM_ONE, DIM_MODEL, .optional = true }, /* absent: output_norm */
	{ FMT_ROLE_NEXT_EMBD, "nextn.embed_tokens", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL, .optional = true }, /* absent: token_embd */
	{ FMT_ROLE_NEXT_HEAD, "nextn.shared_head_head", FMT_ROLE_NONE, DIM_VOCAB, DIM_MODEL, .optional = true }, /* absent: output */
	{ FMT_ROLE_NONE },
};

/* What layer k begins with: a row for the last token of the batch before, then one for each token of this one. */
static float *hidden(const struct infer_run *r, uint32_t k)
{
	return r->next_hidden + (size_t)k * ((size_t)r->n_batch + 1) * r->model->d_model;
}

void infer_next_keep(struct infer_run *r, const float *x)
{
	size_t d = r->model->d_model;

	if (r->model->n_next)
		memcpy(hidden(r, 0) + d, x, r->n_tok * d * sizeof *x);
}

static const struct infer_w *either(const struct infer_w *own, const struct infer_w *absent)
{
	return own->tensor ? own : absent;
}

/* half [T, D] of rows [T, 2 D] = norm(x) */
static void norm_half(struct infer_run *r, float *rows, size_t half, const float *x, const struct infer_w *w)
{
	size_t d = r->model->d_model;

	op_rmsnorm(r, r->h, x, w);
	for (uint32_t t = 0; t < r->n_tok; t++)
		memcpy(rows + (2 * t + half) * d, r->h + t * d, d * sizeof *x);
}

static void run_layer(struct infer_run *r, const struct infer_layer *l, const float *before /* [T, D] */)
{
	const struct infer_model *m = r->model;
	const struct infer_w *w = l->w;

	op_embed(r, r->x, either(&w[FMT_ROLE_NEXT_EMBD], &m->w[FMT_ROLE_TOKEN_EMBD]));
	norm_half(r, r->next_in, 0, r->x, &w[FMT_ROLE_NEXT_EMBD_NORM]);
	norm_half(r, r->next_in, 1, before, &w[FMT_ROLE_NEXT_HIDDEN_NORM]);
	op_linear(r, r->x, r->next_in, &w[FMT_ROLE_NEXT_PROJ]); /* x = [norm(e), norm(h)] We' [T, D]     */
	op_rope_angles(r);
	m->forward->block(r, l, r->x);
	op_rmsnorm(r, r->h, r->x, either(&w[FMT_ROLE_NEXT_HEAD_NORM], &m->w[FMT_ROLE_OUTPUT_NORM]));
	if (w[FMT_ROLE_NEXT_HEAD].tensor)
		op_watch(r, r->h, &w[FMT_ROLE_NEXT_HEAD]);
}

/* Layer k has a row for each token with k + 1 others before it, the first of them at position 0. */
static void run_rows(struct infer_run *r, uint32_t k, const int32_t *ids, uint32_t pos, uint32_t n)
{
	uint32_t ahead = k + 1, skip = pos < ahead ? ahead - pos : 0;
	size_t d = r->model->d_model;

	if (skip >= n)
		return;
	r->layer = r->model->n_layers + k;
	r->ids = ids + skip;
	r->n_tok = n - skip;
	r->pos = pos + skip - ahead;
	run_layer(r, &r->model->layers[r->layer], hidden(r, k) + skip * d);
	if (ahead < r->model->n_next)
		memcpy(hidden(r, ahead) + (1 + skip) * d, r->h, r->n_tok * d * sizeof *r->h);
}

void infer_next_run(struct infer_run *r, uint32_t n)
{
	const struct infer_model *m = r->model;
	const int32_t *ids = r->ids;
	uint32_t pos = r->pos;
	size_t d = m->d_model;
	float *first = m->n_next ? hidden(r, 0) : NULL;

	if (!r->watch || !first)
		return;
	r->n_tok = n;
	op_rmsnorm(r, r->h, first + d, &m->w[FMT_ROLE_OUTPUT_NORM]);
	memcpy(first + d, r->h, n * d * sizeof *first);
	for (uint32_t k = 0; k < m->n_next; k++)
		run_rows(r, k, ids, pos, n);
	for (uint32_t k = 0; k < m->n_next; k++)
		memcpy(hidden(r, k), hidden(r, k) + n * d, d * sizeof *first);
	r->ids = ids;
	r->pos = pos;
}
