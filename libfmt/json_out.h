/* Writing JSON into a buffer: only what needs care. */
#ifndef JSON_OUT_H
#define JSON_OUT_H

#include "buf.h"

/* A string in quotes, with the shortest escapes; what is not ASCII stays as it is and must be UTF-8. */
void json_out_str(struct fmt_buf *b, struct fmt_str s);
void json_out_u64(struct fmt_buf *b, uint64_t v);

#endif
