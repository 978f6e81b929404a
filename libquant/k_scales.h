/* The twelve bytes that hold eight pairs of 6-bit codes (scale, min) in Q4_K and Q5_K: bytes 0..3 hold the scales of
 * sub-blocks 0..3, bytes 4..7 their mins, bytes 8..11 the low halves of scales and mins 4..7, whose top two bits lie
 * above the first eight. */
#ifndef LIBQUANT_K_SCALES_H
#define LIBQUANT_K_SCALES_H

#include <stdint.h>

static inline void quant_k_scales_read(const uint8_t s[12], uint8_t ks[8], uint8_t km[8])
{
	for (int j = 0; j < 4; j++) {
		ks[j] = s[j] & 63;
		km[j] = s[j + 4] & 63;
		ks[j + 4] = (uint8_t)((s[j + 8] & 15) | (s[j] >> 6) << 4);
		km[j + 4] = (uint8_t)(s[j + 8] >> 4 | (s[j + 4] >> 6) << 4);
	}
}

static inline void quant_k_scales_write(const uint8_t ks[8], const uint8_t km[8], uint8_t s[12])
{
	for (int j = 0; j < 4; j++) {
		s[j] = (uint8_t)(ks[j] | (ks[j + 4] >> 4) << 6);
		s[j + 4] = (uint8_t)(km[j] | (km[j + 4] >> 4) << 6);
		s[j + 8] = (uint8_t)((ks[j + 4] & 15) | (km[j + 4] & 15) << 4);
	}
}

#endif
