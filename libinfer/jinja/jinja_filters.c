/* "x|NAME": filters of one value. Those of lists are in jinja_seq.c. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jinja.h"

/* The value as a string: str(x); an undefined one is empty. */
static struct jj_value text_of(struct jj *j, struct jj_value v)
{
	struct jj_value s = jj_str(jj_to_str(j, v));

	s.safe = v.type == JJ_STR && v.safe;
	return s;
}

static struct jj_value by_method(struct jj *j, struct jj_value v, const char *name, const struct jj_args *args)
{
	struct jj_value s = text_of(j, v);

	return jj_ok(j) ? jj_str_method((struct fmt_str){ name, strlen(name) })(j, s, args) : jj_none();
}

static struct jj_value f_trim(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	return by_method(j, v, "strip", args);
}

static struct jj_value f_upper(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	return by_method(j, v, "upper", args);
}

static struct jj_value f_lower(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	return by_method(j, v, "lower", args);
}

static struct jj_value f_capitalize(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	return by_method(j, v, "capitalize", args);
}

/* The first letter of every word in upper case, the rest in lower: words are parted by white space, - and brackets. */
static struct jj_value f_title(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct fmt_str s = jj_to_str(j, v);
	struct jj_buf b = { 0 };
	size_t at = 0;

	(void)args;
	while (at < s.n && jj_ok(j)) {
		size_t end = at;

		while (end < s.n && !strchr(" \t\n\r\f\v-({[<", s.p[end]))
			end++;
		jj_put(j, &b, jj_recase(j, (struct fmt_str){ s.p + at, end - at }, JJ_CAPITALIZE));
		jj_put(j, &b, (struct fmt_str){ s.p + end, end < s.n });
		at = end + 1;
	}
	return jj_str(jj_buf_take(j, &b));
}

static struct jj_value f_string(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	(void)args;
	return text_of(j, v);
}

static struct jj_value f_safe(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value s = text_of(j, v);

	(void)args;
	s.safe = true;
	return s;
}

static struct jj_value f_escape(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value s = text_of(j, v);

	(void)args;
	if (!s.safe)
		s.as.s = jj_escape(j, s.as.s);
	s.safe = true;
	return s;
}

static struct jj_value f_default(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value p[2];

	if (!jj_bind(j, "default", args, "default_value=, boolean=", p))
		return jj_none();
	if (v.type != JJ_UNDEFINED && !(jj_truth(p[1]) && !jj_truth(v)))
		return v;
	return args->n_pos + args->n_named ? p[0] : jj_cstr("");
}

static struct jj_value f_replace(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value p[3];
	struct fmt_str s = jj_to_str(j, v);

	if (!jj_bind(j, "replace", args, "old, new, count=", p))
		return jj_none();
	return jj_str(jj_replace(j, s, jj_to_str(j, p[0]), jj_to_str(j, p[1]), jj_is_int(p[2]) ? jj_as_int(p[2]) : -1));
}

static struct jj_value f_format(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct fmt_str s = jj_to_str(j, v);
	struct jj_value values = args->n_named ? jj_dict(j) : jj_list(j, JJ_TUPLE);

	if (args->n_named && args->n_pos)
		return jj_fail(j, FMT_MALFORMED, "can't handle positional and keyword arguments at the same time");
	for (size_t i = 0; i < args->n_pos; i++)
		jj_push(j, values, args->pos[i]);
	for (size_t i = 0; i < args->n_named && jj_ok(j); i++)
		jj_dict_set(j, values.as.dict, args->named[i].key, args->named[i].value);
	return jj_format_percent(j, s, values);
}

/* Lines after the first with a margin. */
static struct jj_value f_indent(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value p[3], self = jj_str(jj_to_str(j, v));
	struct jj_args no_args = { 0 };
	struct fmt_str margin = FMT_STR("    ");
	struct jj_buf b = { 0 };
	struct jj_list *lines;

	if (!jj_bind(j, "indent", args, "width=, first=, blank=", p))
		return jj_none();
	if (p[0].type == JJ_STR)
		margin = p[0].as.s;
	else if (jj_is_int(p[0]))
		margin = jj_binary(j, JJ_MUL, jj_cstr(" "), p[0]).as.s;
	if (!jj_ok(j))
		return jj_none();
	self.as.s = jj_join(&j->mem, self.as.s, FMT_STR("\n")); /* a newline at the end stays that way */
	lines = jj_items(j, jj_str_method(FMT_STR("splitlines"))(j, self, &no_args));
	for (size_t i = 0; lines && i < lines->n && jj_ok(j); i++) {
		struct fmt_str line = lines->items[i].as.s;

		jj_put(j, &b, i ? FMT_STR("\n") : FMT_STR(""));
		if (i ? line.n || jj_truth(p[2]) : jj_truth(p[1]))
			jj_put(j, &b, margin);
		jj_put(j, &b, line);
	}
	return jj_str(jj_buf_take(j, &b));
}

/* The whole part of a number; what is not finite has none. */
static struct jj_value float_to_int(struct jj *j, double f, struct jj_value otherwise)
{
	if (!isfinite(f))
		return otherwise;
	return fabs(f) < 9.2e18 ? jj_int((int64_t)f) : jj_fail(j, FMT_LIMIT, "an integer is beyond 64 bits");
}

static struct jj_value f_int(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value p[2], otherwise;
	struct fmt_str s;
	char text[64], *end;
	size_t n = 0;
	int64_t base;

	if (!jj_bind(j, "int", args, "default=, base=", p))
		return jj_none();
	otherwise = p[0].type == JJ_UNDEFINED ? jj_int(0) : p[0];
	if (v.type == JJ_FLOAT)
		return float_to_int(j, v.as.f, otherwise);
	if (jj_is_int(v))
		return jj_int(jj_as_int(v));
	if (v.type != JJ_STR)
		return otherwise;
	base = jj_is_int(p[1]) ? jj_as_int(p[1]) : 10;
	s = jj_strip(v.as.s, NULL, true, true);
	for (size_t i = 0; i < s.n && n < sizeof text - 1; i++)
		if (s.p[i] != '_')
			text[n++] = s.p[i];
	text[n] = '\0';
	if (n && n < sizeof text - 1 && base >= 2 && base <= 36) {
		int64_t i;

		errno = 0;
		i = strtoll(text, &end, (int)base);
		if (!*end && errno)
			return jj_fail(j, FMT_LIMIT, "an integer is beyond 64 bits");
		if (!*end)
			return jj_int(i);
		if (base == 10) {
			double f = strtod(text, &end);

			if (!*end && !strpbrk(text, "xX("))
				return float_to_int(j, f, otherwise);
		}
	}
	return otherwise;
}

static struct jj_value f_float(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value otherwise;
	struct fmt_str s;
	char text[64], *end;

	if (!jj_bind(j, "float", args, "default=", &otherwise))
		return jj_none();
	if (otherwise.type == JJ_UNDEFINED)
		otherwise = jj_float(0);
	if (jj_is_number(v))
		return jj_float(jj_as_float(v));
	s = v.type == JJ_STR ? jj_strip(v.as.s, NULL, true, true) : FMT_STR("");
	if (s.n && s.n < sizeof text) {
		double f;

		memcpy(text, s.p, s.n);
		text[s.n] = '\0';
		f = strtod(text, &end);
		if (!*end && !strpbrk(text, "xX(")) /* C's hexadecimal floats and numbered NaNs are none of Python's */
			return jj_float(f);
	}
	return otherwise;
}

static struct jj_value f_abs(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	(void)args;
	if (v.type == JJ_FLOAT)
		return jj_float(fabs(v.as.f));
	return jj_is_int(v) && jj_as_int(v) >= 0 ? jj_int(jj_as_int(v)) : jj_unary(j, JJ_NEG, v);
}

/* An integer to a multiple of 10^-digits, a half to the even one. */
static struct jj_value round_int(int64_t i, int64_t digits)
{
	int64_t unit = 1, rest;

	for (; digits < 0; digits++) {
		if (unit > INT64_MAX / 20)
			return jj_int(0);
		unit *= 10;
	}
	rest = i % unit;
	i -= rest;
	if (2 * llabs(rest) > unit || (2 * llabs(rest) == unit && i / unit % 2))
		return i > INT64_MAX - unit || i < INT64_MIN + unit ? jj_int(i) : jj_int(i + (rest < 0 ? -unit : unit));
	return jj_int(i);
}

static struct jj_value f_round(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value p[2];
	double scale, f;
	int64_t digits;

	if (!jj_bind(j, "round", args, "precision=, method=", p))
		return jj_none();
	if (!jj_is_number(v))
		return jj_fail(j, FMT_MALFORMED, "round: expected a number, not %s", jj_type_name(v));
	digits = jj_is_int(p[0]) ? jj_as_int(p[0]) : 0;
	digits = digits < -30 ? -30 : digits > 30 ? 30 : digits;
	scale = pow(10, (double)digits);
	f = jj_as_float(v);
	if (p[1].type == JJ_STR && fmt_str_is(p[1].as.s, "ceil"))
		return jj_float(ceil(f * scale) / scale);
	if (p[1].type == JJ_STR && fmt_str_is(p[1].as.s, "floor"))
		return jj_float(floor(f * scale) / scale);
	if (jj_is_int(v))
		return round_int(jj_as_int(v), digits);
	if (digits >= 0) { /* exactly as the decimal digits say, a half to even */
		char text[400];

		snprintf(text, sizeof text, "%.*f", (int)digits, f);
		return jj_float(strtod(text, NULL));
	}
	return jj_float(nearbyint(f * scale) / scale);
}

static struct jj_value f_length(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	size_t n;

	(void)args;
	if (jj_length(j, v, &n))
		return jj_int((int64_t)n);
	return jj_fail(j, FMT_MALFORMED, "object of type '%s' has no len()", jj_type_name(v));
}

static struct jj_value f_wordcount(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value words = by_method(j, v, "split", args);

	return jj_ok(j) ? jj_int((int64_t)words.as.list->n) : jj_none();
}

static struct jj_value f_attr(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value name;

	if (!jj_bind(j, "attr", args, "name", &name))
		return jj_none();
	if (name.type != JJ_STR)
		return jj_fail(j, FMT_MALFORMED, "attr: expected a string, not %s", jj_type_name(name));
	if (v.type == JJ_DICT && !jj_dict_method(name.as.s))
		return jj_undefined(JJ_MISSING_IN + JJ_DICT, name.as.s); /* attributes only, no members */
	return jj_attr(j, v, name.as.s);
}

static struct jj_value f_center(struct jj *j, struct jj_value v, const struct jj_args *args)
{
	struct jj_value width = jj_int(80);
	struct jj_args with = { .pos = &width, .n_pos = 1 };

	return by_method(j, v, "center", args->n_pos + args->n_named ? args : &with);
}

static const struct {
	const char *name;
	jj_filter_fn filter;
} filters[] = {
	{ "trim", f_trim },
	{ "upper", f_upper },
	{ "lower", f_lower },
	{ "capitalize", f_capitalize },
	{ "title", f_title },
	{ "string", f_string },
	{ "safe", f_safe },
	{ "escape", f_escape },
	{ "e", f_escape },
	{ "default", f_default },
	{ "d", f_default },
	{ "replace", f_replace },
	{ "format", f_format },
	{ "indent", f_indent },
	{ "int", f_int },
	{ "float", f_float },
	{ "abs", f_abs },
	{ "round", f_round },
	{ "length", f_length },
	{ "count", f_length },
	{ "wordcount", f_wordcount },
	{ "attr", f_attr },
	{ "center", f_center },
	{ "tojson", jj_filter_tojson },
};

jj_filter_fn jj_filter(struct fmt_str name)
{
	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
		if (fmt_str_is(name, filters[i].name))
			return filters[i].filter;
	return jj_seq_filter(name);
}
