/* The language model among the tensors of a checkpoint that has other parts too: such as see or hear. */
#ifndef FMT_TEXT_PART_H
#define FMT_TEXT_PART_H

#include <libfmt/model.h>

/* The tensor that a description calls `name`: under that name, or where the language model is one part of several
 * ("language_model." before it; or "language_model." behind "model."). NULL: there is none. */
const struct fmt_tensor *text_part_find(const struct fmt_model *m, const char *name);

/* Whether the checkpoint has the language model as one part of several. */
bool text_part_is_one(const struct fmt_model *m);

/* Whether a tensor of such a checkpoint belongs to another part. */
bool text_part_is_other(struct fmt_str name);

#endif
