/* Where two models part: the same text through both, operation by operation.
 *
 * The reference runs first, and what each of its operations gives is kept. Then the model runs, and after each of its
 * operations the reference's result is put in the place of its own: so that each is judged by what it makes of the
 * reference's inputs, and one wrong weight stands out alone, instead of in everything after it. A second run, in which
 * nothing is replaced, says how far the hidden state has moved after each layer. */
#ifndef LIBINFER_TRACE_H
#define LIBINFER_TRACE_H

#include <libinfer/infer.h>

/* One operation's result, in its own place: what is written there is what the run goes on with. */
struct infer_step {
	int32_t layer;                        /* -1: before or after the layers */
	const struct fmt_view_tensor *tensor; /* the weight; NULL: an operation without one */
	const char *op;                       /* "linear", "norm", "attention", "rope" ... */
	float *y;                             /* n rows of `width`, `stride` apart */
	size_t n, width, stride;
	bool added;                           /* to what was there */
};
typedef void infer_step_fn(void *user, const struct infer_step *step);

/* Calls fn after every operation, from the thread that evaluates; NULL: no longer. */
void infer_run_trace(struct infer_run *r, infer_step_fn *fn, void *user);

struct infer_part {
	int32_t layer;
	const struct fmt_view_tensor *tensor; /* of the reference */
	const char *op;
	double error;  /* norm of the difference over the norm of the reference's result, or of what it added */
	double cosine; /* of the two */
	double limit;  /* what rounding of the two types of weight explains */
	bool departs;
};

struct infer_trace {
	struct infer_part *parts;   /* in the order in which they are computed */
	size_t n_parts;
	struct {
		double error, cosine;   /* of the hidden state after the layer, nothing replaced */
		size_t worst;           /* part with the largest error for its limit */
	} *layers;
	uint32_t n_layers;
	size_t n_departs;
};
void infer_trace_finish(struct infer_trace *t); /* a zeroed one is fine */

/* n    tokens of one text, at most 64 are looked at
 * returns false with *err set: FMT_MISMATCH where the two do not do the same operations on the same shapes, which names the
 * first that differs */
bool infer_trace_compare(const struct infer_model *reference, const struct infer_model *model, const int32_t *ids, uint32_t n,
                         struct infer_trace *t, struct fmt_err *err);

#endif
