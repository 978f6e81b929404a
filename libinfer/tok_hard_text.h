/* Text on which tokenizers have been seen to differ. */
#ifndef LIBINFER_TOK_HARD_TEXT_H
#define LIBINFER_TOK_HARD_TEXT_H

#include <stddef.h>

#include <libfmt/model.h>

/* Piece i, or {NULL, 0} behind the last. */
struct fmt_str tok_hard_text(size_t i);

/* Characters of which long runs are hard, likewise. */
struct fmt_str tok_hard_run(size_t i);

#endif
