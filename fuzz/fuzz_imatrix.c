/* Importance matrices, both layouts: every value of every entry is looked at, and what two of the file are together. */
#include <math.h>
#include <stdlib.h>

#include <libfmt/imatrix.h>
#include <libfmt/imatrix_sums.h>

#include "fuzz.h"

static void look(const struct fmt_imatrix *im)
{
	for (uint64_t i = 0; i < im->n_entries; i++) {
		const struct fmt_imatrix_entry *e = &im->entries[i];

		if (fmt_imatrix_find(im, e->name) != e)
			abort();
		for (uint64_t k = 0; k < e->n_values; k++)
			if (!(e->values[k] >= 0))
				abort();
	}
}

static void merge(const struct fmt_imatrix *im)
{
	struct fmt_err err = { 0 };
	struct fmt_imatrix_sums *sums = fmt_imatrix_sums_create(8, &err);
	bool ok = sums && fmt_imatrix_sums_merge(sums, im, &err) && fmt_imatrix_sums_merge(sums, im, &err);
	struct fmt_imatrix *both = ok ? fmt_imatrix_of_sums(sums, "both", &err) : NULL;

	if (!both && (!err.code || !err.msg[0]))
		abort();
	if (both)
		look(both);
	fmt_imatrix_close(both);
	fmt_imatrix_sums_destroy(sums);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fmt_err err = { 0 };
	struct fmt_imatrix *im = fmt_imatrix_open(fuzz_file(data, n), &err);

	if (!im && (!err.code || !err.msg[0]))
		abort();
	if (im) {
		look(im);
		merge(im);
	}
	fmt_imatrix_close(im);
	return 0;
}
