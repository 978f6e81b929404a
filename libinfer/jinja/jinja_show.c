/* Values as text: Python's str() and repr(). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "../unicode.h"
#include "jinja.h"

size_t jj_show_float(double f, char *out)
{
	char digits[32], *e;
	int precision = 0, exponent, n;

	if (f != f || isinf(f))
		return (size_t)sprintf(out, "%s", f != f ? "nan" : f > 0 ? "inf" : "-inf");
	do /* the fewest digits that read back */
		snprintf(digits, sizeof digits, "%.*e", precision++, f);
	while (precision < 17 && strtod(digits, NULL) != f);
	e = strchr(digits, 'e');
	exponent = atoi(e + 1);
	*e = '\0';
	if (exponent >= -4 && exponent < 16) {
		precision = precision - 1 - exponent;
		return (size_t)snprintf(out, 32, "%.*f", precision > 1 ? precision : 1, f);
	}
	n = snprintf(out, 32, "%s", digits);
	return (size_t)(n + snprintf(out + n, 32 - (size_t)n, "e%s%02d", exponent < 0 ? "-" : "+", abs(exponent)));
}

static void put(struct jj *j, struct jj_buf *b, const char *s)
{
	jj_put(j, b, (struct fmt_str){ s, strlen(s) });
}

static bool printable(uint32_t code)
{
	return code == ' ' || !uni_is(code, UNI_SET_C | UNI_SET_Z);
}

/* A string in quotes, as Python's repr: single ones, unless it has such and no double ones. */
static void show_quoted(struct jj *j, struct jj_buf *b, struct fmt_str s)
{
	char quote = memchr(s.p, '\'', s.n) && !memchr(s.p, '"', s.n) ? '"' : '\'', text[16];
	size_t n;

	jj_put(j, b, (struct fmt_str){ &quote, 1 });
	for (size_t at = 0; at < s.n && jj_ok(j); at += n) {
		uint32_t code = uni_get(s.p + at, &n);

		if (code == (unsigned char)quote || code == '\\')
			sprintf(text, "\\%c", (char)code);
		else if (code == '\n' || code == '\r' || code == '\t')
			sprintf(text, "\\%c", code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
		else if (printable(code))
			text[fmt_utf8_put(code, text)] = '\0';
		else
			sprintf(text,
			        code < 0x100     ? "\\x%02" PRIx32
			        : code < 0x10000 ? "\\u%04" PRIx32
			                         : "\\U%08" PRIx32,
			        code);
		put(j, b, text);
	}
	jj_put(j, b, (struct fmt_str){ &quote, 1 });
}

static void show_items(struct jj *j, struct jj_buf *b, struct jj_value v, unsigned depth)
{
	const struct jj_list *l = v.as.list;
	bool tuple = v.type == JJ_TUPLE;

	put(j, b, tuple ? "(" : "[");
	for (size_t i = 0; i < l->n && jj_ok(j); i++) {
		put(j, b, i ? ", " : "");
		jj_show(j, b, l->items[i], true, depth + 1);
	}
	put(j, b, tuple ? (l->n == 1 ? ",)" : ")") : "]");
}

static void show_dict(struct jj *j, struct jj_buf *b, const struct jj_dict *d, unsigned depth)
{
	put(j, b, "{");
	for (size_t i = 0; i < d->n && jj_ok(j); i++) {
		put(j, b, i ? ", " : "");
		jj_show(j, b, d->pairs[i].key, true, depth + 1);
		put(j, b, ": ");
		jj_show(j, b, d->pairs[i].value, true, depth + 1);
	}
	put(j, b, "}");
}

void jj_show(struct jj *j, struct jj_buf *b, struct jj_value v, bool quoted, unsigned depth)
{
	char text[48];

	if (!jj_spend(j, 1))
		return;
	if (depth > JJ_MAX_VALUE_DEPTH) {
		jj_fail(j, FMT_LIMIT, "a value is nested too deeply to be shown");
		return;
	}
	switch (v.type) {
	case JJ_UNDEFINED:
		put(j, b, quoted ? "Undefined" : "");
		return;
	case JJ_NONE:
		put(j, b, "None");
		return;
	case JJ_BOOL:
		put(j, b, v.as.b ? "True" : "False");
		return;
	case JJ_INT:
		sprintf(text, "%" PRId64, v.as.i);
		put(j, b, text);
		return;
	case JJ_FLOAT:
		jj_show_float(v.as.f, text);
		put(j, b, text);
		return;
	case JJ_STR:
		if (quoted)
			show_quoted(j, b, v.as.s);
		else
			jj_put(j, b, v.as.s);
		return;
	case JJ_LIST:
	case JJ_TUPLE:
		show_items(j, b, v, depth);
		return;
	case JJ_VIEW:
		jj_put(j, b, v.as.list->show);
		put(j, b, "(");
		show_items(j, b, (struct jj_value){ .type = JJ_LIST, .as.list = v.as.list }, depth);
		put(j, b, ")");
		return;
	case JJ_RANGE:
		jj_put(j, b, v.as.list->show);
		return;
	case JJ_DICT:
		show_dict(j, b, v.as.dict, depth);
		return;
	case JJ_NAMESPACE:
		put(j, b, "<Namespace ");
		show_dict(j, b, v.as.dict, depth);
		put(j, b, ">");
		return;
	default:
		snprintf(text, sizeof text, "<%s>", jj_type_name(v));
		put(j, b, text);
	}
}

struct fmt_str jj_to_str(struct jj *j, struct jj_value v)
{
	struct jj_buf b = { 0 };

	if (v.type == JJ_STR)
		return v.as.s;
	jj_show(j, &b, v, false, 0);
	return jj_buf_take(j, &b);
}
