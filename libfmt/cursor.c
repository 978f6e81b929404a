/* All arithmetic on positions in untrusted bytes is in window() and fmt_cur_skip(). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"

#define BUFFER_BYTES 65536 /* few enough system calls for a header of many MB, small beside everything else */

void fmt_cur_init(struct fmt_cur *c, const void *p, uint64_t n, struct fmt_err *err)
{
	*c = (struct fmt_cur){ .window = p, .window_bytes = n, .end = n, .err = err };
}

void fmt_cur_file(struct fmt_cur *c, const struct fmt_source *s, uint64_t off, uint64_t n, struct fmt_err *err)
{
	uint64_t left = off < s->n_bytes ? s->n_bytes - off : 0;

	*c = (struct fmt_cur){ .source = s, .pos = off, .end = off + (n < left ? n : left), .err = err };
	c->window_off = off;
}

void fmt_cur_finish(struct fmt_cur *c)
{
	free(c->buffer);
	c->buffer = NULL;
	c->buffer_bytes = 0;
	c->window_bytes = 0;
}

/* Records that n bytes are not there. */
static void truncated(struct fmt_cur *c, uint64_t n, const char *what)
{
	fmt_fail(c->err, FMT_TRUNCATED, c->pos, "%s: need %" PRIu64 " bytes, %" PRIu64 " left", what, n, fmt_cur_left(c));
}

/* Brings n bytes at pos, which the file has, into the buffer. */
static bool fill(struct fmt_cur *c, size_t n)
{
	uint64_t left = fmt_cur_left(c);
	size_t want = left < BUFFER_BYTES ? (size_t)left : BUFFER_BYTES;

	if (want < n)
		want = n;
	if (want > c->buffer_bytes) {
		uint8_t *grown = realloc(c->buffer, want);

		if (!grown)
			return fmt_fail_nomem(c->err, want);
		c->buffer = grown;
		c->buffer_bytes = want;
	}
	c->window = c->buffer;
	c->window_off = c->pos;
	c->window_bytes = 0;
	if (!fmt_source_read(c->source, c->pos, c->buffer, want, c->err))
		return false;
	c->window_bytes = want;
	return true;
}

/* The next n bytes, made available in memory but not consumed. */
static const uint8_t *window(struct fmt_cur *c, size_t n, const char *what)
{
	uint64_t at = c->pos - c->window_off;

	if (c->err->code)
		return NULL; /* sticky: the first failure is the one to report */
	if (n > fmt_cur_left(c)) {
		truncated(c, n, what);
		return NULL;
	}
	if (at <= c->window_bytes && n <= c->window_bytes - at)
		return c->window + at;
	return c->source && fill(c, n) ? c->window : NULL;
}

const uint8_t *fmt_cur_take(struct fmt_cur *c, size_t n, const char *what)
{
	const uint8_t *p = window(c, n, what);

	if (p)
		c->pos += n;
	return p;
}

bool fmt_cur_bytes(struct fmt_cur *c, void *dst, size_t n, const char *what)
{
	const uint8_t *p;

	/* a long read goes straight to its place */
	if (c->source && n > BUFFER_BYTES && fmt_cur_ok(c) && n <= fmt_cur_left(c)) {
		if (!fmt_source_read(c->source, c->pos, dst, n, c->err))
			return false;
		c->pos += n;
		return true;
	}
	p = fmt_cur_take(c, n, what);
	if (!p)
		return false;
	if (n)
		memcpy(dst, p, n);
	return true;
}

bool fmt_cur_skip(struct fmt_cur *c, uint64_t n, const char *what)
{
	if (c->err->code)
		return false;
	if (n > fmt_cur_left(c)) {
		truncated(c, n, what);
		return false;
	}
	c->pos += n;
	if (c->source && c->pos - c->window_off > c->window_bytes) {
		c->window_off = c->pos;
		c->window_bytes = 0;
	}
	return true;
}

bool fmt_cur_seek(struct fmt_cur *c, uint64_t pos, const char *what)
{
	if (c->err->code)
		return false;
	if (pos > c->end)
		return fmt_fail(c->err, FMT_TRUNCATED, c->pos, "%s: at %" PRIu64 ", past the end at %" PRIu64, what, pos, c->end);
	c->pos = pos;
	if (c->source && (pos < c->window_off || pos - c->window_off > c->window_bytes)) {
		c->window_off = pos;
		c->window_bytes = 0;
	}
	return true;
}

/* An unsigned number of n <= 8 bytes in the cursor's byte order. */
static uint64_t number(struct fmt_cur *c, unsigned n, const char *what)
{
	const uint8_t *p = fmt_cur_take(c, n, what);
	uint64_t v = 0;

	for (unsigned i = 0; p && i < n; i++)
		v |= (uint64_t)p[i] << 8 * (c->big_endian ? n - 1 - i : i);
	return v;
}

uint8_t fmt_cur_u8(struct fmt_cur *c, const char *what)
{
	return (uint8_t)number(c, 1, what);
}

uint16_t fmt_cur_u16(struct fmt_cur *c, const char *what)
{
	return (uint16_t)number(c, 2, what);
}

uint32_t fmt_cur_u32(struct fmt_cur *c, const char *what)
{
	return (uint32_t)number(c, 4, what);
}

uint64_t fmt_cur_u64(struct fmt_cur *c, const char *what)
{
	return number(c, 8, what);
}

uint64_t fmt_cur_count(struct fmt_cur *c, uint64_t n, uint64_t item_min, uint64_t off, const char *what)
{
	if (fmt_cur_ok(c) && n > fmt_cur_left(c) / item_min)
		fmt_fail(c->err, FMT_LIMIT, off, "%s: %" PRIu64 " of them cannot fit in the %" PRIu64 " bytes that are left", what, n,
		         fmt_cur_left(c));
	return fmt_cur_ok(c) ? n : 0;
}

struct fmt_str fmt_cur_str(struct fmt_cur *c, uint64_t n, struct fmt_arena *a, const char *what)
{
	struct fmt_str s = { NULL, 0 };
	char *copy;

	if (c->err->code)
		return s;
	if (n > fmt_cur_left(c) || n >= SIZE_MAX) {
		truncated(c, n, what);
		return s;
	}
	copy = fmt_arena_text(a, n, c->err);
	if (!copy || !fmt_cur_bytes(c, copy, (size_t)n, what))
		return s;
	return (struct fmt_str){ copy, (size_t)n };
}
