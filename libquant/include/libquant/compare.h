/* How far the contents of one view are from those of another: both decoded to float32, tensor by tensor. */
#ifndef LIBQUANT_COMPARE_H
#define LIBQUANT_COMPARE_H

#include <stdatomic.h>

#include <libfmt/view.h>
#include <libquant/lora.h>
#include <libquant/pool.h>

/* A tensor's error. Sums are in double, in an order that the number of threads does not change. */
struct quant_error {
	double difference;    /* sum of squared differences */
	double reference;     /* sum of squares of the reference */
	double largest;       /* absolute difference */
	uint64_t n_nonfinite; /* elements that are NaN or infinite in the reference, and left out of the sums */
};

/* Norm of the difference over the norm of the reference: 0 where nothing differs, infinite where the reference is 0
 * throughout, NaN where the other side is not finite. */
double quant_error_relative(const struct quant_error *e);

/* What the relative error of a tensor may be that has been rounded to a type: about twice the error of the type on heavy-tailed
 * rows (docs/quantization.md). 1e-6 where nothing is rounded: `to` is F32, or the tensor's own type and nothing else happens to
 * it on the way.
 * lora  adapters that are merged into it; NULL: none */
double quant_error_explained(const struct fmt_view_tensor *from, const struct quant_lora *lora, enum fmt_type to);

/* A view, and the adapters that its tensors are read with; NULL: none. */
struct quant_side {
	const struct fmt_view *view;
	const struct quant_lora *lora;
};

struct quant_compare {
	struct quant_side reference, other;
	struct quant_pool *pool;
	const atomic_int *stop; /* as in struct quant_transcode; NULL: nothing stops it */
	void (*progress)(void *ctx, uint64_t done, uint64_t total); /* elements; may be NULL; from one thread at a time */
	void *progress_ctx;
};

/* Reads both sides once. Tensors are matched by name. Memory: a few megabytes per worker, and 32 bytes per 2^18 elements.
 * errors  out: [reference.view->n_tensors]
 * returns false with *err set: FMT_MISMATCH where the other side lacks a tensor or has it in another shape */
bool quant_compare_run(const struct quant_compare *c, struct quant_error *errors, struct fmt_err *err);

#endif
