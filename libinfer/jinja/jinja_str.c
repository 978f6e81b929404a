/* Methods of strings: cutting, searching, padding. */
#include <stdlib.h>
#include <string.h>

#include "../unicode.h"
#include "jinja.h"

/* Binds arguments, the first n_str of which must be strings (or left out, or none). */
static bool bind(struct jj *j, const char *what, const struct jj_args *args, const char *params, struct jj_value *v,
                 size_t n_str)
{
	if (!jj_bind(j, what, args, params, v))
		return false;
	for (size_t i = 0; i < n_str; i++) {
		if (v[i].type == JJ_UNDEFINED && v[i].of != JJ_MISSING_ARGUMENT)
			jj_fail_undefined(j, v[i]);
		if (v[i].type != JJ_STR && v[i].type != JJ_UNDEFINED && v[i].type != JJ_NONE)
			jj_fail(j, FMT_MALFORMED, "%s: expected a string, not %s", what, jj_type_name(v[i]));
	}
	return jj_ok(j);
}

/* A number that may be left out. */
static int64_t number(struct jj *j, struct jj_value v, int64_t otherwise)
{
	if (jj_is_int(v))
		return jj_as_int(v);
	if (v.type != JJ_UNDEFINED && v.type != JJ_NONE)
		jj_fail(j, FMT_MALFORMED, "expected an integer, not %s", jj_type_name(v));
	return otherwise;
}

static bool need_str(struct jj *j, const char *what, struct jj_value v)
{
	if (v.type == JJ_STR)
		return true;
	jj_fail(j, FMT_MALFORMED, "%s: expected a string, not %s", what, jj_type_name(v));
	return false;
}

static struct jj_value strip(struct jj *j, struct jj_value self, const struct jj_args *args, bool left, bool right)
{
	struct jj_value set;

	if (!bind(j, "strip", args, "chars=", &set, 1))
		return jj_none();
	jj_spend(j, self.as.s.n / 16 * (set.type == JJ_STR ? 1 + set.as.s.n : 1));
	return jj_ok(j) ? jj_str(jj_strip(self.as.s, set.type == JJ_STR ? &set.as.s : NULL, left, right)) : jj_none();
}

static struct jj_value m_strip(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return strip(j, self, args, true, true);
}

static struct jj_value m_lstrip(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return strip(j, self, args, true, false);
}

static struct jj_value m_rstrip(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return strip(j, self, args, false, true);
}

static struct jj_value m_lower(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return jj_str(jj_recase(j, self.as.s, JJ_LOWER));
}

static struct jj_value m_upper(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return jj_str(jj_recase(j, self.as.s, JJ_UPPER));
}

static struct jj_value m_capitalize(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return jj_str(jj_recase(j, self.as.s, JJ_CAPITALIZE));
}

static struct jj_value m_title(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return jj_str(jj_recase(j, self.as.s, JJ_TITLE));
}

static struct jj_value m_swapcase(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	(void)args;
	return jj_str(jj_recase(j, self.as.s, JJ_SWAP));
}

/* startswith, endswith: a string, or any of a tuple. */
static struct jj_value has_end(struct jj *j, struct jj_value self, const struct jj_args *args, bool at_start)
{
	struct jj_value v;
	struct jj_list one, *list = &one;

	if (!jj_bind(j, at_start ? "startswith" : "endswith", args, "prefix", &v))
		return jj_none();
	one = (struct jj_list){ .items = &v, .n = 1 };
	if (v.type == JJ_TUPLE)
		list = v.as.list;
	for (size_t i = 0; i < list->n; i++) {
		struct fmt_str s = list->items[i].as.s;

		if (!need_str(j, at_start ? "startswith" : "endswith", list->items[i]) || !jj_spend(j, 1 + s.n / 64))
			return jj_none();
		if (s.n <= self.as.s.n && (!s.n || !memcmp(self.as.s.p + (at_start ? 0 : self.as.s.n - s.n), s.p, s.n)))
			return jj_bool(true);
	}
	return jj_bool(false);
}

static struct jj_value m_startswith(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return has_end(j, self, args, true);
}

static struct jj_value m_endswith(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return has_end(j, self, args, false);
}

static struct jj_value m_replace(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	struct jj_value v[3];

	if (!bind(j, "replace", args, "old, new, count=", v, 2) || !need_str(j, "replace", v[0]) ||
	    !need_str(j, "replace", v[1]))
		return jj_none();
	return jj_str(jj_replace(j, self.as.s, v[0].as.s, v[1].as.s, number(j, v[2], -1)));
}

/* Words between white space, at most max splits. */
static struct jj_value split_space(struct jj *j, struct fmt_str s, int64_t max, bool from_right)
{
	struct jj_value list = jj_list(j, JJ_LIST), back;
	size_t len;

	for (;;) {
		size_t at = 0;

		s = jj_strip(s, NULL, !from_right, from_right);
		if (!s.n || !jj_spend(j, 1))
			break;
		if (max-- == 0) {
			jj_push_str(j, list, s);
			break;
		}
		if (from_right) {
			at = s.n;
			while (at && !jj_is_space(uni_get(s.p + uni_before(s.p, at), &len)))
				at = uni_before(s.p, at);
			jj_push_str(j, list, (struct fmt_str){ s.p + at, s.n - at });
			s.n = at;
		} else {
			for (; at < s.n && !jj_is_space(uni_get(s.p + at, &len)); at += len)
				;
			jj_push_str(j, list, (struct fmt_str){ s.p, at });
			s = (struct fmt_str){ s.p + at, s.n - at };
		}
	}
	if (!from_right)
		return list;
	back = jj_list(j, JJ_LIST);
	for (size_t i = jj_ok(j) ? list.as.list->n : 0; i--;)
		jj_push(j, back, list.as.list->items[i]);
	return back;
}

static struct jj_value split(struct jj *j, struct fmt_str s, struct fmt_str by, int64_t max)
{
	struct jj_value list = jj_list(j, JJ_LIST);
	size_t at = 0, found;

	while (max-- && jj_ok(j) && (found = jj_find(j, s, by, at)) != JJ_NOWHERE) {
		jj_push_str(j, list, (struct fmt_str){ s.p + at, found - at });
		at = found + by.n;
	}
	jj_push_str(j, list, (struct fmt_str){ s.p + at, s.n - at });
	return list;
}

static struct jj_value rsplit(struct jj *j, struct fmt_str s, struct fmt_str by, int64_t max)
{
	struct jj_value list = jj_list(j, JJ_LIST), back = jj_list(j, JJ_LIST);
	size_t found;

	while (max-- && jj_ok(j) && (found = jj_rfind(j, s, by)) != JJ_NOWHERE) {
		jj_push_str(j, list, (struct fmt_str){ s.p + found + by.n, s.n - found - by.n });
		s.n = found;
	}
	jj_push_str(j, list, s);
	for (size_t i = jj_ok(j) ? list.as.list->n : 0; i--;)
		jj_push(j, back, list.as.list->items[i]);
	return back;
}

static struct jj_value split_method(struct jj *j, struct jj_value self, const struct jj_args *args, bool from_right)
{
	struct jj_value v[2];
	int64_t max;

	if (!bind(j, "split", args, "sep=, maxsplit=", v, 1))
		return jj_none();
	max = number(j, v[1], -1);
	if (v[0].type != JJ_STR)
		return split_space(j, self.as.s, max, from_right);
	if (!v[0].as.s.n)
		return jj_fail(j, FMT_MALFORMED, "empty separator");
	return from_right ? rsplit(j, self.as.s, v[0].as.s, max) : split(j, self.as.s, v[0].as.s, max);
}

static struct jj_value m_split(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return split_method(j, self, args, false);
}

static struct jj_value m_rsplit(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return split_method(j, self, args, true);
}

/* Bytes of the line's end at p; 0 if there is none. */
static size_t line_end(const char *p, size_t n, size_t *len)
{
	uint32_t code = uni_get(p, len);

	if (code == '\r' && n > 1 && p[1] == '\n')
		return 2;
	return (code >= 0x0a && code <= 0x0d) || (code >= 0x1c && code <= 0x1e) || code == 0x85 || code == 0x2028 ||
	                       code == 0x2029
	               ? *len
	               : 0;
}

static struct jj_value m_splitlines(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	struct jj_value keep, list = jj_list(j, JJ_LIST);
	struct fmt_str s = self.as.s;
	size_t start = 0, len, end;

	if (!jj_bind(j, "splitlines", args, "keepends=", &keep))
		return jj_none();
	for (size_t at = 0; at < s.n && jj_ok(j); at += len) {
		end = line_end(s.p + at, s.n - at, &len);
		if (!end)
			continue;
		jj_push_str(j, list, (struct fmt_str){ s.p + start, at - start + (jj_truth(keep) ? end : 0) });
		start = at + end;
		len = end;
	}
	if (start < s.n)
		jj_push_str(j, list, (struct fmt_str){ s.p + start, s.n - start });
	return list;
}

static struct jj_value m_join(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	struct jj_value v;
	struct jj_list *items;
	struct jj_buf b = { 0 };

	if (!jj_bind(j, "join", args, "iterable", &v))
		return jj_none();
	items = jj_items(j, v);
	for (size_t i = 0; items && i < items->n && jj_ok(j); i++) {
		if (items->items[i].type != JJ_STR)
			jj_fail(j, FMT_MALFORMED, "sequence item %zu: expected str instance, %s found", i,
			        jj_type_name(items->items[i]));
		jj_put(j, &b, i ? self.as.s : FMT_STR(""));
		if (jj_ok(j))
			jj_put(j, &b, items->items[i].as.s);
	}
	return jj_str(jj_buf_take(j, &b));
}

/* The byte range of characters [start, end), as find() and its kind take them. */
static struct fmt_str part_of(struct jj *j, struct fmt_str s, struct jj_value start, struct jj_value end)
{
	int64_t n, from, to;

	if (start.type == JJ_UNDEFINED && end.type == JJ_UNDEFINED)
		return s;
	jj_spend(j, s.n / 8);
	n = (int64_t)jj_n_chars(s);
	from = number(j, start, 0);
	to = number(j, end, n);
	from = from < -n ? 0 : from < 0 ? from + n : from;
	to = to < -n ? 0 : to < 0 ? to + n : to > n ? n : to;
	if (from > to)
		return (struct fmt_str){ NULL, 0 };
	from = (int64_t)jj_at_char(s, (size_t)from);
	to = (int64_t)jj_at_char(s, (size_t)to);
	return (struct fmt_str){ s.p + from, (size_t)(to - from) };
}

static struct jj_value find(struct jj *j, struct jj_value self, const struct jj_args *args, const char *what, bool last,
                            bool must)
{
	struct jj_value v[3];
	struct fmt_str part;
	size_t at;

	if (!jj_bind(j, what, args, "sub, start=, end=", v) || !need_str(j, what, v[0]))
		return jj_none();
	part = part_of(j, self.as.s, v[1], v[2]);
	at = !part.p ? JJ_NOWHERE : last ? jj_rfind(j, part, v[0].as.s) : jj_find(j, part, v[0].as.s, 0);
	if (at == JJ_NOWHERE)
		return must ? jj_fail(j, FMT_MALFORMED, "substring not found") : jj_int(-1);
	jj_spend(j, self.as.s.n / 16);
	return jj_int((int64_t)jj_n_chars((struct fmt_str){ self.as.s.p, (size_t)(part.p - self.as.s.p) + at }));
}

static struct jj_value m_find(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return find(j, self, args, "find", false, false);
}

static struct jj_value m_rfind(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return find(j, self, args, "rfind", true, false);
}

static struct jj_value m_index(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return find(j, self, args, "index", false, true);
}

static struct jj_value m_rindex(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return find(j, self, args, "rindex", true, true);
}

static struct jj_value m_count(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	struct jj_value v[3];
	struct fmt_str part;
	int64_t n = 0;

	if (!jj_bind(j, "count", args, "sub, start=, end=", v) || !need_str(j, "count", v[0]))
		return jj_none();
	part = part_of(j, self.as.s, v[1], v[2]);
	if (!v[0].as.s.n)
		return jj_int((int64_t)jj_n_chars(part) + (part.p != NULL));
	for (size_t at = 0; part.p && (at = jj_find(j, part, v[0].as.s, at)) != JJ_NOWHERE; at += v[0].as.s.n)
		n++;
	return jj_int(n);
}

static struct jj_value partition(struct jj *j, struct jj_value self, const struct jj_args *args, bool last)
{
	struct jj_value v, t = jj_list(j, JJ_TUPLE);
	struct fmt_str s = self.as.s;
	size_t at;

	if (!jj_bind(j, "partition", args, "sep", &v) || !need_str(j, "partition", v))
		return jj_none();
	if (!v.as.s.n)
		return jj_fail(j, FMT_MALFORMED, "empty separator");
	at = last ? jj_rfind(j, s, v.as.s) : jj_find(j, s, v.as.s, 0);
	if (at == JJ_NOWHERE) {
		jj_push_str(j, t, last ? FMT_STR("") : s);
		jj_push_str(j, t, FMT_STR(""));
		jj_push_str(j, t, last ? s : FMT_STR(""));
	} else {
		jj_push_str(j, t, (struct fmt_str){ s.p, at });
		jj_push(j, t, v);
		jj_push_str(j, t, (struct fmt_str){ s.p + at + v.as.s.n, s.n - at - v.as.s.n });
	}
	return t;
}

static struct jj_value m_partition(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return partition(j, self, args, false);
}

static struct jj_value m_rpartition(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return partition(j, self, args, true);
}

static struct jj_value m_removeprefix(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	struct jj_value cut = has_end(j, self, args, true);

	if (!jj_ok(j) || !cut.as.b || args->pos[0].type != JJ_STR)
		return self;
	return jj_str((struct fmt_str){ self.as.s.p + args->pos[0].as.s.n, self.as.s.n - args->pos[0].as.s.n });
}

static struct jj_value m_removesuffix(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	struct jj_value cut = has_end(j, self, args, false);

	if (!jj_ok(j) || !cut.as.b || args->pos[0].type != JJ_STR)
		return self;
	return jj_str((struct fmt_str){ self.as.s.p, self.as.s.n - args->pos[0].as.s.n });
}

/* Pads to a width; `left` of the padding before the text: 0 none, 1 all, 2 half. */
static struct jj_value pad(struct jj *j, struct jj_value self, const struct jj_args *args, const char *what, int left)
{
	struct jj_value v[2];
	int64_t width, n, more;
	struct fmt_str fill = FMT_STR(" ");
	struct jj_buf b = { 0 };

	if (!jj_bind(j, what, args, "width, fillchar=", v))
		return jj_none();
	width = number(j, v[0], 0);
	if (v[1].type == JJ_STR && jj_n_chars(v[1].as.s) == 1)
		fill = v[1].as.s;
	n = (int64_t)jj_n_chars(self.as.s);
	more = width > n ? width - n : 0;
	left = left == 2 ? (int)(more / 2 + (more & width & 1)) : left ? (int)(more & INT32_MAX) : 0;
	if (!jj_spend(j, (uint64_t)more))
		return jj_none();
	for (int64_t i = 0; i < left; i++)
		jj_put(j, &b, fill);
	jj_put(j, &b, self.as.s);
	for (int64_t i = left; i < more; i++)
		jj_put(j, &b, fill);
	return jj_str(jj_buf_take(j, &b));
}

static struct jj_value m_ljust(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return pad(j, self, args, "ljust", 0);
}

static struct jj_value m_rjust(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return pad(j, self, args, "rjust", 1);
}

static struct jj_value m_center(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return pad(j, self, args, "center", 2);
}

static struct jj_value m_zfill(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	size_t sign = self.as.s.n && (*self.as.s.p == '-' || *self.as.s.p == '+');
	struct jj_value v[2] = { { 0 }, jj_cstr("0") }, digits;
	struct jj_args with = { .pos = v, .n_pos = 2 };

	if (!jj_bind(j, "zfill", args, "width", v))
		return jj_none();
	v[0] = jj_int(number(j, v[0], 0));
	v[0].as.i -= v[0].as.i > INT64_MIN ? (int64_t)sign : 0;
	digits = pad(j, jj_str((struct fmt_str){ self.as.s.p + sign, self.as.s.n - sign }), &with, "zfill", 1);
	return jj_ok(j) ? jj_str(jj_join(&j->mem, (struct fmt_str){ self.as.s.p, sign }, digits.as.s)) : jj_none();
}

static struct jj_value m_format(struct jj *j, struct jj_value self, const struct jj_args *args)
{
	return jj_format_braces(j, self.as.s, args);
}

static const struct jj_method_row methods[] = {
	{ "strip", m_strip }, { "lstrip", m_lstrip }, { "rstrip", m_rstrip }, { "lower", m_lower },
	{ "casefold", m_lower }, { "upper", m_upper }, { "capitalize", m_capitalize }, { "title", m_title },
	{ "swapcase", m_swapcase }, { "startswith", m_startswith }, { "endswith", m_endswith },
	{ "replace", m_replace }, { "split", m_split }, { "rsplit", m_rsplit }, { "splitlines", m_splitlines },
	{ "join", m_join }, { "find", m_find }, { "rfind", m_rfind }, { "index", m_index }, { "rindex", m_rindex },
	{ "count", m_count }, { "partition", m_partition }, { "rpartition", m_rpartition },
	{ "removeprefix", m_removeprefix }, { "removesuffix", m_removesuffix }, { "ljust", m_ljust },
	{ "rjust", m_rjust }, { "center", m_center }, { "zfill", m_zfill }, { "format", m_format },
};

jj_method_fn jj_find_method(const struct jj_method_row *rows, size_t n, struct fmt_str name)
{
	for (size_t i = 0; i < n; i++)
		if (fmt_str_is(name, rows[i].name))
			return rows[i].call;
	return NULL;
}

jj_method_fn jj_str_method(struct fmt_str name)
{
	jj_method_fn f = jj_find_method(methods, sizeof methods / sizeof *methods, name);

	return f ? f : jj_kind_method(name);
}
