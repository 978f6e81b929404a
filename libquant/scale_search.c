/* Loading and the signed family; see scale_search.h. */
#include <math.h>
#include <string.h>

#include "half_inline.h"
#include "iq4_levels.h"
#include "scale_search.h"
#include "transpose.h"

#define L QUANT_LANES

/* The mean in fixed point: the same however often the list is repeated (encode_rows.c), and in any order. */
static float mean_of(const float *w, float scale, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint32_t)(int32_t)(w[i] * scale * 0x1p29f);
	return (float)((double)sum / (double)n * 0x1p-29);
}

struct quant_importance QUANT_AT(importance)(const float *w, size_t n, enum quant_effort effort)
{
	struct quant_importance imp = { .effort = effort };
	float most[L] = { 0 }, least[L], max = 0, min = INFINITY;

	for (int l = 0; l < L; l++)
		least[l] = INFINITY;
	for (size_t i = 0; w && i < n; i += L) {
		for (size_t l = 0; l < L; l++) {
			most[l] = w[i + l] > most[l] ? w[i + l] : most[l];
			least[l] = w[i + l] < least[l] ? w[i + l] : least[l];
		}
	}
	for (int l = 0; l < L; l++) {
		max = most[l] > max ? most[l] : max;
		min = least[l] < min ? least[l] : min;
	}
	if (!(max > min))
		return imp;
	imp.w = w;
	imp.scale = quant_inverse_unit(quant_unit_below(max));
	imp.floor = 1e-3f * mean_of(w, imp.scale, n);
	return imp;
}

/* Weights, from the importance in g->w if there is any. */
static void weigh(struct quant_group *g, const struct quant_shape *shape, const float s2[L],
                  const struct quant_importance *imp)
{
	float blend = shape->blend, magnitude = shape->magnitude, scale = imp->scale, low = imp->floor;

	for (int i = 0; i < g->elems; i++) {
		if (!imp->w) {
			for (int l = 0; l < L; l++)
				g->w[i][l] = s2[l] + blend * (g->x[i][l] * g->x[i][l]);
		} else if (magnitude < 0) {
			for (int l = 0; l < L; l++)
				g->w[i][l] = g->w[i][l] * scale + low;
		} else {
			for (int l = 0; l < L; l++)
				g->w[i][l] = (g->w[i][l] * scale + low) *
				             sqrtf(magnitude * s2[l] + g->x[i][l] * g->x[i][l]);
		}
	}
}

/* [elems][16] from n_lanes * elems consecutive values, zeros for the lanes that are not there. */
static void load_rows(const float *x, int elems, int n_lanes, float *rows)
{
	float t[QUANT_GROUP_ELEMS];

	if (n_lanes < L) {
		memset(t, 0, sizeof(t));
		memcpy(t, x, sizeof(float) * (size_t)(n_lanes * elems));
		x = t;
	}
	quant_to_rows(x, elems, rows);
}

/* What the lanes of a block have together goes to each of them. */
static void largest_of_block(float v[L], int block_lanes)
{
	for (int first = 0; block_lanes > 1 && first < L; first += block_lanes) {
		float max = 0;

		for (int l = first; l < first + block_lanes; l++)
			max = v[l] > max ? v[l] : max;
		for (int l = first; l < first + block_lanes; l++)
			v[l] = max;
	}
}

static void sum_of_block(float v[L], int block_lanes)
{
	for (int first = 0; block_lanes > 1 && first < L; first += block_lanes) {
		float sum = 0;

		for (int l = first; l < first + block_lanes; l++)
			sum += v[l];
		for (int l = first; l < first + block_lanes; l++)
			v[l] = sum;
	}
}

/* Lowest and highest of each lane. The two halves of a lane do not wait for each other. */
static void ranges(struct quant_group *g)
{
	float lo[L], hi[L], late_lo[L], late_hi[L];
	int half = g->elems / 2;

	memcpy(lo, g->x[0], sizeof(lo));
	memcpy(hi, g->x[0], sizeof(hi));
	memcpy(late_lo, g->x[half], sizeof(late_lo));
	memcpy(late_hi, g->x[half], sizeof(late_hi));
	for (int i = 1; i < half; i++) {
		for (int l = 0; l < L; l++) {
			float x = g->x[i][l], y = g->x[i + half][l];

			lo[l] = x < lo[l] ? x : lo[l];
			hi[l] = x > hi[l] ? x : hi[l];
			late_lo[l] = y < late_lo[l] ? y : late_lo[l];
			late_hi[l] = y > late_hi[l] ? y : late_hi[l];
		}
	}
	for (int l = 0; l < L; l++) {
		g->lo[l] = late_lo[l] < lo[l] ? late_lo[l] : lo[l];
		g->hi[l] = late_hi[l] > hi[l] ? late_hi[l] : hi[l];
	}
}

/* The end of the range that is farther from zero; the upper one if both are. */
static void extremes(const struct quant_group *g, float extreme[L])
{
	for (int l = 0; l < L; l++)
		extreme[l] = quant_choose(fabsf(g->lo[l]) > fabsf(g->hi[l]), g->lo[l], g->hi[l]);
}

/* Divides every block by its unit. */
static void normalize(struct quant_group *g, int block_lanes)
{
	float most[L], inverse[L];

	ranges(g);
	extremes(g, most);
	for (int l = 0; l < L; l++)
		most[l] = fabsf(most[l]);
	largest_of_block(most, block_lanes);
	for (int l = 0; l < L; l++) {
		g->unit[l] = quant_unit_below(most[l]);
		inverse[l] = quant_inverse_unit(g->unit[l]);
		g->lo[l] *= inverse[l];
		g->hi[l] *= inverse[l];
	}
	for (int i = 0; i < g->elems; i++)
		for (int l = 0; l < L; l++)
			g->x[i][l] *= inverse[l];
}

/* The mean of x^2 over each block, in each of its lanes. */
static void mean_square(const struct quant_group *g, int block_lanes, float s2[L])
{
	float sum[L] = { 0 }, n = (float)(g->elems * block_lanes);

	for (int i = 0; i < g->elems; i++)
		for (int l = 0; l < L; l++)
			sum[l] += g->x[i][l] * g->x[i][l];
	sum_of_block(sum, block_lanes);
	for (int l = 0; l < L; l++)
		s2[l] = sum[l] / n;
}

void QUANT_AT(group_load)(struct quant_group *g, const struct quant_shape *shape, const float *x,
                          const struct quant_importance *imp, size_t col, int n_lanes)
{
	float s2[L];

	g->elems = shape->elems;
	load_rows(x, shape->elems, n_lanes, g->x[0]);
	normalize(g, shape->block_lanes);
	g->even = !imp->w && shape->blend == 0;
	if (g->even)
		return;
	mean_square(g, shape->block_lanes, s2);
	if (imp->w)
		load_rows(imp->w + col, shape->elems, n_lanes, g->w[0]);
	weigh(g, shape, s2, imp);
}

/* The grid's value nearest to v; for IQ4, whose levels are not evenly spaced, by counting the midpoints below v. */
static inline float round_to_grid(float v, float lo, float hi, bool iq4)
{
	float q = IQ4_LOWEST;

	if (!iq4)
		return quant_nearest_of(v, lo, hi);
	for (int k = 0; k < 15; k++)
		q += v > quant_iq4_middle[k] ? quant_iq4_step[k] : 0.0f;
	return q;
}

/* With `iq4` known at the call, so that the loops over lanes hold no branch. */
static inline void sums(const struct quant_group *g, const struct quant_grid *grid, bool iq4, bool even,
                        const float *inverse, float *sxq, float *sqq)
{
	float is[L], a[L] = { 0 }, b[L] = { 0 };
	float lo = grid->lo, hi = grid->hi;
	int n = even ? QUANT_LANE_ELEMS : g->elems;

	memcpy(is, inverse, sizeof(is));
	for (int i = 0; i < n; i++) {
		for (int l = 0; l < L; l++) {
			float q = round_to_grid(g->x[i][l] * is[l], lo, hi, iq4);
			float wq = even ? q : g->w[i][l] * q;

			a[l] += wq * g->x[i][l];
			b[l] += wq * q;
		}
	}
	memcpy(sxq, a, sizeof(a));
	memcpy(sqq, b, sizeof(b));
}

void QUANT_AT(sums_signed)(const struct quant_group *g, const struct quant_grid *grid, const float is[L],
                           float sxq[L], float sqq[L])
{
	if (grid->iq4)
		sums(g, grid, true, false, is, sxq, sqq);
	else if (g->even)
		sums(g, grid, false, true, is, sxq, sqq);
	else
		sums(g, grid, false, false, is, sxq, sqq);
}

static inline void errors(const struct quant_group *g, const struct quant_grid *grid, bool iq4, const float *scale,
                          float *err)
{
	float s[L], is[L], e[L] = { 0 };
	float lo = grid->lo, hi = grid->hi;

	for (int l = 0; l < L; l++) {
		s[l] = scale[l];
		is[l] = quant_inverse(s[l]);
	}
	for (int i = 0; i < g->elems; i++) {
		for (int l = 0; l < L; l++) {
			float q = round_to_grid(g->x[i][l] * is[l], lo, hi, iq4);
			float r = g->x[i][l] - s[l] * q;

			e[l] += g->w[i][l] * (r * r);
		}
	}
	memcpy(err, e, sizeof(e));
}

void QUANT_AT(error_signed)(const struct quant_group *g, const struct quant_grid *grid, const float s[L],
                            float err[L])
{
	if (grid->iq4)
		errors(g, grid, true, s, err);
	else
		errors(g, grid, false, s, err);
}

void QUANT_AT(search_signed)(const struct quant_group *g, const struct quant_grid *grid, const float *ends, int n_ends,
                             float s[L])
{
	float best_xq[L] = { 0 }, best_qq[L], inverse[L], is[L], sxq[L], sqq[L];

	extremes(g, inverse);
	for (int l = 0; l < L; l++) {
		inverse[l] = quant_inverse(inverse[l]);
		best_qq[l] = 1;
	}
	for (int k = 0; k < n_ends; k++) {
		for (int l = 0; l < L; l++)
			is[l] = ends[k] * inverse[l];
		QUANT_AT(sums_signed)(g, grid, is, sxq, sqq);
		for (int l = 0; l < L; l++) {
			bool better = sxq[l] * sxq[l] * best_qq[l] > best_xq[l] * best_xq[l] * sqq[l];

			best_xq[l] = quant_choose(better, sxq[l], best_xq[l]);
			best_qq[l] = quant_choose(better, sqq[l], best_qq[l]);
		}
	}
	for (int l = 0; l < L; l++)
		s[l] = best_xq[l] / best_qq[l];
}

/* Counts of midpoints below for IQ4, steps above the lowest value otherwise. */
static inline uint32_t code_of(float v, float lo, float hi, bool iq4)
{
	uint32_t code = 0;

	if (!iq4)
		return quant_nearest_above(v, lo, hi);
	for (int k = 0; k < 15; k++)
		code += v > quant_iq4_middle[k] ? 1 : 0;
	return code;
}

static inline void codes_of(const struct quant_group *g, const struct quant_grid *grid, bool iq4, const float *scale,
                            uint32_t codes[][L])
{
	float is[L], lo = grid->lo, hi = grid->hi;

	for (int l = 0; l < L; l++)
		is[l] = quant_inverse(scale[l]);
	for (int i = 0; i < g->elems; i++)
		for (int l = 0; l < L; l++)
			codes[i][l] = code_of(g->x[i][l] * is[l], lo, hi, iq4);
}

void QUANT_AT(codes_signed)(const struct quant_group *g, const struct quant_grid *grid, const float s[L],
                            uint32_t codes[][L])
{
	if (grid->iq4)
		codes_of(g, grid, true, s, codes);
	else
		codes_of(g, grid, false, s, codes);
}
