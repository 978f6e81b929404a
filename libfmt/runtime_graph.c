/* llama.cpp's graph: embedding, layers, output. The order of what is expanded when is llama.cpp's, since it decides
 * what lies beside what. */
#include <string.h>

#include "ckd.h"
#include "runtime_graph.h"

#define LONGEST_PERIOD 8

static struct plan_shape row(uint64_t n0, const struct graph *g)
{
	return plan_shape(n0, g->tokens, 1);
}

int graph_fresh(struct graph *g, uint64_t n0, int a, int b)
{
	return plan_tensor(&g->plan, PLAN_FRESH, row(n0, g), 4, a, b, PLAN_ELSEWHERE);
}

int graph_change(struct graph *g, int a, int b)
{
	struct plan_shape s = a == PLAN_ELSEWHERE ? row(1, g) : g->plan.tensors[a].shape;

	return plan_tensor(&g->plan, PLAN_IN_PLACE, s, 4, a, b, PLAN_ELSEWHERE);
}

int graph_linear(struct graph *g, uint64_t n0, uint64_t bias, int x)
{
	int y = graph_fresh(g, n0, PLAN_ELSEWHERE, x);

	return bias ? graph_change(g, y, PLAN_ELSEWHERE) : y;
}

int graph_norm(struct graph *g, uint64_t weight, uint64_t bias, int x)
{
	struct plan_shape s = x == PLAN_ELSEWHERE ? row(1, g) : g->plan.tensors[x].shape;

	if (!weight)
		return x;
	x = plan_tensor(&g->plan, g->layer_norm ? PLAN_FRESH : PLAN_IN_PLACE, s, 4, x, PLAN_ELSEWHERE, PLAN_ELSEWHERE);
	x = graph_change(g, x, PLAN_ELSEWHERE);
	return bias ? graph_change(g, x, PLAN_ELSEWHERE) : x;
}

/* Only rows whose scores are asked for go on past the last attention: all of them, in the largest step, but for those that
 * made sequences equally long. */
static int wanted(struct graph *g, int x)
{
	g->tokens = g->outputs;
	return graph_fresh(g, g->e->model_width, x, g->rows_wanted);
}

static int mixer(struct graph *g, const struct fmt_layer *l, int x)
{
	switch (l->kind) {
	case FMT_LAYER_LATENT:
		return graph_latent(g, l, x);
	case FMT_LAYER_LINEAR:
	case FMT_LAYER_MAMBA:
		return graph_mamba(g, l, x);
	default:
		return graph_attention(g, l, x);
	}
}

static int layer(struct graph *g, const struct fmt_layer *l, bool last, int x)
{
	const uint64_t *rows = l->rows;
	int normed = graph_norm(g, rows[FMT_ROLE_ATTN_NORM], rows[FMT_ROLE_ATTN_NORM_B], x), y, inside, read = normed;
	bool feeds = rows[FMT_ROLE_FFN_UP] || rows[FMT_ROLE_MOE_UP];

	if (l->kind == FMT_LAYER_FEED_FORWARD) {
		y = graph_feed_forward(g, l, normed);
		return graph_change(g, last ? wanted(g, y) : y, last ? wanted(g, x) : x);
	}
	if (rows[FMT_ROLE_ATTN_NORM_2]) /* Falcon: attention reads one of its own, and the first is for what is beside it */
		read = graph_norm(g, rows[FMT_ROLE_ATTN_NORM_2], rows[FMT_ROLE_ATTN_NORM_2_B], x);
	y = mixer(g, l, read);
	if (last) {
		y = wanted(g, y);
		x = wanted(g, x);
	}
	if (!feeds)
		return graph_change(g, y, x);
	if (!rows[FMT_ROLE_FFN_NORM] && !rows[FMT_ROLE_FFN_POST_NORM]) { /* side by side with attention */
		if (last)
			normed = wanted(g, normed);
		inside = graph_feed_forward(g, l, normed);
		return graph_change(g, graph_change(g, inside, y), x);
	}
	y = graph_norm(g, rows[FMT_ROLE_ATTN_POST_NORM], 0, y);
	x = graph_change(g, y, x);
	y = graph_norm(g, rows[FMT_ROLE_FFN_NORM], rows[FMT_ROLE_FFN_NORM_B], x);
	y = graph_feed_forward(g, l, y);
	y = graph_norm(g, rows[FMT_ROLE_FFN_POST_NORM], 0, y);
	/* Phi 3, whose gate and up are one matrix, adds the other way round */
	return rows[FMT_ROLE_FFN_UP] > l->down_inputs ? graph_change(g, x, y) : graph_change(g, y, x);
}

/* Whether the layers from `a` up to `b` each are what the one `period` before them is. */
static bool repeat(const struct fmt_estimate *e, uint64_t a, uint64_t b, uint64_t period)
{
	for (uint64_t i = a; i < b; i++)
		if (memcmp(&e->layers[i], &e->layers[i - period], sizeof e->layers[i]))
			return false;
	return true;
}

/* The layer that follows layer i. Layers alike, or alike by turns, lay the same things in the same places, so that a long
 * row of them takes what a short one does: two turns, and an even number of them passed over, since what is added to lies
 * in two places by turns. The last layer is another thing and never passed over. */
static uint64_t following(const struct fmt_estimate *e, uint64_t i)
{
	uint64_t next = i + 1;

	for (uint64_t period = 1; period <= LONGEST_PERIOD; period++)
		while (next >= 2 * period && next + 2 * period < e->n_layers &&
		       repeat(e, next - period, next + 2 * period, period))
			next += 2 * period;
	return next;
}

static int input(struct graph *g, uint64_t n0, uint64_t n1, unsigned elem_bytes)
{
	return plan_tensor(&g->plan, PLAN_INPUT, plan_shape(n0, n1, 1), elem_bytes, PLAN_ELSEWHERE, PLAN_ELSEWHERE,
	                   PLAN_ELSEWHERE);
}

/* What attention reads beside queries, keys and values. */
static bool inputs(struct graph *g)
{
	const struct fmt_estimate *e = g->e;

	g->positions = input(g, g->tokens, 1, 4);
	g->rows_wanted = input(g, g->tokens, 1, 4);
	for (uint64_t i = 0; i < e->n_layers; i++) {
		const struct fmt_layer *l = &e->layers[i];
		int slide = g->windows && l->window;
		uint64_t cells = 0, width = 0;

		if (!fmt_layer_attends(l) || g->mask[slide] != PLAN_ELSEWHERE)
			continue;
		if (!runtime_llama_cells(e, l, g->o, &cells) || ckd_mul(&width, l->v_dim, l->n_kv_heads))
			return false;
		g->mask[slide] = input(g, cells, g->tokens, g->flash ? 2 : 4);
		g->k_cells[slide] = input(g, g->tokens, 1, 8);
		g->v_cells[slide] = input(g, g->tokens, g->flash ? 1 : width, 8);
		if (l->kind == FMT_LAYER_LATENT)
			continue;
		if (fmt_type_info(g->o->k_type)->block_elems > 1 && l->k_dim % 64 == 0)
			g->k_turn[slide] = input(g, l->k_dim & -l->k_dim, l->k_dim & -l->k_dim, 4);
		if (fmt_type_info(g->o->v_type)->block_elems > 1 && l->v_dim % 64 == 0)
			g->v_turn[slide] = input(g, 64, 64, 4);
	}
	return true;
}

/* Rows of the table; and the place where embeddings would be handed over instead, which nothing gives up. Version 0.7
 * takes both in one batch too: given embeddings are copied, and rows of the table are put among them. */
static int embedding(struct graph *g)
{
	uint64_t width = g->e->model_width;
	int x = graph_fresh(g, width, PLAN_ELSEWHERE, input(g, g->tokens, 1, 4)), table, given, both;

	plan_expand(&g->plan, x);
	plan_expand(&g->plan, input(g, width, g->tokens, 4));
	if (g->o->runtime != FMT_RUNTIME_LLAMA_CPP_0_7)
		return x;
	table = graph_fresh(g, width, PLAN_ELSEWHERE, input(g, g->tokens, 1, 4));
	plan_expand(&g->plan, table);
	given = graph_fresh(g, width, input(g, width, g->tokens, 4), PLAN_ELSEWHERE);
	plan_expand(&g->plan, given);
	both = plan_tensor(&g->plan, PLAN_CUT, row(width, g), 0, given, table, input(g, g->tokens, 1, 8));
	plan_expand(&g->plan, both);
	return x;
}

bool graph_peak(const struct fmt_estimate *e, const struct fmt_runtime_opts *o, uint64_t *n_bytes, struct fmt_err *err)
{
	struct graph g = { .e = e, .o = o, .tokens = o->ubatch, .flash = o->flash != FMT_FLASH_OFF,
		               .mask = { PLAN_ELSEWHERE, PLAN_ELSEWHERE }, .k_turn = { PLAN_ELSEWHERE, PLAN_ELSEWHERE },
		               .v_turn = { PLAN_ELSEWHERE, PLAN_ELSEWHERE } };
	uint64_t all = 0;
	int x;
	bool ok;

	g.windows = e->own_windows;
	g.layer_norm = e->rows[FMT_ROLE_OUTPUT_NORM_B] != 0;
	if (!ckd_mul(&all, o->context, o->sequences) && all < g.tokens)
		g.tokens = all;
	g.outputs = g.tokens;
	/* each sequence has as many tokens in a step as any other */
	ok = !ckd_align(&g.tokens, g.tokens, o->sequences) && inputs(&g);
	ok = ok || fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the cache's size does not fit into 64 bits");
	if (ok) {
		x = embedding(&g);
		if (e->rows[FMT_ROLE_POSITION_EMBD])
			x = graph_change(&g, x, graph_fresh(&g, e->model_width, g.positions, PLAN_ELSEWHERE));
		for (uint64_t i = 0; i < e->n_layers; i = following(e, i))
			x = layer(&g, &e->layers[i], i + 1 == e->n_layers, x);
		x = graph_norm(&g, 1, e->rows[FMT_ROLE_OUTPUT_NORM_B], x);
		plan_keep(&g.plan, x);
		x = graph_linear(&g, e->vocab, 0, x);
		plan_keep(&g.plan, x);
		plan_expand(&g.plan, x);
		ok = g.unknown ? fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "how llama.cpp computes such latent attention is not known "
		                          "here") : plan_peak(&g.plan, n_bytes, err);
	}
	plan_finish(&g.plan);
	return ok;
}
