/* What this processor can do, in levels: those of its family, each including the ones before it. */
#ifndef LIBQUANT_CPU_H
#define LIBQUANT_CPU_H

enum quant_cpu {
	QUANT_CPU_SCALAR,
#if defined(__x86_64__)
	QUANT_CPU_AVX2,   /* AVX2, FMA and F16C */
	QUANT_CPU_AVX512, /* F, BW, VL, DQ and VNNI */
#elif defined(__aarch64__)
	QUANT_CPU_NEON,   /* every 64-bit ARM processor has it */
#endif
	QUANT_CPU_COUNT
};

/* The highest level that processor and system support. */
enum quant_cpu quant_cpu_detect(void);

/* The level that a name asks for ("scalar", "avx2", "avx512", "neon"), but never more than `most`; `most` for NULL and for
 * any other name. */
enum quant_cpu quant_cpu_limit(const char *name, enum quant_cpu most);

const char *quant_cpu_name(enum quant_cpu level);

#endif
