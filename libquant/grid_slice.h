/* Thirty-two vectors of eight or four elements against all points of a grid; see grid_search.h. */
#ifndef LIBQUANT_GRID_SLICE_H
#define LIBQUANT_GRID_SLICE_H

#include "grid_search.h"

#define GRID_LANES 32 /* enough to hide what a minimum waits for, few enough for the tables to stay in the cache */

/* [element][lane] of one slice: magnitudes, or where levels have signs values; and weights. */
struct quant_grid_slice {
	const float *a, *w;
	const float *s;     /* [lane]: scale */
	const float *shift; /* [lane]: added to every level */
};

/* The least error of each lane over all points, less a constant, the error of zeros; signs are taken as they are. */
void QUANT_AT(grid_least)(const struct quant_grid_type *type, const struct quant_grid_chunks *chunks,
                          const struct quant_grid_slice *slice, float *least);

/* The points that have it, once signs are as they must be.
 * odd     per eight elements: an odd number is negative, and must not be
 * change  out: the vector's error is that with one sign changed; of two vectors of four elements one is chosen */
void QUANT_AT(grid_points)(const struct quant_grid_type *type, const struct quant_grid_chunks *chunks,
                           const struct quant_grid_slice *slice, const bool *odd, uint16_t *point, bool *change);

#endif
