/* Codes of 5 bits as Q5_0 and Q5_1 lay them out: the low four as nibbles, bit 4 of element j as bit j of 32. */
#ifndef LIBQUANT_FIFTH_BIT_H
#define LIBQUANT_FIFTH_BIT_H

#include <stdint.h>

static inline void quant_fifth_unpack(const uint8_t qs[16], const uint8_t qh[4], uint8_t q[32])
{
	for (int i = 0; i < 16; i++) {
		q[i] = (uint8_t)((qs[i] & 15) | (qh[i / 8] >> i % 8 & 1) << 4);
		q[i + 16] = (uint8_t)(qs[i] >> 4 | (qh[2 + i / 8] >> i % 8 & 1) << 4);
	}
}

#endif
