/* Dicts: pairs in the order in which they came, and a table of hashes once there are many. */
#include <math.h>

#include "jinja.h"

#define FEW_PAIRS 8 /* looked through one by one */

bool jj_hashable(struct jj_value v)
{
	if (v.type == JJ_TUPLE)
		for (size_t i = 0; i < v.as.list->n; i++)
			if (v.as.list->items[i].type == JJ_TUPLE || !jj_hashable(v.as.list->items[i]))
				return false; /* tuples in tuples as keys: nobody does */
	return v.type != JJ_LIST && v.type != JJ_DICT && v.type != JJ_VIEW;
}

/* Equal values have equal hashes: 1, 1.0 and true are one key. */
static uint32_t hash(struct jj_value v)
{
	uint32_t h = 2166136261u;
	struct fmt_str s = { NULL, 0 };
	int64_t i;

	if (v.type == JJ_STR) {
		s = v.as.s;
	} else if (v.type == JJ_TUPLE) {
		for (size_t k = 0; k < v.as.list->n; k++)
			h = (h ^ hash(v.as.list->items[k])) * 16777619u;
		return h;
	} else if (jj_is_number(v)) {
		double f = jj_as_float(v);

		i = jj_is_int(v) ? jj_as_int(v) : fabs(f) < 9e15 && floor(f) == f ? (int64_t)f : (int64_t)1 << 62;
		s = (struct fmt_str){ (const char *)&i, sizeof i };
	}
	for (size_t k = 0; k < s.n; k++)
		h = (h ^ (uint8_t)s.p[k]) * 16777619u;
	return h ^ h >> 15;
}

/* Where a key is or would be. */
static size_t probe(struct jj *j, const struct jj_dict *d, struct jj_value key)
{
	size_t mask = d->n_slots - 1, at = hash(key) & mask;

	while (d->slots[at] && jj_spend(j, 1) && !jj_equal(j, d->pairs[d->slots[at] - 1].key, key))
		at = (at + 1) & mask;
	return at;
}

struct jj_value *jj_dict_get(struct jj *j, const struct jj_dict *d, struct jj_value key)
{
	size_t at;

	if (!jj_spend(j, key.type == JJ_STR ? key.as.s.n / 64 : 1))
		return NULL;
	if (!d->n_slots) {
		for (size_t i = 0; i < d->n; i++)
			if (jj_equal(j, d->pairs[i].key, key))
				return &d->pairs[i].value;
		return NULL;
	}
	at = probe(j, d, key);
	return jj_ok(j) && d->slots[at] ? &d->pairs[d->slots[at] - 1].value : NULL;
}

struct jj_value *jj_dict_find(struct jj *j, const struct jj_dict *d, const char *key)
{
	return jj_dict_get(j, d, jj_cstr(key));
}

/* Makes or enlarges the table of a dict that has many pairs. */
static void index_dict(struct jj *j, struct jj_dict *d)
{
	size_t n_slots = d->n_slots ? d->n_slots * 2 : FEW_PAIRS * 4;
	uint32_t *slots = jj_alloc(&j->mem, n_slots, sizeof *slots);

	if (!slots || d->n >= UINT32_MAX)
		return;
	d->slots = slots;
	d->n_slots = n_slots;
	for (size_t i = 0; i < d->n && jj_ok(j); i++)
		slots[probe(j, d, d->pairs[i].key)] = (uint32_t)i + 1;
}

void jj_dict_set(struct jj *j, struct jj_dict *d, struct jj_value key, struct jj_value v)
{
	struct jj_value *there;
	struct jj_pair *pairs;

	if (!jj_hashable(key)) {
		jj_fail(j, FMT_MALFORMED, "unhashable type: '%s'", jj_type_name(key));
		return;
	}
	there = jj_dict_get(j, d, key);
	if (there)
		*there = v;
	if (there || !jj_ok(j))
		return;
	pairs = jj_grow(&j->mem, d->pairs, d->n, &d->cap, sizeof *pairs);
	if (!pairs)
		return;
	d->pairs = pairs;
	pairs[d->n++] = (struct jj_pair){ key, v };
	if (d->n > FEW_PAIRS && d->n * 2 > d->n_slots)
		index_dict(j, d);
	else if (d->n_slots)
		d->slots[probe(j, d, key)] = (uint32_t)d->n;
}
