/* Codes of 5 bits as Q5_0 and Q5_1 lay them out: the low four as nibbles, bit 4 of element j as bit j of 32. */
#ifndef LIBQUANT_FIFTH_BIT_H
#define LIBQUANT_FIFTH_BIT_H

#include <stdint.h>

static inline void quant_fifth_unpack(const uint8_t qs[16], const uint8_t qh[4], uint8_t q[32])
{
	uint32_t fifth = (uint32_t)qh[0] | (uint32_t)qh[1] << 8 | (uint32_t)qh[2] << 16 | (uint32_t)qh[3] << 24;

	for (int i = 0; i < 16; i++)
		q[i] = (uint8_t)((qs[i] & 15) | (fifth >> i & 1) << 4);
	for (int i = 0; i < 16; i++)
		q[i + 16] = (uint8_t)(qs[i] >> 4 | (fifth >> (i + 16) & 1) << 4);
}

#endif
