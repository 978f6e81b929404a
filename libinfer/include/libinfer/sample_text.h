/* A text to compare models on where a person gives none. */
#ifndef LIBINFER_SAMPLE_TEXT_H
#define LIBINFER_SAMPLE_TEXT_H

#include <libfmt/model.h>

/* About three kilobytes of UTF-8: mostly English prose, old and new, then dialogue, code, figures and four other languages, so
 * that most of a model's vocabulary and habits have their turn. It stays as it is: figures of different days are of the same
 * text. Too short to say how good a model is: it says how far two are apart. */
struct fmt_str infer_sample_text(void);

#endif
