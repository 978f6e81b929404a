/* A growing piece of memory for headers that are made before they are written. Little endian.
 * Sticky as a cursor: after a failure nothing is added, and the error says why. */
#ifndef LIBFMT_BUF_H
#define LIBFMT_BUF_H

#include <libfmt/model.h>

struct fmt_buf {
	uint8_t *p;
	size_t n, cap;
	struct fmt_err *err; /* the caller's */
};

void fmt_buf_init(struct fmt_buf *b, struct fmt_err *err);
void fmt_buf_finish(struct fmt_buf *b); /* a zeroed buffer is fine */

/* Room for n more bytes at the end, counted as written and not yet set; NULL on failure. */
void *fmt_buf_room(struct fmt_buf *b, size_t n);

void fmt_buf_bytes(struct fmt_buf *b, const void *p, size_t n);
void fmt_buf_zeros(struct fmt_buf *b, size_t n);
void fmt_buf_text(struct fmt_buf *b, const char *s); /* without its NUL */
void fmt_buf_u8(struct fmt_buf *b, uint8_t v);
void fmt_buf_u16(struct fmt_buf *b, uint16_t v);
void fmt_buf_u32(struct fmt_buf *b, uint32_t v);
void fmt_buf_u64(struct fmt_buf *b, uint64_t v);

#endif
