/* See flat.h. Codes are chosen for the scale as it is stored. */
#include "flat.h"
#include "half_inline.h"
#include "superblock.h"
#include "transpose.h"

#define L QUANT_LANES

static int lanes_left(size_t col, size_t n)
{
	size_t left = (n - col) / QUANT_LANE_ELEMS;

	return left < L ? (int)left : L;
}

/* The fifth bits of all codes. */
static void fifth_bits(uint32_t codes[][L], uint32_t fifth[L])
{
	uint32_t bits[L] = { 0 };

	for (int i = 0; i < QUANT_LANE_ELEMS; i++)
		for (int l = 0; l < L; l++)
			bits[l] |= (codes[i][l] >> 4) << i;
	memcpy(fifth, bits, sizeof(bits));
}

/* Codes [element][lane] to nibbles: words of four codes, two to one, then lane by lane. */
static void pack(uint32_t codes[][L], struct quant_flat_codes *out)
{
	_Alignas(64) uint32_t words[8 * L], tmp[4 * L];

	for (int i = 0; i < 8; i++)
		quant_four_codes(codes[4 * i], words + L * i);
	for (int i = 0; i < 4 * L; i++)
		words[i] = (words[i] & 0x0f0f0f0f) | (words[i + 4 * L] & 0x0f0f0f0f) << 4;
	quant_quarters_u32(words, tmp, 4 * L);
	memcpy(out->nibbles, tmp, sizeof(out->nibbles));
}

int QUANT_AT(flat_signed)(const struct quant_flat_signed *how, const float *x, const struct quant_importance *imp,
                          size_t col, size_t n, struct quant_flat_codes *out)
{
	int n_lanes = lanes_left(col, n), important = imp->w != NULL;
	_Alignas(64) uint32_t codes[QUANT_LANE_ELEMS][L];
	struct quant_group g;
	float s[L];

	QUANT_AT(group_load)(&g, &how->shape, x + col, imp, col, n_lanes);
	QUANT_AT(search_signed)(&g, &how->grid, how->plan[important].ends, how->plan[important].n_ends, s);
	QUANT_AT(half_each)(s, g.unit, out->d, s);
	QUANT_AT(codes_signed)(&g, &how->grid, s, codes);
	pack(codes, out);
	if (how->grid.hi > 7 && !how->grid.iq4)
		fifth_bits(codes, out->fifth);
	return n_lanes;
}

/* Takes each lane's lowest value off, so that a large offset costs the sums no precision. */
static void shift(struct quant_group *g, float low[L])
{
	for (int l = 0; l < L; l++)
		low[l] = g->x[0][l];
	for (int i = 1; i < g->elems; i++)
		for (int l = 0; l < L; l++)
			low[l] = g->x[i][l] < low[l] ? g->x[i][l] : low[l];
	for (int i = 0; i < g->elems; i++)
		for (int l = 0; l < L; l++)
			g->x[i][l] -= low[l];
}

int QUANT_AT(flat_min)(const struct quant_flat_min *how, const float *x, const struct quant_importance *imp,
                       size_t col, size_t n, struct quant_flat_codes *out)
{
	const struct quant_min_search *search = &how->search[imp->w != NULL];
	int n_lanes = lanes_left(col, n);
	_Alignas(64) uint32_t codes[QUANT_LANE_ELEMS][L];
	struct quant_group g;
	float low[L], s[L], m[L], offset[L];

	QUANT_AT(group_load)(&g, &how->shape, x + col, imp, col, n_lanes);
	shift(&g, low);
	QUANT_AT(search_min)(&g, search, s, m);
	for (int l = 0; l < L; l++)
		offset[l] = low[l] - m[l];
	QUANT_AT(half_each)(s, g.unit, out->d, s);
	QUANT_AT(half_each)(offset, g.unit, out->m, offset);
	for (int l = 0; l < L; l++)
		m[l] = low[l] - offset[l];
	QUANT_AT(codes_min)(&g, search->top, s, m, codes);
	pack(codes, out);
	if (search->top > 15)
		fifth_bits(codes, out->fifth);
	return n_lanes;
}
