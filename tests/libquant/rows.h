/* Rows of floats that encoders find hard, and buffers with an unmapped page behind them. */
#ifndef TESTS_LIBQUANT_ROWS_H
#define TESTS_LIBQUANT_ROWS_H

#include <stddef.h>
#include <stdint.h>

enum row_kind {
	ROW_ZEROS,
	ROW_NEGATIVE_ZEROS,
	ROW_DENORMALS,
	ROW_TINY,     /* scales that are zero or subnormal as halves */
	ROW_CONSTANT,
	ROW_HUGE,     /* up to FLT_MAX: past what any scale can hold */
	ROW_OUTLIER,  /* one value a million times the others */
	ROW_ONE_SIGN,
	ROW_TIES,     /* on and between the points of a grid */
	ROW_NORMAL,
	ROW_HEAVY,    /* heavy tails */
	ROW_MIXED,    /* blocks of very different size side by side */
	ROW_FINITE_KINDS,
	ROW_NONFINITE = ROW_FINITE_KINDS, /* NaN and infinities: no encoder's business, but never undefined */
	ROW_KINDS
};

const char *row_kind_name(enum row_kind kind);
void row_fill(enum row_kind kind, uint32_t seed, float *x, size_t n);
/* Importance: positive, some of it zero, some a million times the rest. */
void row_importance(uint32_t seed, float *w, size_t n);
uint32_t row_random(uint32_t *state);

/* `bytes` writable bytes that end where an unmapped page begins. Aborts if out of memory. */
void *guard_alloc(size_t bytes);
void guard_free(void *p, size_t bytes);

#endif
