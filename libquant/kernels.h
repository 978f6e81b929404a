/* What the type files export, per CPU level. */
#ifndef LIBQUANT_KERNELS_H
#define LIBQUANT_KERNELS_H

#include <libquant/quant.h>

#include "cpu.h"
#include "level.h"

/* One per type, at the end of the file that specifies its bytes. */
extern const struct quant_type QUANT_AT(f32), QUANT_AT(f16), QUANT_AT(bf16), QUANT_AT(f64);
extern const struct quant_type QUANT_AT(bool), QUANT_AT(i8), QUANT_AT(i16), QUANT_AT(i32), QUANT_AT(i64);
extern const struct quant_type QUANT_AT(u8), QUANT_AT(u16), QUANT_AT(u32), QUANT_AT(u64);
extern const struct quant_type QUANT_AT(q4_0), QUANT_AT(q4_1), QUANT_AT(q5_0), QUANT_AT(q5_1), QUANT_AT(q8_0);
extern const struct quant_type QUANT_AT(q2_k), QUANT_AT(q3_k), QUANT_AT(q4_k), QUANT_AT(q5_k), QUANT_AT(q6_k);
extern const struct quant_type QUANT_AT(q1_0), QUANT_AT(q2_0), QUANT_AT(tq1_0), QUANT_AT(tq2_0);
extern const struct quant_type QUANT_AT(mxfp4), QUANT_AT(nvfp4);
extern const struct quant_type QUANT_AT(f8_e4m3), QUANT_AT(f8_e5m2), QUANT_AT(f8_e4m3fnuz), QUANT_AT(f8_e5m2fnuz);
extern const struct quant_type QUANT_AT(f8_e8m0), QUANT_AT(f6_e2m3), QUANT_AT(f6_e3m2), QUANT_AT(f4);
extern const struct quant_type QUANT_AT(iq1_s), QUANT_AT(iq1_m), QUANT_AT(iq2_xxs), QUANT_AT(iq2_xs), QUANT_AT(iq2_s);
extern const struct quant_type QUANT_AT(iq3_xxs), QUANT_AT(iq3_s), QUANT_AT(iq4_nl), QUANT_AT(iq4_xs);

/* All of them by type; NULL where a type cannot be computed with. */
extern const struct quant_type *const QUANT_AT(registry)[FMT_TYPE_COUNT];

#endif
