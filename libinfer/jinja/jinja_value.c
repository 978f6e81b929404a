/* Values: making them, and what Python calls equal, true and smaller. */
#include <string.h>

#include "../unicode.h"
#include "jinja.h"

struct jj_value jj_undefined(enum jj_missing of, struct fmt_str name)
{
	return (struct jj_value){ .type = JJ_UNDEFINED, .of = (uint8_t)of, .as.s = name };
}

struct jj_value jj_none(void)
{
	return (struct jj_value){ .type = JJ_NONE };
}

struct jj_value jj_bool(bool b)
{
	return (struct jj_value){ .type = JJ_BOOL, .as.b = b };
}

struct jj_value jj_int(int64_t i)
{
	return (struct jj_value){ .type = JJ_INT, .as.i = i };
}

struct jj_value jj_float(double f)
{
	return (struct jj_value){ .type = JJ_FLOAT, .as.f = f };
}

struct jj_value jj_str(struct fmt_str s)
{
	return (struct jj_value){ .type = JJ_STR, .as.s = s.p ? s : FMT_STR("") };
}

struct jj_value jj_cstr(const char *s)
{
	return jj_str((struct fmt_str){ s, strlen(s) });
}

struct jj_value jj_list(struct jj *j, enum jj_type type)
{
	struct jj_list *list = jj_alloc(&j->mem, 1, sizeof *list);

	return list ? (struct jj_value){ .type = (uint8_t)type, .as.list = list } : (struct jj_value){ 0 };
}

struct jj_value jj_dict(struct jj *j)
{
	struct jj_dict *d = jj_alloc(&j->mem, 1, sizeof *d);

	return d ? (struct jj_value){ .type = JJ_DICT, .as.dict = d } : (struct jj_value){ 0 };
}

void jj_push(struct jj *j, struct jj_value list, struct jj_value v)
{
	struct jj_list *l = list.as.list;
	struct jj_value *items;

	if (!jj_spend(j, 1))
		return;
	items = jj_grow(&j->mem, l->items, l->n, &l->cap, sizeof *items);
	if (!items)
		return;
	l->items = items;
	items[l->n++] = v;
}

void jj_push_str(struct jj *j, struct jj_value list, struct fmt_str s)
{
	jj_push(j, list, jj_str(s));
}

bool jj_is_int(struct jj_value v)
{
	return v.type == JJ_INT || v.type == JJ_BOOL;
}

int64_t jj_as_int(struct jj_value v)
{
	return v.type == JJ_BOOL ? v.as.b : v.as.i;
}

bool jj_is_number(struct jj_value v)
{
	return jj_is_int(v) || v.type == JJ_FLOAT;
}

double jj_as_float(struct jj_value v)
{
	return v.type == JJ_FLOAT ? v.as.f : (double)jj_as_int(v);
}

bool jj_is_seq(struct jj_value v)
{
	return v.type >= JJ_LIST && v.type <= JJ_RANGE;
}

bool jj_truth(struct jj_value v)
{
	switch (v.type) {
	case JJ_UNDEFINED:
	case JJ_NONE:
		return false;
	case JJ_BOOL:
		return v.as.b;
	case JJ_INT:
		return v.as.i != 0;
	case JJ_FLOAT:
		return v.as.f != 0;
	case JJ_STR:
		return v.as.s.n;
	case JJ_LIST:
	case JJ_TUPLE:
	case JJ_VIEW:
	case JJ_RANGE:
		return v.as.list->n;
	case JJ_DICT:
		return v.as.dict->n;
	default:
		return true;
	}
}

static bool equal_lists(struct jj *j, const struct jj_list *a, const struct jj_list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!jj_equal(j, a->items[i], b->items[i]))
			return false;
	return jj_ok(j);
}

static bool equal_dicts(struct jj *j, const struct jj_dict *a, const struct jj_dict *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		struct jj_value *v = jj_dict_get(j, b, a->pairs[i].key);

		if (!v || !jj_equal(j, a->pairs[i].value, *v))
			return false;
	}
	return jj_ok(j);
}

/* Equality of what is not a container. */
static bool equal_plain(struct jj *j, struct jj_value a, struct jj_value b)
{
	switch (a.type) {
	case JJ_UNDEFINED:
	case JJ_NONE:
		return true;
	case JJ_STR:
		return a.as.s.n == b.as.s.n && jj_spend(j, a.as.s.n / 64) && fmt_str_eq(a.as.s, b.as.s);
	case JJ_FUNCTION:
		return a.as.function == b.as.function;
	case JJ_METHOD:
		return a.as.method == b.as.method;
	default:
		return a.as.loop == b.as.loop; /* the same thing: all others are pointers */
	}
}

bool jj_equal(struct jj *j, struct jj_value a, struct jj_value b)
{
	bool same;

	if (!jj_spend(j, 1))
		return false;
	if (jj_is_int(a) && jj_is_int(b))
		return jj_as_int(a) == jj_as_int(b);
	if (jj_is_number(a) && jj_is_number(b))
		return jj_as_float(a) == jj_as_float(b);
	if (a.type != b.type)
		return false;
	if (a.type != JJ_LIST && a.type != JJ_TUPLE && a.type != JJ_RANGE && a.type != JJ_DICT)
		return equal_plain(j, a, b);
	if (++j->depth > JJ_MAX_DEPTH)
		jj_fail(j, FMT_LIMIT, "values are nested too deeply to compare");
	same = jj_ok(j) &&
	       (a.type == JJ_DICT ? equal_dicts(j, a.as.dict, b.as.dict) : equal_lists(j, a.as.list, b.as.list));
	j->depth--;
	return same;
}

static int order_str(struct fmt_str a, struct fmt_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? (c < 0 ? -1 : 1) : (a.n > b.n) - (a.n < b.n);
}

/* Lists are in the order of their first items that differ. */
static int order_lists(struct jj *j, const struct jj_list *a, const struct jj_list *b, const char *op)
{
	size_t i = 0;
	int c;

	while (i < a->n && i < b->n && jj_equal(j, a->items[i], b->items[i]))
		i++;
	if (i == a->n || i == b->n)
		return (a->n > b->n) - (a->n < b->n);
	if (++j->depth > JJ_MAX_DEPTH)
		jj_fail(j, FMT_LIMIT, "values are nested too deeply to compare");
	c = jj_ok(j) ? jj_order(j, a->items[i], b->items[i], op) : 0;
	j->depth--;
	return c;
}

int jj_order(struct jj *j, struct jj_value a, struct jj_value b, const char *op)
{
	if (!jj_spend(j, 1))
		return 0;
	if (a.type == JJ_UNDEFINED || b.type == JJ_UNDEFINED) {
		jj_fail_undefined(j, a.type == JJ_UNDEFINED ? a : b);
		return 0;
	}
	if (jj_is_int(a) && jj_is_int(b))
		return (jj_as_int(a) > jj_as_int(b)) - (jj_as_int(a) < jj_as_int(b));
	if (jj_is_number(a) && jj_is_number(b)) {
		double x = jj_as_float(a), y = jj_as_float(b);

		return x != x || y != y ? 2 : (x > y) - (x < y);
	}
	if (a.type == JJ_STR && b.type == JJ_STR)
		return jj_spend(j, (a.as.s.n < b.as.s.n ? a.as.s.n : b.as.s.n) / 64) ? order_str(a.as.s, b.as.s) : 0;
	if (a.type == b.type && (a.type == JJ_LIST || a.type == JJ_TUPLE))
		return order_lists(j, a.as.list, b.as.list, op);
	jj_fail(j, FMT_MALFORMED, "'%s' not supported between instances of '%s' and '%s'", op, jj_type_name(a),
	        jj_type_name(b));
	return 0;
}

static struct jj_list *characters(struct jj *j, struct fmt_str s)
{
	struct jj_value list = jj_list(j, JJ_LIST);
	size_t n;

	for (size_t at = 0; at < s.n && jj_ok(j); at += n) {
		uni_get(s.p + at, &n);
		jj_push_str(j, list, (struct fmt_str){ s.p + at, n });
	}
	return jj_ok(j) ? list.as.list : NULL;
}

struct jj_list *jj_items(struct jj *j, struct jj_value v)
{
	static struct jj_list nothing;
	struct jj_value keys;

	if (!jj_ok(j))
		return NULL;
	if (v.type == JJ_GEN) {
		if (v.as.list->consumed)
			return &nothing;
		v.as.list->consumed = true;
	}
	if (jj_is_seq(v))
		return v.as.list;
	switch (v.type) {
	case JJ_UNDEFINED:
		return &nothing;
	case JJ_STR:
		return characters(j, v.as.s);
	case JJ_DICT:
		keys = jj_list(j, JJ_LIST);
		for (size_t i = 0; i < v.as.dict->n && jj_ok(j); i++)
			jj_push(j, keys, v.as.dict->pairs[i].key);
		return jj_ok(j) ? keys.as.list : NULL;
	default:
		jj_fail(j, FMT_MALFORMED, "'%s' object is not iterable", jj_type_name(v));
		return NULL;
	}
}

bool jj_length(struct jj *j, struct jj_value v, size_t *n)
{
	*n = 0;
	switch (v.type) {
	case JJ_UNDEFINED:
		return true;
	case JJ_STR:
		if (jj_spend(j, v.as.s.n / 16))
			*n = jj_n_chars(v.as.s);
		return true;
	case JJ_LIST:
	case JJ_TUPLE:
	case JJ_VIEW:
	case JJ_RANGE:
		*n = v.as.list->n;
		return true;
	case JJ_DICT:
		*n = v.as.dict->n;
		return true;
	default:
		return false;
	}
}

const char *jj_type_name(struct jj_value v)
{
	static const char *const names[] = {
		[JJ_UNDEFINED] = "Undefined", [JJ_NONE] = "NoneType",
		[JJ_BOOL] = "bool",           [JJ_INT] = "int",
		[JJ_FLOAT] = "float",         [JJ_STR] = "str",
		[JJ_LIST] = "list",           [JJ_TUPLE] = "tuple",
		[JJ_GEN] = "generator",       [JJ_VIEW] = "dict_items",
		[JJ_RANGE] = "range",         [JJ_DICT] = "dict",
		[JJ_NAMESPACE] = "Namespace", [JJ_LOOP] = "LoopContext",
		[JJ_MACRO] = "Macro",         [JJ_METHOD] = "builtin_function_or_method",
		[JJ_FUNCTION] = "function",   [JJ_CYCLER] = "Cycler",
		[JJ_JOINER] = "Joiner",
	};

	return names[v.type];
}

struct jj_value jj_fail_undefined(struct jj *j, struct jj_value v)
{
	int n = jj_shown(v.as.s);

	switch (v.of) {
	case JJ_MISSING_NAME:
		return jj_fail(j, FMT_MALFORMED, "'%.*s' is undefined", n, v.as.s.p);
	case JJ_MISSING_ARGUMENT:
		return jj_fail(j, FMT_MALFORMED, "parameter '%.*s' was not provided", n, v.as.s.p);
	case JJ_MISSING_UNSAFE:
		return jj_fail(j, FMT_UNSAFE, "a template may not use '%.*s'", n, v.as.s.p);
	case JJ_MISSING_OTHER:
		return jj_fail(j, FMT_MALFORMED, "%.*s", n, v.as.s.p ? v.as.s.p : "");
	case JJ_MISSING_IN + JJ_NONE:
		return jj_fail(j, FMT_MALFORMED, "'None' has no attribute '%.*s'", n, v.as.s.p);
	default:
		return jj_fail(j, FMT_MALFORMED, "'%s object' has no attribute '%.*s'",
		               jj_type_name((struct jj_value){ .type = (uint8_t)(v.of - JJ_MISSING_IN) }), n, v.as.s.p);
	}
}
