/* The rows of all tensors of a view in numbered pieces, for workers to share. Where a piece begins and ends depends on the
 * tensors alone, so that what is summed by pieces is the same whatever the number of threads. */
#ifndef LIBQUANT_PIECES_H
#define LIBQUANT_PIECES_H

#include <libfmt/view.h>

/* Elements of a piece, unless a single row has more: 1 MiB of floats stays in a core's cache between the steps, and is
 * a good size for a read. */
#define PIECE_ELEMS (UINT64_C(1) << 18)

struct pieces {
	const struct fmt_view *view;
	uint64_t *first; /* per tensor its first piece; then their number */
};

/* Rows row .. row+n_rows-1 of tensor `index`. */
struct piece {
	const struct fmt_view_tensor *vt;
	uint32_t index;
	uint64_t row, n_rows, cols;
};

bool pieces_init(struct pieces *p, const struct fmt_view *v, struct fmt_err *err);
void pieces_finish(struct pieces *p); /* a zeroed one is fine */
uint64_t pieces_count(const struct pieces *p);
struct piece piece_at(const struct pieces *p, uint64_t number);

/* A tensor's first piece, which is its largest. */
struct piece piece_first(const struct fmt_view_tensor *vt);

uint64_t pieces_cols(const struct fmt_view_tensor *vt);
uint64_t pieces_rows(const struct fmt_view_tensor *vt);

#endif
