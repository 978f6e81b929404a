/* A view written as a GGUF: every tensor decoded, transformed and encoded in bounded pieces by all workers. */
#ifndef LIBQUANT_TRANSCODE_H
#define LIBQUANT_TRANSCODE_H

#include <stdatomic.h>

#include <libfmt/view.h>
#include <libfmt/write.h>
#include <libquant/lora.h>
#include <libquant/pool.h>
#include <libquant/quant.h>
#include <libquant/weights.h>

/* One file of the output. */
struct quant_part {
	struct fmt_writer *writer;   /* laid out; its tensor 0 is tensor `first` of the view */
	struct fmt_sink *sink;
	uint64_t first;
};

struct quant_transcode {
	const struct fmt_view *view;
	const enum fmt_type *types;  /* per tensor of the view */
	const struct quant_weights *weights; /* the same: importance; NULL: none */
	const struct quant_lora *lora;       /* of the view: merged into its tensors; NULL: none */
	enum quant_effort effort;
	const struct quant_part *parts; /* in the view's order; the first begins at tensor 0 */
	size_t n_parts;
	struct quant_pool *pool;
	bool allow_nonfinite;        /* else NaN, infinity and what overflows the type is FMT_NONFINITE; see below */
	const atomic_int *stop;      /* may be NULL: the run ends with an error soon after it becomes nonzero, as a signal
	                                handler may make it */
	void (*progress)(void *ctx, uint64_t bytes_done, uint64_t bytes_total); /* may be NULL; called from one thread at a time */
	void *progress_ctx;
};

/* Writes the contents of all tensors. The bytes do not depend on the number of threads.
 * Memory: a few megabytes per worker, or a few rows where those are longer, whatever the model's size.
 * A tensor whose type stays is copied. With allow_nonfinite, NaN and infinity stay what they are in float types and
 * become 0 in block types, which have no place for them; every NaN that blocks with broken scales decode to is the same.
 * On failure the error is that of the first bad piece in the view's order, as with a single thread. */
bool quant_transcode_run(const struct quant_transcode *t, struct fmt_err *err);

/* Bytes of the buffers that a run takes per worker. The types are per tensor of the view, and fit its rows. */
size_t quant_transcode_thread_bytes(const struct fmt_view *v, const enum fmt_type *types);

#endif
