/* The search for scales that the encoders share.
 *
 * Sixteen sub-blocks are searched at once, one per lane: arrays are [element][lane], every loop over lanes is
 * independent, and each lane's sums run in element order. Nothing is summed across lanes except by plain loops in lane
 * order (superblock.c).
 *
 * Two families. Signed: x = s q with q from a grid around zero. Min: x = s q - m with q = 0..top and m >= 0 (or of any
 * sign). The error of a candidate comes from its least-squares sums: with codes q fixed, the best s is
 * sum(w x q) / sum(w q q), and takes sum(w x q)^2 / sum(w q q) off sum(w x x). */
#ifndef LIBQUANT_SCALE_SEARCH_H
#define LIBQUANT_SCALE_SEARCH_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libquant/quant.h>

#include "half_inline.h"
#include "level.h"

#define QUANT_LANES 16
#define QUANT_LANE_ELEMS 32 /* at most */

#define N_OF(list) ((int)(sizeof(list) / sizeof(*(list))))

/* Importance per column of a row, brought to a safe range: w * scale + floor. The scale is a power of two that takes
 * the largest to [1, 2); the floor is a thousandth of the mean, so that a column of importance zero is not erased. */
struct quant_importance {
	const float *w; /* NULL: none, or all equal, which says no more */
	float scale, floor;
	enum quant_effort effort; /* goes wherever the importance goes */
};

/* How a type divides and weights a row. */
struct quant_shape {
	int elems;       /* of a lane: 16 or 32 */
	int block_lanes; /* lanes that share a scale of their own: 1, 8, 16 */
	/* Without importance the weight of an element is s2 + blend x^2, s2 being the mean of x^2 over the block:
	 * large weights matter more to a model than plain squares say (docs/quantization.md). 0: plain squares. */
	float blend;
	/* With importance: importance * sqrt(magnitude s2 + x^2), or importance alone if magnitude is negative. ggml
	 * has 1 or 2 here; 3 or 4 wins in its measure still, and more by importance alone; 20 is nearly that. */
	float magnitude;
};

struct quant_group {
	/* Lines of 64 bytes, one per element: a load that crosses two costs two. */
	_Alignas(64) float x[QUANT_LANE_ELEMS][QUANT_LANES]; /* divided by unit: the block's largest is in [1, 2) */
	float w[QUANT_LANE_ELEMS][QUANT_LANES]; /* unset if even */
	float unit[QUANT_LANES]; /* a power of two */
	float lo[QUANT_LANES], hi[QUANT_LANES]; /* of the lane's x */
	bool even;               /* all weights are 1, in lanes of 32: sums and codes only, no errors */
	int elems;
};

/* The values that codes stand for: whole numbers lo..hi, or the 16 levels of IQ4. */
struct quant_grid {
	float lo, hi;
	bool iq4;
};

struct quant_importance QUANT_AT(importance)(const float *w, size_t n, enum quant_effort effort);

/* Fills the group from n_lanes * elems consecutive values; lanes past n_lanes hold zeros.
 * x    first value; imp->w + col is its importance */
void QUANT_AT(group_load)(struct quant_group *g, const struct quant_shape *shape, const float *x,
                          const struct quant_importance *imp, size_t col, int n_lanes);

/* Signed family. `ends` are the grid values, whole or not, on which a lane's element of largest magnitude is put in
 * turn. s: out, the best scale per lane, least squares done. */
void QUANT_AT(search_signed)(const struct quant_group *g, const struct quant_grid *grid, const float *ends, int n_ends,
                             float s[QUANT_LANES]);
/* Sums for codes chosen by inverse scale: sxq = sum(w x q), sqq = sum(w q q). */
void QUANT_AT(sums_signed)(const struct quant_group *g, const struct quant_grid *grid, const float is[QUANT_LANES],
                           float sxq[QUANT_LANES], float sqq[QUANT_LANES]);
/* sum(w (x - s q)^2) for the best codes under exactly this scale. */
void QUANT_AT(error_signed)(const struct quant_group *g, const struct quant_grid *grid, const float s[QUANT_LANES],
                            float err[QUANT_LANES]);
/* Those codes, [element][lane]: 0 is the grid's lowest value. */
void QUANT_AT(codes_signed)(const struct quant_group *g, const struct quant_grid *grid, const float s[QUANT_LANES],
                            uint32_t codes[][QUANT_LANES]);

/* Min family. `steps` are the numbers of steps, whole or not, into which a lane's range is divided in turn; `offsets`
 * shift the lower end, in steps. Without offsets: by 0. free_min: m may be negative. */
struct quant_min_search {
	float top;
	bool free_min;
	const float *steps, *offsets;
	int n_steps, n_offsets;
};

struct quant_min_sums {
	float w[QUANT_LANES], x[QUANT_LANES];                        /* sum w, sum w x */
	float q[QUANT_LANES], qq[QUANT_LANES], xq[QUANT_LANES];      /* sum w q, w q q, w x q */
};

void QUANT_AT(search_min)(const struct quant_group *g, const struct quant_min_search *how, float s[QUANT_LANES],
                          float m[QUANT_LANES]);
void QUANT_AT(sums_min)(const struct quant_group *g, float top, const float s[QUANT_LANES],
                        const float m[QUANT_LANES], struct quant_min_sums *sums);
void QUANT_AT(error_min)(const struct quant_group *g, float top, const float s[QUANT_LANES],
                         const float m[QUANT_LANES], float err[QUANT_LANES]);
void QUANT_AT(codes_min)(const struct quant_group *g, float top, const float s[QUANT_LANES],
                         const float m[QUANT_LANES], uint32_t codes[][QUANT_LANES]);

#define QUANT_MAGIC 12582912.0f /* 1.5 * 2^23: a sum with it has no room for a fraction */

/* Nearest integer, halves to even, of |v| < 2^22; larger ones stay large. Needs strict float arithmetic. */
static inline float quant_nearest(float v)
{
	return (v + QUANT_MAGIC) - QUANT_MAGIC;
}

/* The nearest integer of lo..hi; lo for NaN. The sum is clamped, not the result: the same, and a bound of 0 is then no
 * zero, for which compilers take two operations instead of one maximum. */
static inline float quant_nearest_sum(float v, float lo, float hi)
{
	float sum = v + QUANT_MAGIC, low = QUANT_MAGIC + lo, high = QUANT_MAGIC + hi;

	sum = sum > low ? sum : low;
	return sum < high ? sum : high;
}

static inline float quant_nearest_of(float v, float lo, float hi)
{
	return quant_nearest_sum(v, lo, hi) - QUANT_MAGIC;
}

/* How far above lo it is: the sum's last bits. */
static inline uint32_t quant_nearest_above(float v, float lo, float hi)
{
	return quant_u32_of(quant_nearest_sum(v, lo, hi)) - quant_u32_of(QUANT_MAGIC + lo);
}

/* In lane order. (Halves would wait less, but gcc passes them through memory: measured, and slower.) */
static inline float quant_sum_lanes(const float part[QUANT_LANES])
{
	float sum = part[0];

	for (int l = 1; l < QUANT_LANES; l++)
		sum += part[l];
	return sum;
}

/* lo for NaN, so that a conversion to int that follows is defined for any input. */
static inline float quant_clamp(float v, float lo, float hi)
{
	v = v > lo ? v : lo;
	return v < hi ? v : hi;
}

/* now or before, by a mask: gcc makes branches of a choice between stored values. */
static inline float quant_choose(bool is_now, float now, float before)
{
	uint32_t mask = 0 - (uint32_t)is_now;

	return quant_f32_of((quant_u32_of(now) & mask) | (quant_u32_of(before) & ~mask));
}

/* The power of two just below a magnitude. Zero and subnormals give the smallest normal number; the inverse is a normal
 * number always. */
static inline float quant_unit_below(float most)
{
	uint32_t exponent = quant_u32_of(most) >> 23;

	exponent = exponent < 1 ? 1 : exponent > 252 ? 252 : exponent;
	return quant_f32_of(exponent << 23);
}

/* 1 / unit, a power of two whose inverse is a normal number: exact, and no division. */
static inline float quant_inverse_unit(float unit)
{
	return quant_f32_of(0x7f000000 - quant_u32_of(unit));
}

/* 1 / s, or 0 where that would be no use: all codes are then those of zero. */
static inline float quant_inverse(float s)
{
	float inverse = 1.0f / s;

	return fabsf(s) > 0x1p-100f ? inverse : 0.0f;
}

#endif
