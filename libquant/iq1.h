/* The levels of IQ1_S and IQ1_M, which share a grid. */
#ifndef LIBQUANT_IQ1_H
#define LIBQUANT_IQ1_H

#include "grids.h"

#define IQ1_LEVELS { -1, 0, 1 }
#define IQ1_DELTA  0.125f

/* x [8] = scale * (the levels of a point + or - delta). */
static inline void quant_iq1_group(float scale, int point, int minus, float *x)
{
	float lowest = (minus ? -IQ1_DELTA : IQ1_DELTA) - 1;
	uint32_t code = quant_grid_iq1_s[point];

	for (int i = 0; i < 8; i++)
		x[i] = scale * ((float)(int32_t)(code >> 2 * i & 3) + lowest);
}

#endif
