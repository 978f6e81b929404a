/* Signed superblocks; superblock_min.c has those with a min. */
#include "half_inline.h"
#include "superblock.h"

#define L QUANT_LANES

uint16_t QUANT_AT(half_of)(float d, float unit, float *rounded)
{
	uint16_t h = quant_f16_round(quant_clamp(d * unit, -65504.0f, 65504.0f));

	if (h == 0x8000)
		h = 0;
	*rounded = quant_f16_widen(h) / unit;
	return h;
}

/* One attempt: the wide scale per block and lane, the codes under it and the error per lane. */
struct attempt {
	uint16_t half[L];
	float d[L], k[L], s[L], err[L];
};

static void set_scale(const struct quant_group *g, int block_lanes, int first, float d, struct attempt *a)
{
	float rounded;
	uint16_t h = QUANT_AT(half_of)(d, g->unit[first], &rounded);

	a->half[first / block_lanes] = h;
	for (int l = first; l < first + block_lanes; l++)
		a->d[l] = rounded;
}

/* The scale of greatest magnitude goes to the wider end, -limit. */
static void widest(const struct quant_group *g, int block_lanes, float limit, const float s[L], struct attempt *a)
{
	for (int first = 0; first < L; first += block_lanes) {
		float most = 0;

		for (int l = first; l < first + block_lanes; l++)
			most = fabsf(s[l]) > fabsf(most) ? s[l] : most;
		set_scale(g, block_lanes, first, most / -limit, a);
	}
}

/* The code nearest to the wanted scale, or a neighbour whose error is strictly less. */
static void choose_codes(const struct quant_group *g, const struct quant_grid *grid, float limit, const float want[L],
                         struct attempt *a)
{
	float centre[L], k[L], s[L], err[L];

	for (int l = 0; l < L; l++) {
		centre[l] = quant_clamp(quant_nearest(want[l] * quant_inverse(a->d[l])), -limit, limit - 1);
		a->k[l] = centre[l];
		a->s[l] = a->d[l] * centre[l];
	}
	QUANT_AT(error_signed)(g, grid, a->s, a->err);
	for (float step = -1; step <= 1; step += 2) {
		for (int l = 0; l < L; l++) {
			k[l] = quant_clamp(centre[l] + step, -limit, limit - 1);
			s[l] = a->d[l] * k[l];
		}
		QUANT_AT(error_signed)(g, grid, s, err);
		for (int l = 0; l < L; l++) {
			bool better = err[l] < a->err[l];

			a->k[l] = better ? k[l] : a->k[l];
			a->s[l] = better ? s[l] : a->s[l];
			a->err[l] = better ? err[l] : a->err[l];
		}
	}
}

/* The best wide scale for the codes of `from`: sum(k sxq) / sum(k k sqq). */
static void least_squares(const struct quant_group *g, const struct quant_grid *grid, int block_lanes,
                          const struct attempt *from, struct attempt *to)
{
	float is[L], sxq[L], sqq[L];

	for (int l = 0; l < L; l++)
		is[l] = quant_inverse(from->s[l]);
	QUANT_AT(sums_signed)(g, grid, is, sxq, sqq);
	for (int first = 0; first < L; first += block_lanes) {
		float xq = 0, qq = 0;

		for (int l = first; l < first + block_lanes; l++) {
			xq += from->k[l] * sxq[l];
			qq += from->k[l] * from->k[l] * sqq[l];
		}
		set_scale(g, block_lanes, first, qq > 0 ? xq / qq : 0, to);
	}
}

static void take(const struct attempt *a, int block_lanes, int first, struct quant_signed_fit *fit)
{
	fit->d[first / block_lanes] = a->half[first / block_lanes];
	for (int l = first; l < first + block_lanes; l++) {
		fit->k[l] = a->k[l];
		fit->s[l] = a->s[l];
	}
}

void QUANT_AT(fit_signed)(const struct quant_group *g, const struct quant_grid *grid, int block_lanes, float limit,
                          const float s[L], struct quant_signed_fit *fit)
{
	struct attempt one, two;

	widest(g, block_lanes, limit, s, &one);
	choose_codes(g, grid, limit, s, &one);
	least_squares(g, grid, block_lanes, &one, &two);
	choose_codes(g, grid, limit, one.s, &two);
	for (int first = 0; first < L; first += block_lanes) {
		float e1 = 0, e2 = 0;

		for (int l = first; l < first + block_lanes; l++) {
			e1 += one.err[l];
			e2 += two.err[l];
		}
		take(e2 < e1 ? &two : &one, block_lanes, first, fit);
	}
}
