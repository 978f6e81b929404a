/* Lanes to rows and back by perfect shuffles.
 *
 * Interleaving the two halves of an array rotates the bits of every index left by one. Four times turns [lane][element]
 * into [element][lane] for sixteen lanes; as many times as an element's index has bits turns that back. Compilers make
 * one unpack instruction per vector of it. */
#ifndef LIBQUANT_TRANSPOSE_H
#define LIBQUANT_TRANSPOSE_H

#include <stdint.h>
#include <string.h>

#include "scale_search.h"

#define QUANT_GROUP_ELEMS (QUANT_LANES * QUANT_LANE_ELEMS)

static inline void quant_interleave_f32(const float *restrict in, float *restrict out, int n)
{
	for (int i = 0; i < n / 2; i++) {
		out[2 * i] = in[i];
		out[2 * i + 1] = in[i + n / 2];
	}
}

static inline void quant_interleave_u8(const uint8_t *restrict in, uint8_t *restrict out, int n)
{
	for (int i = 0; i < n / 2; i++) {
		out[2 * i] = in[i];
		out[2 * i + 1] = in[i + n / 2];
	}
}

/* t: [16][elems]; out: [elems][16] */
static inline void quant_to_rows(const float *t, int elems, float *out)
{
	_Alignas(64) float tmp[QUANT_GROUP_ELEMS];

	quant_interleave_f32(t, out, QUANT_LANES * elems);
	quant_interleave_f32(out, tmp, QUANT_LANES * elems);
	quant_interleave_f32(tmp, out, QUANT_LANES * elems);
	quant_interleave_f32(out, tmp, QUANT_LANES * elems);
	memcpy(out, tmp, sizeof(float) * (size_t)(QUANT_LANES * elems));
}

/* codes: [elems][16], whole numbers 0..255; out: [16][elems] */
static inline void quant_to_lanes(const float *codes, int elems, uint8_t *out)
{
	_Alignas(64) uint8_t rows[QUANT_GROUP_ELEMS], tmp[QUANT_GROUP_ELEMS];
	int n = QUANT_LANES * elems;

	for (int i = 0; i < n; i++)
		rows[i] = (uint8_t)(int)codes[i];
	quant_interleave_u8(rows, tmp, n);
	quant_interleave_u8(tmp, rows, n);
	quant_interleave_u8(rows, tmp, n);
	quant_interleave_u8(tmp, rows, n);
	if (elems == 16)
		memcpy(out, rows, (size_t)n);
	else
		quant_interleave_u8(rows, out, n);
}

#endif
