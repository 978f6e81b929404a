/* Contents of a view's tensors: read from the files, rows moved to where GGUF has them. Bytes only. */
#include <stdlib.h>
#include <string.h>

#include "view_impl.h"

static const struct view_source *source_of(const struct fmt_view *v, const struct fmt_view_tensor *t)
{
	return &v->impl->sources[t - v->tensors];
}

/* Hugging Face rotates element i of a head with element i + half, llama.cpp 2i with 2i + 1: the row that GGUF has at
 * `row` is this one in the checkpoint. */
static uint64_t rope_row(uint64_t row, uint64_t head_rows)
{
	uint64_t in_head = row % head_rows;

	return row - in_head + in_head % 2 * (head_rows / 2) + in_head / 2;
}

/* Rows of a matrix, one by one: each is contiguous in the file. */
static bool read_rope_rows(const struct fmt_view *v, const struct view_source *s, uint64_t row, uint64_t n_rows,
                           uint64_t row_bytes, uint8_t *dst, struct fmt_err *err)
{
	uint64_t head_rows = s->tensor->dims[0] / s->n_heads;

	for (uint64_t i = 0; i < n_rows; i++)
		if (!fmt_tensor_read(v->weights, s->tensor, rope_row(row + i, head_rows), 1, dst + i * row_bytes, err))
			return false;
	return true;
}

/* A bias: its elements move as the rows of its matrix do. */
static bool read_rope_bias(const struct fmt_view *v, const struct view_source *s, uint8_t *dst, struct fmt_err *err)
{
	uint64_t n = s->tensor->n_elems, head = n / s->n_heads, size = s->tensor->n_bytes / n;
	uint8_t *all = malloc((size_t)s->tensor->n_bytes);
	bool ok;

	if (!all)
		return fmt_fail_nomem(err, s->tensor->n_bytes);
	ok = fmt_tensor_read(v->weights, s->tensor, 0, 1, all, err);
	for (uint64_t i = 0; ok && i < n; i++)
		memcpy(dst + i * size, all + rope_row(i, head) * size, (size_t)size);
	free(all);
	return ok;
}

bool fmt_view_read(const struct fmt_view *v, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows, void *dst,
                   struct fmt_err *err)
{
	const struct view_source *s = source_of(v, t);
	uint64_t n_cols = t->n_dims ? t->dims[t->n_dims - 1] : 1, n_all = n_cols ? t->n_elems / n_cols : 0, row_bytes;

	if (row > n_all || n_rows > n_all - row || !fmt_row_bytes(t->type, n_cols, &row_bytes))
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "tensor '%.*s': no such rows", (int)t->name.n, t->name.p);
	if (!n_rows)
		return true;
	if (!s->tensor) {
		memcpy(dst, (const uint8_t *)s->made + row * row_bytes, (size_t)(n_rows * row_bytes));
		return true;
	}
	if (s->move == MOVE_NONE)
		return fmt_tensor_read(v->weights, s->tensor, row, n_rows, dst, err);
	if (t->n_dims < 2)
		return read_rope_bias(v, s, dst, err);
	return read_rope_rows(v, s, row, n_rows, row_bytes, dst, err);
}

const void *fmt_view_map(const struct fmt_view *v, const struct fmt_view_tensor *t)
{
	const struct view_source *s = source_of(v, t);

	if (!s->tensor)
		return s->made;
	return s->move == MOVE_NONE ? fmt_tensor_map(v->weights, s->tensor) : NULL;
}
