/* "x|NAME": filters of lists and dicts. What Python makes lazily is made at once here, and can be gone through once. */
#include <stdlib.h>
#include <string.h>

#include "jinja.h"

static struct jj_value generator(struct jj *j)
{
	return jj_list(j, JJ_GEN);
}

/* An argument that was not given. */
static bool missing(struct jj_value v)
{
	return v.type == JJ_UNDEFINED && v.of == JJ_MISSING_ARGUMENT;
}

/* Strings in lower case, for what does not tell cases apart. */
static struct jj_value fold(struct jj *j, struct jj_value v)
{
	return v.type == JJ_STR ? jj_str(jj_recase(j, v.as.s, JJ_LOWER)) : v;
}

/* What items are compared by: an attribute (or none) of them, without their case. */
static struct jj_value key_of(struct jj *j, struct jj_value item, struct jj_value attribute, bool cased)
{
	if (attribute.type != JJ_UNDEFINED && attribute.type != JJ_NONE)
		item = jj_path(j, item, attribute);
	return cased ? item : fold(j, item);
}

static struct jj_value s_list(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_list *items = jj_items(j, v);
	struct jj_value list = jj_list(j, JJ_LIST);

	(void)args;
	for (size_t i = 0; items && i < items->n && jj_ok(j); i++)
		jj_push(j, list, items->items[i]);
	return list;
}

static struct jj_value s_items(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value list = generator(j), view;
	struct jj_args none = { 0 };

	(void)args;
	if (v.type == JJ_UNDEFINED)
		return list;
	if (v.type != JJ_DICT)
		return jj_fail(j, FMT_MALFORMED, "Can only get item pairs from a mapping.");
	view = jj_dict_method(FMT_STR("items"))(j, v, &none);
	if (jj_ok(j))
		list.as.list = view.as.list;
	return list;
}

static struct jj_value s_first(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_list *items = jj_items(j, v);

	(void)args;
	return items && items->n ? items->items[0]
	                         : jj_undefined(JJ_MISSING_OTHER, FMT_STR("No first item, sequence was empty."));
}

static struct jj_value s_last(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_list *items;

	(void)args;
	if (v.type == JJ_GEN)
		return jj_fail(j, FMT_MALFORMED, "'generator' object is not reversible");
	items = jj_items(j, v);
	return items && items->n ? items->items[items->n - 1]
	                         : jj_undefined(JJ_MISSING_OTHER, FMT_STR("No last item, sequence was empty."));
}

static struct jj_value s_join(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value p[2];
	struct jj_list *items;
	struct jj_buf b = { 0 };

	if (!jj_bind(j, "join", args, "d=, attribute=", p))
		return jj_none();
	items = jj_items(j, v);
	for (size_t i = 0; items && i < items->n && jj_ok(j); i++) {
		struct jj_value item = key_of(j, items->items[i], p[1], true);

		if (i)
			jj_show(j, &b, p[0], false, 0);
		if (jj_ok(j))
			jj_show(j, &b, item, false, 0);
	}
	return jj_str(jj_buf_take(j, &b));
}

static struct jj_value s_reverse(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_list *items;
	struct jj_value list;
	struct jj_buf b = { 0 };

	(void)args;
	if (v.type == JJ_UNDEFINED)
		return jj_fail_undefined(j, v);
	items = jj_items(j, v);
	list = generator(j);
	for (size_t i = items ? items->n : 0; i-- && jj_ok(j);) {
		if (v.type == JJ_STR)
			jj_put(j, &b, items->items[i].as.s);
		else
			jj_push(j, list, items->items[i]);
	}
	return v.type == JJ_STR ? jj_str(jj_buf_take(j, &b)) : list;
}

/* An item and what it is sorted by. */
struct keyed {
	struct jj_value key, item;
};

/* Merges two sorted halves; equal ones stay in their order. */
static void merge_sort(struct jj *j, struct keyed *a, struct keyed *spare, size_t n, bool reverse)
{
	size_t half = n / 2, left = 0, right = half, at = 0;

	if (n < 2 || !jj_ok(j))
		return;
	merge_sort(j, a, spare, half, reverse);
	merge_sort(j, a + half, spare, n - half, reverse);
	while (left < half && right < n && jj_ok(j)) {
		bool take_right = reverse ? jj_order(j, a[left].key, a[right].key, "<") < 0
		                          : jj_order(j, a[right].key, a[left].key, "<") < 0;

		spare[at++] = take_right ? a[right++] : a[left++];
	}
	while (left < half)
		spare[at++] = a[left++];
	if (jj_ok(j))
		memcpy(a, spare, at * sizeof *a);
}

static struct keyed *keyed_items(struct jj *j, const struct jj_list *items, struct jj_value attribute, bool cased,
                                 bool reverse)
{
	struct keyed *k = items ? jj_alloc(&j->mem, items->n + 1, 2 * sizeof *k) : NULL;

	for (size_t i = 0; k && i < items->n && jj_ok(j); i++)
		k[i] = (struct keyed){ key_of(j, items->items[i], attribute, cased), items->items[i] };
	if (k)
		merge_sort(j, k, k + items->n, items->n, reverse);
	return jj_ok(j) ? k : NULL;
}

static struct jj_value s_sort(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value p[3], list = jj_list(j, JJ_LIST);
	struct jj_list *items;
	struct keyed *k;

	if (!jj_bind(j, "sort", args, "reverse=, case_sensitive=, attribute=", p))
		return jj_none();
	items = jj_items(j, v);
	k = keyed_items(j, items, p[2], jj_truth(p[1]), jj_truth(p[0]));
	for (size_t i = 0; k && i < items->n; i++)
		jj_push(j, list, k[i].item);
	return list;
}

static struct jj_value s_dictsort(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value p[3], list = jj_list(j, JJ_LIST), pairs;
	struct jj_args none = { 0 };
	struct keyed *k;
	bool by_value;

	if (!jj_bind(j, "dictsort", args, "case_sensitive=, by=, reverse=", p))
		return jj_none();
	if (v.type != JJ_DICT)
		return jj_fail(j, FMT_MALFORMED, "'%s' object has no attribute 'items'", jj_type_name(v));
	by_value = p[1].type == JJ_STR && fmt_str_is(p[1].as.s, "value");
	pairs = jj_dict_method(FMT_STR("items"))(j, v, &none);
	k = jj_ok(j) ? keyed_items(j, pairs.as.list, jj_int(by_value), jj_truth(p[0]), jj_truth(p[2])) : NULL;
	for (size_t i = 0; k && i < pairs.as.list->n; i++)
		jj_push(j, list, k[i].item);
	return list;
}

static struct jj_value s_unique(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value p[2], list = generator(j), seen = jj_dict(j);
	struct jj_list *items;

	if (!jj_bind(j, "unique", args, "case_sensitive=, attribute=", p))
		return jj_none();
	items = jj_items(j, v);
	for (size_t i = 0; items && i < items->n && jj_ok(j); i++) {
		struct jj_value key = key_of(j, items->items[i], p[1], jj_truth(p[0]));
		size_t n = jj_ok(j) ? seen.as.dict->n : 0;

		if (jj_ok(j))
			jj_dict_set(j, seen.as.dict, key, jj_none());
		if (jj_ok(j) && seen.as.dict->n > n)
			jj_push(j, list, items->items[i]);
	}
	return list;
}

static struct jj_value extreme(struct jj *j, struct jj_value v, const struct jj_args *args, int sign)
{
	struct jj_value p[2], best = { 0 }, best_key = { 0 };
	struct jj_list *items;

	if (!jj_bind(j, sign < 0 ? "min" : "max", args, "case_sensitive=, attribute=", p))
		return jj_none();
	items = jj_items(j, v);
	if (!items || !items->n)
		return jj_undefined(JJ_MISSING_OTHER, FMT_STR("No aggregated item, sequence was empty."));
	for (size_t i = 0; i < items->n && jj_ok(j); i++) {
		struct jj_value key = key_of(j, items->items[i], p[1], jj_truth(p[0]));
		int order = i ? jj_order(j, key, best_key, sign < 0 ? "<" : ">") : sign;

		if (order == sign) {
			best = items->items[i];
			best_key = key;
		}
	}
	return best;
}

static struct jj_value s_min(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	return extreme(j, v, args, -1);
}

static struct jj_value s_max(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	return extreme(j, v, args, 1);
}

static struct jj_value s_sum(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value p[2], sum;
	struct jj_list *items;

	if (!jj_bind(j, "sum", args, "attribute=, start=", p))
		return jj_none();
	sum = missing(p[1]) ? jj_int(0) : p[1];
	items = jj_items(j, v);
	for (size_t i = 0; items && i < items->n && jj_ok(j); i++)
		sum = jj_binary(j, JJ_ADD, sum, key_of(j, items->items[i], p[0], true));
	return sum;
}

/* The arguments from number `from` on. */
static struct jj_args rest(const struct jj_args *args, size_t from)
{
	struct jj_args r = *args;

	r.pos += from;
	r.n_pos -= from;
	return r;
}

static struct jj_value s_map(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value list = generator(j), p[2];
	struct jj_args with = { 0 };
	struct jj_list *items;
	jj_filter_fn filter = NULL;

	if (args->n_pos) {
		if (args->pos[0].type == JJ_STR)
			filter = jj_filter(args->pos[0].as.s);
		if (!filter)
			return jj_fail(j, FMT_UNSUPPORTED, "map: no such filter");
		with = rest(args, 1);
	} else if (!jj_bind(j, "map", args, "attribute, default=", p)) {
		return jj_none();
	}
	items = jj_items(j, v);
	for (size_t i = 0; items && i < items->n && jj_ok(j); i++) {
		struct jj_value item = filter ? filter(j, items->items[i], &with) : jj_path(j, items->items[i], p[0]);

		if (!filter && item.type == JJ_UNDEFINED && !missing(p[1]))
			item = p[1];
		jj_push(j, list, item);
	}
	return list;
}

/* select and reject, and those of an attribute: items for which a test (or their truth) is as wanted. */
static struct jj_value keep(struct jj *j, struct jj_value v, const struct jj_args *args, bool by_attribute, bool wanted)
{
	struct jj_value list = generator(j);
	struct jj_list *items;
	struct jj_args with = { 0 };
	struct fmt_str test = { NULL, 0 };

	if (by_attribute && !args->n_pos)
		return jj_fail(j, FMT_MALFORMED, "Missing parameter for attribute name");
	if (args->n_pos > by_attribute) {
		if (args->pos[by_attribute].type != JJ_STR)
			return jj_fail(j, FMT_MALFORMED, "the name of a test must be a string");
		test = args->pos[by_attribute].as.s;
		with = rest(args, 1 + by_attribute);
	}
	items = jj_items(j, v);
	for (size_t i = 0; items && i < items->n && jj_ok(j); i++) {
		struct jj_value of = by_attribute ? jj_path(j, items->items[i], args->pos[0]) : items->items[i];

		if ((test.p ? jj_run_test(j, test, of, &with) : jj_truth(of)) == wanted)
			jj_push(j, list, items->items[i]);
	}
	return list;
}

static struct jj_value s_select(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	return keep(j, v, args, false, true);
}

static struct jj_value s_reject(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	return keep(j, v, args, false, false);
}

static struct jj_value s_selectattr(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	return keep(j, v, args, true, true);
}

static struct jj_value s_rejectattr(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	return keep(j, v, args, true, false);
}

/* Pairs of a value and the list of items that have it, in its order. */
static struct jj_value s_groupby(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value p[3], list = jj_list(j, JJ_LIST), group = { 0 };
	struct jj_list *items;
	struct keyed *k;

	if (!jj_bind(j, "groupby", args, "attribute, default=, case_sensitive=", p))
		return jj_none();
	items = jj_items(j, v);
	k = keyed_items(j, items, p[0], jj_truth(p[2]), false);
	for (size_t i = 0; k && i < items->n && jj_ok(j); i++) {
		if (!i || !jj_equal(j, k[i - 1].key, k[i].key)) {
			struct jj_value pair = jj_list(j, JJ_TUPLE);

			group = jj_list(j, JJ_LIST);
			jj_push(j, pair, key_of(j, k[i].item, p[0], true));
			jj_push(j, pair, group);
			jj_push(j, list, pair);
		}
		jj_push(j, group, k[i].item);
	}
	return list;
}

/* Rows of n items, the last one filled up. */
static struct jj_value s_batch(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value p[2], list = generator(j), row = { 0 };
	struct jj_list *items;
	int64_t n;

	if (!jj_bind(j, "batch", args, "linecount, fill_with=", p))
		return jj_none();
	n = jj_is_int(p[0]) ? jj_as_int(p[0]) : 0;
	if (n < 1 || n > JJ_MAX_RANGE)
		return jj_fail(j, FMT_MALFORMED, "batch: rows of 1 to %d items", JJ_MAX_RANGE);
	items = jj_items(j, v);
	for (size_t i = 0; items && i < items->n && jj_ok(j); i++) {
		if (i % (size_t)n == 0) {
			row = jj_list(j, JJ_LIST);
			jj_push(j, list, row);
		}
		jj_push(j, row, items->items[i]);
	}
	if (items && items->n && p[1].type != JJ_UNDEFINED && p[1].type != JJ_NONE)
		while (jj_ok(j) && row.as.list->n < (size_t)n)
			jj_push(j, row, p[1]);
	return list;
}

static const struct {
	const char *name;
	jj_filter_fn filter;
} filters[] = {
	{ "list", s_list },
	{ "items", s_items },
	{ "first", s_first },
	{ "last", s_last },
	{ "join", s_join },
	{ "reverse", s_reverse },
	{ "sort", s_sort },
	{ "dictsort", s_dictsort },
	{ "unique", s_unique },
	{ "min", s_min },
	{ "max", s_max },
	{ "sum", s_sum },
	{ "map", s_map },
	{ "select", s_select },
	{ "reject", s_reject },
	{ "selectattr", s_selectattr },
	{ "rejectattr", s_rejectattr },
	{ "groupby", s_groupby },
	{ "batch", s_batch },
};

jj_filter_fn jj_seq_filter(struct fmt_str name)
{
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
		if (fmt_str_is(name, filters[i].name))
			return filters[i].filter;
	return NULL;
}
