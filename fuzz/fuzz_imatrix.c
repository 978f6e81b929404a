/* Importance matrices, both layouts: every value of every entry is looked at, what two of the file are together, and what is left without
 * some layers. */
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

/* Without layers 0 and 2. */
static void prune(struct fmt_imatrix *im)
{
	static const uint32_t layers[] = { 2, 0, 2 };
	struct fmt_err err = { 0 };

	if (!fmt_imatrix_prune(im, layers, 3, &err) && (!err.code || !err.msg[0]))
		abort();
	look(im);
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
		prune(im);
	}
	fmt_imatrix_close(im);
	return 0;
}
