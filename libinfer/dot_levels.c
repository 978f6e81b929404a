/* Which builds of the inner loops this CPU can run. */
#include "dot.h"

#include <stdlib.h>
#include <string.h>

#if defined(INFER_HAVE_X86)

/* Called before anything else runs with those instructions; the compiler's own run-time asks the CPU and the system. */
static size_t count_levels(void)
{
	if (!__builtin_cpu_supports("avx2"))
		return 1;
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
	    !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
		return 2;
	return 3;
}

const struct infer_kernels *const *infer_kernels_list(size_t *n)
{
	static const struct infer_kernels *const all[] = { &infer_kernels_scalar, &infer_kernels_avx2,
		                                           &infer_kernels_avx512 };

	*n = count_levels();
	return all;
}

#elif defined(INFER_HAVE_NEON)

/* Every 64-bit ARM processor has NEON. */
const struct infer_kernels *const *infer_kernels_list(size_t *n)
{
	static const struct infer_kernels *const all[] = { &infer_kernels_scalar, &infer_kernels_neon };

	*n = 2;
	return all;
}

#else

const struct infer_kernels *const *infer_kernels_list(size_t *n)
{
	static const struct infer_kernels *const all[] = { &infer_kernels_scalar };

	*n = 1;
	return all;
}

#endif

const struct infer_kernels *infer_kernels_choose(void)
{
	const char *wanted = getenv("ASSAY_CPU");
	size_t n;
	const struct infer_kernels *const *all = infer_kernels_list(&n);

	for (size_t i = 0; wanted && i < n; i++)
		if (!strcmp(wanted, all[i]->level))
			return all[i];
	return all[n - 1];
}
