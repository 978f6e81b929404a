/* libquant behind two plain functions, for scripts/compare-quant, which loads it beside ggml's library. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libquant/quant.h>

int shim_encode(uint32_t gguf_id, const float *x, const float *w, int effort, uint8_t *dst, size_t rows, size_t cols);
int shim_decode(uint32_t gguf_id, const uint8_t *src, float *x, size_t rows, size_t cols);

static const struct quant_type *find(uint32_t gguf_id, size_t cols, uint64_t *row_bytes)
{
	enum fmt_type t;

	return fmt_type_from_gguf(gguf_id, &t) && fmt_row_bytes(t, cols, row_bytes) ? quant_type(t) : NULL;
}

/* [rows, cols] floats; w: cols of them or NULL; effort: an enum quant_effort. 0, or -1 for a type or row length that does not exist. */
int shim_encode(uint32_t gguf_id, const float *x, const float *w, int effort, uint8_t *dst, size_t rows, size_t cols)
{
	uint64_t row_bytes;
	const struct quant_type *t = find(gguf_id, cols, &row_bytes);

	if (t && t->encode)
		quant_encode_rows(t, x, w, (enum quant_effort)effort, dst, rows, cols);
	return t && t->encode ? 0 : -1;
}

int shim_decode(uint32_t gguf_id, const uint8_t *src, float *x, size_t rows, size_t cols)
{
	uint64_t row_bytes;
	const struct quant_type *t = find(gguf_id, cols, &row_bytes);

	for (size_t r = 0; t && r < rows; r++)
		t->decode(src + r * row_bytes, x + r * cols, cols);
	return t ? 0 : -1;
}
