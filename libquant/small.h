/* One block by itself, for types of few bits or little structure: no lanes but the elements, sixteen partial sums. */
#ifndef LIBQUANT_SMALL_H
#define LIBQUANT_SMALL_H

#include "scale_search.h"

#define QUANT_SMALL_MAX 256

struct quant_small {
	float x[QUANT_SMALL_MAX]; /* divided by unit: the largest magnitude is in [1, 2) */
	float w[QUANT_SMALL_MAX]; /* 1 without importance */
	float unit;               /* a power of two */
	float extreme;            /* the element of largest magnitude; the positive one of two */
	int n;                    /* a multiple of 16 */
};

/* x: n elements of a row, of which imp->w + col is the importance */
void QUANT_AT(small_load)(struct quant_small *b, const float *x, const struct quant_importance *imp, size_t col, int n);

/* The best scale for whole codes lo..hi: the extreme element is put on each of `ends` in turn, then the winner is moved
 * to its least squares a few times. */
float QUANT_AT(small_scale)(const struct quant_small *b, float lo, float hi, const float *ends, int n_ends);

/* Codes under a scale: 0 stands for lo. */
void QUANT_AT(small_codes)(const struct quant_small *b, float lo, float hi, float s, uint8_t *codes);

#endif
