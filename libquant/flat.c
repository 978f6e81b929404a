/* See flat.h. Codes are chosen for the scale as it is stored. */
#include <string.h>

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

/* A list of candidates by effort: the short one, the long one, or the long one with three for every one. */
#define LONGEST 16

static int candidates(const float *list, int n, enum quant_effort effort, float *out)
{
	if (effort != QUANT_BEST) {
		memcpy(out, list, sizeof(*list) * (size_t)n);
		return n;
	}
	for (int i = 0; i < n; i++) {
		out[3 * i] = list[i];
		out[3 * i + 1] = list[i] * 0.985f;
		out[3 * i + 2] = list[i] * 1.015f;
	}
	return 3 * n;
}

/* Which plan: that with importance is the longer one. */
static int plan_of(const struct quant_importance *imp)
{
	return imp->effort == QUANT_BEST || (imp->w && imp->effort == QUANT_NORMAL);
}

int QUANT_AT(flat_signed)(const struct quant_flat_signed *how, const float *x, const struct quant_importance *imp,
                          size_t col, size_t n, struct quant_flat_codes *out)
{
	int n_lanes = lanes_left(col, n), plan = plan_of(imp), n_ends;
	_Alignas(64) uint32_t codes[QUANT_LANE_ELEMS][L];
	struct quant_group g;
	float s[L], ends[3 * LONGEST];

	QUANT_AT(group_load)(&g, &how->shape, x + col, imp, col, n_lanes);
	n_ends = candidates(how->plan[plan].ends, how->plan[plan].n_ends, imp->effort, ends);
	QUANT_AT(search_signed)(&g, &how->grid, ends, n_ends, s);
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
	memcpy(low, g->lo, sizeof(g->lo));
	for (int i = 0; i < g->elems; i++)
		for (int l = 0; l < L; l++)
			g->x[i][l] -= low[l];
	for (int l = 0; l < L; l++) {
		g->lo[l] = 0;
		g->hi[l] -= low[l];
	}
}

int QUANT_AT(flat_min)(const struct quant_flat_min *how, const float *x, const struct quant_importance *imp,
                       size_t col, size_t n, struct quant_flat_codes *out)
{
	struct quant_min_search search = how->search[plan_of(imp)];
	int n_lanes = lanes_left(col, n);
	_Alignas(64) uint32_t codes[QUANT_LANE_ELEMS][L];
	struct quant_group g;
	float low[L], s[L], m[L], offset[L], steps[3 * LONGEST];

	QUANT_AT(group_load)(&g, &how->shape, x + col, imp, col, n_lanes);
	shift(&g, low);
	search.n_steps = candidates(search.steps, search.n_steps, imp->effort, steps);
	search.steps = steps;
	QUANT_AT(search_min)(&g, &search, s, m);
	for (int l = 0; l < L; l++)
		offset[l] = low[l] - m[l];
	QUANT_AT(half_each)(s, g.unit, out->d, s);
	QUANT_AT(half_each)(offset, g.unit, out->m, offset);
	for (int l = 0; l < L; l++)
		m[l] = low[l] - offset[l];
	QUANT_AT(codes_min)(&g, search.top, s, m, codes);
	pack(codes, out);
	if (search.top > 15)
		fifth_bits(codes, out->fifth);
	return n_lanes;
}
