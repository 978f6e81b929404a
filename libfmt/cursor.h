/* Bounded reading of bytes that nobody vouches for, from memory or from a part of a file.
 *
 * A cursor is sticky: after the first failure every read gives zero and moves nothing, so that straight-line code
 * needs one check at its end. What becomes a size or a loop bound goes through fmt_cur_count or a check of its own. */
#ifndef LIBFMT_CURSOR_H
#define LIBFMT_CURSOR_H

#include <libfmt/model.h>

#include "arena.h"
#include "source.h"

struct fmt_cur {
	const struct fmt_source *source; /* NULL: memory */
	const uint8_t *window;           /* bytes at hand, beginning at offset window_off */
	uint64_t window_off, window_bytes;
	uint64_t pos, end;               /* offsets in the file (or the memory): next byte, and first byte out of reach */
	bool big_endian;
	uint8_t *buffer;                 /* owned; the window of a file */
	size_t buffer_bytes;
	struct fmt_err *err;             /* the caller's; what is recorded there stops the cursor */
};

/* Over n bytes of memory; offsets in errors count from p. Little endian until big_endian is set. */
void fmt_cur_init(struct fmt_cur *c, const void *p, uint64_t n, struct fmt_err *err);

/* Over the bytes off .. off+n-1 of a file (cut to what the file has), read through a buffer. */
void fmt_cur_file(struct fmt_cur *c, const struct fmt_source *s, uint64_t off, uint64_t n, struct fmt_err *err);
void fmt_cur_finish(struct fmt_cur *c); /* frees the buffer; needed after fmt_cur_file only, harmless twice */

static inline uint64_t fmt_cur_left(const struct fmt_cur *c)
{
	return c->end - c->pos;
}

static inline bool fmt_cur_ok(const struct fmt_cur *c)
{
	return !c->err->code;
}

/* `what` names what is read, for the message. The address stays valid until the next read only; NULL on failure. */
const uint8_t *fmt_cur_take(struct fmt_cur *c, size_t n, const char *what);
bool fmt_cur_bytes(struct fmt_cur *c, void *dst, size_t n, const char *what);
bool fmt_cur_skip(struct fmt_cur *c, uint64_t n, const char *what);
bool fmt_cur_seek(struct fmt_cur *c, uint64_t pos, const char *what);

uint8_t fmt_cur_u8(struct fmt_cur *c, const char *what);
uint16_t fmt_cur_u16(struct fmt_cur *c, const char *what);
uint32_t fmt_cur_u32(struct fmt_cur *c, const char *what);
uint64_t fmt_cur_u64(struct fmt_cur *c, const char *what);

/* Checks a count of items that was just read and that follow, each at least item_min bytes (not 0) long: never more
 * than the rest of the bytes can hold, so it is safe to loop on.
 * off      where the count was read, for the message
 * returns n, or 0 with the error set */
uint64_t fmt_cur_count(struct fmt_cur *c, uint64_t n, uint64_t item_min, uint64_t off, const char *what);

/* A copy of the next n bytes in the arena, with a NUL behind it. .p is NULL on failure. */
struct fmt_str fmt_cur_str(struct fmt_cur *c, uint64_t n, struct fmt_arena *a, const char *what);

#endif
