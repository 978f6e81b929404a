/* Element and block types: names and geometry, for every type of GGUF and of safetensors. */
#ifndef LIBFMT_TYPES_H
#define LIBFMT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fmt_type {
#define TYPE(id, name, gguf, st, elems, bytes) FMT_##id,
#include <libfmt/types.def>
#undef TYPE
	FMT_TYPE_COUNT
};

struct fmt_type_info {
	const char *name;    /* as printed and as accepted on command lines: "Q4_K" */
	const char *st_name; /* safetensors' name, or NULL */
	int gguf_id;         /* GGUF's number, or -1 */
	uint32_t block_elems;
	uint32_t block_bytes;
};

/* The row of the table for `t`. Never NULL for a value of the enum. Any thread. */
const struct fmt_type_info *fmt_type_info(enum fmt_type t);

/* Finds a type by its GGUF number, by safetensors' name, or by our name (in any case).
 * returns true and sets *t, or false if there is none */
bool fmt_type_from_gguf(uint32_t id, enum fmt_type *t);
bool fmt_type_from_st(const char *name, size_t n, enum fmt_type *t);
bool fmt_type_from_name(const char *name, size_t n, enum fmt_type *t);

/* Bytes that one row of `n_cols` elements of type `t` takes in a file.
 * returns false, and leaves *bytes alone, if n_cols is not a whole number of blocks or the product overflows */
bool fmt_row_bytes(enum fmt_type t, uint64_t n_cols, uint64_t *bytes);

#endif
