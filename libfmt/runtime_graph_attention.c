/* llama.cpp's attention: keys and values of heads, and latent attention. */
#include "ckd.h"
#include "runtime_graph.h"

#define NO PLAN_ELSEWHERE

static int fresh(struct graph *g, uint64_t n0, uint64_t n1, uint64_t n2, int a, int b)
{
	return plan_tensor(&g->plan, PLAN_FRESH, plan_shape(n0, n1, n2), 4, a, b, NO);
}

static int view(struct graph *g, enum plan_kind kind, uint64_t n0, uint64_t n1, uint64_t n2, int a)
{
	return plan_tensor(&g->plan, kind, plan_shape(n0, n1, n2), 0, a, NO, NO);
}

/* Heads of quantized caches are turned by a matrix, so that no element stands out. */
static int turn(struct graph *g, int matrix, uint64_t dim, uint64_t heads, int x)
{
	uint64_t n;

	if (matrix == NO)
		return x;
	n = g->plan.tensors[matrix].shape.n[0];
	x = fresh(g, n, dim / n * heads, g->tokens, matrix, view(g, PLAN_VIEW, n, dim / n * heads, g->tokens, x));
	return view(g, PLAN_VIEW, dim, heads, g->tokens, x);
}

/* Into the cache. */
static void store(struct graph *g, uint64_t width, int x, int cells)
{
	int s = plan_tensor(&g->plan, PLAN_STORE, plan_shape(width, g->tokens, 1), 0,
	                    view(g, PLAN_VIEW, width, g->tokens, 1, x), cells, NO);

	plan_expand(&g->plan, s);
}

/* Something made of the caches of all sequences. */
static int of_cache(struct graph *g, uint64_t dim, uint64_t cells, uint64_t heads, unsigned elem_bytes)
{
	struct plan_shape s = { { dim, cells, heads, g->o->sequences } };

	return plan_tensor(&g->plan, PLAN_FRESH, s, elem_bytes, NO, NO, NO);
}

/* Flash attention has no kernel for f32: such a cache is narrowed first. */
static int narrowed(struct graph *g, enum fmt_type type, uint64_t dim, uint64_t cells, uint64_t heads)
{
	return type == FMT_F32 ? of_cache(g, dim, cells, heads, 2) : NO;
}

/* Scores, and the values that they weigh: [v_dim * heads, tokens]. */
static int attend(struct graph *g, const struct fmt_layer *l, int slide, uint64_t cells, int q)
{
	uint64_t heads = l->n_heads, tokens = g->tokens;
	int x, k, v;

	q = view(g, PLAN_CUT, l->k_dim, tokens, heads, view(g, PLAN_VIEW, l->k_dim, heads, tokens, q));
	if (g->flash) {
		k = narrowed(g, g->o->k_type, l->k_dim, cells, l->n_kv_heads);
		v = narrowed(g, g->o->v_type, l->v_dim, cells, l->n_kv_heads);
		x = fresh(g, l->v_dim, heads, tokens, q, k);
		plan_source(&g->plan, x, v);
		plan_source(&g->plan, x, g->mask[slide]);
		return view(g, PLAN_VIEW, l->v_dim * heads, tokens, 1, x);
	}
	x = fresh(g, cells, tokens, heads, NO, q);
	x = plan_tensor(&g->plan, PLAN_IN_PLACE, plan_shape(cells, tokens, heads), 4, x, g->mask[slide], NO);
	x = fresh(g, l->v_dim, tokens, heads, NO, x);
	x = view(g, PLAN_CUT, l->v_dim, heads, tokens, x);
	return fresh(g, l->v_dim * heads, tokens, 1, x, NO);
}

/* A part of what one matrix made, or a matrix of its own. */
static int heads_of(struct graph *g, const struct fmt_layer *l, enum fmt_role role, enum fmt_role bias, uint64_t dim,
                    uint64_t heads, int fused, int x)
{
	if (fused != NO)
		return view(g, PLAN_CUT, dim, heads, g->tokens, fused);
	x = graph_linear(g, l->rows[role] ? l->rows[role] : dim * heads, l->rows[bias], x);
	return view(g, PLAN_VIEW, dim, heads, g->tokens, x);
}

int graph_attention(struct graph *g, const struct fmt_layer *l, int x)
{
	int slide = g->windows && l->window, fused = NO, q, k, v;
	uint64_t cells = 0;

	if (!runtime_llama_cells(g->e, l, g->o, &cells))
		g->plan.too_large = true;
	if (l->rows[FMT_ROLE_ATTN_QKV])
		fused = graph_linear(g, l->rows[FMT_ROLE_ATTN_QKV], l->rows[FMT_ROLE_ATTN_QKV_B], x);
	q = heads_of(g, l, FMT_ROLE_ATTN_Q, FMT_ROLE_ATTN_Q_B, l->k_dim, l->n_heads, fused, x);
	k = heads_of(g, l, FMT_ROLE_ATTN_K, FMT_ROLE_ATTN_K_B, l->k_dim, l->n_kv_heads, fused, x);
	v = heads_of(g, l, FMT_ROLE_ATTN_V, FMT_ROLE_ATTN_V_B, l->v_dim, l->n_kv_heads, fused, x);
	q = graph_norm(g, l->rows[FMT_ROLE_ATTN_Q_NORM], 0, q);
	k = graph_norm(g, l->rows[FMT_ROLE_ATTN_K_NORM], 0, k);
	if (!g->e->rows[FMT_ROLE_POSITION_EMBD]) {
		q = graph_change(g, q, g->positions);
		k = graph_change(g, k, g->positions);
	}
	q = turn(g, g->k_turn[slide], l->k_dim, l->n_heads, q);
	k = turn(g, g->k_turn[slide], l->k_dim, l->n_kv_heads, k);
	v = turn(g, g->v_turn[slide], l->v_dim, l->n_kv_heads, v);
	plan_expand(&g->plan, q);
	plan_expand(&g->plan, g->windows ? k : v);
	plan_expand(&g->plan, g->windows ? v : k);
	store(g, l->k_dim * l->n_kv_heads, k, g->k_cells[slide]);
	if (fused != NO && !g->flash) /* it is stored element by element, from bytes in order */
		v = fresh(g, l->v_dim, l->n_kv_heads, g->tokens, v, NO);
	store(g, l->v_dim * l->n_kv_heads, v, g->v_cells[slide]);
	x = attend(g, l, slide, cells, q);
	plan_expand(&g->plan, x); /* before a feed-forward block beside it */
	if (g->v_turn[slide] != NO) {
		x = turn(g, g->v_turn[slide], l->v_dim, l->n_heads, x);
		x = view(g, PLAN_VIEW, l->v_dim * l->n_heads, g->tokens, 1, x);
	}
	return graph_linear(g, g->e->model_width, l->rows[FMT_ROLE_ATTN_OUT_B], x);
}

/* Queries meet the latent vectors themselves: the matrix that would widen the keys is applied to them. */
int graph_latent(struct graph *g, const struct fmt_layer *l, int x)
{
	const uint64_t *rows = l->rows;
	uint64_t latent = rows[FMT_ROLE_ATTN_KV_A_NORM], rope = l->latent - latent, heads = l->n_heads, tokens = g->tokens;
	uint64_t q_width = rows[FMT_ROLE_ATTN_Q] ? rows[FMT_ROLE_ATTN_Q] : rows[FMT_ROLE_ATTN_Q_B_PROJ];
	uint64_t nope = heads ? q_width / heads - rope : 0, v_dim = heads ? rows[FMT_ROLE_ATTN_LATENT_K] / heads - nope : 0, cells = 0;
	int q, q_rope, kv, k, v;

	if (rope > l->latent || nope > q_width || v_dim > rows[FMT_ROLE_ATTN_LATENT_K]) { /* not the matrices that this needs */
		g->unknown = true;
		return x;
	}
	if (!runtime_llama_cells(g->e, l, g->o, &cells))
		g->plan.too_large = true;
	q = x;
	if (rows[FMT_ROLE_ATTN_Q_A])
		q = graph_norm(g, rows[FMT_ROLE_ATTN_Q_A_NORM], 0, graph_linear(g, rows[FMT_ROLE_ATTN_Q_A], 0, q));
	q = graph_linear(g, q_width, 0, q);
	q_rope = graph_change(g, view(g, PLAN_CUT, rope, heads, tokens, q), g->positions);
	q = view(g, PLAN_CUT, nope, tokens, heads, view(g, PLAN_CUT, nope, heads, tokens, q));
	q = view(g, PLAN_CUT, latent, heads, tokens, fresh(g, latent, tokens, heads, NO, q));
	q = fresh(g, l->latent, heads, tokens, q, q_rope);

	kv = graph_linear(g, l->latent, 0, x);
	k = graph_change(g, view(g, PLAN_CUT, rope, 1, tokens, kv), g->positions);
	v = graph_norm(g, latent, 0, view(g, PLAN_CUT, latent, tokens, 1, kv));
	v = view(g, PLAN_VIEW, latent, 1, tokens, v);
	k = fresh(g, l->latent, 1, tokens, v, k);
	plan_expand(&g->plan, q);
	plan_expand(&g->plan, v);
	plan_expand(&g->plan, k);
	store(g, l->latent, k, g->k_cells[0]);

	q = view(g, PLAN_CUT, l->latent, tokens, heads, view(g, PLAN_VIEW, l->latent, heads, tokens, q));
	if (g->flash) {
		x = fresh(g, latent, heads, tokens, q, narrowed(g, g->o->k_type, l->latent, cells, 1));
		plan_source(&g->plan, x, narrowed(g, g->o->k_type, latent, cells, 1));
		plan_source(&g->plan, x, g->mask[0]);
		x = view(g, PLAN_CUT, latent, tokens, heads, x);
	} else {
		v = of_cache(g, latent, cells, 1, fmt_type_info(g->o->k_type)->block_bytes);
		x = fresh(g, cells, tokens, heads, NO, q);
		x = plan_tensor(&g->plan, PLAN_IN_PLACE, plan_shape(cells, tokens, heads), 4, x, g->mask[0], NO);
		x = fresh(g, latent, tokens, heads, v, x);
	}
	x = fresh(g, v_dim, tokens, heads, NO, x);
	x = view(g, PLAN_CUT, v_dim, heads, tokens, x);
	x = fresh(g, v_dim * heads, tokens, 1, x, NO);
	plan_expand(&g->plan, x);
	return graph_linear(g, g->e->model_width, 0, x);
}
