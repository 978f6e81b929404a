/* Metadata values. */
#ifndef LIBFMT_VALUE_H
#define LIBFMT_VALUE_H

#include <libfmt/model.h>

#include "arena.h"

/* Bytes of a number or truth value in a packed array and in a GGUF file; 0 for strings, arrays and unknown types. */
unsigned fmt_kv_type_bytes(enum fmt_kv_type t);

/* True and *out set if the value is an integer of any width that is not negative. */
bool fmt_value_u64(const struct fmt_value *v, uint64_t *out);

/* A copy that shares nothing with v, in the arena. Fails with FMT_USAGE on values that no file could hold: unknown
 * types, arrays nested too deep, elements of another type than announced. */
bool fmt_value_copy(struct fmt_arena *a, const struct fmt_value *v, struct fmt_value *copy, struct fmt_err *err);

#endif
