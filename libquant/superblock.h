/* The joint choice of a superblock's scale, as a half float, and of its sub-blocks' scale codes.
 *
 * Rounding each sub-block's best scale to its few bits for itself loses more than any search before it gains. So the
 * neighbours of each code are judged by the error they really give, under one or several wide scales; then least squares
 * over the superblock correct the wide scale for the codes chosen, and the neighbours are judged once more. */
#ifndef LIBQUANT_SUPERBLOCK_H
#define LIBQUANT_SUPERBLOCK_H

#include "scale_search.h"

/* How much to search; tuned against ggml's error and speed (scripts/compare-quant). */
struct quant_signed_plan {
	const float *ends;   /* see search_signed */
	int n_ends;
	const float *trials; /* wide scales, as multiples of the one that just holds the greatest sub-block scale */
	int n_trials;
	int reach;           /* neighbours of a scale code, on either side */
	int rounds;          /* of least squares */
	float restore;       /* see restoring() */
};

struct quant_signed_type {
	struct quant_shape shape;
	struct quant_grid grid;
	float limit; /* x = (d k) q, k whole, -limit..limit-1 */
	struct quant_signed_plan plan[2]; /* without importance, with it */
};

struct quant_signed_fit {
	uint16_t d[QUANT_LANES]; /* half float, per block */
	float k[QUANT_LANES];    /* per lane */
	float s[QUANT_LANES];    /* d k, in the group's units */
};

struct quant_min_plan {
	const float *steps, *offsets; /* see search_min */
	int n_steps, n_offsets;
	float narrow;    /* by how much the first wide scales are less than those that hold the greatest scale and min */
	int first;       /* neighbours of a pair of codes that are judged under them: up to 24, nearest first */
	int later, last; /* and after the first round of least squares, after each round that follows */
	int rounds;
	float restore;
};

struct quant_min_type {
	struct quant_shape shape;
	float top;   /* of q */
	float limit; /* x = (d ks) q - (dmin km), ks and km whole, 0..limit */
	struct quant_min_plan plan[2];
};

struct quant_min_fit {
	uint16_t d[QUANT_LANES], dmin[QUANT_LANES];
	float ks[QUANT_LANES], km[QUANT_LANES];
	float s[QUANT_LANES], m[QUANT_LANES];
};

/* d as a half in the group's unit, and its exact value in *rounded. At most 65504, never -0. */
uint16_t QUANT_AT(half_of)(float d, float unit, float *rounded);
/* The same of every lane. */
void QUANT_AT(half_each)(const float d[QUANT_LANES], const float unit[QUANT_LANES], uint16_t half[QUANT_LANES],
                         float rounded[QUANT_LANES]);

/* Factors, per lane, that make up for what least squares take away. The decoded block is smaller than the block by the
 * part of its square that is lost, so all products with it shrink, and a model notices that more than a little noise.
 * err      sum(w (x - y)^2) per lane
 * restore  how much of it: 0 nothing, 0.5 so much that the norm is kept, 1 so much that products are */
void QUANT_AT(restoring)(const struct quant_group *g, int block_lanes, const float err[QUANT_LANES], float restore,
                         float factor[QUANT_LANES]);

/* Everything an encoder needs of n_lanes sub-blocks: scales, and codes as [16][elems]. */
void QUANT_AT(encode_signed)(const struct quant_signed_type *type, const float *x, const struct quant_importance *imp,
                             size_t col, int n_lanes, struct quant_signed_fit *fit, uint8_t *codes);
void QUANT_AT(encode_min)(const struct quant_min_type *type, const float *x, const struct quant_importance *imp,
                          size_t col, int n_lanes, struct quant_min_fit *fit, uint8_t *codes);

#endif
