/* What every operation ends with. See op.h. */
#include "op.h"

#include <string.h>

/* Not a float at a time with isfinite: every result of a forward pass comes by here. */
static bool is_finite(const float *y, size_t n)
{
	const uint32_t exponent = 0x7f800000;
	uint32_t found = 0;

	for (size_t i = 0; i < n; i++) {
		uint32_t bits;

		memcpy(&bits, y + i, sizeof bits);
		found |= (bits & exponent) == exponent;
	}
	return !found;
}

void op_done_part(struct infer_run *r, const char *op, const struct infer_w *w, float *y, size_t n, size_t width, size_t stride,
                  bool added)
{
	const struct fmt_view_tensor *t = w ? w->tensor : NULL;
	int32_t layer = t ? t->layer : r->layer < infer_layers(r->model) ? (int32_t)r->layer : -1;

	for (size_t i = 0; !r->fault.op && i < n; i++)
		if (!is_finite(y + i * stride, width))
			r->fault = (struct infer_fault){ .op = op, .tensor = t, .layer = layer };
	if (r->trace)
		r->trace(r->trace_user, &(struct infer_step){ .layer = layer, .tensor = t, .op = op, .y = y, .n = n, .width = width,
		                                              .stride = stride, .added = added });
}

void op_done(struct infer_run *r, const char *op, const struct infer_w *w, float *y, size_t n, size_t width, bool added)
{
	op_done_part(r, op, w, y, n, width, width, added);
}
