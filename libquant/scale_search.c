/* Loading and the signed family; see scale_search.h. */
#include <math.h>
#include <string.h>

#include "half_inline.h"
#include "iq4_levels.h"
#include "scale_search.h"
#include "transpose.h"

#define L QUANT_LANES

/* The power of two just below a magnitude. Zero and subnormals give the smallest normal number; the inverse is a normal
 * number always. */
static float unit_below(float most)
{
	uint32_t exponent = quant_u32_of(most) >> 23;

	exponent = exponent < 1 ? 1 : exponent > 252 ? 252 : exponent;
	return quant_f32_of(exponent << 23);
}

struct quant_importance QUANT_AT(importance)(const float *w, size_t n, enum quant_effort effort)
{
	struct quant_importance imp = { .effort = effort };
	float most[L] = { 0 }, part[L] = { 0 }, max = 0, sum = 0;

	for (size_t i = 0; w && i < n; i += L)
		for (size_t l = 0; l < L; l++)
			most[l] = w[i + l] > most[l] ? w[i + l] : most[l];
	for (int l = 0; l < L; l++)
		max = most[l] > max ? most[l] : max;
	if (!(max > 0))
		return imp;
	imp.w = w;
	imp.scale = quant_inverse_unit(unit_below(max));
	for (size_t i = 0; i < n; i += L)
		for (size_t l = 0; l < L; l++)
			part[l] += w[i + l] * imp.scale;
	for (int l = 0; l < L; l++)
		sum += part[l];
	imp.floor = 1e-3f * (sum / (float)n);
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

/* Largest magnitudes, in four chains: a maximum waits for the one before it. */
static void largest_of_lane(const struct quant_group *g, float most[L])
{
	float a[L] = { 0 }, b[L] = { 0 }, c[L] = { 0 }, d[L] = { 0 };

	for (int i = 0; i < g->elems; i += 4) {
		for (int l = 0; l < L; l++) {
			float p = fabsf(g->x[i][l]), q = fabsf(g->x[i + 1][l]);
			float r = fabsf(g->x[i + 2][l]), s = fabsf(g->x[i + 3][l]);

			a[l] = p > a[l] ? p : a[l];
			b[l] = q > b[l] ? q : b[l];
			c[l] = r > c[l] ? r : c[l];
			d[l] = s > d[l] ? s : d[l];
		}
	}
	for (int l = 0; l < L; l++) {
		float ab = a[l] > b[l] ? a[l] : b[l], cd = c[l] > d[l] ? c[l] : d[l];

		most[l] = ab > cd ? ab : cd;
	}
}

/* Divides every block by its unit. */
static void normalize(struct quant_group *g, int block_lanes)
{
	float most[L], inverse[L];

	largest_of_lane(g, most);
	largest_of_block(most, block_lanes);
	for (int l = 0; l < L; l++) {
		g->unit[l] = unit_below(most[l]);
		inverse[l] = quant_inverse_unit(g->unit[l]);
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

/* The first element of largest magnitude, per lane. The two halves of a lane do not wait for each other. */
static void extremes(const struct quant_group *g, float extreme[L])
{
	float most[L] = { 0 }, late_most[L] = { 0 }, e[L] = { 0 }, late[L] = { 0 };
	int half = g->elems / 2;

	for (int i = 0; i < half; i++) {
		for (int l = 0; l < L; l++) {
			float x = g->x[i][l], a = fabsf(x), y = g->x[i + half][l], b = fabsf(y);

			e[l] = quant_choose(a > most[l], x, e[l]);
			late[l] = quant_choose(b > late_most[l], y, late[l]);
			most[l] = a > most[l] ? a : most[l];
			late_most[l] = b > late_most[l] ? b : late_most[l];
		}
	}
	for (int l = 0; l < L; l++)
		extreme[l] = quant_choose(late_most[l] > most[l], late[l], e[l]);
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
