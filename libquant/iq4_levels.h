/* The sixteen levels of IQ4_NL and IQ4_XS. They are a constant of the format. */
#ifndef LIBQUANT_IQ4_LEVELS_H
#define LIBQUANT_IQ4_LEVELS_H

#include <stdint.h>

#define IQ4_LOWEST (-127.0f)

static const int8_t quant_iq4_level[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };

/* From each level to the next, and the middle between the two. */
static const float quant_iq4_step[15] = { 23, 21, 18, 16, 14, 13, 12, 11, 12, 12, 13, 15, 16, 20, 24 };
static const float quant_iq4_middle[15] = { -115.5f, -93.5f, -74.0f, -57.0f, -42.0f, -28.5f, -16.0f, -4.5f,
	                                    7.0f,    19.0f,  31.5f,  45.5f,  61.0f,  79.0f,  101.0f };

#endif
