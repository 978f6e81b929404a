/* What reading and writing GGUF have in common. Source: ggml's docs/gguf.md. */
#ifndef LIBFMT_GGUF_H
#define LIBFMT_GGUF_H

#include <libfmt/model.h>

#include "arena.h"
#include "buf.h"
#include "cursor.h"

#define GGUF_ALIGNMENT 32 /* of the data section, unless general.alignment says otherwise */

/* Reads a value of type `type` (unchecked) at the cursor into the arena. version: 1 has 32-bit lengths. */
bool gguf_value_read(struct fmt_cur *c, struct fmt_arena *a, uint32_t version, uint32_t type, struct fmt_value *v);

/* Reads a string; `what` names it. */
struct fmt_str gguf_str_read(struct fmt_cur *c, struct fmt_arena *a, uint32_t version, const char *what);

/* Writes type and value, as version 3, little endian. The value has passed fmt_value_copy. */
void gguf_value_write(struct fmt_buf *b, const struct fmt_value *v);
void gguf_str_write(struct fmt_buf *b, struct fmt_str s);

/* What the specification says of keys, tensor names and alignments. `off` is for the message. */
bool gguf_check_key(struct fmt_str key, uint64_t off, struct fmt_err *err);
bool gguf_check_name(struct fmt_str name, uint64_t off, struct fmt_err *err);
bool gguf_check_alignment(const struct fmt_value *v, uint64_t off, struct fmt_err *err);

/* What the split.* keys of one file say; zeros where it has none. */
struct gguf_split {
	uint64_t no, count; /* this part, from 0; of how many */
	uint64_t tensors;   /* in all parts; UINT64_MAX if it does not say */
};

/* For the first file of a model: opens the other parts if there are any, and checks that they are all. */
bool gguf_complete(struct fmt_model *m, struct fmt_err *err);

#endif
