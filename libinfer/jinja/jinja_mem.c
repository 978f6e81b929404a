/* Memory of the template engine, and what it may spend. */
#include <inttypes.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jinja.h"

#define BLOCK_BYTES 65536 /* more than most templates and conversations need */

struct jj_block {
	struct jj_block *next;
	size_t cap, used;
	alignas(max_align_t) char data[];
};

/* n bytes, aligned; not set. */
static char *take(struct jj_mem *m, size_t n, size_t align)
{
	struct jj_block *b = m->blocks;
	size_t at = b ? (b->used + align - 1) / align * align : 0;

	if (m->err->code)
		return NULL;
	if (!b || at > b->cap || n > b->cap - at) {
		size_t cap = n > BLOCK_BYTES / 2 ? n : BLOCK_BYTES;

		if (cap > JJ_MAX_BYTES - m->n_bytes) {
			fmt_fail(m->err, FMT_LIMIT, FMT_NO_OFFSET,
			         "a template may not take more than %" PRIu64 " bytes of memory", JJ_MAX_BYTES);
			return NULL;
		}
		b = malloc(sizeof *b + cap);
		if (!b) {
			fmt_fail_nomem(m->err, cap);
			return NULL;
		}
		m->n_bytes += cap;
		*b = (struct jj_block){ .next = m->blocks, .cap = cap };
		m->blocks = b;
		at = 0;
	}
	b->used = at + n;
	return b->data + at;
}

void *jj_alloc(struct jj_mem *m, size_t n, size_t item_bytes)
{
	void *p;

	if (n > JJ_MAX_BYTES / item_bytes) {
		fmt_fail(m->err, FMT_LIMIT, FMT_NO_OFFSET,
		         "a template may not take more than %" PRIu64 " bytes of memory", JJ_MAX_BYTES);
		return NULL;
	}
	p = take(m, n * item_bytes, alignof(max_align_t));
	return p ? memset(p, 0, n * item_bytes) : NULL;
}

void *jj_grow(struct jj_mem *m, void *old, size_t old_n, size_t *cap, size_t item_bytes)
{
	size_t more = *cap ? *cap * 2 : 4;
	void *p;

	if (old_n < *cap)
		return old;
	p = jj_alloc(m, more, item_bytes);
	if (!p)
		return NULL;
	if (old_n)
		memcpy(p, old, old_n * item_bytes);
	*cap = more;
	return p;
}

char *jj_room(struct jj_mem *m, size_t n)
{
	return take(m, n, 1);
}

struct fmt_str jj_copy(struct jj_mem *m, struct fmt_str s)
{
	char *p = take(m, s.n, 1);

	if (!p)
		return FMT_STR("");
	if (s.n)
		memcpy(p, s.p, s.n);
	return (struct fmt_str){ p, s.n };
}

struct fmt_str jj_join(struct jj_mem *m, struct fmt_str a, struct fmt_str b)
{
	struct jj_block *top = m->blocks;
	char *p;

	if (!a.n || !b.n)
		return a.n ? a : b;
	if (top && a.p + a.n == top->data + top->used && b.n <= top->cap - top->used) {
		memmove(top->data + top->used, b.p, b.n);
		top->used += b.n;
		return (struct fmt_str){ a.p, a.n + b.n };
	}
	if (b.n > JJ_MAX_BYTES - a.n)
		p = jj_alloc(m, SIZE_MAX, 1); /* which says so */
	else if (a.n + b.n > BLOCK_BYTES / 8 && a.n + b.n <= JJ_MAX_BYTES / 4)
		p = take(m, 2 * (a.n + b.n), 1); /* room to grow */
	else
		p = take(m, a.n + b.n, 1);
	if (!p)
		return FMT_STR("");
	memcpy(p, a.p, a.n);
	memcpy(p + a.n, b.p, b.n);
	if (a.n + b.n > BLOCK_BYTES / 8 && a.n + b.n <= JJ_MAX_BYTES / 4)
		m->blocks->used = (size_t)(p - m->blocks->data) + a.n + b.n;
	return (struct fmt_str){ p, a.n + b.n };
}

void jj_mem_finish(struct jj_mem *m)
{
	for (struct jj_block *b = m->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	m->blocks = NULL;
}

struct jj_value jj_fail(struct jj *j, enum fmt_code code, const char *format, ...)
{
	char text[360];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	fmt_fail(j->err, code, FMT_NO_OFFSET, "template line %" PRIu32 ": %s", j->line, text);
	return (struct jj_value){ 0 };
}

bool jj_spend(struct jj *j, uint64_t steps)
{
	if (!jj_ok(j))
		return false;
	if (steps > JJ_MAX_STEPS - j->steps) {
		jj_fail(j, FMT_LIMIT, "a template may not take more than %" PRIu64 " steps", JJ_MAX_STEPS);
		return false;
	}
	j->steps += steps;
	return true;
}

void jj_put(struct jj *j, struct jj_buf *b, struct fmt_str s)
{
	if (!s.n || !jj_spend(j, s.n / 64))
		return;
	if (s.n > b->cap - b->n) {
		size_t cap = b->cap ? b->cap : 256;
		char *p;

		if (s.n > JJ_MAX_BYTES - b->n) {
			jj_fail(j, FMT_LIMIT, "a template may not make a text of more than %" PRIu64 " bytes",
			        JJ_MAX_BYTES);
			return;
		}
		while (cap - b->n < s.n)
			cap *= 2;
		p = realloc(b->p, cap);
		if (!p) {
			fmt_fail_nomem(j->err, cap);
			return;
		}
		b->p = p;
		b->cap = cap;
	}
	memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
}

struct fmt_str jj_buf_take(struct jj *j, struct jj_buf *b)
{
	struct fmt_str s = jj_copy(&j->mem, (struct fmt_str){ b->p, b->n });

	free(b->p);
	*b = (struct jj_buf){ 0 };
	return s;
}
