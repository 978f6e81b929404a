/* Which experts a text goes to. */
#ifndef LIBINFER_EXPERTS_H
#define LIBINFER_EXPERTS_H

#include <libinfer/windows.h>

/* One layer that has experts. */
struct infer_expert_use {
	uint32_t layer;
	const uint64_t *chosen;  /* [n_experts]: by how many tokens each was chosen; a token chooses n_used different ones */
	uint32_t n_never;        /* experts that none chose */
	uint32_t busiest;        /* the one chosen most often, the first among equals */
	double share;            /* its part of all choices */
	double entropy;          /* of the experts' parts, in bits: log2(n_experts) where all are chosen alike */
};

struct infer_experts {
	uint32_t n_experts, n_used;
	uint64_t n_tokens;
	struct infer_expert_use *layers; /* [n_layers] */
	uint32_t n_layers;
	uint64_t *memory;
};
void infer_experts_finish(struct infer_experts *e); /* a zeroed one is fine */

/* Runs every window and counts; the counts depend on neither batches nor threads.
 * r       with a context of at least w->size
 * returns false with *err set: FMT_UNSUPPORTED for a model without experts, an id outside the vocabulary, no memory */
bool infer_experts_count(struct infer_run *r, const struct infer_windows *w, struct infer_experts *e, struct fmt_err *err);

#endif
