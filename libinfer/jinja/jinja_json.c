/* JSON to values, and back as Python's json.dumps writes them. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <libfmt/json.h>

#include "../unicode.h"
#include "jinja.h"

static struct jj_value number(struct jj *j, const struct json *v)
{
	int64_t i;
	double f = 0;

	if (!json_is_int(v)) {
		json_f64(v, &f);
		return jj_float(f);
	}
	if (json_i64(v, &i))
		return jj_int(i);
	return jj_fail(j, FMT_LIMIT, "an integer of the conversation is beyond 64 bits");
}

/* The reader has bounded the depth. */
struct jj_value jj_from_json(struct jj *j, const struct json *v)
{
	struct jj_value made;
	bool b = false;

	if (!jj_ok(j))
		return jj_none();
	switch (json_type(v)) {
	case JSON_NULL:
		return jj_none();
	case JSON_BOOL:
		json_bool(v, &b);
		return jj_bool(b);
	case JSON_NUMBER:
		return number(j, v);
	case JSON_STRING:
		return jj_str(json_str(v));
	case JSON_ARRAY:
		made = jj_list(j, JJ_LIST);
		for (const struct json *e = json_first(v); e && jj_ok(j); e = json_next(e))
			jj_push(j, made, jj_from_json(j, e));
		return made;
	default:
		made = jj_dict(j);
		for (const struct json *e = json_first(v); e && jj_ok(j); e = json_next(e)) {
			struct jj_value member = jj_from_json(j, e);

			if (jj_ok(j))
				jj_dict_set(j, made.as.dict, jj_str(json_key(e)), member);
		}
		return made;
	}
}

struct writer {
	struct jj *j;
	struct jj_buf b;
	bool ascii, sort, indented;
	struct fmt_str indent, comma, colon;
};

static void put(struct writer *w, const char *s)
{
	jj_put(w->j, &w->b, (struct fmt_str){ s, strlen(s) });
}

static void put_unit(struct writer *w, uint32_t unit)
{
	char text[16];

	snprintf(text, sizeof text, "\\u%04" PRIx32, unit);
	put(w, text);
}

static void put_string(struct writer *w, struct fmt_str s)
{
	static const char letters[] = "\"\\\n\r\t\b\f", names[] = "\"\\nrtbf";
	size_t from = 0, n;

	put(w, "\"");
	for (size_t at = 0; at < s.n && jj_ok(w->j); at += n) {
		uint32_t code = uni_get(s.p + at, &n);
		const char *letter = code && code < 0x80 ? memchr(letters, (int)code, sizeof letters - 1) : NULL;

		if (!letter && code >= 0x20 && (!w->ascii || code < 0x7f))
			continue;
		jj_put(w->j, &w->b, (struct fmt_str){ s.p + from, at - from });
		from = at + n;
		if (letter) {
			put(w, "\\");
			jj_put(w->j, &w->b, (struct fmt_str){ names + (letter - letters), 1 });
		} else if (code < 0x10000) {
			put_unit(w, code);
		} else {
			put_unit(w, 0xd800 + ((code - 0x10000) >> 10));
			put_unit(w, 0xdc00 + ((code - 0x10000) & 0x3ff));
		}
	}
	jj_put(w->j, &w->b, (struct fmt_str){ s.p + from, s.n - from });
	put(w, "\"");
}

static void new_line(struct writer *w, unsigned depth)
{
	if (!w->indented || !jj_spend(w->j, depth))
		return;
	put(w, "\n");
	for (unsigned i = 0; i < depth; i++)
		jj_put(w->j, &w->b, w->indent);
}

static void put_float(struct writer *w, double f)
{
	char text[32];

	jj_show_float(f, text);
	put(w, f != f ? "NaN" : isinf(f) ? (f > 0 ? "Infinity" : "-Infinity") : text);
}

/* What is a string in JSON whatever it was. */
static void put_key(struct writer *w, struct jj_value key)
{
	switch (key.type) {
	case JJ_STR:
		put_string(w, key.as.s);
		return;
	case JJ_BOOL:
		put(w, key.as.b ? "\"true\"" : "\"false\"");
		return;
	case JJ_NONE:
		put(w, "\"null\"");
		return;
	case JJ_INT:
	case JJ_FLOAT:
		put(w, "\"");
		jj_show(w->j, &w->b, key, false, 0);
		put(w, "\"");
		return;
	default:
		jj_fail(w->j, FMT_MALFORMED, "keys must be str, int, float, bool or None, not %s", jj_type_name(key));
	}
}

static void put_value(struct writer *w, struct jj_value v, unsigned depth);

static void put_list(struct writer *w, const struct jj_list *l, unsigned depth)
{
	put(w, "[");
	for (size_t i = 0; i < l->n && jj_ok(w->j); i++) {
		if (i)
			jj_put(w->j, &w->b, w->comma);
		new_line(w, depth + 1);
		put_value(w, l->items[i], depth + 1);
	}
	if (l->n)
		new_line(w, depth);
	put(w, "]");
}

/* The pairs in the order of their keys. */
static const struct jj_pair *sorted(struct writer *w, const struct jj_dict *d)
{
	struct jj_pair *p = jj_alloc(&w->j->mem, d->n ? d->n : 1, sizeof *p);

	for (size_t i = 0; p && i < d->n && jj_ok(w->j); i++) {
		size_t at = i;

		for (; at && jj_order(w->j, d->pairs[i].key, p[at - 1].key, "<") < 0; at--)
			p[at] = p[at - 1];
		p[at] = d->pairs[i];
	}
	return jj_ok(w->j) ? p : NULL;
}

static void put_dict(struct writer *w, const struct jj_dict *d, unsigned depth)
{
	const struct jj_pair *pairs = w->sort ? sorted(w, d) : d->pairs;

	put(w, "{");
	for (size_t i = 0; i < d->n && jj_ok(w->j); i++) {
		if (i)
			jj_put(w->j, &w->b, w->comma);
		new_line(w, depth + 1);
		put_key(w, pairs[i].key);
		jj_put(w->j, &w->b, w->colon);
		put_value(w, pairs[i].value, depth + 1);
	}
	if (d->n)
		new_line(w, depth);
	put(w, "}");
}

static void put_value(struct writer *w, struct jj_value v, unsigned depth)
{
	if (!jj_spend(w->j, 1))
		return;
	if (depth > JJ_MAX_VALUE_DEPTH) {
		jj_fail(w->j, FMT_LIMIT, "a value is nested too deeply for JSON");
		return;
	}
	switch (v.type) {
	case JJ_NONE:
		put(w, "null");
		return;
	case JJ_BOOL:
		put(w, v.as.b ? "true" : "false");
		return;
	case JJ_INT:
		jj_show(w->j, &w->b, v, false, 0);
		return;
	case JJ_FLOAT:
		put_float(w, v.as.f);
		return;
	case JJ_STR:
		put_string(w, v.as.s);
		return;
	case JJ_LIST:
	case JJ_TUPLE:
		put_list(w, v.as.list, depth);
		return;
	case JJ_DICT:
		put_dict(w, v.as.dict, depth);
		return;
	default:
		jj_fail(w->j, FMT_MALFORMED, "Object of type %s is not JSON serializable", jj_type_name(v));
	}
}

static bool read_options(struct writer *w, const struct jj_value v[4])
{
	w->ascii = jj_truth(v[0]);
	w->sort = jj_truth(v[3]);
	w->comma = FMT_STR(", ");
	w->colon = FMT_STR(": ");
	if (jj_is_int(v[1])) {
		static const char blanks[] = "                                                                ";
		int64_t n = jj_as_int(v[1]);

		if (n > (int64_t)sizeof blanks - 1) {
			jj_fail(w->j, FMT_LIMIT, "tojson: an indent of more than %zu", sizeof blanks - 1);
			return false;
		}
		w->indent = (struct fmt_str){ blanks, n > 0 ? (size_t)n : 0 };
		w->indented = true;
	} else if (v[1].type == JJ_STR) {
		w->indent = v[1].as.s;
		w->indented = true;
	}
	if (w->indented)
		w->comma = FMT_STR(",");
	if (jj_is_seq(v[2]) && v[2].as.list->n == 2) {
		w->comma = jj_to_str(w->j, v[2].as.list->items[0]);
		w->colon = jj_to_str(w->j, v[2].as.list->items[1]);
	}
	return jj_ok(w->j);
}

struct jj_value jj_filter_tojson(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct writer w = { .j = j };
	struct jj_value options[4];

	if (!jj_bind(j, "tojson", args, "ensure_ascii=, indent=, separators=, sort_keys=", options) ||
	    !read_options(&w, options))
		return jj_none();
	put_value(&w, v, 0);
	return jj_str(jj_buf_take(j, &w.b));
}
