/* Arithmetic on sizes that come from files. Each function returns true if the result did not fit, as C23's ckd_add
 * does; *r is then not to be used. The only file of libfmt that uses compiler builtins. */
#ifndef LIBFMT_CKD_H
#define LIBFMT_CKD_H

#include <stdbool.h>
#include <stdint.h>

static inline bool ckd_add(uint64_t *r, uint64_t a, uint64_t b)
{
	return __builtin_add_overflow(a, b, r);
}

static inline bool ckd_mul(uint64_t *r, uint64_t a, uint64_t b)
{
	return __builtin_mul_overflow(a, b, r);
}

static inline bool ckd_add_i64(int64_t *r, int64_t a, int64_t b)
{
	return __builtin_add_overflow(a, b, r);
}

static inline bool ckd_mul_i64(int64_t *r, int64_t a, int64_t b)
{
	return __builtin_mul_overflow(a, b, r);
}

/* Rounds n up to a multiple of `align`, which is not 0 but need not be a power of two. */
static inline bool ckd_align(uint64_t *r, uint64_t n, uint64_t align)
{
	uint64_t over = n % align;

	return ckd_add(r, n, over ? align - over : 0);
}

#endif
