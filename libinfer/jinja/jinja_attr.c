/* x.name, x[key], x[a:b]: what values have inside, as Jinja's sandbox lets templates see it. */
#include <string.h>

#include "jinja.h"

static const struct jj_list *loop_items(const struct jj_value v)
{
	return v.as.loop->items;
}

static struct jj_value loop_attr(struct jj *j, struct jj_value v, struct fmt_str name)
{
	const struct jj_loop *l = v.as.loop;
	int64_t n = (int64_t)loop_items(v)->n, i = (int64_t)l->index0;

	if (fmt_str_is(name, "index"))
		return jj_int(i + 1);
	if (fmt_str_is(name, "index0"))
		return jj_int(i);
	if (fmt_str_is(name, "first"))
		return jj_bool(i == 0);
	if (fmt_str_is(name, "last"))
		return jj_bool(i == n - 1);
	if (fmt_str_is(name, "length"))
		return jj_int(n);
	if (fmt_str_is(name, "revindex"))
		return jj_int(n - i);
	if (fmt_str_is(name, "revindex0"))
		return jj_int(n - i - 1);
	if (fmt_str_is(name, "depth"))
		return jj_int((int64_t)l->depth0 + 1);
	if (fmt_str_is(name, "depth0"))
		return jj_int(l->depth0);
	if (fmt_str_is(name, "previtem"))
		return i ? l->items->items[i - 1]
		         : jj_undefined(JJ_MISSING_OTHER, FMT_STR("there is no previous item"));
	if (fmt_str_is(name, "nextitem"))
		return i + 1 < n ? l->items->items[i + 1]
		                 : jj_undefined(JJ_MISSING_OTHER, FMT_STR("there is no next item"));
	(void)j;
	return jj_undefined(JJ_MISSING_IN + JJ_LOOP, name);
}

static struct jj_value loop_cycle(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	if (!args->n_pos)
		return jj_fail(j, FMT_MALFORMED, "no items for cycling given");
	return args->pos[self.as.loop->index0 % args->n_pos];
}

static struct jj_value loop_changed(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	struct jj_loop *l = self.as.loop;
	struct jj_value now = jj_list(j, JJ_TUPLE);
	bool changed;

	for (size_t i = 0; i < args->n_pos; i++)
		jj_push(j, now, args->pos[i]);
	changed = jj_ok(j) && (!l->changed_once || !jj_equal(j, l->last, now));
	l->changed_once = true;
	l->last = now;
	return jj_bool(changed);
}

static struct jj_value cycler_next(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	struct jj_list *l = self.as.list;
	struct jj_value v = l->n ? l->items[l->at] : jj_none();

	(void)j;
	(void)args;
	l->at = l->n ? (l->at + 1) % l->n : 0;
	return v;
}

static struct jj_value cycler_reset(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)j;
	(void)args;
	self.as.list->at = 0;
	return jj_none();
}

static jj_method_fn method(struct jj_value of, struct fmt_str name)
{
	switch (of.type) {
	case JJ_STR:
		return jj_str_method(name);
	case JJ_LIST:
	case JJ_TUPLE:
		return jj_list_method(name);
	case JJ_DICT:
		return jj_dict_method(name);
	case JJ_LOOP:
		return fmt_str_is(name, "cycle") ? loop_cycle : fmt_str_is(name, "changed") ? loop_changed : NULL;
	case JJ_CYCLER:
		return fmt_str_is(name, "next") ? cycler_next : fmt_str_is(name, "reset") ? cycler_reset : NULL;
	default:
		return NULL;
	}
}

static struct jj_value bind_method(struct jj *j, struct jj_value of, struct fmt_str name, jj_method_fn call)
{
	struct jj_method *m = jj_alloc(&j->mem, 1, sizeof *m);

	if (!m)
		return jj_none();
	*m = (struct jj_method){ .self = of, .name = name, .call = call };
	return (struct jj_value){ .type = JJ_METHOD, .as.method = m };
}

/* Methods that would change a value: the sandbox hides them. */
static bool changes(struct jj_value of, struct fmt_str name)
{
	static const char *const list[] = { "append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove" };
	static const char *const dict[] = { "clear", "pop", "popitem", "setdefault", "update" };
	size_t n = of.type == JJ_LIST   ? sizeof list / sizeof *list
	           : of.type == JJ_DICT ? sizeof dict / sizeof *dict
	                                : 0;

	for (size_t i = 0; i < n; i++)
		if (fmt_str_is(name, of.type == JJ_LIST ? list[i] : dict[i]))
			return true;
	return false;
}

/* What is an attribute and nothing else; undefined if there is none. */
static struct jj_value own_attr(struct jj *j, struct jj_value of, struct fmt_str name)
{
	jj_method_fn call = method(of, name);
	struct jj_value *v;

	if (call)
		return bind_method(j, of, name, call);
	if (of.type == JJ_LOOP)
		return loop_attr(j, of, name);
	if (of.type == JJ_CYCLER && fmt_str_is(name, "current") && of.as.list->n)
		return of.as.list->items[of.as.list->at];
	if (of.type == JJ_MACRO && fmt_str_is(name, "name"))
		return jj_str(of.as.macro->node->name);
	if (of.type == JJ_NAMESPACE) {
		v = jj_dict_get(j, of.as.dict, jj_str(name));
		if (v)
			return *v;
	}
	if (changes(of, name) || (name.n > 1 && name.p[0] == '_' && name.p[1] == '_'))
		return jj_undefined(JJ_MISSING_UNSAFE, name);
	return jj_undefined(JJ_MISSING_IN + of.type, name);
}

static struct jj_value *entry(struct jj *j, struct jj_value of, struct jj_value key)
{
	return of.type == JJ_DICT && jj_hashable(key) ? jj_dict_get(j, of.as.dict, key) : NULL;
}

struct jj_value jj_attr(struct jj *j, struct jj_value of, struct fmt_str name)
{
	struct jj_value own, *v;

	if (!jj_spend(j, 1))
		return jj_none();
	if (of.type == JJ_UNDEFINED)
		return jj_fail_undefined(j, of);
	own = own_attr(j, of, name);
	if (own.type != JJ_UNDEFINED || own.of == JJ_MISSING_UNSAFE)
		return own;
	v = entry(j, of, jj_str(name));
	return v ? *v : own;
}

/* Where an index points, counted from the end if it is negative; n where it is outside. */
static size_t position(int64_t i, size_t n)
{
	uint64_t from_end = (uint64_t)-(i + 1) + 1;

	if (i >= 0)
		return (uint64_t)i < n ? (size_t)i : n;
	return from_end <= n ? n - (size_t)from_end : n;
}

static struct jj_value character(struct jj *j, struct fmt_str s, int64_t i)
{
	size_t n, at, len;

	if (!jj_spend(j, s.n / 16))
		return jj_none();
	n = jj_n_chars(s);
	at = position(i, n);
	if (at == n)
		return jj_undefined(JJ_MISSING_IN + JJ_STR, FMT_STR("index"));
	at = jj_at_char(s, at);
	len = jj_at_char((struct fmt_str){ s.p + at, s.n - at }, 1);
	return jj_str((struct fmt_str){ s.p + at, len });
}

struct jj_value jj_item(struct jj *j, struct jj_value of, struct jj_value key)
{
	struct jj_value *v;
	size_t at;

	if (!jj_spend(j, 1))
		return jj_none();
	if (of.type == JJ_UNDEFINED)
		return jj_fail_undefined(j, of);
	v = entry(j, of, key);
	if (v)
		return *v;
	if (jj_is_int(key) && (of.type == JJ_LIST || of.type == JJ_TUPLE || of.type == JJ_RANGE)) {
		at = position(jj_as_int(key), of.as.list->n);
		if (at < of.as.list->n)
			return of.as.list->items[at];
	}
	if (jj_is_int(key) && of.type == JJ_STR)
		return character(j, of.as.s, jj_as_int(key));
	if (key.type == JJ_STR)
		return own_attr(j, of, key.as.s);
	return jj_undefined(JJ_MISSING_IN + of.type, jj_to_str(j, key));
}

/* First index, number of items and step of a slice of n items. (Python's PySlice_AdjustIndices) */
static bool slice_bounds(struct jj *j, const struct jj_value at[3], size_t n, int64_t *start, int64_t *step,
                         size_t *count)
{
	int64_t len = (int64_t)n, bound[2];

	for (int i = 0; i < 3; i++)
		if (at[i].type != JJ_NONE && !jj_is_int(at[i])) {
			if (at[i].type == JJ_UNDEFINED)
				jj_fail_undefined(j, at[i]);
			jj_fail(j, FMT_MALFORMED, "slice indices must be integers or None");
			return false;
		}
	*step = at[2].type == JJ_NONE ? 1 : jj_as_int(at[2]);
	if (!*step) {
		jj_fail(j, FMT_MALFORMED, "slice step cannot be zero");
		return false;
	}
	if (*step < -INT64_MAX)
		*step = -INT64_MAX;
	for (int i = 0; i < 2; i++) {
		int64_t low = *step < 0 ? -1 : 0, high = *step < 0 ? len - 1 : len, v;

		if (at[i].type == JJ_NONE) {
			bound[i] = (i == 0) == (*step > 0) ? low : high;
			continue;
		}
		v = jj_as_int(at[i]);
		v = v < 0 ? (v < -len ? low : v + len) : v;
		bound[i] = v < low ? low : v > high ? high : v;
	}
	*start = bound[0];
	if (*step > 0)
		*count = bound[0] < bound[1] ? (size_t)((bound[1] - bound[0] - 1) / *step + 1) : 0;
	else
		*count = bound[1] < bound[0] ? (size_t)((bound[0] - bound[1] - 1) / -*step + 1) : 0;
	return jj_ok(j);
}

static struct jj_value slice_str(struct jj *j, struct fmt_str s, int64_t start, int64_t step, size_t count)
{
	struct jj_list *chars;
	struct jj_buf b = { 0 };

	if (step == 1) {
		size_t from = jj_at_char(s, (size_t)start);
		struct fmt_str rest = { s.p + from, s.n - from };

		return jj_str((struct fmt_str){ rest.p, jj_at_char(rest, count) });
	}
	chars = jj_items(j, jj_str(s));
	for (size_t i = 0; chars && i < count && jj_ok(j); i++)
		jj_put(j, &b, chars->items[start + (int64_t)i * step].as.s);
	return jj_str(jj_buf_take(j, &b));
}

struct jj_value jj_slice(struct jj *j, struct jj_value of, const struct jj_value at[3])
{
	struct jj_value list;
	int64_t start, step;
	size_t n, count;

	if (!jj_ok(j))
		return jj_none();
	if (of.type == JJ_UNDEFINED)
		return jj_fail_undefined(j, of);
	if (of.type != JJ_STR && of.type != JJ_LIST && of.type != JJ_TUPLE && of.type != JJ_RANGE)
		return jj_undefined(JJ_MISSING_IN + of.type, FMT_STR("slice"));
	if (!jj_length(j, of, &n) || !slice_bounds(j, at, n, &start, &step, &count) || !jj_spend(j, 1 + count / 4))
		return jj_none();
	if (of.type == JJ_STR)
		return slice_str(j, of.as.s, start, step, count);
	list = jj_list(j, of.type == JJ_TUPLE ? JJ_TUPLE : JJ_LIST);
	for (size_t i = 0; i < count; i++)
		jj_push(j, list, of.as.list->items[start + (int64_t)i * step]);
	return list;
}

struct jj_value jj_path(struct jj *j, struct jj_value of, struct jj_value path)
{
	struct fmt_str s = path.as.s;

	if (path.type != JJ_STR)
		return jj_item(j, of, path);
	for (;;) {
		const char *dot = memchr(s.p, '.', s.n);
		struct fmt_str part = { s.p, dot ? (size_t)(dot - s.p) : s.n };
		int64_t i = 0;
		size_t k = 0;

		for (; k < part.n && k < 18 && part.p[k] >= '0' && part.p[k] <= '9'; k++)
			i = i * 10 + (part.p[k] - '0');
		of = jj_item(j, of, part.n && k == part.n ? jj_int(i) : jj_str(part));
		if (!dot || !jj_ok(j))
			return of;
		s = (struct fmt_str){ dot + 1, s.n - part.n - 1 };
	}
}
