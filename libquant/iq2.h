/* The three levels of IQ2, and the signs that stand apart from them. Constants of the format. */
#ifndef LIBQUANT_IQ2_H
#define LIBQUANT_IQ2_H

#include "grids.h"

#define IQ2_LEVELS { 8, 25, 43 }

/* x [8] = scale * the levels of a point, negative where `signs` has a bit. Levels are computed, not looked up: that makes
 * vectors. */
static inline void quant_iq2_group(float scale, uint32_t code, uint32_t signs, float *x)
{
	for (int i = 0; i < 8; i++) {
		uint32_t digit = code >> 2 * i & 3;

		x[i] = quant_signed_by(scale * (float)(int32_t)(8 + 17 * digit + (digit >> 1)), signs, i);
	}
}

#endif
