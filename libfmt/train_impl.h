/* What the files of training share. */
#ifndef FMT_TRAIN_IMPL_H
#define FMT_TRAIN_IMPL_H

#include <libfmt/train.h>

/* train_activations.c: bytes that one device saves, and of its logits.
 * returns false with *err set: a product past 64 bits */
bool train_activations(const struct fmt_estimate *e, const struct fmt_view *v, const struct fmt_train_opts *o,
                       uint64_t *saved, uint64_t *logits, struct fmt_err *err);

/* train_lora.c: whether `targets` takes in a matrix. */
bool train_targeted(const struct fmt_view *v, const struct fmt_view_tensor *t, enum fmt_share s, const char *targets);

/* returns false with *err set: a word of `targets` takes in nothing */
bool train_check_targets(const struct fmt_estimate *e, const struct fmt_view *v, const char *targets, struct fmt_err *err);

#endif
