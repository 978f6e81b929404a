/* From names to numbers in constant time: a hash table whose hash is keyed with random bytes, so that nobody can
 * prepare a file whose names all collide. */
#ifndef LIBFMT_INDEX_H
#define LIBFMT_INDEX_H

#include <libfmt/model.h>

struct index_slot;

struct fmt_index {
	struct index_slot *slots; /* owned; n_slots, a power of two, or none */
	uint64_t n_slots, n;
	uint64_t key[2];          /* of the hash */
};

void fmt_index_init(struct fmt_index *x);
void fmt_index_finish(struct fmt_index *x); /* a zeroed index is fine */

enum fmt_index_added {
	FMT_INDEX_ADDED,
	FMT_INDEX_THERE,  /* the name was there already; nothing changed */
	FMT_INDEX_FAILED, /* *err is set: out of memory, or past LIMIT_NAMES */
};

/* Adds name -> value. The bytes of the name are not copied and must outlive the index. */
enum fmt_index_added fmt_index_add(struct fmt_index *x, struct fmt_str name, uint32_t value, struct fmt_err *err);

/* True and *value set if the name is there. Any number of threads, as long as none adds. */
bool fmt_index_find(const struct fmt_index *x, struct fmt_str name, uint32_t *value);

#endif
