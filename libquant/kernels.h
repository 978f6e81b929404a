/* The kernel table: one row per type, the scalar functions first, faster ones of the same bytes over them. */
#ifndef LIBQUANT_KERNELS_H
#define LIBQUANT_KERNELS_H

#include <libquant/quant.h>

#include "cpu.h"

struct quant_kernels {
	struct quant_type type[FMT_TYPE_COUNT]; /* decode NULL: the type cannot be computed with */
};

/* The scalar descriptor of `t` (registry.c), or NULL. */
const struct quant_type *quant_type_scalar(enum fmt_type t);

/* The kernels that `level` would choose; for tests and benchmarks, which compare levels. NULL as in quant_type.
 * A level that this processor lacks gives what the processor's own level gives. */
const struct quant_type *quant_type_at(enum fmt_type t, enum quant_cpu level);

/* One per type, at the end of the file that specifies its bytes. */
extern const struct quant_type quant_f32, quant_f16, quant_bf16, quant_f64;
extern const struct quant_type quant_bool, quant_i8, quant_i16, quant_i32, quant_i64;
extern const struct quant_type quant_u8, quant_u16, quant_u32, quant_u64;
extern const struct quant_type quant_q8_0;

#endif
