/* How much memory a graph of operations needs, if every result is given up after its last use: the allocator of ggml
 * (ggml-alloc.c, August 2026) played through with sizes alone.
 *
 * Tensors are made first, each from those before it. plan_expand then puts one and all it needs into the order of
 * computation, as ggml does: the sources from the first to the last, then the tensor itself. Weights and caches lie
 * elsewhere; where they would be a source there is PLAN_ELSEWHERE. */
#ifndef FMT_PLAN_H
#define FMT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include <libfmt/err.h>

#define PLAN_ELSEWHERE (-1)
#define PLAN_SOURCES 5

enum plan_kind {
	PLAN_INPUT,   /* there before the first operation */
	PLAN_FRESH,   /* needs memory of its own */
	PLAN_IN_PLACE,/* takes over a source of the same shape that nothing else needs */
	PLAN_STORE,   /* writes elsewhere */
	PLAN_VIEW,    /* looks at its first source; the same bytes in the same order */
	PLAN_CUT      /* looks at a part of its first source, or in another order */
};

/* Elements along each axis, innermost first. */
struct plan_shape {
	uint64_t n[4];
};

struct plan_tensor {
	enum plan_kind kind;
	struct plan_shape shape;
	uint64_t n_bytes;
	int src[PLAN_SOURCES];
	int root;      /* what a view looks at in the end; itself otherwise; PLAN_ELSEWHERE: a cache */
	bool whole;    /* its bytes in order, from the first of its root */
	bool kept;     /* a result of the graph: never given up */
	bool ordered, allocated;
	uint32_t n_children, n_views;
	uint64_t at;   /* offset in the buffer */
};

struct plan_block {
	uint64_t at, n_bytes;
};

struct plan {
	struct plan_tensor *tensors;
	int n_tensors, max_tensors;
	int *order;    /* operations */
	int n_order;
	int *inputs;
	int n_inputs;
	struct plan_block *free;
	int n_free, max_free;
	uint64_t peak;
	bool too_large, no_memory;
};

/* A zeroed plan is an empty one. Failures are remembered and told by plan_peak, so that a graph can be written down
 * without a check on each line; what the functions below return then is a tensor of no use, but a valid one. */
void plan_finish(struct plan *p);

struct plan_shape plan_shape(uint64_t n0, uint64_t n1, uint64_t n2);

/* The tensor's number. Elements have elem_bytes each; views have those of what they look at, whatever is said. */
int plan_tensor(struct plan *p, enum plan_kind kind, struct plan_shape s, unsigned elem_bytes, int a, int b, int c);
void plan_source(struct plan *p, int tensor, int source); /* one more */
void plan_keep(struct plan *p, int tensor);
void plan_expand(struct plan *p, int tensor);

/* The buffer's size in bytes: once, after everything is in order.
 * returns false with *err set: no memory, sizes past 64 bits */
bool plan_peak(struct plan *p, uint64_t *n_bytes, struct fmt_err *err);

#endif
