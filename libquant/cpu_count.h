/* How many CPUs this process may really use. */
#ifndef LIBQUANT_CPU_COUNT_H
#define LIBQUANT_CPU_COUNT_H

#include <stdbool.h>

/* At least 1. The affinity mask counts, and on Linux the CPU quota of the control groups around the process: a
 * container that may use two CPUs' worth of time should not start 64 threads. Reads files; not for hot code. */
unsigned quant_cpu_count(void);

/* CPUs that a quota of `quota` out of every `period` microseconds comes to, rounded up: text of a cpu.max file.
 * returns false for "max ..." and for anything that is not understood */
bool quant_cpu_quota(const char *text, unsigned *cpus);

#endif
