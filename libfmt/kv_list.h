/* A list of metadata keys under construction. The first failure stops it: callers check `err` once, at the end. */
#ifndef FMT_KV_LIST_H
#define FMT_KV_LIST_H

#include "arena.h"

struct kv_list {
	struct fmt_arena *mem; /* keys and strings are copied into it */
	struct fmt_err *err;
	struct fmt_kv *kv;
	uint64_t n, cap;
};

/* Adds a key, or replaces its value where it stands already. Array data and string lists are not copied. */
void kv_add(struct kv_list *l, const char *key, struct fmt_value value);

void kv_u32(struct kv_list *l, const char *key, uint32_t value);
void kv_i32(struct kv_list *l, const char *key, int32_t value);
void kv_f32(struct kv_list *l, const char *key, double value); /* rounded to float */
void kv_bool(struct kv_list *l, const char *key, bool value);
void kv_str(struct kv_list *l, const char *key, struct fmt_str value);
void kv_strs(struct kv_list *l, const char *key, const struct fmt_str *values, uint64_t n);
void kv_array(struct kv_list *l, const char *key, enum fmt_kv_type elem, const void *values, uint64_t n);

/* "A.B" in the list's arena; "" after a failure. */
const char *kv_key(struct kv_list *l, const char *a, const char *b);

const struct fmt_value *kv_find(const struct kv_list *l, const char *key); /* NULL if it is not there */

#endif
