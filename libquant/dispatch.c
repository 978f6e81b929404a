/* Chooses kernels by CPU level, once. The table is the library's only state, and nothing changes after that once. */
#include <pthread.h>
#include <stdlib.h>

#include "kernels.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct quant_kernels tables[QUANT_CPU_COUNT];
static enum quant_cpu detected, chosen;

static void fill(struct quant_kernels *k, enum quant_cpu level)
{
	for (int t = 0; t < FMT_TYPE_COUNT; t++) {
		const struct quant_type *s = quant_type_scalar((enum fmt_type)t);

		if (s)
			k->type[t] = *s;
	}
	(void)level;
}

static void build(void)
{
	detected = quant_cpu_detect();
	chosen = quant_cpu_limit(getenv("ASSAY_CPU"), detected);
	for (int level = 0; level < QUANT_CPU_COUNT; level++)
		fill(&tables[level], (enum quant_cpu)level < detected ? (enum quant_cpu)level : detected);
}

static const struct quant_type *row(enum fmt_type t, enum quant_cpu level)
{
	const struct quant_type *k;

	if ((unsigned)t >= FMT_TYPE_COUNT)
		return NULL;
	k = &tables[level].type[t];
	return k->decode ? k : NULL;
}

const struct quant_type *quant_type(enum fmt_type t)
{
	pthread_once(&once, build);
	return row(t, chosen);
}

const struct quant_type *quant_type_at(enum fmt_type t, enum quant_cpu level)
{
	pthread_once(&once, build);
	return row(t, level);
}
