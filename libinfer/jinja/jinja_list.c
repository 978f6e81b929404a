/* Methods of lists and dicts. Those that would change them are not there: the sandbox forbids them. */
#include <string.h>

#include "jinja.h"

static struct jj_value l_index(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	struct jj_value v;

	if (!jj_bind(j, "index", args, "value", &v))
		return jj_none();
	for (size_t i = 0; i < self.as.list->n && jj_ok(j); i++)
		if (jj_equal(j, self.as.list->items[i], v))
			return jj_int((int64_t)i);
	return jj_fail(j, FMT_MALFORMED, "the value is not in the list");
}

static struct jj_value l_count(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	struct jj_value v;
	int64_t n = 0;

	if (!jj_bind(j, "count", args, "value", &v))
		return jj_none();
	for (size_t i = 0; i < self.as.list->n && jj_ok(j); i++)
		n += jj_equal(j, self.as.list->items[i], v);
	return jj_int(n);
}

static struct jj_value l_copy(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)j;
	(void)args;
	return self; /* nothing can change it */
}

static struct jj_value d_get(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	struct jj_value v[2], *there;

	if (!jj_bind(j, "get", args, "key, default=", v))
		return jj_none();
	if (!jj_hashable(v[0]))
		return jj_fail(j, FMT_MALFORMED, "unhashable type: '%s'", jj_type_name(v[0]));
	there = jj_dict_get(j, self.as.dict, v[0]);
	if (there)
		return *there;
	return v[1].type == JJ_UNDEFINED && v[1].of == JJ_MISSING_ARGUMENT ? jj_none() : v[1];
}

enum { KEYS = 1, VALUES = 2 };

static struct jj_value view(struct jj *j, struct jj_value self, const char *name, int what)
{
	struct jj_value list = jj_list(j, JJ_VIEW);
	const struct jj_dict *d = self.as.dict;

	if (!jj_spend(j, d->n))
		return jj_none();
	list.as.list->show = (struct fmt_str){ name, strlen(name) };
	for (size_t i = 0; i < d->n && jj_ok(j); i++) {
		struct jj_value pair = d->pairs[i].key;

		if (what == VALUES)
			pair = d->pairs[i].value;
		if (what == (KEYS | VALUES)) {
			pair = jj_list(j, JJ_TUPLE);
			jj_push(j, pair, d->pairs[i].key);
			jj_push(j, pair, d->pairs[i].value);
		}
		jj_push(j, list, pair);
	}
	return list;
}

static struct jj_value d_keys(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return view(j, self, "dict_keys", KEYS);
}

static struct jj_value d_values(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return view(j, self, "dict_values", VALUES);
}

static struct jj_value d_items(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return view(j, self, "dict_items", KEYS | VALUES);
}

static const struct jj_method_row list_methods[] = {
	{ "index", l_index }, { "count", l_count }, { "copy", l_copy },
};
static const struct jj_method_row dict_methods[] = {
	{ "get", d_get }, { "keys", d_keys }, { "values", d_values }, { "items", d_items }, { "copy", l_copy },
};

jj_method_fn jj_list_method(struct fmt_str name)
{
	return jj_find_method(list_methods, sizeof list_methods / sizeof *list_methods, name);
}

jj_method_fn jj_dict_method(struct fmt_str name)
{
	return jj_find_method(dict_methods, sizeof dict_methods / sizeof *dict_methods, name);
}
