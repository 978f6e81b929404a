/* Superblocks whose sub-blocks have a scale and a min, each a few bits of a wide one; see superblock.h. */
#include <string.h>

#include "superblock.h"
#include "transpose.h"

#define L QUANT_LANES

struct attempt {
	uint16_t half_d[L], half_dmin[L];                       /* per block */
	float d[L], dmin[L], ks[L], km[L], s[L], m[L], err[L];  /* per lane */
};

static void set_scales(const struct quant_group *g, int block_lanes, int first, float d, float dmin,
                       struct attempt *a)
{
	float rd, rm;

	a->half_d[first / block_lanes] = QUANT_AT(half_of)(d, g->unit[first], &rd);
	a->half_dmin[first / block_lanes] = QUANT_AT(half_of)(dmin, g->unit[first], &rm);
	for (int l = first; l < first + block_lanes; l++) {
		a->d[l] = rd;
		a->dmin[l] = rm;
	}
}

static void widest(const struct quant_group *g, const struct quant_min_type *type, const float s[L], const float m[L],
                   float factor, struct attempt *a)
{
	int block_lanes = type->shape.block_lanes;

	for (int first = 0; first < L; first += block_lanes) {
		float most_s = 0, most_m = 0;

		for (int l = first; l < first + block_lanes; l++) {
			most_s = s[l] > most_s ? s[l] : most_s;
			most_m = m[l] > most_m ? m[l] : most_m;
		}
		set_scales(g, block_lanes, first, factor * (most_s / type->limit), factor * (most_m / type->limit), a);
	}
}

/* Neighbours of a pair of codes, nearest first. */
static const int8_t around[24][2] = {
	{ -1, -1 }, { 1, 1 }, { 0, -1 }, { 0, 1 }, { -1, 0 }, { 1, 0 }, { -1, 1 }, { 1, -1 },
	{ 0, -2 },  { 0, 2 },  { -2, 0 },  { 2, 0 },  { 1, 2 },   { -1, -2 }, { 2, 1 },  { -2, -1 },
	{ 2, 2 },   { -2, -2 }, { 1, -2 }, { -1, 2 }, { 2, -1 },  { -2, 1 }, { 2, -2 },  { -2, 2 },
};

/* Judges the pair `step` away from the centre. */
static void judge(const struct quant_group *g, const struct quant_min_type *type, const float *restrict cs,
                  const float *restrict cm, const int8_t step[2], struct attempt *restrict a)
{
	float ks[L], km[L], s[L], m[L], err[L], ds = (float)step[0], dm = (float)step[1];

	for (int l = 0; l < L; l++) {
		ks[l] = quant_clamp(cs[l] + ds, 0, type->limit);
		km[l] = quant_clamp(cm[l] + dm, 0, type->limit);
		s[l] = a->d[l] * ks[l];
		m[l] = a->dmin[l] * km[l];
	}
	QUANT_AT(error_min)(g, type->top, s, m, err);
	for (int l = 0; l < L; l++) {
		bool better = err[l] < a->err[l];

		a->ks[l] = quant_choose(better, ks[l], a->ks[l]);
		a->km[l] = quant_choose(better, km[l], a->km[l]);
		a->s[l] = quant_choose(better, s[l], a->s[l]);
		a->m[l] = quant_choose(better, m[l], a->m[l]);
		a->err[l] = quant_choose(better, err[l], a->err[l]);
	}
}

/* The pair of codes nearest to the wanted scale and min, or the neighbour of least error. */
static void choose_codes(const struct quant_group *g, const struct quant_min_type *type, int n_around,
                         const float *restrict want_s, const float *restrict want_m, struct attempt *restrict a)
{
	float cs[L], cm[L];

	for (int l = 0; l < L; l++) {
		cs[l] = quant_nearest_of(want_s[l] * quant_inverse(a->d[l]), 0, type->limit);
		cm[l] = quant_nearest_of(want_m[l] * quant_inverse(a->dmin[l]), 0, type->limit);
		a->ks[l] = cs[l];
		a->km[l] = cm[l];
		a->s[l] = a->d[l] * cs[l];
		a->m[l] = a->dmin[l] * cm[l];
	}
	QUANT_AT(error_min)(g, type->top, a->s, a->m, a->err);
	for (int i = 0; i < n_around; i++)
		judge(g, type, cs, cm, around[i], a);
}

/* The best pair of wide scales for the codes of `from`. With a = ks q and b = -km the model is x = d a + dmin b. */
static void least_squares(const struct quant_group *g, const struct quant_min_type *type, const struct attempt *from,
                          struct attempt *to)
{
	int block_lanes = type->shape.block_lanes;
	struct quant_min_sums sums;

	QUANT_AT(sums_min)(g, type->top, from->s, from->m, &sums);
	for (int first = 0; first < L; first += block_lanes) {
		float aa = 0, ab = 0, bb = 0, xa = 0, xb = 0, det, d, dmin;

		for (int l = first; l < first + block_lanes; l++) {
			float ks = from->ks[l], km = from->km[l];

			aa += ks * ks * sums.qq[l];
			ab -= ks * km * sums.q[l];
			bb += km * km * sums.w[l];
			xa += ks * sums.xq[l];
			xb -= km * sums.x[l];
		}
		det = aa * bb - ab * ab;
		d = det > 0 ? (xa * bb - xb * ab) / det : 0;
		dmin = det > 0 ? (xb * aa - xa * ab) / det : 0;
		if (!(d > 0) || !(dmin > 0)) {
			d = aa > 0 ? xa / aa : 0;
			dmin = 0;
		}
		set_scales(g, block_lanes, first, d, dmin, to);
	}
}

static void take_block(const struct attempt *a, int block_lanes, int first, struct attempt *best)
{
	best->half_d[first / block_lanes] = a->half_d[first / block_lanes];
	best->half_dmin[first / block_lanes] = a->half_dmin[first / block_lanes];
	for (int l = first; l < first + block_lanes; l++) {
		best->d[l] = a->d[l];
		best->dmin[l] = a->dmin[l];
		best->ks[l] = a->ks[l];
		best->km[l] = a->km[l];
		best->s[l] = a->s[l];
		best->m[l] = a->m[l];
		best->err[l] = a->err[l];
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
		if (ours < least)
			take_block(a, block_lanes, first, best);
	}
}

static struct quant_min_plan with_effort(const struct quant_min_plan *normal, enum quant_effort effort)
{
	struct quant_min_plan plan = *normal;

	if (effort == QUANT_FAST) {
		plan.first = 4;
		plan.rounds = 0;
	} else if (effort == QUANT_BEST) {
		plan.first = plan.later = plan.last = N_OF(around);
		plan.rounds = 4;
	}
	return plan;
}

/* One pair of wide scales, then the rounds of least squares. */
static void search_superblock(const struct quant_group *g, const struct quant_min_type *type,
                              const struct quant_min_plan *plan, struct attempt *best)
{
	struct quant_min_search search = { .top = type->top, .steps = plan->steps, .n_steps = plan->n_steps,
		                           .offsets = plan->offsets, .n_offsets = plan->n_offsets };
	float s[L], m[L];
	struct attempt a;

	QUANT_AT(search_min)(g, &search, s, m);
	widest(g, type, s, m, 1 - plan->narrow, best);
	choose_codes(g, type, plan->first, s, m, best);
	for (int i = 0; i < plan->rounds; i++) {
		least_squares(g, type, best, &a);
		choose_codes(g, type, i == 0 ? plan->later : plan->last, best->s, best->m, &a);
		keep_better(&a, type->shape.block_lanes, best);
	}
}

/* The wide scales, larger; codes stay those of the scales before. */
static void restore(const struct quant_group *g, int block_lanes, float how_much, struct attempt *a)
{
	float factor[L], rounded;

	QUANT_AT(restoring)(g, block_lanes, a->err, how_much, factor);
	for (int first = 0; first < L; first += block_lanes) {
		int b = first / block_lanes;

		a->half_d[b] = QUANT_AT(half_of)(a->d[first] * factor[first], g->unit[first], &rounded);
		a->half_dmin[b] = QUANT_AT(half_of)(a->dmin[first] * factor[first], g->unit[first], &rounded);
	}
}

void QUANT_AT(encode_min)(const struct quant_min_type *type, const float *x, const struct quant_importance *imp,
                          size_t col, int n_lanes, struct quant_min_fit *fit, uint8_t *codes)
{
	struct quant_min_plan plan = with_effort(&type->plan[imp->w != NULL], imp->effort);
	_Alignas(64) uint32_t rows[QUANT_LANE_ELEMS][L];
	struct quant_group g;
	struct attempt best;

	QUANT_AT(group_load)(&g, &type->shape, x, imp, col, n_lanes);
	search_superblock(&g, type, &plan, &best);
	if (plan.restore > 0)
		restore(&g, type->shape.block_lanes, plan.restore, &best);
	memcpy(fit->d, best.half_d, sizeof(fit->d));
	memcpy(fit->dmin, best.half_dmin, sizeof(fit->dmin));
	memcpy(fit->ks, best.ks, sizeof(fit->ks));
	memcpy(fit->km, best.km, sizeof(fit->km));
	memcpy(fit->s, best.s, sizeof(fit->s));
	memcpy(fit->m, best.m, sizeof(fit->m));
	QUANT_AT(codes_min)(&g, type->top, best.s, best.m, rows);
	quant_to_lanes(rows[0], g.elems, codes);
}
