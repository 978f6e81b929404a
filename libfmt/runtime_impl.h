/* What the models of runtimes share: one file each, one entry in runtime.c. */
#ifndef LIBFMT_RUNTIME_IMPL_H
#define LIBFMT_RUNTIME_IMPL_H

#include <libfmt/runtime.h>

/* The options with the defaults filled in. Each fills in everything but `total`. */
bool runtime_llama(const struct fmt_estimate *e, const struct fmt_runtime_opts *o, struct fmt_runtime_bytes *b,
                   struct fmt_err *err);
bool runtime_vllm(const struct fmt_estimate *e, const struct fmt_runtime_opts *o, struct fmt_runtime_bytes *b,
                  struct fmt_err *err);
bool runtime_transformers(const struct fmt_estimate *e, const struct fmt_runtime_opts *o, struct fmt_runtime_bytes *b,
                          struct fmt_err *err);

/* runtime_torch.c: bytes of what PyTorch holds at most while `tokens` pass one layer, in 16 bits; scores of attention are
 * held too unless it is fused.
 * returns true if they do not fit into 64 bits, as ckd.h does */
bool runtime_torch_activations(const struct fmt_estimate *e, uint64_t tokens, uint64_t sequences, bool fused,
                               uint64_t *n_bytes);

/* Bytes of one element of a cache in PyTorch, which has no blocks.
 * returns false with *err set: FMT_UNSUPPORTED for a type of blocks */
bool runtime_torch_elem(enum fmt_type type, const char *runtime, uint64_t *n_bytes, struct fmt_err *err);

/* runtime.c: the message for sums past 64 bits; false. */
bool runtime_too_large(struct fmt_err *err);

#endif
