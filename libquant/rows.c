/* Rows of a view's tensor as floats: read, decoded, and the arithmetic that the view asks for. */
#include <math.h>
#include <string.h>

#include <libquant/quant.h>
#include <libquant/rows.h>

static uint64_t n_cols(const struct fmt_view_tensor *t)
{
	return t->n_dims ? t->dims[t->n_dims - 1] : 1;
}

/* Bytes of a row of the widest plane, or of the only one. */
static uint64_t most_row_bytes(const struct fmt_view_tensor *t)
{
	uint64_t most = 0, bytes = 0;

	if (!t->n_planes)
		fmt_row_bytes(t->type, n_cols(t), &most);
	for (uint32_t i = 0; i < t->n_planes; i++)
		if (fmt_row_bytes(t->planes[i].type, n_cols(t), &bytes) && bytes > most)
			most = bytes;
	return most;
}

size_t quant_rows_scratch(const struct fmt_view_tensor *t, uint64_t n_rows)
{
	return t->type == FMT_F32 && !t->n_planes ? 0 : (size_t)(most_row_bytes(t) * n_rows);
}

static void apply(const struct fmt_view_tensor *t, float *x, size_t n)
{
	switch (t->op) {
	case FMT_OP_NONE:
	case FMT_OP_JOIN: /* has been done */
		return;
	case FMT_OP_FACTOR:
		for (size_t i = 0; i < n; i++)
			x[i] *= t->factor;
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

/* x[i] is joined with y[i]. */
static void join(enum fmt_join how, float *x, const float *y, size_t n)
{
	switch (how) {
	case FMT_JOIN_MUL:
		for (size_t i = 0; i < n; i++)
			x[i] *= y[i];
		return;
	case FMT_JOIN_DIV:
		for (size_t i = 0; i < n; i++)
			x[i] /= y[i];
		return;
	case FMT_JOIN_ADD:
		for (size_t i = 0; i < n; i++)
			x[i] += y[i];
		return;
	case FMT_JOIN_SUB:
		for (size_t i = 0; i < n; i++)
			x[i] -= y[i];
		return;
	}
}

/* The same with n items of a plane. */
static void join_plane(const struct fmt_plane *p, float *x, const uint8_t *items, size_t n)
{
	enum { CHUNK = 256 };
	const struct quant_type *q = quant_type(p->type);
	size_t size = fmt_type_info(p->type)->block_bytes;
	float y[CHUNK];

	for (size_t i = 0; i < n; i += CHUNK) {
		size_t k = n - i < CHUNK ? n - i : CHUNK;

		q->decode(items + i * size, y, k);
		join(p->join, x + i, y, k);
	}
}

/* Items of planes are one per element, so rows need not be told apart. */
static bool join_planes(const struct fmt_view *v, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows, float *dst,
                        void *scratch, struct fmt_err *err)
{
	size_t n = (size_t)(n_rows * n_cols(t));

	for (uint32_t i = 0; i < t->n_planes; i++) {
		if (!fmt_view_read_plane(v, t, i, row, n_rows, scratch, err))
			return false;
		if (i)
			join_plane(&t->planes[i], dst, scratch, n);
		else
			quant_type(t->type)->decode(scratch, dst, n);
	}
	return true;
}

static bool decode_rows(const struct fmt_view *v, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows, float *dst,
                        uint8_t *src, struct fmt_err *err)
{
	uint64_t cols = n_cols(t), row_bytes;

	if (!fmt_row_bytes(t->type, cols, &row_bytes))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "tensor '%.*s': rows are no whole number of blocks",
		                (int)t->name.n, t->name.p);
	if (!fmt_view_read(v, t, row, n_rows, src, err))
		return false;
	for (uint64_t i = 0; i < n_rows; i++)
		quant_type(t->type)->decode(src + i * row_bytes, dst + i * cols, (size_t)cols);
	return true;
}

bool quant_rows(const struct fmt_view *v, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows, float *dst,
                void *scratch, struct fmt_err *err)
{
	bool ok;

	if (!quant_type(t->type))
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor '%.*s': type %s cannot be decoded",
		                (int)t->name.n, t->name.p, fmt_type_info(t->type)->name);
	if (t->n_planes)
		ok = join_planes(v, t, row, n_rows, dst, scratch, err);
	else if (t->type == FMT_F32)
		ok = fmt_view_read(v, t, row, n_rows, dst, err);
	else
		ok = decode_rows(v, t, row, n_rows, dst, scratch, err);
	if (ok)
		apply(t, dst, (size_t)(n_rows * n_cols(t)));
	return ok;
}
