/* The joint choice of a superblock's scale, as a half float, and of its sub-blocks' scale codes.
 *
 * Rounding each sub-block's best scale to its few bits for itself loses more than any search before it gains. So the
 * neighbours of each code are judged by the error they really give, then least squares over the superblock correct the
 * wide scale for the codes chosen, and the neighbours are judged once more. */
#ifndef LIBQUANT_SUPERBLOCK_H
#define LIBQUANT_SUPERBLOCK_H

#include "scale_search.h"

/* x = (d k) q; k whole, -limit..limit-1. */
struct quant_signed_fit {
	uint16_t d[QUANT_LANES];  /* half float, per block */
	float k[QUANT_LANES];     /* per lane */
	float s[QUANT_LANES];     /* d k, in the group's units */
};

/* x = (d ks) q - (dmin km); ks and km whole, 0..limit. */
struct quant_min_fit {
	uint16_t d[QUANT_LANES], dmin[QUANT_LANES];
	float ks[QUANT_LANES], km[QUANT_LANES];
	float s[QUANT_LANES], m[QUANT_LANES];
};

/* d as a half in the group's unit, and its exact value in *rounded. At most 65504, never -0. */
uint16_t QUANT_AT(half_of)(float d, float unit, float *rounded);

void QUANT_AT(fit_signed)(const struct quant_group *g, const struct quant_grid *grid, int block_lanes, float limit,
                          const float s[QUANT_LANES], struct quant_signed_fit *fit);
void QUANT_AT(fit_min)(const struct quant_group *g, float top, int block_lanes, float limit,
                       const float s[QUANT_LANES], const float m[QUANT_LANES], struct quant_min_fit *fit);

#endif
