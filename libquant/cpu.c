/* CPU levels, from the processor's own answer. */
#include <string.h>

#include "cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>

static int has_f16c(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

enum quant_cpu quant_cpu_detect(void)
{
	__builtin_cpu_init();
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !has_f16c())
		return QUANT_CPU_SCALAR;
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
	    !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq") ||
	    !__builtin_cpu_supports("avx512vnni"))
		return QUANT_CPU_AVX2;
	return QUANT_CPU_AVX512;
}
#else
enum quant_cpu quant_cpu_detect(void)
{
	return (enum quant_cpu)(QUANT_CPU_COUNT - 1);
}
#endif

const char *quant_cpu_name(enum quant_cpu level)
{
	static const char *const names[QUANT_CPU_COUNT] = {
		[QUANT_CPU_SCALAR] = "scalar",
#if defined(__x86_64__)
		[QUANT_CPU_AVX2] = "avx2",
		[QUANT_CPU_AVX512] = "avx512",
#elif defined(__aarch64__)
		[QUANT_CPU_NEON] = "neon",
#endif
	};

	return names[level];
}

enum quant_cpu quant_cpu_limit(const char *name, enum quant_cpu most)
{
	for (int i = 0; name && i < (int)most; i++) {
		if (!strcmp(name, quant_cpu_name((enum quant_cpu)i)))
			return (enum quant_cpu)i;
	}
	return most;
}
