/* "%s" % x and "{}".format(x). */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "jinja.h"

#define MAX_WIDTH 100000 /* of a field; wider ones only cost memory */

struct spec {
	char fill[5]; /* a character, ended by NUL */
	char align;   /* '<' '>' '^' '=', or 0 */
	char sign, type;
	bool alternate, zero, thousands;
	int64_t width, precision; /* precision -1: not given */
};

static int64_t read_number(struct jj *j, const char **p, const char *end)
{
	int64_t n = 0;

	for (; *p < end && isdigit((unsigned char)**p); ++*p) {
		n = n * 10 + (**p - '0');
		if (n > MAX_WIDTH) {
			jj_fail(j, FMT_LIMIT, "a field of a format may not be wider than %d", MAX_WIDTH);
			return 0;
		}
	}
	return n;
}

/* Puts text in a field. n_sign: bytes of the sign, behind which zeros go. */
static void put_field(struct jj *j, struct jj_buf *b, struct fmt_str s, size_t n_sign, const struct spec *f, char align)
{
	int64_t n = (int64_t)jj_n_chars(s), more = f->width > n ? f->width - n : 0;
	int64_t before = align == '>' || align == '=' ? more : align == '^' ? more / 2 : 0;
	struct fmt_str fill = { f->fill, strlen(f->fill) };

	if (!jj_spend(j, (uint64_t)more))
		return;
	if (align == '=') {
		jj_put(j, b, (struct fmt_str){ s.p, n_sign });
		s = (struct fmt_str){ s.p + n_sign, s.n - n_sign };
	}
	for (int64_t i = 0; i < before; i++)
		jj_put(j, b, fill);
	jj_put(j, b, s);
	for (int64_t i = before; i < more; i++)
		jj_put(j, b, fill);
}

/* Digits in groups of three. */
static size_t group(const char *digits, char *out)
{
	size_t whole = strspn(digits, "0123456789"), n = 0;

	for (size_t i = 0; i < whole; i++) {
		if (i && (whole - i) % 3 == 0)
			out[n++] = ',';
		out[n++] = digits[i];
	}
	strcpy(out + n, digits + whole);
	return n + strlen(digits + whole);
}

/* A number in a field, as type d, x, X, o, e, f, g or %. */
static void put_number(struct jj *j, struct jj_buf *b, struct jj_value v, const struct spec *f, char align)
{
	char digits[512], text[1024], format[16];
	size_t n = 0;
	bool negative;

	if (f->precision > 100) {
		jj_fail(j, FMT_LIMIT, "a number of more than 100 digits");
		return;
	}
	if (strchr("dixXo", f->type) && v.type == JJ_FLOAT && !(v.as.f > -9.2e18 && v.as.f < 9.2e18)) {
		jj_fail(j, FMT_LIMIT, "an integer is beyond 64 bits");
		return;
	}
	if (strchr("dixXo", f->type)) {
		int64_t i = v.type == JJ_FLOAT ? (int64_t)v.as.f : jj_as_int(v);
		uint64_t u = i < 0 ? -(uint64_t)i : (uint64_t)i;

		negative = i < 0;
		if (f->type == 'x')
			snprintf(digits, sizeof digits, "%s%" PRIx64, f->alternate ? "0x" : "", u);
		else if (f->type == 'X')
			snprintf(digits, sizeof digits, "%s%" PRIX64, f->alternate ? "0X" : "", u);
		else if (f->type == 'o')
			snprintf(digits, sizeof digits, "%s%" PRIo64, f->alternate ? "0o" : "", u);
		else
			snprintf(digits, sizeof digits, "%" PRIu64, u);
	} else {
		double d = jj_as_float(v) * (f->type == '%' ? 100 : 1);

		negative = d < 0;
		snprintf(format, sizeof format, "%%.*%c%s", f->type == '%' ? 'f' : f->type, f->type == '%' ? "%%" : "");
		snprintf(digits, sizeof digits, format, f->precision < 0 ? 6 : (int)f->precision, negative ? -d : d);
	}
	if (negative || f->sign)
		text[n++] = negative ? '-' : f->sign;
	if (f->thousands)
		n += group(digits, text + n);
	else
		n += (size_t)snprintf(text + n, sizeof text - n, "%s", digits);
	put_field(j, b, (struct fmt_str){ text, n }, negative || f->sign, f, align);
}

static void put_text(struct jj *j, struct jj_buf *b, struct fmt_str s, const struct spec *f, char align)
{
	if (f->precision >= 0)
		s.n = jj_at_char(s, (size_t)f->precision);
	put_field(j, b, s, 0, f, align);
}

static struct fmt_str repr(struct jj *j, struct jj_value v)
{
	struct jj_buf b = { 0 };

	jj_show(j, &b, v, true, 0);
	return jj_buf_take(j, &b);
}

/* One conversion, behind the '%'. */
static void percent_field(struct jj *j, struct jj_buf *b, struct jj_value v, const struct spec *f, bool left)
{
	char align = left ? '<' : '>';

	if (f->type == 's') {
		put_text(j, b, jj_to_str(j, v), f, align);
	} else if (f->type == 'r' || f->type == 'a') {
		put_text(j, b, repr(j, v), f, align);
	} else if (f->type == 'c' && v.type == JJ_STR && jj_n_chars(v.as.s) == 1) {
		put_text(j, b, v.as.s, f, align);
	} else if (f->type && strchr("diuxXoeEfFgG", f->type)) {
		struct spec g = *f;

		g.type = f->type == 'u' ? 'd' : f->type;
		if (!jj_is_number(v)) {
			jj_fail(j, FMT_MALFORMED, "%%%c format: a real number is required, not %s", f->type,
			        jj_type_name(v));
			return;
		}
		put_number(j, b, v, &g, left ? '<' : f->zero ? '=' : '>');
	} else {
		jj_fail(j, FMT_MALFORMED, "unsupported format character '%c'", f->type);
	}
}

static const char *percent_spec(struct jj *j, const char *p, const char *end, struct spec *f, bool *left)
{
	*f = (struct spec){ .fill = " ", .precision = -1 };
	*left = false;
	for (; p < end && *p && strchr("-+ #0", *p); p++) {
		*left |= *p == '-';
		f->zero |= *p == '0';
		f->alternate |= *p == '#';
		if (*p == '+' || (*p == ' ' && !f->sign))
			f->sign = *p;
	}
	if (f->zero)
		f->fill[0] = '0';
	if (*left)
		f->fill[0] = ' ';
	f->width = read_number(j, &p, end);
	if (p < end && *p == '.') {
		p++;
		f->precision = read_number(j, &p, end);
	}
	f->type = '\0';
	if (p < end)
		f->type = *p++;
	return p;
}

/* "(name)" behind a '%': its value. */
static const char *percent_name(struct jj *j, const char *p, const char *end, struct jj_value args, struct jj_value *v)
{
	const char *close = memchr(p, ')', (size_t)(end - p));
	struct jj_value *there;

	if (!close || args.type != JJ_DICT) {
		jj_fail(j, FMT_MALFORMED, "format requires a mapping");
		return end;
	}
	there = jj_dict_get(j, args.as.dict, jj_str((struct fmt_str){ p + 1, (size_t)(close - p - 1) }));
	if (!there)
		jj_fail(j, FMT_MALFORMED, "format names a key that is not there");
	*v = there ? *there : jj_none();
	return close + 1;
}

struct jj_value jj_format_percent(struct jj *j, struct fmt_str format, struct jj_value args)
{
	const char *p = format.p, *end = p + format.n;
	size_t used = 0, n = args.type == JJ_TUPLE ? args.as.list->n : 1;
	struct jj_buf b = { 0 };
	struct spec f;
	bool left, named = false;

	while (p < end && jj_spend(j, 1)) {
		const char *percent = memchr(p, '%', (size_t)(end - p));
		struct jj_value v = jj_none();

		jj_put(j, &b, (struct fmt_str){ p, (size_t)((percent ? percent : end) - p) });
		if (!percent)
			break;
		p = percent + 1;
		if (p < end && *p == '(') {
			p = percent_name(j, p, end, args, &v);
			p = percent_spec(j, p, end, &f, &left);
			named = true;
		} else {
			p = percent_spec(j, p, end, &f, &left);
			if (f.type == '%') {
				jj_put(j, &b, FMT_STR("%"));
				continue;
			}
			if (used >= n)
				jj_fail(j, FMT_MALFORMED, "not enough arguments for format string");
			else
				v = args.type == JJ_TUPLE ? args.as.list->items[used] : args;
			used++;
		}
		if (jj_ok(j))
			percent_field(j, &b, v, &f, left);
	}
	if (used < n && !named && args.type != JJ_DICT && args.type != JJ_LIST)
		jj_fail(j, FMT_MALFORMED, "not all arguments converted during string formatting");
	return jj_str(jj_buf_take(j, &b));
}

/* "[[fill]align][sign][#][0][width][,][.precision][type]" */
static void brace_spec(struct jj *j, struct fmt_str s, struct spec *f)
{
	const char *p = s.p, *end = p + s.n;
	size_t first = jj_at_char(s, 1);

	*f = (struct spec){ .fill = " ", .precision = -1 };
	if (first < s.n && strchr("<>^=", p[first]) && p[first]) {
		memcpy(f->fill, p, first);
		f->fill[first] = '\0';
		f->align = p[first];
		p += first + 1;
	} else if (p < end && *p && strchr("<>^=", *p)) {
		f->align = *p++;
	}
	if (p < end && (*p == '+' || *p == '-' || *p == ' ')) {
		f->sign = *p == '-' ? '\0' : *p;
		p++;
	}
	if (p < end && *p == '#') {
		f->alternate = true;
		p++;
	}
	if (p < end && *p == '0' && !f->align) {
		f->zero = true;
		f->align = '=';
		f->fill[0] = '0';
	}
	f->width = read_number(j, &p, end);
	if (p < end && *p == ',') {
		f->thousands = true;
		p++;
	}
	if (p < end && *p == '.') {
		p++;
		f->precision = read_number(j, &p, end);
	}
	if (p < end)
		f->type = *p++;
	if (p != end)
		jj_fail(j, FMT_MALFORMED, "invalid format specifier '%.*s'", jj_shown(s), s.p);
}

static void brace_value(struct jj *j, struct jj_buf *b, struct jj_value v, struct fmt_str text)
{
	struct spec f;

	brace_spec(j, text, &f);
	if (!jj_ok(j))
		return;
	if (jj_is_number(v) && v.type != JJ_BOOL && (f.type || f.thousands || f.precision >= 0)) {
		if (!f.type)
			f.type = v.type == JJ_FLOAT ? 'g' : 'd';
		if (!strchr(v.type == JJ_FLOAT ? "eEfFgG%" : "dxXoeEfFgG%", f.type))
			jj_fail(j, FMT_MALFORMED, "unknown format code '%c' for object of type '%s'", f.type,
			        jj_type_name(v));
		else
			put_number(j, b, v, &f, f.align ? f.align : '>');
	} else if (f.type && f.type != 's') {
		jj_fail(j, FMT_MALFORMED, "unknown format code '%c' for object of type '%s'", f.type, jj_type_name(v));
	} else {
		struct fmt_str s = jj_to_str(j, v);
		bool negative = jj_is_number(v) && s.n && *s.p == '-';

		if (f.align == '=' && !jj_is_number(v))
			f.align = '<';
		put_field(j, b, f.precision >= 0 ? (struct fmt_str){ s.p, jj_at_char(s, (size_t)f.precision) } : s,
		          negative, &f,
		          f.align           ? f.align
		          : jj_is_number(v) ? '>'
		                            : '<');
	}
}

/* The value that "0", "name", "a.b[0]" or nothing stand for. */
static struct jj_value brace_name(struct jj *j, struct fmt_str name, const struct jj_args *args, size_t *next)
{
	size_t n = 0, at;
	struct jj_value v = jj_none();
	bool found = false;

	while (n < name.n && name.p[n] != '.' && name.p[n] != '[')
		n++;
	at = n ? 0 : (*next)++;
	for (size_t i = 0; i < n && at < MAX_WIDTH; i++)
		at = isdigit((unsigned char)name.p[i]) ? at * 10 + (size_t)(name.p[i] - '0') : SIZE_MAX;
	if (at < args->n_pos) {
		v = args->pos[at];
		found = true;
	}
	for (size_t i = 0; i < args->n_named; i++)
		if (fmt_str_eq(args->named[i].key.as.s, (struct fmt_str){ name.p, n })) {
			v = args->named[i].value;
			found = true;
		}
	if (!found)
		return jj_fail(j, FMT_MALFORMED, "format names a value that is not there");
	while (n < name.n && jj_ok(j)) {
		char open = name.p[n++];
		size_t start = n;
		struct fmt_str part;

		while (n < name.n && (open == '[' ? name.p[n] != ']' : name.p[n] != '.' && name.p[n] != '['))
			n++;
		part = (struct fmt_str){ name.p + start, n - start };
		v = open == '.' ? jj_attr(j, v, part) : jj_path(j, v, jj_str(part));
		n += open == '[' && n < name.n;
	}
	return v;
}

static void brace_field(struct jj *j, struct jj_buf *b, struct fmt_str field, const struct jj_args *args, size_t *next)
{
	const char *colon = memchr(field.p, ':', field.n);
	struct fmt_str name = { field.p, colon ? (size_t)(colon - field.p) : field.n }, spec = { "", 0 };
	char conversion = '\0';
	struct jj_value v;

	if (colon)
		spec = (struct fmt_str){ colon + 1, field.n - name.n - 1 };
	if (name.n >= 2 && name.p[name.n - 2] == '!') {
		conversion = name.p[name.n - 1];
		name.n -= 2;
	}
	v = brace_name(j, name, args, next);
	if (!jj_ok(j))
		return;
	if (conversion)
		v = jj_str(conversion == 'r' ? repr(j, v) : jj_to_str(j, v));
	brace_value(j, b, v, spec);
}

struct jj_value jj_format_braces(struct jj *j, struct fmt_str format, const struct jj_args *args)
{
	const char *p = format.p, *end = p + format.n;
	struct jj_buf b = { 0 };
	size_t next = 0;

	while (p < end && jj_spend(j, 1)) {
		size_t n = 0;
		const char *close;

		while (p + n < end && p[n] != '{' && p[n] != '}')
			n++;
		jj_put(j, &b, (struct fmt_str){ p, n });
		p += n;
		if (p == end)
			break;
		if (end - p > 1 && p[1] == *p) {
			jj_put(j, &b, (struct fmt_str){ p, 1 });
			p += 2;
			continue;
		}
		close = *p == '{' ? memchr(p, '}', (size_t)(end - p)) : NULL;
		if (!close) {
			jj_fail(j, FMT_MALFORMED, "a single '%c' in a format string", *p);
			break;
		}
		brace_field(j, &b, (struct fmt_str){ p + 1, (size_t)(close - p - 1) }, args, &next);
		p = close + 1;
	}
	return jj_str(jj_buf_take(j, &b));
}
