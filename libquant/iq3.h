/* Groups of eight of the IQ3 types: two points of four, and signs that stand apart from them. */
#ifndef LIBQUANT_IQ3_H
#define LIBQUANT_IQ3_H

#include "grids.h"

/* The levels of a type: low, low + gap, .. for seven digits, and the last one a little farther out. Constants of the
 * format; computed, not looked up: that makes vectors. */
struct quant_iq3_levels {
	uint32_t low, gap, last;
};

/* x [8] = scale * the levels of two points, negative where `signs` has a bit. */
static inline void quant_iq3_group(struct quant_iq3_levels levels, float scale, uint32_t first, uint32_t second, uint32_t signs,
                                   float *x)
{
	uint32_t digits = first | second << 12;

	for (int i = 0; i < 8; i++) {
		uint32_t digit = digits >> 3 * i & 7, level = levels.low + levels.gap * digit + levels.last * ((digit + 1) >> 3);

		x[i] = quant_signed_by(scale * (float)(int32_t)level, signs, i);
	}
}

#endif
