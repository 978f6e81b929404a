/* Headers made in memory: room that doubles, numbers in little endian. */
#include <stdlib.h>
#include <string.h>

#include "buf.h"

void fmt_buf_init(struct fmt_buf *b, struct fmt_err *err)
{
	*b = (struct fmt_buf){ .err = err };
}

void fmt_buf_finish(struct fmt_buf *b)
{
	free(b->p);
	*b = (struct fmt_buf){ 0 };
}

void *fmt_buf_room(struct fmt_buf *b, size_t n)
{
	if (b->err->code)
		return NULL;
	if (n > b->cap - b->n) {
		size_t cap = b->cap ? b->cap : 256;
		uint8_t *grown;

		while (cap - b->n < n && cap <= SIZE_MAX / 2)
			cap *= 2;
		grown = cap - b->n < n ? NULL : realloc(b->p, cap);
		if (!grown) {
			fmt_fail_nomem(b->err, n);
			return NULL;
		}
		b->p = grown;
		b->cap = cap;
	}
	b->n += n;
	return b->p + (b->n - n);
}

void fmt_buf_bytes(struct fmt_buf *b, const void *p, size_t n)
{
	void *at = fmt_buf_room(b, n);

	if (at && n)
		memcpy(at, p, n);
}

void fmt_buf_zeros(struct fmt_buf *b, size_t n)
{
	void *at = fmt_buf_room(b, n);

	if (at && n)
		memset(at, 0, n);
}

void fmt_buf_text(struct fmt_buf *b, const char *s)
{
	fmt_buf_bytes(b, s, strlen(s));
}

static void number(struct fmt_buf *b, uint64_t v, unsigned n)
{
	uint8_t *p = fmt_buf_room(b, n);

	for (unsigned i = 0; p && i < n; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

void fmt_buf_u8(struct fmt_buf *b, uint8_t v)
{
	number(b, v, 1);
}

void fmt_buf_u16(struct fmt_buf *b, uint16_t v)
{
	number(b, v, 2);
}

void fmt_buf_u32(struct fmt_buf *b, uint32_t v)
{
	number(b, v, 4);
}

void fmt_buf_u64(struct fmt_buf *b, uint64_t v)
{
	number(b, v, 8);
}
