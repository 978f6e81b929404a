/* The scale and the codes of the types whose levels are -1, 0, 1 and perhaps 2. */
#ifndef LIBQUANT_TERNARY_H
#define LIBQUANT_TERNARY_H

#include "half_inline.h"
#include "small.h"
#include "superblock.h"

/* x: n elements of a row; hi: 1 or 2; codes: 0 stands for -1. Returns the scale as a half float.
 *
 * Of data that are ternary the extreme is the scale. Of others far less than that is best: the extreme is put where it
 * is clipped, up to ten times past the end. */
static inline uint16_t quant_ternary(const float *x, const struct quant_importance *imp, size_t col, int n, float hi,
                                     uint8_t *codes)
{
	static const float ends[] = { 1,     1.5f,  2,  2.5f,  3,  3.6f,  4.4f,  5.5f,  7,  9,  12,
		                      -1.5f, -2, -2.5f, -3, -3.6f, -4.4f, -5.5f, -7, -9, -12, -1 };
	struct quant_small b;
	uint16_t d;
	float s;

	QUANT_AT(small_load)(&b, x, imp, col, n);
	s = QUANT_AT(small_scale)(&b, -1, hi, ends, hi > 1 ? N_OF(ends) : N_OF(ends) / 2);
	d = QUANT_AT(half_of)(s, b.unit, &s);
	QUANT_AT(small_codes)(&b, -1, hi, s, codes);
	return d;
}

#endif
