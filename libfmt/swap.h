/* Byte order of tensor contents. */
#ifndef LIBFMT_SWAP_H
#define LIBFMT_SWAP_H

#include <libfmt/types.h>

/* True if the other byte order of this type is known here. */
bool fmt_swap_known(enum fmt_type t);

/* True if all its fields are single bytes, so that both orders are the same. */
bool fmt_swap_is_trivial(enum fmt_type t);

/* Turns the contents of a tensor of n_bytes (whole blocks) from one byte order into the other. */
void fmt_swap(enum fmt_type t, void *p, uint64_t n_bytes);

/* Reverses the bytes of n numbers of `width` bytes each. */
void fmt_swap_numbers(void *p, uint64_t n, unsigned width);

#endif
