/* llama-perplexity's base files: every row is read. */
#include <math.h>
#include <stdlib.h>

#include <libfmt/logits.h>

#include "fuzz.h"

static void look(struct fmt_logits *l)
{
	uint64_t n = (uint64_t)l->shape.n_windows * fmt_logits_rows(&l->shape), i = 0;
	float *row = malloc(l->shape.n_vocab * sizeof *row), least = 0;
	struct fmt_err err = { 0 };

	for (; row && i < n && fmt_logits_next(l, row, &least, &err); i++)
		for (uint32_t k = 0; k < l->shape.n_vocab; k++)
			if (!(row[k] >= least))
				abort();
	if (row && i < n && !err.msg[0])
		abort();
	free(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fmt_err err = { 0 };
	struct fmt_logits *l = fmt_logits_open(fuzz_file(data, n), &err);

	if (!l && (!err.code || !err.msg[0]))
		abort();
	if (l)
		look(l);
	fmt_logits_close(l);
	return 0;
}
