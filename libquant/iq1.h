/* The levels of IQ1_S and IQ1_M, which share a grid. */
#ifndef LIBQUANT_IQ1_H
#define LIBQUANT_IQ1_H

#include "grids.h"

#define IQ1_LEVELS { -1, 0, 1 }
#define IQ1_DELTA  0.125f

/* x [8] = scale * (the levels of a point + or - delta). */
static inline void quant_iq1_group(float scale, int point, int minus, float *x)
{
	for (int i = 0; i < 8; i++) {
		float level = (float)(quant_grid8_digit(quant_grid_iq1_s[point], i) - 1);

		x[i] = scale * (minus ? level - IQ1_DELTA : level + IQ1_DELTA);
	}
}

#endif
