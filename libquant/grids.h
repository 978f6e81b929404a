/* The grids of the IQ types: vectors of eight or four levels, of which a block stores the number.
 *
 * A point is kept as a packed code, element 0 in the lowest bits: eight digits of 2 bits (IQ1, IQ2) or four of 3 bits
 * (IQ3). Codes ascend, and what a digit stands for is the type's own affair. Which points there are came from
 * statistics of real models when the formats were made, so they are constants of the format and follow from nothing;
 * these were read back from a decoder with crafted blocks. scripts/compare-quant decodes them beside ggml. */
#ifndef LIBQUANT_GRIDS_H
#define LIBQUANT_GRIDS_H

#include <stdint.h>

#include "half_inline.h"

extern const uint16_t quant_grid_iq2_xxs[256];
extern const uint16_t quant_grid_iq2_xs[512];
extern const uint16_t quant_grid_iq2_s[1024];
extern const uint16_t quant_grid_iq3_xxs[256];
extern const uint16_t quant_grid_iq3_s[512];
extern const uint16_t quant_grid_iq1_s[2048]; /* and IQ1_M */

/* The level of element i of a point of eight, of four. */
static inline int quant_grid8_digit(uint16_t code, int i)
{
	return code >> 2 * i & 3;
}

static inline int quant_grid4_digit(uint16_t code, int i)
{
	return code >> 3 * i & 7;
}

/* The value, negative if bit i of signs is set; without a branch, so that compilers make vectors of a loop over i. */
static inline float quant_signed_by(float value, uint32_t signs, int i)
{
	return quant_f32_of(quant_u32_of(value) ^ (signs >> i & 1) << 31);
}

/* Seven bits say the signs of a group's first seven elements (1: negative); the eighth makes the negatives even. */
static inline unsigned quant_even_signs(unsigned seven)
{
	unsigned p = seven ^ seven >> 4;

	p ^= p >> 2;
	return seven | ((p ^ p >> 1) & 1) << 7;
}

#endif
