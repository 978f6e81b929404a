/* Lanes to rows and back by perfect shuffles.
 *
 * Interleaving the two halves of an array rotates the bits of every index left by one, its four quarters by two. Twice
 * the quarters turn [lane][element] into [element][lane] for sixteen lanes; and a rotation by as many bits as an element's
 * index has turns that back. Compilers make one shuffle per vector of each step. */
#ifndef LIBQUANT_TRANSPOSE_H
#define LIBQUANT_TRANSPOSE_H

#include <stdint.h>
#include <string.h>

#include "scale_search.h"

#define QUANT_GROUP_ELEMS (QUANT_LANES * QUANT_LANE_ELEMS)

static inline void quant_quarters_f32(const float *restrict in, float *restrict out, int n)
{
	for (int i = 0; i < n / 4; i++) {
		out[4 * i] = in[i];
		out[4 * i + 1] = in[i + n / 4];
		out[4 * i + 2] = in[i + n / 2];
		out[4 * i + 3] = in[i + n / 4 * 3];
	}
}

static inline void quant_quarters_u32(const uint32_t *restrict in, uint32_t *restrict out, int n)
{
	for (int i = 0; i < n / 4; i++) {
		out[4 * i] = in[i];
		out[4 * i + 1] = in[i + n / 4];
		out[4 * i + 2] = in[i + n / 2];
		out[4 * i + 3] = in[i + n / 4 * 3];
	}
}

static inline void quant_halves_u32(const uint32_t *restrict in, uint32_t *restrict out, int n)
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

	quant_quarters_f32(t, tmp, QUANT_LANES * elems);
	quant_quarters_f32(tmp, out, QUANT_LANES * elems);
}

static inline void quant_four_codes(const uint32_t *restrict codes, uint32_t *restrict words)
{
	const uint32_t *b = codes + QUANT_LANES, *c = b + QUANT_LANES, *d = c + QUANT_LANES;

	for (int l = 0; l < QUANT_LANES; l++)
		words[l] = codes[l] | b[l] << 8 | c[l] << 16 | d[l] << 24;
}

/* codes: [elems][16], 0..255; out: [16][elems]. Four codes of a lane make a word first. */
static inline void quant_to_lanes(const uint32_t *codes, int elems, uint8_t *out)
{
	_Alignas(64) uint32_t words[QUANT_GROUP_ELEMS / 4], tmp[QUANT_GROUP_ELEMS / 4];
	int n = QUANT_LANES * elems / 4;

	for (int i = 0; i < n; i += QUANT_LANES)
		quant_four_codes(codes + 4 * i, words + i);
	quant_quarters_u32(words, tmp, n);
	if (elems == 32)
		quant_halves_u32(tmp, words, n);
	memcpy(out, elems == 32 ? words : tmp, sizeof(*words) * (size_t)n);
}

#endif
