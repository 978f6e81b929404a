/* Sums of the squares of what goes into each weight. See <libinfer/importance.h>. */
#include <libinfer/importance.h>

#include "run.h"

struct collector {
	struct fmt_imatrix_sums *sums;
	struct fmt_err *err; /* a forward pass cannot fail: what goes wrong waits here */
};

/* A stack that every token passes, as the heads of latent attention, counts its rows once. */
static void add_rows(void *user, const struct infer_inputs *in)
{
	struct collector *c = user;
	struct fmt_imatrix_sum *e;
	double *sums;

	if (c->err->code)
		return;
	e = fmt_imatrix_sums_at(c->sums, in->tensor->name, (uint64_t)in->n_stacked * in->cols, in->routed ? in->n_stacked : 1, c->err);
	if (!e)
		return;
	sums = e->sums + in->matrix * in->cols;
	for (size_t t = 0; t < in->n; t++)
		for (size_t i = 0; i < in->cols; i++) {
			double x = (double)in->x[t * in->stride + i];

			sums[i] += x * x;
		}
	if (in->routed || !in->matrix)
		e->counts[in->routed ? in->matrix : 0] += in->n;
}

static bool after_window(void *user, uint64_t window, struct fmt_err *err)
{
	struct collector *c = user;

	c->sums->n_chunks++;
	(void)window;
	return !err->code;
}

bool infer_imatrix_collect(struct infer_run *r, const struct infer_windows *w, bool output, struct fmt_imatrix_sums *sums,
                           struct fmt_err *err)
{
	struct collector c = { sums, err };
	bool ok;

	infer_run_watch(r, add_rows, &c);
	ok = infer_windows_feed(w, r, output, after_window, &c, err);
	infer_run_watch(r, NULL, NULL);
	return ok;
}
