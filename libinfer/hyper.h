/* Hyper-parameters of a model, from the keys of its view. */
#ifndef LIBINFER_HYPER_H
#define LIBINFER_HYPER_H

#include "bind.h"

/* Fills in the numbers of m (view is set; weights and rope are not touched) and allocates its layers.
 * with_next  those for multi-token prediction too, if they can be run */
bool infer_hyper_read(struct infer_model *m, bool with_next, struct fmt_err *err);

/* The size that `d` stands for in a layer (NULL: outside the layers). */
uint64_t infer_dim(const struct infer_model *m, const struct infer_layer *l, enum infer_dim d);

#endif
