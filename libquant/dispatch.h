/* Kernels by level, for tests and benchmarks, which compare levels; others use quant_type. */
#ifndef LIBQUANT_DISPATCH_H
#define LIBQUANT_DISPATCH_H

#include <libquant/quant.h>

#include "cpu.h"

/* The kernels that `level` would choose, NULL as in quant_type. The processor must have that level. */
const struct quant_type *quant_type_at(enum fmt_type t, enum quant_cpu level);

#endif
