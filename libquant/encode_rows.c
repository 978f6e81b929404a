/* Many rows of a matrix: narrow ones are encoded several at once. */
#include <string.h>

#include <libquant/quant.h>

/* Floats of importance that are repeated: enough that the lanes that stay empty at the end do not count. */
#define TILE 8192

/* The importance of n_rows rows that lie one after another. */
static void repeat(const float *w, size_t n_rows, size_t n_cols, float *tile)
{
	for (size_t r = 0; r < n_rows; r++)
		memcpy(tile + r * n_cols, w, n_cols * sizeof(*w));
}

void quant_encode_rows(const struct quant_type *t, const float *x, const float *w, enum quant_effort effort, void *dst,
                       size_t n_rows, size_t n_cols)
{
	float tile[TILE];
	size_t at_once = n_rows;
	uint64_t row_bytes = 0;

	if (!n_cols || !fmt_row_bytes(t->type, n_cols, &row_bytes))
		return;
	if (!t->uses_weights)
		w = NULL;
	if (w)
		at_once = n_cols > TILE ? 1 : TILE / n_cols < n_rows ? TILE / n_cols : n_rows;
	if (w && at_once > 1) {
		repeat(w, at_once, n_cols, tile);
		w = tile;
	}
	for (size_t row = 0; row < n_rows; row += at_once) {
		size_t n = n_rows - row < at_once ? n_rows - row : at_once;

		t->encode(x + row * n_cols, w, effort, (unsigned char *)dst + row * row_bytes, n * n_cols);
	}
}
