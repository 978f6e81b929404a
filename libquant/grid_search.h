/* The search for grid points and scales that the encoders of IQ1, IQ2 and IQ3 share.
 *
 * A superblock of 256 is cut into vectors of eight or four elements, one per lane. With the scale s of a lane known,
 * the error of a point is a sum over its elements of w v s (v s - 2 |x|), v the level: so a table of the errors of all
 * possible halves of a point makes every point cost one addition and one comparison, and all points are tried at every
 * scale that is considered. Codes ascend, so points with the same upper half stand together, and that addition is made
 * once for four of them.
 *
 * Where the signs of eight elements must have an even number of negatives and the data have an odd one, one element
 * changes its sign, and pays 4 w v s |x| for it; which element is cheapest depends on the point, so each half has a
 * second table with its cheapest change included. This is exact too. */
#ifndef LIBQUANT_GRID_SEARCH_H
#define LIBQUANT_GRID_SEARCH_H

#include "grids.h"
#include "scale_search.h"

enum quant_grid_signs {
	GRID_SIGNS_FREE,  /* a sign per element */
	GRID_SIGNS_EVEN,  /* of eight elements an even number is negative */
	GRID_SIGNS_NONE,  /* levels have signs, and are shifted by delta or -delta */
};

/* x = d step (2k + 1) level */
struct quant_grid_type {
	const uint16_t *points;
	int n_points;
	int dims;                /* elements of a point: 8 or 4 */
	float levels[8];         /* what a digit stands for */
	int n_levels;
	enum quant_grid_signs signs;
	float delta;             /* of GRID_SIGNS_NONE */
	int delta_elems;         /* that share its sign: 8, or as many as share a scale */
	int sub;                 /* elements that share a scale code: 16 or 32 */
	int n_codes;             /* scale codes k */
	float step;
	float blend, magnitude;  /* see quant_shape */

	/* how much to search */
	const float *ladder;     /* trial scales of a sub-block, over its root mean square */
	int n_ladder;
	int first, later;        /* scale codes of a sub-block that are tried, before and after least squares over the
	                          * superblock; later 0: no least squares */
	float restore[2];        /* see restoring() in superblock.h; without importance, with it */
};

struct quant_grid_fit {
	uint16_t d;          /* half float */
	uint8_t k[16];       /* per sub-block */
	uint16_t point[64];  /* per vector */
	uint8_t signs[32];   /* per eight elements: bit i, element i is negative */
	uint8_t minus[32];   /* per eight elements: 1, delta is negative */
};

/* Four points with the same upper half; fewer are filled up by repeating the last, which changes no minimum. */
struct quant_grid_chunk {
	uint16_t first; /* point */
	uint8_t high;   /* upper half of their codes */
	uint8_t low[4]; /* lower halves */
};

#define QUANT_GRID_CHUNKS 540 /* at most: what the 2048 points of IQ1 make */
#define QUANT_GRID_HIGHS  81  /* upper halves, at most: four digits of three levels */

struct quant_grid_chunks {
	int n, n_highs;
	struct quant_grid_chunk list[QUANT_GRID_CHUNKS];
	uint16_t end[QUANT_GRID_HIGHS]; /* of the chunks of each upper half */
};

/* The type's points in chunks: once per row. */
void QUANT_AT(grid_chunks)(const struct quant_grid_type *type, struct quant_grid_chunks *chunks);

/* One superblock, x[0..255]; imp->w + col is its importance. */
void QUANT_AT(encode_grid)(const struct quant_grid_type *type, const struct quant_grid_chunks *chunks, const float *x,
                           const struct quant_importance *imp, size_t col, struct quant_grid_fit *fit);

#endif
