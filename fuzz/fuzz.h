/* What the fuzz targets share. A target is fuzz_X.c with LLVMFuzzerTestOneInput; libFuzzer or fuzz_main.c calls it. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include <libfmt/model.h>

/* The target: any bytes at all, always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A file that holds these bytes, until the next call. Where the system can, it is in memory. */
const char *fuzz_file(const uint8_t *data, size_t n);

/* Looks at everything in a model as a program would: every key, every tensor by name, contents up to a limit. Aborts
 * where the model contradicts itself. */
void fuzz_model(const struct fmt_model *m);

#endif
