/* llama.cpp's graph of operations for one step, as far as memory goes. Its parts are one file each. */
#ifndef FMT_RUNTIME_GRAPH_H
#define FMT_RUNTIME_GRAPH_H

#include "plan.h"
#include "runtime_impl.h"

struct graph {
	struct plan plan;
	const struct fmt_estimate *e;
	const struct fmt_runtime_opts *o;
	uint64_t tokens;       /* of one step; past the last attention: `outputs` */
	uint64_t outputs;      /* tokens whose scores are asked for */
	bool flash;
	bool unknown;          /* a layer has not the matrices that this way of computing needs */
	bool layer_norm;       /* a mean is taken off too */
	bool windows;          /* sliding layers have a cache of their own */
	int positions, rows_wanted;
	int mask[2], k_cells[2], v_cells[2], k_turn[2], v_turn[2]; /* inputs of attention; [1]: of sliding layers */
};

/* Results of ops: [n0, tokens] in f32. */
int graph_fresh(struct graph *g, uint64_t n0, int a, int b);
int graph_change(struct graph *g, int a, int b); /* element by element, where a lies if it can */
int graph_linear(struct graph *g, uint64_t n0, uint64_t bias, int x);

/* weight 0: there is no such norm, and x comes back. */
int graph_norm(struct graph *g, uint64_t weight, uint64_t bias, int x);

/* Each gives what it adds to the residual stream. */
int graph_attention(struct graph *g, const struct fmt_layer *l, int x);
int graph_latent(struct graph *g, const struct fmt_layer *l, int x);
int graph_feed_forward(struct graph *g, const struct fmt_layer *l, int x);
int graph_mamba(struct graph *g, const struct fmt_layer *l, int x);

/* Cells that the layer's cache has for one sequence. */
bool runtime_llama_cells(const struct fmt_estimate *e, const struct fmt_layer *l, const struct fmt_runtime_opts *o,
                         uint64_t *cells);

/* Bytes of the largest step. */
bool graph_peak(const struct fmt_estimate *e, const struct fmt_runtime_opts *o, uint64_t *n_bytes, struct fmt_err *err);

#endif
