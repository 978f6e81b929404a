/* See flat.h. Codes are chosen for the scale as it is stored. */
#include "flat.h"
#include "half_inline.h"
#include "superblock.h"

#define L QUANT_LANES

static int lanes_left(size_t col, size_t n)
{
	size_t left = (n - col) / QUANT_LANE_ELEMS;

	return left < L ? (int)left : L;
}

int QUANT_AT(flat_signed)(const struct quant_flat_signed *how, const float *x, const struct quant_importance *imp,
                          size_t col, size_t n, struct quant_flat_codes *out)
{
	int n_lanes = lanes_left(col, n), important = imp->w != NULL;
	struct quant_group g;
	float s[L];

	QUANT_AT(group_load)(&g, &how->shape, x + col, imp, col, n_lanes);
	QUANT_AT(search_signed)(&g, &how->grid, how->plan[important].ends, how->plan[important].n_ends, s);
	for (int l = 0; l < L; l++)
		out->d[l] = QUANT_AT(half_of)(s[l], g.unit[l], &s[l]);
	QUANT_AT(codes_signed)(&g, &how->grid, s, out->q[0]);
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
	struct quant_group g;
	float low[L], s[L], m[L];

	QUANT_AT(group_load)(&g, &how->shape, x + col, imp, col, n_lanes);
	shift(&g, low);
	QUANT_AT(search_min)(&g, search, s, m);
	for (int l = 0; l < L; l++) {
		float offset;

		out->d[l] = QUANT_AT(half_of)(s[l], g.unit[l], &s[l]);
		out->m[l] = QUANT_AT(half_of)(low[l] - m[l], g.unit[l], &offset);
		m[l] = low[l] - offset;
	}
	QUANT_AT(codes_min)(&g, search->top, s, m, out->q[0]);
	return n_lanes;
}
