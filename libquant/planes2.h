/* 256 codes of 2 bits in 64 bytes, as Q2_K and Q3_K (and TQ2_0) lay them out: element 128c + 32s + l is bits 2s and
 * 2s + 1 of byte 32c + l. */
#ifndef LIBQUANT_PLANES2_H
#define LIBQUANT_PLANES2_H

#include <stdint.h>

/* q: 256 codes in element order, of which the low two bits are taken */
static inline void quant_planes2_pack(const uint8_t *q, uint8_t qs[64])
{
	for (int c = 0; c < 2; c++) {
		for (int l = 0; l < 32; l++) {
			const uint8_t *e = q + 128 * c + l;

			qs[32 * c + l] = (uint8_t)((e[0] & 3) | (e[32] & 3) << 2 | (e[64] & 3) << 4 | (e[96] & 3) << 6);
		}
	}
}

static inline void quant_planes2_unpack(const uint8_t qs[64], uint8_t q[256])
{
	for (int c = 0; c < 2; c++)
		for (int s = 0; s < 4; s++)
			for (int l = 0; l < 32; l++)
				q[128 * c + 32 * s + l] = qs[32 * c + l] >> 2 * s & 3;
}

#endif
