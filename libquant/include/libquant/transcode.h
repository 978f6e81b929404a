/* A view written as a GGUF: every tensor decoded, transformed and encoded in bounded pieces by all workers. */
#ifndef LIBQUANT_TRANSCODE_H
#define LIBQUANT_TRANSCODE_H

#include <libfmt/view.h>
#include <libfmt/write.h>
#include <libquant/pool.h>

struct quant_transcode {
	const struct fmt_view *view;
	const enum fmt_type *types;  /* per tensor of the view */
	struct fmt_writer *writer;   /* laid out; tensor i of the view is index i of the writer */
	struct fmt_sink *sink;
	struct quant_pool *pool;
	bool allow_nonfinite;
	void (*progress)(void *ctx, uint64_t bytes_done, uint64_t bytes_total); /* may be NULL; called from one thread at a time */
	void *progress_ctx;
};

/* Writes the contents of all tensors. Memory: a few megabytes per worker, whatever the model's size. */
bool quant_transcode_run(const struct quant_transcode *t, struct fmt_err *err);

#endif
