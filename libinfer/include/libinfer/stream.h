/* Text as it is generated: ids in, pieces of whole characters out. */
#ifndef LIBINFER_STREAM_H
#define LIBINFER_STREAM_H

#include <libinfer/tokenizer.h>

struct infer_stream;

/* A stream that goes on after `ids`, whose text has been shown already (the prompt; may be empty).
 * The tokenizer must outlive it. NULL with *err set: out of memory. */
struct infer_stream *infer_stream_create(const struct infer_tokenizer *t, const int32_t *ids, size_t n,
                                         struct fmt_err *err);
void infer_stream_destroy(struct infer_stream *s); /* NULL is fine */

/* Adds an id and gives the text that is complete with it: *text, *n bytes (0 while a character is incomplete), valid
 * until the next call. All pieces together are the decoding of all ids. Control tokens give nothing. */
bool infer_stream_push(struct infer_stream *s, int32_t id, const char **text, size_t *n, struct fmt_err *err);

/* What is still held back, at the end. */
bool infer_stream_flush(struct infer_stream *s, const char **text, size_t *n, struct fmt_err *err);

#endif
