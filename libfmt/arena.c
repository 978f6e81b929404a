/* One arena per model: small pieces share blocks of 64 KiB, large ones get a block of their own, which can grow. */
#include <inttypes.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "ckd.h"

#define BLOCK_BYTES 65536 /* of a block for small pieces; most models' metadata fits in a few */
#define LARGE_BYTES 8192  /* from here on a piece has its own block */

struct arena_block {
	struct arena_block *next, **link; /* link: what points to this block, so that a large one can be moved */
	uint64_t cap, used;               /* bytes behind the header */
	alignas(max_align_t) unsigned char data[];
};

void fmt_arena_init(struct fmt_arena *a, uint64_t limit_bytes)
{
	*a = (struct fmt_arena){ .limit_bytes = limit_bytes };
}

static void free_list(struct arena_block *b)
{
	while (b) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
}

void fmt_arena_finish(struct fmt_arena *a)
{
	free_list(a->small);
	free_list(a->large);
	*a = (struct fmt_arena){ 0 };
}

/* Counts n_bytes more against the limit. */
static bool charge(struct fmt_arena *a, uint64_t n_bytes, struct fmt_err *err)
{
	if (n_bytes > a->limit_bytes - a->n_bytes)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET,
		                "metadata would take more than %" PRIu64 " bytes of memory, which the size of the file does not justify",
		                a->limit_bytes);
	a->n_bytes += n_bytes;
	return true;
}

static void push(struct arena_block **list, struct arena_block *b)
{
	b->next = *list;
	b->link = list;
	if (b->next)
		b->next->link = &b->next;
	*list = b;
}

static struct arena_block *add_block(struct fmt_arena *a, struct arena_block **list, uint64_t cap, struct fmt_err *err)
{
	struct arena_block *b;
	uint64_t total;

	if (ckd_add(&total, cap, sizeof *b) || total > SIZE_MAX) {
		fmt_fail_nomem(err, cap);
		return NULL;
	}
	if (!charge(a, total, err))
		return NULL;
	b = calloc(1, (size_t)total);
	if (!b) {
		fmt_fail_nomem(err, total);
		return NULL;
	}
	b->cap = cap;
	push(list, b);
	return b;
}

/* n_bytes at a multiple of `align`, zeroed. */
static void *take(struct fmt_arena *a, uint64_t n_bytes, uint64_t align, struct fmt_err *err)
{
	struct arena_block *b = a->small;
	uint64_t at;

	if (n_bytes >= LARGE_BYTES) {
		b = add_block(a, &a->large, n_bytes, err);
		if (!b)
			return NULL;
		b->used = n_bytes;
		return b->data;
	}
	at = b ? (b->used + align - 1) / align * align : 0;
	if (!b || at > b->cap || n_bytes > b->cap - at) {
		b = add_block(a, &a->small, BLOCK_BYTES, err);
		if (!b)
			return NULL;
		at = 0;
	}
	b->used = at + n_bytes;
	return b->data + at;
}

void *fmt_arena_alloc(struct fmt_arena *a, uint64_t n, uint64_t item_bytes, struct fmt_err *err)
{
	uint64_t n_bytes;

	if (err->code)
		return NULL;
	if (ckd_mul(&n_bytes, n, item_bytes)) {
		fmt_fail_nomem(err, UINT64_MAX);
		return NULL;
	}
	return take(a, n_bytes, alignof(max_align_t), err);
}

/* Grows a piece that has a block of its own. */
static void *regrow(struct fmt_arena *a, void *old, uint64_t old_bytes, uint64_t new_bytes, struct fmt_err *err)
{
	struct arena_block *b = (struct arena_block *)((unsigned char *)old - offsetof(struct arena_block, data)), *moved;

	if (new_bytes > SIZE_MAX - sizeof *b) {
		fmt_fail_nomem(err, new_bytes);
		return NULL;
	}
	if (!charge(a, new_bytes - old_bytes, err))
		return NULL;
	moved = realloc(b, sizeof *b + (size_t)new_bytes);
	if (!moved) {
		fmt_fail_nomem(err, new_bytes);
		return NULL;
	}
	*moved->link = moved;
	if (moved->next)
		moved->next->link = &moved->next;
	moved->cap = moved->used = new_bytes;
	memset(moved->data + old_bytes, 0, (size_t)(new_bytes - old_bytes));
	return moved->data;
}

void *fmt_arena_grow(struct fmt_arena *a, void *old, uint64_t old_n, uint64_t new_n, uint64_t item_bytes,
                     struct fmt_err *err)
{
	uint64_t old_bytes = old ? old_n * item_bytes : 0, new_bytes;
	void *p;

	if (err->code)
		return NULL;
	if (ckd_mul(&new_bytes, new_n, item_bytes)) {
		fmt_fail_nomem(err, UINT64_MAX);
		return NULL;
	}
	if (new_bytes <= old_bytes)
		return old;
	if (old_bytes >= LARGE_BYTES)
		return regrow(a, old, old_bytes, new_bytes, err);
	p = take(a, new_bytes, alignof(max_align_t), err);
	if (p && old_bytes)
		memcpy(p, old, (size_t)old_bytes);
	return p;
}

char *fmt_arena_text(struct fmt_arena *a, uint64_t n, struct fmt_err *err)
{
	if (err->code)
		return NULL;
	if (n == UINT64_MAX) {
		fmt_fail_nomem(err, n);
		return NULL;
	}
	return take(a, n + 1, 1, err);
}

char *fmt_arena_bytes(struct fmt_arena *a, const void *p, size_t n, struct fmt_err *err)
{
	char *copy = fmt_arena_text(a, n, err);

	if (copy && n)
		memcpy(copy, p, n);
	return copy;
}

struct fmt_str fmt_arena_str(struct fmt_arena *a, struct fmt_str s, struct fmt_err *err)
{
	return (struct fmt_str){ fmt_arena_bytes(a, s.p, s.n, err), s.n };
}
