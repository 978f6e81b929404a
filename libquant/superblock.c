/* Signed superblocks; superblock_min.c has those with a min. */
#include <string.h>

#include "half_inline.h"
#include "superblock.h"
#include "transpose.h"

#define L QUANT_LANES

static inline uint32_t half_bits(float d, float unit)
{
	uint32_t u = quant_u32_of(quant_clamp(d * unit, -65504.0f, 65504.0f)), h = quant_f16_round_finite(u & 0x7fffffff);

	return h ? h | (u >> 16 & 0x8000) : 0;
}

uint16_t QUANT_AT(half_of)(float d, float unit, float *rounded)
{
	uint16_t h = (uint16_t)half_bits(d, unit);

	*rounded = quant_f16_widen(h) * quant_inverse_unit(unit);
	return h;
}

void QUANT_AT(half_each)(const float d[L], const float unit[L], uint16_t half[L], float rounded[L])
{
	uint32_t h[L];

	for (int l = 0; l < L; l++)
		h[l] = half_bits(d[l], unit[l]);
	for (int l = 0; l < L; l++)
		rounded[l] = quant_f16_widen((uint16_t)h[l]) * quant_inverse_unit(unit[l]);
	for (int l = 0; l < L; l++)
		half[l] = (uint16_t)h[l];
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

/* The scale of greatest magnitude goes to the wider end, -limit; the wide scale is `factor` times that. */
static void widest(const struct quant_group *g, const struct quant_signed_type *type, const float s[L], float factor,
                   struct attempt *a)
{
	int block_lanes = type->shape.block_lanes;

	for (int first = 0; first < L; first += block_lanes) {
		float most = 0;

		for (int l = first; l < first + block_lanes; l++)
			most = fabsf(s[l]) > fabsf(most) ? s[l] : most;
		set_scale(g, block_lanes, first, factor * (most / -type->limit), a);
	}
}

/* Judges the codes `step` away from the centre. */
static void judge(const struct quant_group *g, const struct quant_signed_type *type, const float *restrict centre,
                  float step, struct attempt *restrict a)
{
	float k[L], s[L], err[L];

	for (int l = 0; l < L; l++) {
		k[l] = quant_clamp(centre[l] + step, -type->limit, type->limit - 1);
		s[l] = a->d[l] * k[l];
	}
	QUANT_AT(error_signed)(g, &type->grid, s, err);
	for (int l = 0; l < L; l++) {
		bool better = err[l] < a->err[l];

		a->k[l] = quant_choose(better, k[l], a->k[l]);
		a->s[l] = quant_choose(better, s[l], a->s[l]);
		a->err[l] = quant_choose(better, err[l], a->err[l]);
	}
}

/* The code nearest to the wanted scale, or the neighbour whose error is strictly less. */
static void choose_codes(const struct quant_group *g, const struct quant_signed_type *type, int reach,
                         const float *restrict want, struct attempt *restrict a)
{
	float centre[L];

	for (int l = 0; l < L; l++) {
		centre[l] = quant_nearest_of(want[l] * quant_inverse(a->d[l]), -type->limit, type->limit - 1);
		a->k[l] = centre[l];
		a->s[l] = a->d[l] * centre[l];
	}
	QUANT_AT(error_signed)(g, &type->grid, a->s, a->err);
	for (int step = 1; step <= reach; step++) {
		judge(g, type, centre, (float)-step, a);
		judge(g, type, centre, (float)step, a);
	}
}

/* The best wide scale for the codes of `from`: sum(k sxq) / sum(k k sqq). */
static void least_squares(const struct quant_group *g, const struct quant_signed_type *type,
                          const struct attempt *from, struct attempt *to)
{
	int block_lanes = type->shape.block_lanes;
	float is[L], sxq[L], sqq[L];

	for (int l = 0; l < L; l++)
		is[l] = quant_inverse(from->s[l]);
	QUANT_AT(sums_signed)(g, &type->grid, is, sxq, sqq);
	for (int first = 0; first < L; first += block_lanes) {
		float xq = 0, qq = 0;

		for (int l = first; l < first + block_lanes; l++) {
			xq += from->k[l] * sxq[l];
			qq += from->k[l] * from->k[l] * sqq[l];
		}
		set_scale(g, block_lanes, first, qq > 0 ? xq / qq : 0, to);
	}
}

/* Takes those blocks of `a` whose error is strictly less. */
static void keep_better(const struct attempt *a, int block_lanes, struct attempt *best)
{
	for (int first = 0; first < L; first += block_lanes) {
		float ours = 0, least = 0;

		for (int l = first; l < first + block_lanes; l++) {
			ours += a->err[l];
			least += best->err[l];
		}
		if (!(ours < least))
			continue;
		best->half[first / block_lanes] = a->half[first / block_lanes];
		for (int l = first; l < first + block_lanes; l++) {
			best->d[l] = a->d[l];
			best->k[l] = a->k[l];
			best->s[l] = a->s[l];
			best->err[l] = a->err[l];
		}
	}
}

void QUANT_AT(restoring)(const struct quant_group *g, int block_lanes, const float err[L], float restore,
                         float factor[L])
{
	float xx[L] = { 0 };

	for (int i = 0; i < g->elems; i++)
		for (int l = 0; l < L; l++)
			xx[l] += g->w[i][l] * (g->x[i][l] * g->x[i][l]);
	for (int first = 0; first < L; first += block_lanes) {
		float lost = 0, all = 0;

		for (int l = first; l < first + block_lanes; l++) {
			lost += err[l];
			all += xx[l];
		}
		for (int l = first; l < first + block_lanes; l++)
			factor[l] = lost < 0.5f * all ? 1 + restore * (lost / (all - lost)) : 1;
	}
}

/* The wide scales, larger; codes stay those of the scales before. */
static void restore(const struct quant_group *g, int block_lanes, float how_much, struct attempt *a)
{
	float factor[L];

	QUANT_AT(restoring)(g, block_lanes, a->err, how_much, factor);
	for (int first = 0; first < L; first += block_lanes)
		set_scale(g, block_lanes, first, a->d[first] * factor[first], a);
}

static const float more_trials[] = { 0.96f, 0.98f, 1.02f, 1.04f };

static struct quant_signed_plan with_effort(const struct quant_signed_plan *normal, enum quant_effort effort)
{
	struct quant_signed_plan plan = *normal;

	if (effort == QUANT_FAST) {
		plan.rounds = 0;
	} else if (effort == QUANT_BEST) {
		plan.trials = more_trials;
		plan.n_trials = N_OF(more_trials);
		plan.reach = 3;
		plan.rounds = 4;
	}
	return plan;
}

void QUANT_AT(encode_signed)(const struct quant_signed_type *type, const float *x, const struct quant_importance *imp,
                             size_t col, int n_lanes, struct quant_signed_fit *fit, uint8_t *codes)
{
	struct quant_signed_plan plan = with_effort(&type->plan[imp->w != NULL], imp->effort);
	_Alignas(64) uint32_t rows[QUANT_LANE_ELEMS][L];
	struct attempt best, a;
	struct quant_group g;
	float s[L];

	QUANT_AT(group_load)(&g, &type->shape, x, imp, col, n_lanes);
	QUANT_AT(search_signed)(&g, &type->grid, plan.ends, plan.n_ends, s);
	widest(&g, type, s, 1, &best);
	choose_codes(&g, type, plan.reach, s, &best);
	for (int i = 0; i < plan.n_trials; i++) {
		widest(&g, type, s, plan.trials[i], &a);
		choose_codes(&g, type, plan.reach, s, &a);
		keep_better(&a, type->shape.block_lanes, &best);
	}
	for (int i = 0; i < plan.rounds; i++) {
		least_squares(&g, type, &best, &a);
		choose_codes(&g, type, plan.reach, best.s, &a);
		keep_better(&a, type->shape.block_lanes, &best);
	}
	if (plan.restore > 0)
		restore(&g, type->shape.block_lanes, plan.restore, &best);
	memcpy(fit->d, best.half, sizeof(fit->d));
	memcpy(fit->k, best.k, sizeof(fit->k));
	memcpy(fit->s, best.s, sizeof(fit->s));
	QUANT_AT(codes_signed)(&g, &type->grid, best.s, rows);
	quant_to_lanes(rows[0], g.elems, codes);
}
