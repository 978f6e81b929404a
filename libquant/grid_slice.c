/* See grid_slice.h, and grid_search.h for the idea. */
#include "grid_slice.h"

#include <assert.h>
#include <string.h>

#define L GRID_LANES

/* Errors of the halves of a point, by their bits in its code: as the signs are, and with one changed. */
struct half_table {
	_Alignas(64) float same[256][L];
	_Alignas(64) float changed[256][L];
};

/* Errors of one element at each level: as it is, and what a change of its sign adds. */
struct element {
	_Alignas(64) float same[8][L];
	_Alignas(64) float extra[8][L];
};

static inline float min2(float a, float b)
{
	return a < b ? a : b;
}

static inline float min4(float a, float b, float c, float d)
{
	return min2(min2(a, b), min2(c, d));
}

static inline void level_errors(const struct quant_grid_slice *slice, int i, float level, bool flips,
                                float *restrict same, float *restrict extra)
{
	const float *restrict a = slice->a + i * L, *restrict w = slice->w + i * L;
	const float *restrict s = slice->s, *restrict shift = slice->shift;

	for (int l = 0; l < L; l++) {
		float vs = (level + shift[l]) * s[l], wvs = w[l] * vs;

		same[l] = wvs * (vs - 2 * a[l]);
		if (flips)
			extra[l] = 4 * (wvs * a[l]);
	}
}

static inline void element_errors(const struct quant_grid_slice *slice, int i, const float *levels, int n_levels,
                                  bool flips, struct element *e)
{
	for (int v = 0; v < n_levels; v++)
		level_errors(slice, i, levels[v], flips, e->same[v], e->extra[v]);
}

/* Two elements of three levels together. */
static inline void pair_errors(const struct element *low, const struct element *high, bool flips, float (*same)[L],
                               float (*extra)[L])
{
	for (int h = 0; h < 3; h++) {
		for (int v = 0; v < 3; v++) {
			int at = v | h << 2;

			for (int l = 0; l < L; l++) {
				same[at][l] = low->same[v][l] + high->same[h][l];
				if (flips)
					extra[at][l] = min2(low->extra[v][l], high->extra[h][l]);
			}
		}
	}
}

/* Half a point of four, from element i on: two digits of 3 bits. */
static inline void half_of_four(const struct quant_grid_slice *slice, int i, const float *levels, bool flips,
                                struct half_table *t)
{
	struct element low, high;

	element_errors(slice, i, levels, 8, flips, &low);
	element_errors(slice, i + 1, levels, 8, flips, &high);
	for (int h = 0; h < 8; h++) {
		for (int v = 0; v < 8; v++) {
			float *same = t->same[v | h << 3], *changed = t->changed[v | h << 3];

			for (int l = 0; l < L; l++) {
				float sum = low.same[v][l] + high.same[h][l];

				same[l] = sum;
				if (flips)
					changed[l] = sum + min2(low.extra[v][l], high.extra[h][l]);
			}
		}
	}
}

/* Pairs of digits of 2 bits, of three levels. */
static const uint8_t pairs[9] = { 0, 1, 2, 4, 5, 6, 8, 9, 10 };

/* Half a point of eight, from element i on: four digits. */
static inline void half_of_eight(const struct quant_grid_slice *slice, int i, const float *levels, bool flips,
                                 struct half_table *t)
{
	struct element e[4];
	_Alignas(64) float pair[2][16][L], extra[2][16][L];

	for (int k = 0; k < 4; k++)
		element_errors(slice, i + k, levels, 3, flips, &e[k]);
	for (int k = 0; k < 2; k++)
		pair_errors(&e[2 * k], &e[2 * k + 1], flips, pair[k], extra[k]);
	for (int h = 0; h < 9; h++) {
		for (int v = 0; v < 9; v++) {
			int high = pairs[h], low = pairs[v];
			float *same = t->same[low | high << 4], *changed = t->changed[low | high << 4];

			for (int l = 0; l < L; l++) {
				float sum = pair[0][low][l] + pair[1][high][l];

				same[l] = sum;
				if (flips)
					changed[l] = sum + min2(extra[0][low][l], extra[1][high][l]);
			}
		}
	}
}

/* Both halves; with `flips` known at the call, so that the loops over lanes hold no branch. */
static void halves(const struct quant_grid_type *type, const struct quant_grid_slice *slice, bool flips,
                   struct half_table t[2])
{
	for (int h = 0; h < 2; h++) {
		if (type->dims == 4 && flips)
			half_of_four(slice, 2 * h, type->levels, true, &t[h]);
		else if (type->dims == 4)
			half_of_four(slice, 2 * h, type->levels, false, &t[h]);
		else if (flips)
			half_of_eight(slice, 4 * h, type->levels, true, &t[h]);
		else
			half_of_eight(slice, 4 * h, type->levels, false, &t[h]);
	}
}

/* The least errors of one chunk's lower halves. */
static inline void lower_halves(const struct quant_grid_chunk *c, const struct half_table *t, float *least)
{
	const float *x0 = t->same[c->low[0]], *x1 = t->same[c->low[1]];
	const float *x2 = t->same[c->low[2]], *x3 = t->same[c->low[3]];

	for (int l = 0; l < L; l++)
		least[l] = min4(x0[l], x1[l], x2[l], x3[l]);
}

/* The least errors of the points of upper half h, of which chunk i is the first: the minimum over their lower halves, then
 * the upper half once. Returns the chunk after the last. */
static inline int least_under(const struct quant_grid_chunks *chunks, int h, int i, const struct half_table t[2],
                              float *sum)
{
	const float *high = t[1].same[chunks->list[i].high];
	float low[L], some[L];

	lower_halves(&chunks->list[i], &t[0], low);
	for (i++; i < chunks->end[h]; i++) {
		lower_halves(&chunks->list[i], &t[0], some);
		for (int l = 0; l < L; l++)
			low[l] = min2(some[l], low[l]);
	}
	for (int l = 0; l < L; l++)
		sum[l] = low[l] + high[l];
	return i;
}

/* The least errors of one chunk's points: the minimum over the lower halves, then the upper half once. */
static inline void chunk_same(const struct quant_grid_chunk *c, const struct half_table t[2], float *sum)
{
	const float *x0 = t[0].same[c->low[0]], *x1 = t[0].same[c->low[1]];
	const float *x2 = t[0].same[c->low[2]], *x3 = t[0].same[c->low[3]], *high = t[1].same[c->high];

	for (int l = 0; l < L; l++)
		sum[l] = min4(x0[l], x1[l], x2[l], x3[l]) + high[l];
}

/* With one sign changed, in a lower half or in the upper one. */
static inline void chunk_changed(const struct quant_grid_chunk *c, const struct half_table t[2], float *sum,
                                 float *changed)
{
	const float *x0 = t[0].same[c->low[0]], *x1 = t[0].same[c->low[1]];
	const float *x2 = t[0].same[c->low[2]], *x3 = t[0].same[c->low[3]], *high = t[1].same[c->high];
	const float *y0 = t[0].changed[c->low[0]], *y1 = t[0].changed[c->low[1]];
	const float *y2 = t[0].changed[c->low[2]], *y3 = t[0].changed[c->low[3]], *high_changed = t[1].changed[c->high];

	for (int l = 0; l < L; l++) {
		float low = min4(x0[l], x1[l], x2[l], x3[l]);

		sum[l] = low + high[l];
		changed[l] = min2(low + high_changed[l], min4(y0[l], y1[l], y2[l], y3[l]) + high[l]);
	}
}

/* Lowers the least errors, and notes the chunk: by a mask, since gcc would make branches of a choice. */
static inline void lower_at(float *least, uint32_t *number, uint32_t chunk, const float *e)
{
	for (int l = 0; l < L; l++) {
		uint32_t is_less = 0 - (uint32_t)(e[l] < least[l]);

		number[l] = (chunk & is_less) | (number[l] & ~is_less);
		least[l] = min2(e[l], least[l]);
	}
}

void QUANT_AT(grid_least)(const struct quant_grid_type *type, const struct quant_grid_chunks *chunks,
                          const struct quant_grid_slice *slice, float *least)
{
	struct half_table t[2];
	float best[L], sum[L];

	halves(type, slice, false, t);
	for (int l = 0; l < L; l++)
		best[l] = INFINITY;
	for (int h = 0, i = 0; h < chunks->n_highs; h++) {
		i = least_under(chunks, h, i, t, sum);
		for (int l = 0; l < L; l++)
			best[l] = min2(sum[l], best[l]);
	}
	memcpy(least, best, sizeof(best));
}

/* Which vectors change a sign: an odd one of eight elements, the better one of an odd pair of four. */
static void which_change(int dims, const float *same, const float *changed, const bool *odd, bool *change)
{
	if (dims == 8) {
		memcpy(change, odd, L * sizeof(*change));
		return;
	}
	for (int l = 0; l < L; l += 2) {
		bool first = changed[l] + same[l + 1] <= same[l] + changed[l + 1];

		change[l] = odd[l / 2] && first;
		change[l + 1] = odd[l / 2] && !first;
	}
}

/* The first point of a chunk that has the least error of a lane: sums grow with their terms, so the least sum of a
 * chunk is that of its least term. */
static int point_in(const struct quant_grid_chunk *c, const struct half_table t[2], int lane, float least, bool change)
{
	float high = t[1].same[c->high][lane];
	int i = 0;

	for (; i < 3; i++) {
		float low = t[0].same[c->low[i]][lane], changed = t[0].changed[c->low[i]][lane];

		if (!change && low + high == least)
			break;
		if (change && (low + t[1].changed[c->high][lane] == least || changed + high == least))
			break;
	}
	return c->first + i;
}

void QUANT_AT(grid_points)(const struct quant_grid_type *type, const struct quant_grid_chunks *chunks,
                           const struct quant_grid_slice *slice, const bool *odd, uint16_t *point, bool *change)
{
	struct half_table t[2];
	float same[L], changed[L], sum[L], sum_changed[L];
	uint32_t number[L] = { 0 }, number_changed[L] = { 0 };

	halves(type, slice, type->signs == GRID_SIGNS_EVEN, t);
	for (int l = 0; l < L; l++)
		same[l] = changed[l] = INFINITY;
	memset(change, 0, L * sizeof(*change));
	if (type->signs == GRID_SIGNS_EVEN) {
		for (int i = 0; i < chunks->n; i++) {
			chunk_changed(&chunks->list[i], t, sum, sum_changed);
			lower_at(same, number, (uint32_t)i, sum);
			lower_at(changed, number_changed, (uint32_t)i, sum_changed);
		}
		which_change(type->dims, same, changed, odd, change);
	} else {
		for (int i = 0; i < chunks->n; i++) {
			chunk_same(&chunks->list[i], t, sum);
			lower_at(same, number, (uint32_t)i, sum);
		}
	}
	for (int l = 0; l < L; l++) {
		const struct quant_grid_chunk *c = &chunks->list[change[l] ? number_changed[l] : number[l]];

		point[l] = (uint16_t)point_in(c, t, l, change[l] ? changed[l] : same[l], change[l]);
	}
}

void QUANT_AT(grid_chunks)(const struct quant_grid_type *type, struct quant_grid_chunks *chunks)
{
	int shift = type->dims == 8 ? 8 : 6, mask = (1 << shift) - 1;

	chunks->n = chunks->n_highs = 0;
	for (int p = 0; p < type->n_points;) {
		struct quant_grid_chunk *c = &chunks->list[chunks->n++];
		int high = type->points[p] >> shift, i = 0;

		assert(chunks->n <= QUANT_GRID_CHUNKS);
		*c = (struct quant_grid_chunk){ .first = (uint16_t)p, .high = (uint8_t)high };
		for (; i < 4 && p < type->n_points && type->points[p] >> shift == high; i++)
			c->low[i] = (uint8_t)(type->points[p++] & mask);
		for (; i < 4; i++)
			c->low[i] = c->low[i - 1];
		chunks->n_highs += chunks->n == 1 || high != c[-1].high;
		chunks->end[chunks->n_highs - 1] = (uint16_t)chunks->n;
	}
}
