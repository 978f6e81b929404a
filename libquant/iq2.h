/* The three levels of IQ2, and the signs that stand apart from them. Constants of the format. */
#ifndef LIBQUANT_IQ2_H
#define LIBQUANT_IQ2_H

#include "grids.h"

#define IQ2_LEVELS { 8, 25, 43 }

/* x [8] = scale * the levels of a point, negative where `signs` has a bit. */
static inline void quant_iq2_group(float scale, uint16_t code, unsigned signs, float *x)
{
	static const float level[4] = IQ2_LEVELS;

	for (int i = 0; i < 8; i++) {
		float v = scale * level[quant_grid8_digit(code, i)];

		x[i] = signs >> i & 1 ? -v : v;
	}
}

#endif
