/* Rows of a view's tensor as floats: read, decoded, and the arithmetic that the view asks for. */
#include <math.h>
#include <string.h>

#include <libquant/quant.h>
#include <libquant/rows.h>

static uint64_t n_cols(const struct fmt_view_tensor *t)
{
	return t->n_dims ? t->dims[t->n_dims - 1] : 1;
}

static uint64_t scale_row_bytes(const struct fmt_view_tensor *t)
{
	uint64_t bytes = 0;

	if (t->op == FMT_OP_SCALE)
		fmt_row_bytes(t->scale_type, n_cols(t), &bytes);
	return bytes;
}

size_t quant_rows_scratch(const struct fmt_view_tensor *t, uint64_t n_rows)
{
	uint64_t row_bytes = 0;

	if (t->type == FMT_F32)
		return 0;
	fmt_row_bytes(t->type, n_cols(t), &row_bytes);
	return (size_t)((row_bytes + scale_row_bytes(t)) * n_rows);
}

static void apply(enum fmt_op op, float *x, size_t n)
{
	switch (op) {
	case FMT_OP_NONE:
	case FMT_OP_SCALE: /* has been done */
		return;
	case FMT_OP_ADD_ONE:
		for (size_t i = 0; i < n; i++)
			x[i] += 1.0f;
		return;
	case FMT_OP_NEG_EXP:
		for (size_t i = 0; i < n; i++)
			x[i] = (float)-exp(x[i]); /* in double: libraries differ in expf, not in exp rounded to float */
		return;
	}
}

/* x[i] *= factor i of n, of the type t->scale_type. */
static void scale(const struct fmt_view_tensor *t, float *x, const uint8_t *factors, size_t n)
{
	enum { CHUNK = 256 };
	const struct quant_type *q = quant_type(t->scale_type);
	size_t size = fmt_type_info(t->scale_type)->block_bytes;
	float f[CHUNK];

	for (size_t i = 0; i < n; i += CHUNK) {
		size_t k = n - i < CHUNK ? n - i : CHUNK;

		q->decode(factors + i * size, f, k);
		for (size_t j = 0; j < k; j++)
			x[i + j] *= f[j];
	}
}

bool quant_rows(const struct fmt_view *v, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows, float *dst,
                void *scratch, struct fmt_err *err)
{
	const struct quant_type *q = quant_type(t->type);
	uint64_t cols = n_cols(t), row_bytes;
	uint8_t *src = scratch;

	if (!q)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor '%.*s': type %s cannot be decoded",
		                (int)t->name.n, t->name.p, fmt_type_info(t->type)->name);
	if (t->type == FMT_F32) {
		if (!fmt_view_read(v, t, row, n_rows, dst, err))
			return false;
	} else {
		if (!fmt_row_bytes(t->type, cols, &row_bytes))
			return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "tensor '%.*s': rows are no whole number of blocks",
			                (int)t->name.n, t->name.p);
		if (!fmt_view_read(v, t, row, n_rows, src, err))
			return false;
		for (uint64_t i = 0; i < n_rows; i++)
			q->decode(src + i * row_bytes, dst + i * cols, (size_t)cols);
		if (t->op == FMT_OP_SCALE) {
			src += n_rows * row_bytes;
			if (!fmt_view_read_scales(v, t, row, n_rows, src, err))
				return false;
			scale(t, dst, src, (size_t)(n_rows * cols));
		}
	}
	apply(t->op, dst, (size_t)(n_rows * cols));
	return true;
}
