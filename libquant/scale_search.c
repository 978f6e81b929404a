/* Loading and the signed family; see scale_search.h. */
#include <math.h>
#include <string.h>

#include "half_inline.h"
#include "iq4_levels.h"
#include "scale_search.h"

#define L QUANT_LANES

struct quant_importance QUANT_AT(importance)(const float *w, size_t n)
{
	struct quant_importance imp = { 0 };
	float part[L] = { 0 }, sum = 0;

	for (size_t i = 0; w && i < n; i++)
		imp.max = w[i] > imp.max ? w[i] : imp.max;
	if (!(imp.max > 0))
		return imp;
	imp.w = w;
	for (size_t i = 0; i < n; i++)
		part[i % L] += w[i] / imp.max;
	for (int l = 0; l < L; l++)
		sum += part[l];
	imp.floor = 1e-3f * (sum / (float)n);
	return imp;
}

/* The power of two just below the largest magnitude. Zeros and subnormals give the smallest normal number. */
static float unit_of(const float *x, int n)
{
	float part[L] = { 0 }, most = 0;
	uint32_t exponent;

	for (int i = 0; i < n; i += L)
		for (int l = 0; l < L; l++)
			part[l] = quant_abs(x[i + l]) > part[l] ? quant_abs(x[i + l]) : part[l];
	for (int l = 0; l < L; l++)
		most = part[l] > most ? part[l] : most;
	exponent = quant_u32_of(most) >> 23;
	exponent = exponent < 1 ? 1 : exponent > 252 ? 252 : exponent; /* its inverse is a normal number, too */
	return quant_f32_of(exponent << 23);
}

static float mean_square(const float *t, int n)
{
	float part[L] = { 0 }, sum = 0;

	for (int i = 0; i < n; i += L)
		for (int l = 0; l < L; l++)
			part[l] += t[i + l] * t[i + l];
	for (int l = 0; l < L; l++)
		sum += part[l];
	return sum / (float)n;
}

/* v[i] = weight of t[i], i = 0..n-1. */
static void weights(const struct quant_shape *shape, const float *t, int n, const struct quant_importance *imp,
                    size_t col, float *v)
{
	float s2 = mean_square(t, n);

	if (!imp->w) {
		for (int i = 0; i < n; i++)
			v[i] = s2 + shape->blend * (t[i] * t[i]);
		return;
	}
	for (int i = 0; i < n; i++)
		v[i] = imp->w[col + (size_t)i] / imp->max + imp->floor;
	if (shape->magnitude < 0)
		return;
	for (int i = 0; i < n; i++)
		v[i] *= sqrtf(shape->magnitude * s2 + t[i] * t[i]);
}

void QUANT_AT(group_load)(struct quant_group *g, const struct quant_shape *shape, const float *x,
                          const struct quant_importance *imp, size_t col, int n_lanes)
{
	float t[L * QUANT_LANE_ELEMS], v[L * QUANT_LANE_ELEMS];
	int n = shape->elems * shape->block_lanes;

	g->elems = shape->elems;
	if (n_lanes < L) {
		memset(t, 0, sizeof(t));
		memset(v, 0, sizeof(v));
	}
	for (int l = 0; l < L; l += shape->block_lanes) {
		int at = l * shape->elems;
		float unit = 1, inverse;

		if (l < n_lanes) {
			unit = unit_of(x + at, n);
			inverse = 1 / unit;
			for (int i = 0; i < n; i++)
				t[at + i] = x[at + i] * inverse;
			weights(shape, t + at, n, imp, col + (size_t)at, v + at);
		}
		for (int k = 0; k < shape->block_lanes; k++)
			g->unit[l + k] = unit;
	}
	for (int i = 0; i < shape->elems; i++) {
		for (int l = 0; l < L; l++) {
			g->x[i][l] = t[l * shape->elems + i];
			g->w[i][l] = v[l * shape->elems + i];
		}
	}
}

/* The grid's value nearest to v; for IQ4, whose levels are not evenly spaced, by counting the midpoints below v. */
static inline float round_to_grid(float v, float lo, float hi, bool iq4)
{
	float q = IQ4_LOWEST;

	if (!iq4)
		return quant_clamp(quant_nearest(v), lo, hi);
	for (int k = 0; k < 15; k++)
		q += v > quant_iq4_middle[k] ? quant_iq4_step[k] : 0.0f;
	return q;
}

/* With `iq4` known at the call, so that the loops over lanes hold no branch. */
static inline void sums(const struct quant_group *g, const struct quant_grid *grid, bool iq4, const float *inverse,
                        float *sxq, float *sqq)
{
	float is[L], a[L] = { 0 }, b[L] = { 0 };
	float lo = grid->lo, hi = grid->hi;

	memcpy(is, inverse, sizeof(is));
	for (int i = 0; i < g->elems; i++) {
		for (int l = 0; l < L; l++) {
			float q = round_to_grid(g->x[i][l] * is[l], lo, hi, iq4);
			float wq = g->w[i][l] * q;

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
		sums(g, grid, true, is, sxq, sqq);
	else
		sums(g, grid, false, is, sxq, sqq);
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

/* The first element of largest magnitude, per lane. */
static void extremes(const struct quant_group *g, float extreme[L])
{
	float most[L] = { 0 }, e[L] = { 0 };

	for (int i = 0; i < g->elems; i++) {
		for (int l = 0; l < L; l++) {
			float a = quant_abs(g->x[i][l]);

			e[l] = a > most[l] ? g->x[i][l] : e[l];
			most[l] = a > most[l] ? a : most[l];
		}
	}
	memcpy(extreme, e, sizeof(e));
}

void QUANT_AT(search_signed)(const struct quant_group *g, const struct quant_grid *grid, const float *ends, int n_ends,
                             float s[L])
{
	float best_xq[L] = { 0 }, best_qq[L], extreme[L], is[L], sxq[L], sqq[L];

	extremes(g, extreme);
	for (int l = 0; l < L; l++)
		best_qq[l] = 1;
	for (int k = 0; k < n_ends; k++) {
		for (int l = 0; l < L; l++)
			is[l] = ends[k] * quant_inverse(extreme[l]);
		QUANT_AT(sums_signed)(g, grid, is, sxq, sqq);
		for (int l = 0; l < L; l++) {
			bool better = sxq[l] * sxq[l] * best_qq[l] > best_xq[l] * best_xq[l] * sqq[l];

			best_xq[l] = better ? sxq[l] : best_xq[l];
			best_qq[l] = better ? sqq[l] : best_qq[l];
		}
	}
	for (int l = 0; l < L; l++)
		s[l] = best_xq[l] / best_qq[l];
}

static uint8_t iq4_code(float v)
{
	int code = 0;

	for (int k = 0; k < 15; k++)
		code += v > quant_iq4_middle[k];
	return (uint8_t)code;
}

void QUANT_AT(codes_signed)(const struct quant_group *g, const struct quant_grid *grid, const float s[L],
                            uint8_t codes[L][QUANT_LANE_ELEMS])
{
	float is[L];

	for (int l = 0; l < L; l++)
		is[l] = quant_inverse(s[l]);
	for (int i = 0; i < g->elems; i++) {
		uint8_t row[L];

		if (grid->iq4) {
			for (int l = 0; l < L; l++)
				row[l] = iq4_code(g->x[i][l] * is[l]);
		} else {
			for (int l = 0; l < L; l++) {
				float q = round_to_grid(g->x[i][l] * is[l], grid->lo, grid->hi, false);

				row[l] = (uint8_t)(int)(q - grid->lo);
			}
		}
		for (int l = 0; l < L; l++)
			codes[l][i] = row[l];
	}
}
