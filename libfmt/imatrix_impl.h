/* What imatrix_sums.c and imatrix_write.c share. */
#ifndef LIBFMT_IMATRIX_IMPL_H
#define LIBFMT_IMATRIX_IMPL_H

#include <libfmt/imatrix_sums.h>

#include "arena.h"
#include "index.h"

struct fmt_imatrix_sums_impl {
	struct fmt_imatrix_sums pub;
	struct fmt_arena mem;
	struct fmt_index names;
	uint64_t cap;
	struct fmt_str *datasets;
	uint64_t n_datasets, cap_datasets;
};

#endif
