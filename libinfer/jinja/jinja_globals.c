/* Functions that every template sees. */
#include <inttypes.h>
#include <stdio.h>

#include "jinja.h"

static struct jj_value g_raise(struct jj *j, const struct jj_args *args)
{
	struct jj_value v;
	struct fmt_str s;

	if (!jj_bind(j, "raise_exception", args, "message", &v))
		return jj_none();
	s = jj_to_str(j, v);
	return jj_fail(j, FMT_MISMATCH, "the template refuses: %.*s", s.n > 300 ? 300 : (int)s.n, s.p);
}

static struct jj_value g_strftime_now(struct jj *j, const struct jj_args *args)
{
	struct jj_value v;

	if (!jj_bind(j, "strftime_now", args, "format", &v))
		return jj_none();
	if (v.type != JJ_STR)
		return jj_fail(j, FMT_MALFORMED, "strftime_now: expected a string, not %s", jj_type_name(v));
	return jj_strftime(j, v.as.s, j->now);
}

static struct jj_value g_range(struct jj *j, const struct jj_args *args)
{
	struct jj_value v[3], list = jj_list(j, JJ_RANGE);
	int64_t bound[3] = { 0, 0, 1 };
	uint64_t span, n;
	char text[100];

	if (!jj_bind(j, "range", args, "start, stop=, step=", v))
		return jj_none();
	for (int i = 0; i < 3; i++) {
		if (v[i].type == JJ_UNDEFINED && v[i].of == JJ_MISSING_ARGUMENT)
			continue;
		if (v[i].type == JJ_UNDEFINED)
			return jj_fail_undefined(j, v[i]);
		if (!jj_is_int(v[i]))
			return jj_fail(j, FMT_MALFORMED, "'%s' object cannot be interpreted as an integer",
			               jj_type_name(v[i]));
		bound[i] = jj_as_int(v[i]);
	}
	if (args->n_pos == 1) {
		bound[1] = bound[0];
		bound[0] = 0;
	}
	if (!bound[2])
		return jj_fail(j, FMT_MALFORMED, "range() arg 3 must not be zero");
	if (bound[2] > 0 ? bound[0] >= bound[1] : bound[0] <= bound[1])
		span = 0;
	else
		span = bound[2] > 0 ? (uint64_t)bound[1] - (uint64_t)bound[0] : (uint64_t)bound[0] - (uint64_t)bound[1];
	n = span ? (span - 1) / (bound[2] > 0 ? (uint64_t)bound[2] : -(uint64_t)bound[2]) + 1 : 0;
	if (n > JJ_MAX_RANGE)
		return jj_fail(j, FMT_LIMIT, "a range may not have more than %d numbers", JJ_MAX_RANGE);
	for (uint64_t i = 0; i < n && jj_ok(j); i++)
		jj_push(j, list, jj_int((int64_t)((uint64_t)bound[0] + i * (uint64_t)bound[2])));
	snprintf(text, sizeof text,
	         bound[2] == 1 ? "range(%" PRId64 ", %" PRId64 ")" : "range(%" PRId64 ", %" PRId64 ", %" PRId64 ")",
	         bound[0], bound[1], bound[2]);
	if (jj_ok(j))
		list.as.list->show = jj_copy(&j->mem, jj_cstr(text).as.s);
	return list;
}

/* dict(a=1), dict({...}), dict([(k, v), ...]). */
static struct jj_value g_dict(struct jj *j, const struct jj_args *args)
{
	struct jj_value d = jj_dict(j);

	for (size_t i = 0; i < args->n_pos && jj_ok(j); i++) {
		struct jj_value from = args->pos[i];
		struct jj_list *items;

		if (from.type == JJ_DICT || from.type == JJ_NAMESPACE) {
			for (size_t k = 0; k < from.as.dict->n && jj_ok(j); k++)
				jj_dict_set(j, d.as.dict, from.as.dict->pairs[k].key, from.as.dict->pairs[k].value);
			continue;
		}
		items = jj_items(j, from);
		for (size_t k = 0; items && k < items->n && jj_ok(j); k++) {
			struct jj_list *pair = jj_items(j, items->items[k]);

			if (pair && pair->n == 2)
				jj_dict_set(j, d.as.dict, pair->items[0], pair->items[1]);
			else
				jj_fail(j, FMT_MALFORMED, "dict: an item is no pair");
		}
	}
	for (size_t i = 0; i < args->n_named && jj_ok(j); i++)
		jj_dict_set(j, d.as.dict, args->named[i].key, args->named[i].value);
	return d;
}

static struct jj_value g_namespace(struct jj *j, const struct jj_args *args)
{
	struct jj_value v = g_dict(j, args);

	v.type = jj_ok(j) ? JJ_NAMESPACE : JJ_NONE;
	return v;
}

static struct jj_value g_cycler(struct jj *j, const struct jj_args *args)
{
	struct jj_value v = jj_list(j, JJ_CYCLER);

	if (!args->n_pos)
		return jj_fail(j, FMT_MALFORMED, "cycler: at least one item has to be provided");
	for (size_t i = 0; i < args->n_pos; i++)
		jj_push(j, v, args->pos[i]);
	return v;
}

static struct jj_value g_joiner(struct jj *j, const struct jj_args *args)
{
	struct jj_value v;
	struct jj_joiner *joiner = jj_alloc(&j->mem, 1, sizeof *joiner);

	if (!jj_bind(j, "joiner", args, "sep=", &v) || !joiner)
		return jj_none();
	joiner->separator = v.type == JJ_UNDEFINED ? jj_cstr(", ") : v;
	return (struct jj_value){ .type = JJ_JOINER, .as.joiner = joiner };
}

static const struct jj_function globals[] = {
	{ "raise_exception", g_raise }, { "strftime_now", g_strftime_now }, { "range", g_range }, { "dict", g_dict },
	{ "namespace", g_namespace }, { "cycler", g_cycler }, { "joiner", g_joiner },
};

const struct jj_function *jj_global(struct fmt_str name)
{
	for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
		if (fmt_str_is(name, globals[i].name))
			return &globals[i];
	return NULL;
}
