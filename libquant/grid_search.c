/* Scales of a superblock, under grid_search.h's measure. */
#include "grid_search.h"

#include <string.h>

#include "blocks.h"
#include "grid_slice.h"
#include "half_inline.h"
#include "superblock.h"

#define L        GRID_LANES
#define MAX_SUBS 16

/* A superblock, divided by its unit. Vectors are counted in element order; vector v is lane v % L of slice v / L: one
 * slice of vectors of eight, two of four. */
struct grid_group {
	const struct quant_grid_type *type;
	const struct quant_grid_chunks *chunks;
	_Alignas(64) float a[QUANT_SB]; /* [slice][element][lane]: magnitudes, or with GRID_SIGNS_NONE values */
	_Alignas(64) float w[QUANT_SB];
	float x[QUANT_SB];    /* in element order */
	float wx[QUANT_SB];   /* weights in element order */
	float unit;
	uint8_t signs[32];    /* per eight elements: bit i, element i is negative */
	bool odd[32];         /* an odd number is, and must not be */
	int n_slices, n_subs, sub_vectors;
};

/* What is known of a superblock for one set of scales. */
struct choice {
	float d;              /* decoded, in the group's unit */
	float k[MAX_SUBS];
	float s[MAX_SUBS];    /* scale of each sub-block */
	float err[MAX_SUBS];  /* under that scale, less a constant */
};

static void normalize(struct grid_group *g, const float *x)
{
	float most[QUANT_LANES] = { 0 }, max = 0, inverse;

	for (const float *at = x; at < x + QUANT_SB; at += QUANT_LANES) {
		for (int l = 0; l < QUANT_LANES; l++) {
			float a = fabsf(at[l]);

			most[l] = a > most[l] ? a : most[l];
		}
	}
	for (int l = 0; l < QUANT_LANES; l++)
		max = most[l] > max ? most[l] : max;
	g->unit = quant_unit_below(max);
	inverse = quant_inverse_unit(g->unit);
	for (int i = 0; i < QUANT_SB; i++)
		g->x[i] = x[i] * inverse;
}

static void weigh(struct grid_group *g, const struct quant_importance *imp, size_t col)
{
	float part[QUANT_LANES] = { 0 }, s2, magnitude = g->type->magnitude, blend = g->type->blend;
	const float *w = imp->w ? imp->w + col : NULL;
	float scale = imp->scale, low = imp->floor;

	for (const float *x = g->x; x < g->x + QUANT_SB; x += QUANT_LANES)
		for (int l = 0; l < QUANT_LANES; l++)
			part[l] += x[l] * x[l];
	s2 = quant_sum_lanes(part) / QUANT_SB;
	for (int i = 0; i < QUANT_SB && !w; i++)
		g->wx[i] = s2 + blend * (g->x[i] * g->x[i]);
	for (int i = 0; i < QUANT_SB && w; i++)
		g->wx[i] = (w[i] * scale + low) * sqrtf(magnitude * s2 + g->x[i] * g->x[i]);
}

/* Vectors to lanes. */
static void lay_out(struct grid_group *g)
{
	const float *x = g->x, *w = g->wx;
	int dims = g->type->dims;

	for (int v = 0; v < QUANT_SB / dims; v++) {
		int at = v / L * L * dims + v % L;

		for (int e = 0; e < dims; e++, at += L, x++, w++) {
			g->a[at] = g->type->signs == GRID_SIGNS_NONE ? *x : fabsf(*x);
			g->w[at] = *w;
		}
	}
}

static void load(struct grid_group *g, const struct quant_grid_type *type, const struct quant_grid_chunks *chunks,
                 const float *x, const struct quant_importance *imp, size_t col)
{
	g->type = type;
	g->chunks = chunks;
	g->n_slices = QUANT_SB / (L * type->dims);
	g->n_subs = QUANT_SB / type->sub;
	g->sub_vectors = type->sub / type->dims;
	normalize(g, x);
	weigh(g, imp, col);
	lay_out(g);
	for (int i = 0; i < 32; i++) {
		unsigned signs = 0;

		for (int e = 0; e < 8; e++)
			signs |= (unsigned)(g->x[8 * i + e] < 0) << e;
		g->signs[i] = (uint8_t)signs;
		g->odd[i] = type->signs == GRID_SIGNS_EVEN && signs != quant_even_signs(signs & 127);
	}
}

/* From n sub-blocks, `each` lanes wide, to lanes and back; `each` is known at the call, so that no loop is left. */
static inline void to_lanes(const float *subs, int each, float *lanes)
{
	for (int l = 0; l < L; l++)
		lanes[l] = subs[l / each];
}

static inline void to_sums(const float *lanes, int each, float *subs)
{
	for (int j = 0; j < L / each; j++) {
		float sum = lanes[each * j];

		for (int k = 1; k < each; k++)
			sum += lanes[each * j + k];
		subs[j] = sum;
	}
}

/* From sub-blocks to the lanes of a slice. */
static void spread(const struct grid_group *g, int slice, const float *subs, float *lanes)
{
	subs += slice * (L / g->sub_vectors);
	if (g->sub_vectors == 2)
		to_lanes(subs, 2, lanes);
	else if (g->sub_vectors == 4)
		to_lanes(subs, 4, lanes);
	else
		to_lanes(subs, 8, lanes);
}

/* From the lanes of a slice to sub-blocks: sums. */
static void gather(const struct grid_group *g, int slice, const float *lanes, float *subs)
{
	subs += slice * (L / g->sub_vectors);
	if (g->sub_vectors == 2)
		to_sums(lanes, 2, subs);
	else if (g->sub_vectors == 4)
		to_sums(lanes, 4, subs);
	else
		to_sums(lanes, 8, subs);
}

static struct quant_grid_slice slice_of(const struct grid_group *g, int i, const float *s, const float *shift)
{
	return (struct quant_grid_slice){ g->a + i * L * g->type->dims, g->w + i * L * g->type->dims, s, shift };
}

/* The errors of a slice's lanes if every combination of levels were a point, and levels were evenly spaced: near enough
 * to tell good scales from bad ones, at a fraction of the work. */
static void free_errors(const struct grid_group *g, int slice, const float *s, float shift, float *err)
{
	const struct quant_grid_type *type = g->type;
	const float *a = g->a + slice * L * type->dims, *w = g->w + slice * L * type->dims;
	float top = (float)(type->n_levels - 1), gap = (type->levels[type->n_levels - 1] - type->levels[0]) / top;
	float first = type->levels[0] + shift, sum[L] = { 0 }, inverse[L];

	for (int l = 0; l < L; l++)
		inverse[l] = quant_inverse(gap * s[l]);
	for (int e = 0; e < type->dims; e++, a += L, w += L) {
		for (int l = 0; l < L; l++) {
			float q = quant_nearest_of(a[l] * inverse[l] - first / gap, 0, top);
			float vs = (first + gap * q) * s[l];

			sum[l] += w[l] * (vs * (vs - 2 * a[l]));
		}
	}
	memcpy(err, sum, sizeof(sum));
}

/* Which way the levels of each lane are shifted, by sub-block or by vector: as if every combination were a point. */
static void choose_shifts(const struct grid_group *g, int slice, const float *s, float *shift)
{
	const struct quant_grid_type *type = g->type;
	float plus[L], minus[L], sums[MAX_SUBS];

	if (type->signs != GRID_SIGNS_NONE) {
		memset(shift, 0, L * sizeof(*shift));
		return;
	}
	free_errors(g, slice, s, type->delta, plus);
	free_errors(g, slice, s, -type->delta, minus);
	for (int l = 0; l < L; l++)
		minus[l] -= plus[l];
	if (type->delta_elems > type->dims) {
		gather(g, slice, minus, sums);
		spread(g, slice, sums, minus);
	}
	for (int l = 0; l < L; l++)
		shift[l] = minus[l] < 0 ? -type->delta : type->delta;
}

/* The errors of all sub-blocks at the scales s. Which sign must change says little about scales, and is left for
 * later. */
static void errors(const struct grid_group *g, const float *s, float *err)
{
	for (int i = 0; i < g->n_slices; i++) {
		float lanes[L], shift[L], e[L];
		struct quant_grid_slice in = slice_of(g, i, lanes, shift);

		spread(g, i, s, lanes);
		choose_shifts(g, i, lanes, shift);
		QUANT_AT(grid_least)(g->type, g->chunks, &in, e);
		gather(g, i, e, err);
	}
}

/* The root mean square of each sub-block, which its scale is a multiple of. */
static void measure(const struct grid_group *g, float *rms)
{
	for (int i = 0; i < g->n_slices; i++) {
		const float *a = g->a + i * L * g->type->dims;
		float lanes[L] = { 0 };

		for (int e = 0; e < g->type->dims * L; e += L)
			for (int l = 0; l < L; l++)
				lanes[l] += a[e + l] * a[e + l];
		gather(g, i, lanes, rms);
	}
	for (int j = 0; j < g->n_subs; j++)
		rms[j] = sqrtf(rms[j] / (float)g->type->sub);
}

/* A good scale for each sub-block, for itself and as if every combination of levels were a point. With the points that
 * there are it is a little smaller (measured). */
#define STRETCH 0.97f

static void climb(const struct grid_group *g, float *best)
{
	float rms[MAX_SUBS], least[MAX_SUBS], s[MAX_SUBS], err[MAX_SUBS];

	measure(g, rms);
	for (int k = 0; k < g->type->n_ladder; k++) {
		for (int j = 0; j < g->n_subs; j++)
			s[j] = rms[j] * g->type->ladder[k];
		for (int i = 0; i < g->n_slices; i++) {
			float lanes[L], e[L];

			spread(g, i, s, lanes);
			free_errors(g, i, lanes, 0, e);
			gather(g, i, e, err);
		}
		for (int j = 0; j < g->n_subs; j++) {
			if (k > 0 && !(err[j] < least[j]))
				continue;
			best[j] = s[j];
			least[j] = err[j];
		}
	}
	for (int j = 0; j < g->n_subs; j++)
		best[j] *= STRETCH;
}

/* The errors of all sub-blocks at the scales s, by free_errors. */
static void estimates(const struct grid_group *g, const float *s, float *err)
{
	for (int i = 0; i < g->n_slices; i++) {
		float lanes[L], plus[L], minus[L];

		spread(g, i, s, lanes);
		free_errors(g, i, lanes, g->type->delta, plus);
		free_errors(g, i, lanes, -g->type->delta, minus);
		for (int l = 0; l < L; l++)
			plus[l] = minus[l] < plus[l] ? minus[l] : plus[l];
		gather(g, i, plus, err);
	}
}

static void scales_of(const struct grid_group *g, const struct choice *c, const float *k, float *s)
{
	for (int j = 0; j < g->n_subs; j++)
		s[j] = c->d * g->type->step * (2 * k[j] + 1);
}

static void judge(const struct grid_group *g, const float *k, struct choice *c)
{
	float s[MAX_SUBS], err[MAX_SUBS] = { 0 };

	scales_of(g, c, k, s);
	errors(g, s, err);
	for (int j = 0; j < g->n_subs; j++) {
		if (!(err[j] < c->err[j]))
			continue;
		c->k[j] = k[j];
		c->s[j] = s[j];
		c->err[j] = err[j];
	}
}

/* The codes nearest to the scales `s` and their neighbours, each judged by its error under the wide scale of `c`. One
 * neighbour: the one that looks better. */
static void choose_codes(const struct grid_group *g, int tries, const float *s, struct choice *c)
{
	float inverse = quant_inverse(2 * g->type->step * c->d), top = (float)(g->type->n_codes - 1);
	float k[MAX_SUBS], near[2][MAX_SUBS], at[MAX_SUBS], est[2][MAX_SUBS] = { { 0 } };

	for (int j = 0; j < g->n_subs; j++) {
		k[j] = quant_nearest_of(s[j] * inverse - 0.5f, 0, top);
		c->err[j] = INFINITY;
	}
	judge(g, k, c);
	for (int away = 1; 2 * away <= tries; away++) {
		for (int j = 0; j < g->n_subs; j++) {
			near[0][j] = quant_clamp(k[j] - (float)away, 0, top);
			near[1][j] = quant_clamp(k[j] + (float)away, 0, top);
		}
		if (2 * away + 1 <= tries) {
			judge(g, near[0], c);
			judge(g, near[1], c);
			continue;
		}
		for (int i = 0; i < 2; i++) {
			scales_of(g, c, near[i], at);
			estimates(g, at, est[i]);
		}
		for (int j = 0; j < g->n_subs; j++)
			near[0][j] = est[1][j] < est[0][j] ? near[1][j] : near[0][j];
		judge(g, near[0], c);
	}
}

static float total(const struct grid_group *g, const struct choice *c)
{
	float sum = 0;

	for (int j = 0; j < g->n_subs; j++)
		sum += c->err[j];
	return sum;
}

/* Takes the wide scale d and its codes if they are better; whether they are. */
static bool attempt(const struct grid_group *g, float d, int tries, const float *s, struct choice *best)
{
	struct choice c;

	QUANT_AT(half_of)(d, g->unit, &c.d);
	choose_codes(g, tries, s, &c);
	if (!(total(g, &c) < total(g, best)))
		return false;
	*best = c;
	return true;
}

/* The levels of a vector as they were chosen, without signs of their own. */
static void vector_levels(const struct quant_grid_type *type, uint16_t point, float *levels)
{
	uint16_t code = type->points[point];

	for (int i = 0; i < type->dims; i++)
		levels[i] = type->levels[type->dims == 8 ? quant_grid8_digit(code, i) : quant_grid4_digit(code, i)];
}

/* Changes the sign of the element of a vector where it costs least. */
static void change_sign(const struct grid_group *g, int vector, struct quant_grid_fit *fit)
{
	int dims = g->type->dims, first = vector * dims, cheapest = first;
	float least = INFINITY, levels[8];

	vector_levels(g->type, fit->point[vector], levels);
	for (int i = 0; i < dims; i++) {
		float cost = g->wx[first + i] * (levels[i] * fabsf(g->x[first + i]));

		if (cost < least) {
			least = cost;
			cheapest = first + i;
		}
	}
	fit->signs[cheapest / 8] = (uint8_t)(fit->signs[cheapest / 8] ^ 1U << cheapest % 8);
}

/* Points, signs and shifts for the scales of c. */
static void take_points(const struct grid_group *g, const struct choice *c, struct quant_grid_fit *fit)
{
	memcpy(fit->signs, g->signs, sizeof(fit->signs));
	memset(fit->minus, 0, sizeof(fit->minus));
	for (int i = 0; i < g->n_slices; i++) {
		float lanes[L], shift[L];
		struct quant_grid_slice in = slice_of(g, i, lanes, shift);
		bool change[L];

		spread(g, i, c->s, lanes);
		choose_shifts(g, i, lanes, shift);
		QUANT_AT(grid_points)(g->type, g->chunks, &in, g->odd + i * L * g->type->dims / 8, fit->point + i * L,
		                      change);
		for (int l = 0; l < L; l++) {
			if (change[l])
				change_sign(g, i * L + l, fit);
			if (shift[l] < 0)
				fit->minus[(i * L + l) * g->type->dims / 8] = 1;
		}
	}
}

/* One vector of what follows: bit i of signs is that of element i. */
static inline void decode_vector(uint16_t code, int dims, const float levels[8], float m, float shift, unsigned signs,
                                 float *restrict y)
{
	for (int i = 0; i < dims; i++) {
		int digit = dims == 8 ? quant_grid8_digit(code, i) : quant_grid4_digit(code, i);
		float value = m * (levels[digit] + shift);

		y[i] = quant_f32_of(quant_u32_of(value) ^ (signs >> i & 1) << 31);
	}
}

/* What each element would decode to under a wide scale of 1. */
static void decoded(const struct grid_group *g, const struct choice *c, const struct quant_grid_fit *fit, float *y)
{
	const struct quant_grid_type *type = g->type;
	float levels[8];

	memcpy(levels, type->levels, sizeof(levels));
	for (int v = 0; v < QUANT_SB / type->dims; v++, y += type->dims) {
		int eight = v * type->dims / 8;
		float m = type->step * (2 * c->k[v / g->sub_vectors] + 1);
		float shift = fit->minus[eight] ? -type->delta : type->delta;
		unsigned signs = type->signs == GRID_SIGNS_NONE ? 0U : (unsigned)fit->signs[eight] >> v * type->dims % 8;
		uint16_t code = type->points[fit->point[v]];

		if (type->dims == 8)
			decode_vector(code, 8, levels, m, shift, signs, y);
		else
			decode_vector(code, 4, levels, m, shift, signs, y);
	}
}

/* Weighted products of the superblock x and what it would decode to under a wide scale of 1. */
struct products {
	float xx, xy, yy;
};

static struct products multiply(const struct grid_group *g, const struct choice *c, const struct quant_grid_fit *fit)
{
	float all_y[QUANT_SB], xx[QUANT_LANES] = { 0 }, xy[QUANT_LANES] = { 0 }, yy[QUANT_LANES] = { 0 };

	decoded(g, c, fit, all_y);
	for (size_t i = 0; i < QUANT_SB; i += QUANT_LANES) {
		const float *x = g->x + i, *w = g->wx + i, *y = all_y + i;

		for (int l = 0; l < QUANT_LANES; l++) {
			float wx = w[l] * x[l], wy = w[l] * y[l];

			xx[l] += wx * x[l];
			xy[l] += wy * x[l];
			yy[l] += wy * y[l];
		}
	}
	return (struct products){ quant_sum_lanes(xx), quant_sum_lanes(xy), quant_sum_lanes(yy) };
}

/* The best wide scale for the points and codes of `c`. */
static float least_squares(const struct products *p)
{
	return p->yy > 0 && p->xy > 0 ? p->xy / p->yy : 0;
}

/* From the scale of least squares towards the one that keeps products with x, xx / xy: see restoring() in
 * superblock.h. */
static float restored(const struct products *p, float how_much)
{
	float least = least_squares(p);

	return least > 0 ? least + how_much * (p->xx / p->xy - least) : 0;
}

struct effort {
	int first, later, rounds; /* tries, as in quant_grid_type, and how often least squares are taken */
};

static struct effort effort_of(const struct quant_grid_type *type, enum quant_effort effort)
{
	if (effort == QUANT_FAST)
		return (struct effort){ .first = (type->first + 1) / 2 };
	if (effort == QUANT_BEST)
		return (struct effort){ .first = type->first > 7 ? type->first : 7, .later = 5, .rounds = 3 };
	return (struct effort){ type->first, type->later, type->later > 0 };
}

void QUANT_AT(encode_grid)(const struct quant_grid_type *type, const struct quant_grid_chunks *chunks, const float *x,
                           const struct quant_importance *imp, size_t col, struct quant_grid_fit *fit)
{
	struct grid_group g;
	struct choice best = { .d = 0 };
	struct products products;
	struct effort effort = effort_of(type, imp->effort);
	float s[MAX_SUBS], most = 0, d;

	load(&g, type, chunks, x, imp, col);
	climb(&g, s);
	for (int j = 0; j < g.n_subs; j++) {
		most = s[j] > most ? s[j] : most;
		best.err[j] = INFINITY;
	}
	d = most / (type->step * (float)(2 * type->n_codes - 1));
	attempt(&g, d, effort.first, s, &best);
	take_points(&g, &best, fit);
	products = multiply(&g, &best, fit);
	for (int i = 0; i < effort.rounds && attempt(&g, least_squares(&products), effort.later, best.s, &best); i++) {
		take_points(&g, &best, fit);
		products = multiply(&g, &best, fit);
	}
	fit->d = QUANT_AT(half_of)(restored(&products, type->restore[imp->w != NULL]), g.unit, &d);
	for (int j = 0; j < g.n_subs; j++)
		fit->k[j] = (uint8_t)best.k[j];
}
