/* Metadata keys under construction. See kv_list.h. */
#include <string.h>

#include "kv_list.h"
#include "limit.h"

const struct fmt_value *kv_find(const struct kv_list *l, const char *key)
{
	for (uint64_t i = 0; i < l->n; i++)
		if (fmt_str_is(l->kv[i].key, key))
			return &l->kv[i].value;
	return NULL;
}

void kv_add(struct kv_list *l, const char *key, struct fmt_value value)
{
	struct fmt_str name = { key, strlen(key) };

	if (l->err->code)
		return;
	if (value.type == FMT_KV_STR)
		value.as.s = fmt_arena_str(l->mem, value.as.s, l->err);
	for (uint64_t i = 0; i < l->n; i++) {
		if (fmt_str_eq(l->kv[i].key, name)) {
			l->kv[i].value = value;
			return;
		}
	}
	if (l->n == LIMIT_VIEW_KEYS) {
		fmt_fail(l->err, FMT_LIMIT, FMT_NO_OFFSET, "more than %d metadata keys", LIMIT_VIEW_KEYS);
		return;
	}
	if (l->n == l->cap) {
		uint64_t cap = l->cap ? 2 * l->cap : 64;
		struct fmt_kv *kv = fmt_arena_grow(l->mem, l->kv, l->cap, cap, sizeof *kv, l->err);

		if (!kv)
			return;
		l->kv = kv;
		l->cap = cap;
	}
	l->kv[l->n].key = fmt_arena_str(l->mem, name, l->err);
	l->kv[l->n].value = value;
	if (!l->err->code)
		l->n++;
}

void kv_u32(struct kv_list *l, const char *key, uint32_t value)
{
	kv_add(l, key, (struct fmt_value){ .type = FMT_KV_U32, .as.u = value });
}

void kv_i32(struct kv_list *l, const char *key, int32_t value)
{
	kv_add(l, key, (struct fmt_value){ .type = FMT_KV_I32, .as.i = value });
}

void kv_f32(struct kv_list *l, const char *key, double value)
{
	kv_add(l, key, (struct fmt_value){ .type = FMT_KV_F32, .as.f = (float)value });
}

void kv_bool(struct kv_list *l, const char *key, bool value)
{
	kv_add(l, key, (struct fmt_value){ .type = FMT_KV_BOOL, .as.b = value });
}

void kv_str(struct kv_list *l, const char *key, struct fmt_str value)
{
	kv_add(l, key, (struct fmt_value){ .type = FMT_KV_STR, .as.s = value });
}

void kv_strs(struct kv_list *l, const char *key, const struct fmt_str *values, uint64_t n)
{
	kv_add(l, key, (struct fmt_value){ .type = FMT_KV_ARR, .elem = FMT_KV_STR, .n = n, .as.strs = values });
}

void kv_array(struct kv_list *l, const char *key, enum fmt_kv_type elem, const void *values, uint64_t n)
{
	kv_add(l, key, (struct fmt_value){ .type = FMT_KV_ARR, .elem = elem, .n = n, .as.data = values });
}

const char *kv_key(struct kv_list *l, const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	char *key = l->err->code ? NULL : fmt_arena_text(l->mem, na + 1 + nb, l->err);

	if (!key)
		return "";
	memcpy(key, a, na);
	key[na] = '.';
	memcpy(key + na + 1, b, nb);
	return key;
}
