/* Blocks of 32 with one scale, or one scale and one offset, of their own: sixteen blocks at a time. */
#ifndef LIBQUANT_FLAT_H
#define LIBQUANT_FLAT_H

#include "scale_search.h"

struct quant_flat_signed {
	struct quant_shape shape;
	struct quant_grid grid;
	struct {
		const float *ends; /* see search_signed */
		int n_ends;
	} plan[2]; /* without importance, with it */
};

struct quant_flat_min {
	struct quant_shape shape;
	struct quant_min_search search[2];
};

struct quant_flat_codes {
	uint16_t d[QUANT_LANES], m[QUANT_LANES]; /* half floats; m of the min family: x = d q + m */
	_Alignas(64) uint8_t nibbles[QUANT_LANES][16]; /* as blocks hold them: see blocks.h */
	uint32_t fifth[QUANT_LANES]; /* bit j: bit 4 of element j; of types that have one */
};

/* Blocks col/32 .. of a row: at most sixteen, fewer at the end of its n columns. Returns how many. */
int QUANT_AT(flat_signed)(const struct quant_flat_signed *how, const float *x, const struct quant_importance *imp,
                          size_t col, size_t n, struct quant_flat_codes *out);
int QUANT_AT(flat_min)(const struct quant_flat_min *how, const float *x, const struct quant_importance *imp,
                       size_t col, size_t n, struct quant_flat_codes *out);

#endif
