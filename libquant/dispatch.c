/* Chooses kernels by CPU level, once. That choice is the library's only state. */
#include <pthread.h>
#include <stdlib.h>

#include "dispatch.h"

extern const struct quant_type *const quant_registry_scalar[FMT_TYPE_COUNT];
#if defined(__x86_64__)
extern const struct quant_type *const quant_registry_avx2[FMT_TYPE_COUNT];
extern const struct quant_type *const quant_registry_avx512[FMT_TYPE_COUNT];
#elif defined(__aarch64__)
extern const struct quant_type *const quant_registry_neon[FMT_TYPE_COUNT];
#endif

static const struct quant_type *const *const registry[QUANT_CPU_COUNT] = {
	[QUANT_CPU_SCALAR] = quant_registry_scalar,
#if defined(__x86_64__)
	[QUANT_CPU_AVX2] = quant_registry_avx2,
	[QUANT_CPU_AVX512] = quant_registry_avx512,
#elif defined(__aarch64__)
	[QUANT_CPU_NEON] = quant_registry_neon,
#endif
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static enum quant_cpu chosen;

static void choose(void)
{
	chosen = quant_cpu_limit(getenv("ASSAY_CPU"), quant_cpu_detect());
}

const struct quant_type *quant_type(enum fmt_type t)
{
	pthread_once(&once, choose);
	return quant_type_at(t, chosen);
}

const struct quant_type *quant_type_at(enum fmt_type t, enum quant_cpu level)
{
	return (unsigned)t < FMT_TYPE_COUNT ? registry[level][t] : NULL;
}
