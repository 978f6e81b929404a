/* The two inner loops of inference: products of rows, and weighted sums of rows. One source, built once per CPU level.
 *
 * Order of summation is part of the definition, so that every level gives the same bits. A dot product keeps sixteen
 * partial sums: partial sum l takes the products of elements l, l + 16, l + 32, ... in sequence (elements past the end
 * count as zero), each product rounded before it is added. Then the sixteen are folded in halves: s[l] += s[l + 8] for
 * l < 8, s[l] += s[l + 4] for l < 4, s[0] += s[2], s[1] += s[3], and s[0] + s[1] is the result. A weighted sum of rows
 * adds row after row, each column for itself, each product rounded before it is added. */
#ifndef LIBINFER_DOT_H
#define LIBINFER_DOT_H

#include <stddef.h>

/* y[t * y_stride + r] = dot(w[r * w_stride ..], x[t * x_stride ..]) for r < n_w, t < n_x, over n elements.
 * Strides in elements. No alignment beyond float's is needed, and nothing past n elements of a row is read. */
typedef void infer_tile_fn(const float *w, size_t w_stride, size_t n_w, const float *x, size_t x_stride, size_t n_x,
                           size_t n, float *y, size_t y_stride);

/* y[i * y_stride + d] = sum over p < n_v of a[i * a_stride + p] * v[p * v_stride + d], for i < n_a, d < n. */
typedef void infer_mix_fn(const float *a, size_t a_stride, size_t n_a, const float *v, size_t v_stride, size_t n_v,
                          size_t n, float *y, size_t y_stride);

struct infer_kernels {
	const char *level; /* "scalar", "avx2", "avx512", "neon": as ASSAY_CPU names them */
	infer_tile_fn *tile;
	infer_mix_fn *mix;
};

extern const struct infer_kernels infer_kernels_scalar;
extern const struct infer_kernels infer_kernels_avx2;
extern const struct infer_kernels infer_kernels_avx512;
extern const struct infer_kernels infer_kernels_neon;

/* The levels that this build has and this CPU can run, weakest first; *n of them, at least one. */
const struct infer_kernels *const *infer_kernels_list(size_t *n);

/* The best of them, or the one named by ASSAY_CPU in the environment if it is weaker. */
const struct infer_kernels *infer_kernels_choose(void);

#endif
