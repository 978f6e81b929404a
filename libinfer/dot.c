/* The inner loops, written for whatever vector width the compiler was told to use; dot.h says what they compute.
 *
 * Built once per CPU level with -DDOT_LEVEL=avx2 and the like. Vectors of floats are a compiler extension (gcc, clang),
 * the only way to have the sixteen partial sums in registers without naming instructions. Nothing here but static
 * functions and the one table, so no copy for a better CPU can be linked into a program for all. */
#include "dot.h"

#include <string.h>

#if defined(__AVX512F__)
#define VEC_BYTES 64
#define TILE_W    4
#define TILE_X    4
#elif defined(__AVX2__)
#define VEC_BYTES 32
#define TILE_W    2
#define TILE_X    2
#elif defined(DOT_PLAIN)
#define VEC_BYTES 4
#define TILE_W    1
#define TILE_X    1
#elif defined(__ARM_NEON) /* twice the registers of SSE */
#define VEC_BYTES 16
#define TILE_W    2
#define TILE_X    2
#else
#define VEC_BYTES 16
#define TILE_W    1
#define TILE_X    2
#endif

#define LANES 16                                  /* partial sums of one dot product */
#define VEC   (VEC_BYTES / (int)sizeof(float))    /* lanes in one vector */
#define PARTS (LANES / VEC)                       /* vectors that hold the partial sums */

typedef float vec __attribute__((vector_size(VEC_BYTES)));

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

static inline float fold(const vec *sums)
{
	float s[LANES];

	memcpy(s, sums, sizeof s);
	for (int half = LANES / 2; half > 0; half /= 2)
		for (int l = 0; l < half; l++)
			s[l] += s[l + half];
	return s[0];
}

/* Row pairs of a tile: products of w rows [n_w] with x rows [n_x], all n elements, n_w <= TILE_W and n_x <= TILE_X.
 * Called with constant n_w and n_x only, so that the loops over them unroll and the sums stay in registers. */
static inline __attribute__((always_inline)) void tile(const float *w, size_t w_stride, int n_w, const float *x,
                                                       size_t x_stride, int n_x, size_t n, float *y, size_t y_stride)
{
	vec sums[TILE_X][TILE_W][PARTS] = { 0 }, wv[TILE_W][PARTS], xv[PARTS];
	size_t whole = n - n % LANES, rest = (n % LANES) * sizeof(float);

	for (size_t i = 0; i < whole; i += LANES) {
		for (int r = 0; r < n_w; r++)
			memcpy(wv[r], w + (size_t)r * w_stride + i, sizeof wv[r]);
		for (int t = 0; t < n_x; t++) {
			memcpy(xv, x + (size_t)t * x_stride + i, sizeof xv);
			for (int r = 0; r < n_w; r++)
				for (int p = 0; p < PARTS; p++)
					sums[t][r][p] += wv[r][p] * xv[p];
		}
	}
	for (int t = 0; t < n_x && rest; t++)
		for (int r = 0; r < n_w; r++) {
			memset(wv[0], 0, sizeof wv[0]);
			memset(xv, 0, sizeof xv);
			memcpy(wv[0], w + (size_t)r * w_stride + whole, rest);
			memcpy(xv, x + (size_t)t * x_stride + whole, rest);
			for (int p = 0; p < PARTS; p++)
				sums[t][r][p] += wv[0][p] * xv[p];
		}
	for (int t = 0; t < n_x; t++)
		for (int r = 0; r < n_w; r++)
			y[(size_t)t * y_stride + (size_t)r] = fold(sums[t][r]);
}

/* All x rows against n_w rows of w (TILE_W or 1). */
static inline __attribute__((always_inline)) void strip(const float *w, size_t w_stride, int n_w, const float *x,
                                                        size_t x_stride, size_t n_x, size_t n, float *y,
                                                        size_t y_stride)
{
	size_t t = 0;

	for (; t + TILE_X <= n_x; t += TILE_X)
		tile(w, w_stride, n_w, x + t * x_stride, x_stride, TILE_X, n, y + t * y_stride, y_stride);
	for (; t < n_x; t++)
		tile(w, w_stride, n_w, x + t * x_stride, x_stride, 1, n, y + t * y_stride, y_stride);
}

static void tile_all(const float *w, size_t w_stride, size_t n_w, const float *x, size_t x_stride, size_t n_x,
                     size_t n, float *y, size_t y_stride)
{
	size_t r = 0;

	for (; r + TILE_W <= n_w; r += TILE_W)
		strip(w + r * w_stride, w_stride, TILE_W, x, x_stride, n_x, n, y + r, y_stride);
	for (; r < n_w; r++)
		strip(w + r * w_stride, w_stride, 1, x, x_stride, n_x, n, y + r, y_stride);
}

/* One row of the result: `cols` columns (at most LANES) starting at v, over all n_v rows. */
static inline void mix_lanes(const float *a, const float *v, size_t v_stride, size_t n_v, size_t cols, float *y)
{
	vec sums[PARTS] = { 0 }, row[PARTS] = { 0 };

	for (size_t p = 0; p < n_v; p++) {
		memcpy(row, v + p * v_stride, cols * sizeof(float));
		for (int i = 0; i < PARTS; i++)
			sums[i] += row[i] * a[p];
	}
	memcpy(y, sums, cols * sizeof(float));
}

/* The same for WIDE full groups of lanes, whose sums do not wait for each other. */
#define WIDE (64 / VEC)

static inline void mix_wide(const float *a, const float *v, size_t v_stride, size_t n_v, float *y)
{
	vec sums[WIDE] = { 0 }, row[WIDE];

	for (size_t p = 0; p < n_v; p++) {
		memcpy(row, v + p * v_stride, sizeof row);
		for (int i = 0; i < WIDE; i++)
			sums[i] += row[i] * a[p];
	}
	memcpy(y, sums, sizeof sums);
}

static void mix_all(const float *a, size_t a_stride, size_t n_a, const float *v, size_t v_stride, size_t n_v, size_t n,
                    float *y, size_t y_stride)
{
	for (size_t r = 0; r < n_a; r++) {
		const float *weights = a + r * a_stride;
		float *out = y + r * y_stride;
		size_t d = 0;

		for (; d + WIDE * VEC <= n; d += WIDE * VEC)
			mix_wide(weights, v + d, v_stride, n_v, out + d);
		for (; d + LANES <= n; d += LANES)
			mix_lanes(weights, v + d, v_stride, n_v, LANES, out + d);
		if (d < n)
			mix_lanes(weights, v + d, v_stride, n_v, n - d, out + d);
	}
}

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)

const struct infer_kernels JOIN(infer_kernels_, DOT_LEVEL) = {
	.level = TEXT(DOT_LEVEL),
	.tile = tile_all,
	.mix = mix_all,
};
