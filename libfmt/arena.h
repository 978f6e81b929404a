/* Memory that lives as long as a model: allocated piece by piece, freed at once, with a ceiling. Not thread safe. */
#ifndef LIBFMT_ARENA_H
#define LIBFMT_ARENA_H

#include <libfmt/model.h>

struct arena_block;

struct fmt_arena {
	struct arena_block *small; /* filled from the front; older small blocks behind it */
	struct arena_block *large; /* one allocation each */
	uint64_t n_bytes;          /* taken from the system */
	uint64_t limit_bytes;      /* FMT_LIMIT when n_bytes would pass it */
};

/* An empty arena. The limit can be raised as files are added to a model: add to limit_bytes. */
void fmt_arena_init(struct fmt_arena *a, uint64_t limit_bytes);
void fmt_arena_finish(struct fmt_arena *a); /* a zeroed arena is fine */

/* n items of item_bytes each, zeroed, aligned for any type. Never NULL for n == 0.
 * returns NULL with *err set if the product overflows, the limit is reached or memory is short */
void *fmt_arena_alloc(struct fmt_arena *a, uint64_t n, uint64_t item_bytes, struct fmt_err *err);

/* Makes room for new_n items where `old` (NULL, or from this arena) has old_n; the new ones are zeroed.
 * Large arrays are reallocated, so old is not valid afterwards. */
void *fmt_arena_grow(struct fmt_arena *a, void *old, uint64_t old_n, uint64_t new_n, uint64_t item_bytes,
                     struct fmt_err *err);

/* Room for n bytes and a NUL behind them, unaligned, zeroed. */
char *fmt_arena_text(struct fmt_arena *a, uint64_t n, struct fmt_err *err);

/* A copy of n bytes with a NUL behind it; unaligned. */
char *fmt_arena_bytes(struct fmt_arena *a, const void *p, size_t n, struct fmt_err *err);

/* The same as a fmt_str; .p is NULL after an error. */
struct fmt_str fmt_arena_str(struct fmt_arena *a, struct fmt_str s, struct fmt_err *err);

#endif
