/* What the models of runtimes share: one file each, one entry in runtime.c. */
#ifndef LIBFMT_RUNTIME_IMPL_H
#define LIBFMT_RUNTIME_IMPL_H

#include <libfmt/runtime.h>

/* The options with the defaults filled in. Each fills in everything but `total`. */
bool runtime_llama(const struct fmt_estimate *e, const struct fmt_runtime_opts *o, struct fmt_runtime_bytes *b,
                   struct fmt_err *err);

#endif
