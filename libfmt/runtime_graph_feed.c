/* llama.cpp's feed-forward blocks, and the state spaces. */
#include "runtime_graph.h"

#define NO PLAN_ELSEWHERE
#define MOST_USED 4096 /* experts per token */

static int fresh(struct graph *g, uint64_t n0, uint64_t n1, uint64_t n2, int a, int b)
{
	return plan_tensor(&g->plan, PLAN_FRESH, plan_shape(n0, n1, n2), 4, a, b, NO);
}

static int view(struct graph *g, enum plan_kind kind, uint64_t n0, uint64_t n1, uint64_t n2, int a)
{
	return plan_tensor(&g->plan, kind, plan_shape(n0, n1, n2), 0, a, NO, NO);
}

/* Gate and up, or one matrix for both (what is inside is then half of it), or none but up. */
static int dense(struct graph *g, const uint64_t *rows, enum fmt_role gate, enum fmt_role up, uint64_t up_bias,
                 uint64_t down_bias, uint64_t inside, int x)
{
	int y = graph_linear(g, rows[up], up_bias, x);

	if (rows[gate])
		y = graph_fresh(g, rows[up], graph_linear(g, rows[gate], rows[FMT_ROLE_FFN_GATE_B], x), y);
	else
		y = inside == rows[up] ? graph_change(g, y, NO) : graph_fresh(g, inside, y, NO);
	return graph_linear(g, g->e->model_width, down_bias, y);
}

/* Experts: a matrix of scores, the best of it, and as many results per token as experts are used. */
static int experts(struct graph *g, const struct fmt_layer *l, int x)
{
	uint64_t n = g->e->n_experts, used = g->e->n_experts_used, tokens = g->tokens, width = g->e->model_width;
	int scores = graph_change(g, graph_linear(g, n, 0, x), NO), chosen, weights, up, y, sum, first;

	if (used > MOST_USED) { /* a slip in a file: the graph would have as many tensors */
		g->plan.too_large = true;
		return x;
	}
	chosen = l->rows[FMT_ROLE_MOE_BIAS] ? graph_change(g, scores, NO) : scores;
	chosen = view(g, PLAN_CUT, used, tokens, 1, fresh(g, n, tokens, 1, chosen, NO));
	weights = fresh(g, 1, used, tokens, view(g, PLAN_VIEW, 1, n, tokens, scores), chosen);
	weights = view(g, PLAN_VIEW, used, tokens, 1, weights);
	sum = graph_change(g, graph_fresh(g, 1, weights, NO), NO);
	weights = view(g, PLAN_VIEW, 1, used, tokens, graph_change(g, weights, sum));
	plan_expand(&g->plan, weights);

	x = view(g, PLAN_VIEW, width, 1, tokens, x);
	up = fresh(g, l->rows[FMT_ROLE_MOE_UP], used, tokens, x, chosen);
	if (l->rows[FMT_ROLE_MOE_GATE])
		up = fresh(g, l->rows[FMT_ROLE_MOE_UP], used, tokens, fresh(g, l->rows[FMT_ROLE_MOE_UP], used, tokens, x, chosen), up);
	else
		up = graph_change(g, up, NO);
	y = fresh(g, width, used, tokens, up, chosen);
	y = graph_change(g, y, weights);
	first = g->plan.n_tensors; /* the views of each expert's results lie one behind the other */
	for (uint64_t i = 0; i < used; i++)
		plan_expand(&g->plan, view(g, PLAN_CUT, width, tokens, 1, y));
	y = first;
	for (uint64_t i = 1; i < used; i++)
		y = graph_change(g, y, first + (int)i);
	return used > 1 ? y : graph_fresh(g, width, y, NO);
}

int graph_feed_forward(struct graph *g, const struct fmt_layer *l, int x)
{
	const uint64_t *rows = l->rows;
	int y, shared;

	if (!rows[FMT_ROLE_MOE_UP])
		return dense(g, rows, FMT_ROLE_FFN_GATE, FMT_ROLE_FFN_UP, rows[FMT_ROLE_FFN_UP_B], rows[FMT_ROLE_FFN_DOWN_B],
		             l->down_inputs, x);
	y = experts(g, l, x);
	if (!rows[FMT_ROLE_SHARED_UP])
		return y;
	shared = dense(g, rows, FMT_ROLE_SHARED_GATE, FMT_ROLE_SHARED_UP, 0, 0, rows[FMT_ROLE_SHARED_UP], x);
	return graph_change(g, y, shared);
}

/* Mamba 1. Its states come from the cache and go back there; the rest of a layer is computed after the states of the
 * next one have been fetched, since nothing asks for it before. */
int graph_mamba(struct graph *g, const struct fmt_layer *l, int x)
{
	const uint64_t *rows = l->rows;
	uint64_t inner = rows[FMT_ROLE_SSM_CONV], tokens = g->tokens, seqs = g->o->sequences;
	uint64_t kept = inner ? l->conv_elems / inner : 0, rank = rows[FMT_ROLE_SSM_X];
	uint64_t state = inner ? l->state_elems / inner : 0;
	int before, both, joined, scan, dt, steps;

	before = fresh(g, l->conv_elems, seqs, 1, NO, NO);
	plan_expand(&g->plan, before);
	both = graph_linear(g, rows[FMT_ROLE_SSM_IN], 0, view(g, PLAN_VIEW, g->e->model_width, tokens, 1, x));
	joined = fresh(g, kept * seqs + tokens, inner, 1, view(g, PLAN_VIEW, kept, inner, seqs, before),
	               view(g, PLAN_CUT, tokens, inner, 1, both));
	plan_expand(&g->plan, plan_tensor(&g->plan, PLAN_STORE, plan_shape(kept, inner, seqs), 0,
	                                  view(g, PLAN_CUT, kept, inner, seqs, joined), NO, NO));
	x = graph_fresh(g, inner, joined, NO);
	if (rows[FMT_ROLE_SSM_CONV_B])
		x = graph_change(g, x, NO);
	x = graph_change(g, x, NO);
	steps = graph_linear(g, rows[FMT_ROLE_SSM_X], 0, x);
	rank = rank > 2 * state ? rank - 2 * state : 0;
	dt = graph_fresh(g, rank, view(g, PLAN_CUT, rank, tokens, 1, steps), NO);
	dt = graph_linear(g, inner, 1, dt);
	scan = fresh(g, inner * (tokens + state * seqs), 1, 1, view(g, PLAN_VIEW, inner, tokens, 1, x), dt);
	plan_source(&g->plan, scan, view(g, PLAN_CUT, state, tokens, 1, steps));
	plan_source(&g->plan, scan, view(g, PLAN_CUT, state, tokens, 1, steps));
	plan_expand(&g->plan, plan_tensor(&g->plan, PLAN_STORE, plan_shape(state, inner, seqs), 0,
	                                  view(g, PLAN_CUT, state, inner, seqs, scan), NO, NO));
	x = graph_change(g, x, NO);
	x = graph_change(g, view(g, PLAN_VIEW, inner, tokens, 1, scan), x);
	x = graph_fresh(g, inner, graph_fresh(g, inner, view(g, PLAN_CUT, inner, tokens, 1, both), NO), x);
	x = graph_linear(g, g->e->model_width, 0, x);
	return view(g, PLAN_VIEW, g->e->model_width, tokens, 1, x);
}
