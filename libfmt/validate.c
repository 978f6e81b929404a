/* A tensor's numbers against each other and against the file. */
#include <inttypes.h>
#include <stdlib.h>

#include <libfmt/utf8.h>

#include "ckd.h"
#include "model_impl.h"

/* Product of all dimensions. A zero makes it zero, but the others must still fit: fmt_tensor_rows multiplies them. */
static bool count_elems(struct fmt_tensor *t)
{
	uint64_t product = 1;
	bool zero = false;

	for (uint32_t i = 0; i < t->n_dims; i++) {
		zero |= !t->dims[i];
		if (t->dims[i] && ckd_mul(&product, product, t->dims[i]))
			return false;
	}
	t->n_elems = zero ? 0 : product;
	return product <= INT64_MAX;
}

/* Bytes of the contents: row by row, for a block of GGUF's lies within one row; in all, for safetensors packs its 4 and
 * 6 bit elements across rows. */
static bool measure_bytes(struct fmt_tensor *t, struct fmt_err *err)
{
	const struct fmt_type_info *info = fmt_type_info(t->type);
	const bool packed = info->gguf_id < 0;
	const uint64_t elems = packed ? t->n_elems : fmt_tensor_cols(t), times = packed ? 1 : fmt_tensor_rows(t);
	char name[FMT_SHOW_BYTES];
	uint64_t bytes;

	if (elems % info->block_elems)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "tensor %s: %" PRIu64 " elements %s are not a whole number of "
		                "%s's blocks of %" PRIu32, fmt_show(t->name, name), elems, packed ? "in all" : "per row", info->name,
		                info->block_elems);
	if (!fmt_row_bytes(t->type, elems, &bytes) || ckd_mul(&t->n_bytes, bytes, times))
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "tensor %s: its size in bytes overflows", fmt_show(t->name, name));
	return true;
}

bool fmt_tensor_measure(struct fmt_tensor *t, struct fmt_err *err)
{
	char name[FMT_SHOW_BYTES];

	if (t->n_dims > FMT_MAX_DIMS)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "tensor %s has %" PRIu32 " dimensions, at most %d can be handled",
		                fmt_show(t->name, name), t->n_dims, FMT_MAX_DIMS);
	if (!count_elems(t))
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "tensor %s: the product of its dimensions overflows",
		                fmt_show(t->name, name));
	return measure_bytes(t, err);
}

bool fmt_tensor_reach(const struct fmt_tensor *t, uint64_t *n_bytes, struct fmt_err *err)
{
	char name[FMT_SHOW_BYTES];
	uint64_t last = 0, part;

	*n_bytes = t->n_bytes;
	if (!t->strides || !t->n_elems)
		return true;
	for (uint32_t i = 0; i < t->n_dims; i++) {
		if (t->strides[i] < 0)
			return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor %s: negative stride", fmt_show(t->name, name));
		if (ckd_mul(&part, t->dims[i] - 1, (uint64_t)t->strides[i]) || ckd_add(&last, last, part))
			return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "tensor %s: its strides overflow", fmt_show(t->name, name));
	}
	if (ckd_add(&last, last, 1) || !fmt_row_bytes(t->type, last, n_bytes))
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "tensor %s: its strides overflow", fmt_show(t->name, name));
	return true;
}

static int by_offset(const void *a, const void *b)
{
	const struct fmt_tensor *x = *(const struct fmt_tensor *const *)a, *y = *(const struct fmt_tensor *const *)b;

	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	return x->n_bytes < y->n_bytes ? -1 : x->n_bytes > y->n_bytes;
}

bool fmt_model_by_offset(const struct fmt_model *m, uint32_t file, const struct fmt_tensor ***order, uint64_t *n,
                         struct fmt_err *err)
{
	uint64_t k = 0;

	*n = 0;
	for (uint64_t i = 0; i < m->n_tensors; i++)
		*n += m->tensors[i].file == file;
	*order = calloc((size_t)*n + 1, sizeof **order);
	if (!*order)
		return fmt_fail_nomem(err, *n * sizeof **order);
	for (uint64_t i = 0; i < m->n_tensors; i++)
		if (m->tensors[i].file == file)
			(*order)[k++] = &m->tensors[i];
	qsort(*order, (size_t)*n, sizeof **order, by_offset);
	return true;
}

bool fmt_model_disjoint(const struct fmt_model *m, uint32_t file, struct fmt_err *err)
{
	const struct fmt_tensor **order, *last = NULL;
	char a[FMT_SHOW_BYTES], b[FMT_SHOW_BYTES];
	uint64_t n;

	if (!fmt_model_by_offset(m, file, &order, &n, err))
		return false;
	for (uint64_t i = 0; i < n; i++) {
		if (!order[i]->n_bytes)
			continue;
		if (last && order[i]->off < last->off + last->n_bytes) {
			fmt_fail(err, FMT_MALFORMED, order[i]->off, "tensors %s and %s overlap", fmt_show(last->name, a),
			         fmt_show(order[i]->name, b));
			break;
		}
		last = order[i];
	}
	free(order);
	return !err->code;
}
