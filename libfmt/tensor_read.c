/* Contents of tensors: contiguous, little endian, whatever the file has; memory bounded whatever the tensor's size. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "ckd.h"
#include "limit.h"
#include "model_impl.h"
#include "swap.h"

uint64_t fmt_tensor_cols(const struct fmt_tensor *t)
{
	return t->n_dims ? t->dims[t->n_dims - 1] : 1;
}

uint64_t fmt_tensor_rows(const struct fmt_tensor *t)
{
	uint64_t rows = 1;

	for (uint32_t i = 0; i + 1 < t->n_dims; i++)
		rows *= t->dims[i];
	return rows;
}

/* A strided view is copied in slabs of two dimensions, [rows, cols], with a stride in elements for each. */
struct slab {
	const struct fmt_source *source;
	uint64_t off;                 /* of its first element, in bytes */
	uint64_t rows, cols;
	uint64_t row_step, col_step;  /* in bytes, in the file */
	size_t elem;                  /* bytes of an element */
	uint8_t *buffer;              /* LIMIT_GATHER_BYTES */
};

/* n elements, `step` bytes apart in the file, to places `dst_step` bytes apart. Reads the bytes between them too where
 * that costs less than a call for each. */
static bool gather(const struct slab *s, uint64_t off, uint64_t n, uint64_t step, uint8_t *dst, uint64_t dst_step,
                   struct fmt_err *err)
{
	const uint64_t page = 4096;
	uint64_t at_once = step > page ? 1 : step ? (LIMIT_GATHER_BYTES - s->elem) / step + 1 : n;

	for (uint64_t i = 0; i < n; i += at_once) {
		uint64_t k = n - i < at_once ? n - i : at_once;

		if (!fmt_source_read(s->source, off + i * step, s->buffer, (size_t)((k - 1) * step + s->elem), err))
			return false;
		for (uint64_t j = 0; j < k; j++)
			memcpy(dst + (i + j) * dst_step, s->buffer + j * step, s->elem);
	}
	return true;
}

static bool copy_slab(const struct slab *s, uint8_t *dst, struct fmt_err *err)
{
	const uint64_t row_bytes = s->cols * s->elem;

	/* down the columns where neighbours in the file are neighbours in a column: a transposed matrix */
	if (s->rows > 1 && s->row_step < s->col_step && s->col_step != s->elem) {
		for (uint64_t c = 0; c < s->cols; c++)
			if (!gather(s, s->off + c * s->col_step, s->rows, s->row_step, dst + c * s->elem, row_bytes, err))
				return false;
		return true;
	}
	for (uint64_t r = 0; r < s->rows; r++) {
		uint64_t off = s->off + r * s->row_step;
		uint8_t *to = dst + r * row_bytes;

		if (s->col_step == s->elem ? !fmt_source_read(s->source, off, to, (size_t)row_bytes, err) :
		                             !gather(s, off, s->cols, s->col_step, to, s->elem, err))
			return false;
	}
	return true;
}

/* Offset in bytes of the first element of row `row`: what its index in every dimension but the last adds up to. */
static uint64_t row_offset(const struct fmt_tensor *t, uint64_t row, size_t elem)
{
	uint64_t off = 0;

	for (uint32_t i = t->n_dims - 1; i-- > 0; row /= t->dims[i])
		off += row % t->dims[i] * (uint64_t)t->strides[i];
	return t->off + off * elem;
}

static bool read_strided(const struct fmt_model *m, const struct fmt_tensor *t, uint64_t row, uint64_t n_rows,
                         uint8_t *dst, struct fmt_err *err)
{
	const uint32_t n = t->n_dims;
	struct slab s = { .source = &m->impl->sources[t->file], .cols = fmt_tensor_cols(t),
		          .elem = fmt_type_info(t->type)->block_bytes };
	uint64_t inner = n > 1 ? t->dims[n - 2] : 1; /* rows until the next outer dimension moves on */

	s.buffer = malloc(LIMIT_GATHER_BYTES);
	if (!s.buffer)
		return fmt_fail_nomem(err, LIMIT_GATHER_BYTES);
	s.col_step = (uint64_t)t->strides[n - 1] * s.elem;
	s.row_step = n > 1 ? (uint64_t)t->strides[n - 2] * s.elem : 0;
	while (n_rows && !err->code) {
		s.off = row_offset(t, row, s.elem);
		s.rows = inner - row % inner;
		if (s.rows > n_rows)
			s.rows = n_rows;
		copy_slab(&s, dst, err);
		dst += s.rows * s.cols * s.elem;
		row += s.rows;
		n_rows -= s.rows;
	}
	free(s.buffer);
	return !err->code;
}

/* Where the rows asked for lie in the contiguous contents. */
static bool byte_range(const struct fmt_tensor *t, uint64_t row, uint64_t n_rows, uint64_t *off, uint64_t *n_bytes,
                       struct fmt_err *err)
{
	uint64_t rows = fmt_tensor_rows(t);
	char name[FMT_SHOW_BYTES];

	if (row > rows || n_rows > rows - row)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "tensor %s has %" PRIu64 " rows, asked for %" PRIu64 " from %" PRIu64,
		                fmt_show(t->name, name), rows, n_rows, row);
	*off = 0;
	*n_bytes = t->n_bytes;
	if (n_rows == rows)
		return true;
	if (t->n_bytes % rows)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "tensor %s: rows that do not end with a byte can only be read "
		                "all at once", fmt_show(t->name, name));
	*off = row * (t->n_bytes / rows);
	*n_bytes = n_rows * (t->n_bytes / rows);
	return true;
}

bool fmt_tensor_read(const struct fmt_model *m, const struct fmt_tensor *t, uint64_t row, uint64_t n_rows, void *dst,
                     struct fmt_err *err)
{
	uint64_t off = 0, n_bytes = 0;
	char name[FMT_SHOW_BYTES];

	if (err->code || !byte_range(t, row, n_rows, &off, &n_bytes, err))
		return false;
	if (!n_bytes)
		return true;
	if (m->big_endian && !fmt_swap_known(t->type)) {
		fmt_fail(err, FMT_UNSUPPORTED, t->off, "tensor %s: the byte order of %s in a big endian file is not defined; convert "
		         "the file on the machine that wrote it", fmt_show(t->name, name), fmt_type_info(t->type)->name);
		fmt_err_file(err, m->files[t->file]);
		return false;
	}
	if (t->strides && t->n_dims ? !read_strided(m, t, row, n_rows, dst, err) :
	                              !fmt_source_read(&m->impl->sources[t->file], t->off + off, dst, (size_t)n_bytes, err))
		return false;
	if (m->big_endian)
		fmt_swap(t->type, dst, n_bytes);
	return true;
}

struct fmt_tensor fmt_tensor_piece(const struct fmt_tensor *t, uint64_t block, uint64_t n_blocks)
{
	const struct fmt_type_info *info = fmt_type_info(t->type);
	struct fmt_tensor piece = *t;

	piece.n_dims = 1;
	piece.dims[0] = piece.n_elems = n_blocks * info->block_elems;
	piece.n_bytes = n_blocks * info->block_bytes;
	piece.off += block * info->block_bytes;
	return piece;
}

const void *fmt_tensor_map(const struct fmt_model *m, const struct fmt_tensor *t)
{
	const char *map;

	if (t->strides || (m->big_endian && !fmt_swap_is_trivial(t->type)))
		return NULL;
	map = fmt_source_map(&m->impl->sources[t->file]);
	return map ? map + t->off : NULL;
}
