/* Rows of floats to and from every block type. The scalar functions are the specification of the bytes. */
#ifndef LIBQUANT_QUANT_H
#define LIBQUANT_QUANT_H

#include <libfmt/types.h>

/* How much an encoder searches: time for error. Types without a search (floats, Q8_0 unless QUANT_BEST) ignore it. */
enum quant_effort {
	QUANT_NORMAL, /* below ggml's error at a multiple of its speed */
	QUANT_FAST,   /* about two thirds of the time, one to three percent more error: ggml's, for some types */
	QUANT_BEST,   /* several times the time, for the last few percent of error */
	QUANT_EFFORTS
};

/* One row, n elements (a whole number of blocks; asserted). Source and destination do not overlap.
 * Kernels cannot fail, allocate nothing, keep no state, and give the same bytes on every CPU.
 *
 * encode  x: finite floats; w: importance per column, n of them, all >= 0 and finite, or NULL; dst: row bytes
 * decode  src: row bytes, any bit pattern; x: n floats */
typedef void quant_encode_fn(const float *x, const float *w, enum quant_effort effort, void *dst, size_t n);
typedef void quant_decode_fn(const void *src, float *x, size_t n);

struct quant_type {
	enum fmt_type type;
	quant_encode_fn *encode; /* NULL: can be read but not written */
	quant_decode_fn *decode;
	bool uses_weights;       /* encode looks at w */
};

/* The fastest kernels this CPU has for `t`; NULL if the type cannot be computed with. Any thread.
 * ASSAY_CPU=scalar|avx2|avx512|neon in the environment (for tests) limits the choice. */
const struct quant_type *quant_type(enum fmt_type t);

/* n_rows rows of n_cols that lie one after another, all of the same importance (n_cols floats, or NULL): the bytes that
 * encode gives row by row, sooner, since it works on sixteen sub-blocks at a time and a narrow row has fewer.
 * dst: n_rows times the row's bytes */
void quant_encode_rows(const struct quant_type *t, const float *x, const float *w, enum quant_effort effort, void *dst,
                       size_t n_rows, size_t n_cols);

#endif
