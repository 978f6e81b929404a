/* A template's text to tokens, as Jinja2 with trim_blocks and lstrip_blocks splits it. (jinja2/lexer.py is the
 * specification: what a "-" or "+" beside a tag strips, which newline goes, which white space before a tag.) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "../unicode.h"
#include "jinja.h"

struct lexer {
	struct jj_mem *m;
	struct jj_tokens *out;
	const char *p, *end;
	uint32_t line;
	bool line_starting; /* what was read last ended in a newline */
};

static bool fail(struct lexer *l, const char *what)
{
	return fmt_fail(l->m->err, FMT_MALFORMED, FMT_NO_OFFSET, "template line %lu: %s", (unsigned long)l->line, what);
}

static struct jj_token *add(struct lexer *l, enum jj_token_type type)
{
	struct jj_token *items = jj_grow(l->m, l->out->items, l->out->n, &l->out->cap, sizeof *items);

	if (!items)
		return NULL;
	l->out->items = items;
	items += l->out->n++;
	*items = (struct jj_token){ .type = type, .line = l->line };
	return items;
}

static bool at(const struct lexer *l, const char *s)
{
	size_t n = strlen(s);

	return (size_t)(l->end - l->p) >= n && !memcmp(l->p, s, n);
}

static void move(struct lexer *l, size_t n)
{
	for (; n; n--)
		l->line += *l->p++ == '\n';
}

/* Goes past white space, Unicode's too. */
static void skip_space(struct lexer *l)
{
	while (l->p < l->end) {
		size_t n;

		if (!jj_is_space(uni_get(l->p, &n)))
			break;
		move(l, n);
	}
}

/* Goes past the end of a tag, `close` being "%}" and the like, and what its sign strips; false if it is not here.
 * trims: the newline behind it goes with it */
static bool close_tag(struct lexer *l, const char *close, bool trims)
{
	bool minus = l->p < l->end && *l->p == '-', plus = trims && l->p < l->end && *l->p == '+';
	const char *start = l->p;

	l->p += minus || plus;
	if (!at(l, close)) {
		l->p = start;
		return false;
	}
	l->p += 2;
	if (minus)
		skip_space(l);
	else if (trims && !plus && l->p < l->end && *l->p == '\n')
		move(l, 1);
	l->line_starting = l->p[-1] == '\n';
	return true;
}

/* The text before a tag, without what the tag's sign strips. */
static bool add_data(struct lexer *l, const char *start, uint32_t line, char sign, bool is_variable)
{
	struct fmt_str text = { start, (size_t)(l->p - start) };
	struct jj_token *t;

	if (sign == '-') {
		text = jj_strip(text, NULL, false, true);
	} else if (sign != '+' && !is_variable) {
		size_t from = text.n;

		while (from && text.p[from - 1] != '\n')
			from--;
		if ((from || l->line_starting) &&
		    !jj_strip((struct fmt_str){ text.p + from, text.n - from }, NULL, true, false).n)
			text.n = from;
	}
	if (!text.n)
		return true;
	t = add(l, JJ_T_DATA);
	if (!t)
		return false;
	t->line = line;
	t->text = text;
	return true;
}

/* "{%- endraw" with its sign at p; its length, or 0. */
static size_t raw_tag(const struct lexer *l, const char *p, const char *name)
{
	const char *start = p;
	size_t n = strlen(name), len;

	if (l->end - p < 2 || p[0] != '{' || p[1] != '%')
		return 0;
	p += 2;
	p += p < l->end && (*p == '-' || *p == '+');
	while (p < l->end && jj_is_space(uni_get(p, &len)))
		p += len;
	if ((size_t)(l->end - p) < n || memcmp(p, name, n))
		return 0;
	p += n;
	while (p < l->end && jj_is_space(uni_get(p, &len)))
		p += len;
	if (p < l->end && (*p == '-' || *p == '+'))
		return l->end - p >= 3 && !memcmp(p + 1, "%}", 2) ? (size_t)(p - start) : 0;
	return l->end - p >= 2 && !memcmp(p, "%}", 2) ? (size_t)(p - start) : 0;
}

/* Between {% raw %} and {% endraw %} nothing has a meaning. */
static bool lex_raw(struct lexer *l)
{
	const char *start = l->p;
	uint32_t line = l->line;

	while (l->p < l->end) {
		size_t n = raw_tag(l, l->p, "endraw");

		if (n) {
			if (!add_data(l, start, line, l->p[2], false))
				return false;
			move(l, n);
			return close_tag(l, "%}", true);
		}
		move(l, 1);
	}
	l->line = line;
	return fail(l, "{% raw %} has no {% endraw %}");
}

static bool lex_comment(struct lexer *l)
{
	uint32_t line = l->line;

	for (; l->p < l->end; move(l, 1))
		if ((*l->p == '#' || *l->p == '-' || *l->p == '+') && close_tag(l, "#}", true))
			return true;
	l->line = line;
	return fail(l, "a comment does not end: no #}");
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character of \xNN, \uNNNN or \UNNNNNNNN, whose digits begin at *p. */
static bool hex_escape(struct lexer *l, const char **p, const char *end, size_t digits, char *out, size_t *n)
{
	uint32_t code = 0;

	for (size_t i = 0; i < digits; i++, ++*p) {
		int v = *p < end ? hex_value(**p) : -1;

		if (v < 0 || code > 0x0fffffff)
			return fail(l, "a string has an escape with too few hexadecimal digits");
		code = code << 4 | (uint32_t)v;
	}
	if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return fail(l, "a string has an escape of what is no character");
	*n += fmt_utf8_put(code, out + *n);
	return true;
}

/* One escape of a string, p behind the backslash. Those that Python does not know stay as they are. */
static bool unescape(struct lexer *l, const char **p, const char *end, char *out, size_t *n)
{
	static const char letters[] = "abfnrtv\\'\"", values[] = "\a\b\f\n\r\t\v\\'\"";
	char c = *(*p)++;
	const char *known = memchr(letters, c, sizeof letters - 1);
	uint32_t code = 0;

	if (c == '\n')
		return true;
	if (known) {
		out[(*n)++] = values[known - letters];
		return true;
	}
	if (c == 'x' || c == 'u' || c == 'U')
		return hex_escape(l, p, end, c == 'x' ? 2 : c == 'u' ? 4 : 8, out, n);
	if (c == 'N')
		return fail(l, "a string names a character: \\N is not supported, use \\u");
	if (c < '0' || c > '7') {
		out[(*n)++] = '\\';
		out[(*n)++] = c;
		return true;
	}
	--*p;
	for (int i = 0; i < 3 && *p < end && **p >= '0' && **p <= '7'; i++)
		code = code << 3 | (uint32_t)(*(*p)++ - '0');
	*n += fmt_utf8_put(code, out + *n);
	return true;
}

static bool lex_string(struct lexer *l)
{
	char quote = *l->p, *value;
	const char *p = l->p + 1, *stop = p;
	struct jj_token *t = add(l, JJ_T_STRING);
	size_t n = 0;

	while (stop < l->end && *stop != quote)
		stop += *stop == '\\' && l->end - stop > 1 ? 2 : 1;
	if (stop >= l->end)
		return fail(l, "a string does not end");
	/* an escape gives at most as many bytes as it has: \xe9 and \u00e9 two, \U0001f600 four */
	value = jj_room(l->m, (size_t)(stop - p) + 1);
	if (!t || !value)
		return false;
	while (p < stop) {
		if (*p != '\\')
			value[n++] = *p++;
		else if (p++, !unescape(l, &p, stop, value, &n))
			return false;
	}
	t->text = (struct fmt_str){ value, n };
	move(l, (size_t)(stop + 1 - l->p));
	return true;
}

static bool is_digit(char c, int base)
{
	int v = hex_value(c);

	return v >= 0 && v < base;
}

/* Digits with single "_" between them, copied to `to` without those; the number of bytes read. */
static size_t digits(const char *p, const char *end, int base, char *to, size_t room, size_t *n)
{
	const char *start = p;

	while (p < end && (is_digit(*p, base) || (*p == '_' && p > start && end - p > 1 && is_digit(p[1], base)))) {
		if (*p != '_' && *n < room)
			to[(*n)++] = *p;
		p++;
	}
	return (size_t)(p - start);
}

/* The part of a floating point number behind its first digits: ".5e3", "e3"; 0 if there is none. */
static size_t fraction(const char *p, const char *end, char *to, size_t room, size_t *n)
{
	const char *start = p;

	if (end - p > 1 && *p == '.' && is_digit(p[1], 10)) {
		if (*n < room)
			to[(*n)++] = '.';
		p += 1 + digits(p + 1, end, 10, to, room, n);
	}
	if (end - p > 1 && (*p | 0x20) == 'e') {
		size_t sign = p[1] == '-' || p[1] == '+';

		if ((size_t)(end - p) > 1 + sign && is_digit(p[1 + sign], 10)) {
			if (*n + 1 < room) {
				to[(*n)++] = 'e';
				if (sign)
					to[(*n)++] = p[1];
			}
			p += 1 + sign + digits(p + 1 + sign, end, 10, to, room, n);
		}
	}
	return (size_t)(p - start);
}

static bool lex_number(struct lexer *l)
{
	char text[64];
	const char *p = l->p;
	int base = 10;
	size_t n = 0, behind, room = sizeof text - 1;
	struct jj_token *t = add(l, JJ_T_INT);
	bool after_dot = l->out->n > 1 && t && t[-1].type == JJ_T_OP && !strcmp(t[-1].op, ".");

	if (!t)
		return false;
	if (*p == '0' && l->end - p > 2) {
		char c = (char)(p[1] | 0x20);

		base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
		if (base != 10 && !is_digit(p[2], base))
			base = 10;
	}
	p += base == 10 ? 0 : 2;
	p += digits(p, l->end, base, text, room, &n);
	behind = base == 10 && !after_dot ? fraction(p, l->end, text, room, &n) : 0;
	if (n >= room)
		return fail(l, "a number has too many digits");
	text[n] = '\0';
	if (behind) {
		t->type = JJ_T_FLOAT;
		t->f = strtod(text, NULL);
	} else {
		for (size_t i = 0; i < n; i++) {
			int64_t v = hex_value(text[i]);

			if (t->i > (INT64_MAX - v) / base)
				return fail(l, "an integer is beyond 64 bits");
			t->i = t->i * base + v;
		}
	}
	l->p = p + behind;
	return true;
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       (unsigned char)c >= 0x80;
}

static bool lex_name(struct lexer *l)
{
	struct jj_token *t = add(l, JJ_T_NAME);
	const char *start = l->p;

	while (l->p < l->end && is_word(*l->p))
		l->p++;
	if (t)
		t->text = (struct fmt_str){ start, (size_t)(l->p - start) };
	return t;
}

/* An operator; brackets are counted in *open, because a tag cannot end within them. */
static bool lex_operator(struct lexer *l, char *open, size_t *n_open)
{
	static const char *const two[] = { "//", "**", "==", "!=", ">=", "<=" };
	struct jj_token *t;
	char c = *l->p;
	size_t n = 1;

	for (size_t i = 0; i < sizeof two / sizeof *two; i++)
		if (at(l, two[i]))
			n = 2;
	if (n == 1 && !strchr("+-/*%~[](){}><=.:|,;", c)) {
		char text[64];

		snprintf(text, sizeof text, "unexpected character '%c'", c);
		return fail(l, text);
	}
	if (n == 1 && strchr("([{", c)) {
		if (*n_open == JJ_MAX_NEST)
			return fmt_fail(l->m->err, FMT_LIMIT, FMT_NO_OFFSET,
			                "template line %lu: more than %d brackets in each other",
			                (unsigned long)l->line, JJ_MAX_NEST);
		open[(*n_open)++] = c == '(' ? ')' : c == '[' ? ']' : '}';
	} else if (n == 1 && strchr(")]}", c)) {
		if (!*n_open || open[*n_open - 1] != c)
			return fail(l, c == ')' ? "unexpected ')'" : c == ']' ? "unexpected ']'" : "unexpected '}'");
		--*n_open;
	}
	t = add(l, JJ_T_OP);
	if (!t)
		return false;
	memcpy(t->op, l->p, n);
	l->p += n;
	return true;
}

/* The inside of a tag up to its end. */
static bool lex_tag(struct lexer *l, const char *close, enum jj_token_type close_type)
{
	char open[JJ_MAX_NEST];
	size_t n_open = 0;
	uint32_t line = l->line;

	for (;;) {
		bool ok;

		skip_space(l);
		if (l->p == l->end) {
			l->line = line;
			return fail(l, close_type == JJ_T_VAR_END ? "a {{ does not end: no }}"
			                                          : "a {% does not end: no %}");
		}
		if (!n_open && (*l->p == close[0] || *l->p == '-' || *l->p == '+')) {
			uint32_t here = l->line;

			if (close_tag(l, close, close_type == JJ_T_BLOCK_END)) {
				struct jj_token *t = add(l, close_type);

				if (t)
					t->line = here;
				return t;
			}
		}
		if (*l->p == '"' || *l->p == '\'')
			ok = lex_string(l);
		else if (*l->p >= '0' && *l->p <= '9')
			ok = lex_number(l);
		else if (is_word(*l->p))
			ok = lex_name(l);
		else
			ok = lex_operator(l, open, &n_open);
		if (!ok)
			return false;
	}
}

/* Text up to a tag, and the tag. */
static bool lex_piece(struct lexer *l)
{
	const char *start = l->p;
	uint32_t line = l->line;
	char kind, sign;

	while (l->p < l->end && !at(l, "{{") && !at(l, "{%") && !at(l, "{#"))
		move(l, 1);
	if (l->p == l->end)
		return add_data(l, start, line, '+', true);
	kind = l->p[1];
	sign = l->end - l->p > 2 ? l->p[2] : '\0';
	if (!add_data(l, start, line, sign, kind == '{'))
		return false;
	if (kind == '%') {
		size_t n = raw_tag(l, l->p, "raw");

		if (n) {
			move(l, n);
			return close_tag(l, "%}", true) && lex_raw(l);
		}
	}
	l->p += 2 + (sign == '-' || sign == '+');
	l->line_starting = false;
	if (kind == '#')
		return lex_comment(l);
	return add(l, kind == '{' ? JJ_T_VAR_BEGIN : JJ_T_BLOCK_BEGIN) &&
	       lex_tag(l, kind == '{' ? "}}" : "%}", kind == '{' ? JJ_T_VAR_END : JJ_T_BLOCK_END);
}

/* \r\n and \r become \n, one newline at the very end goes. */
static struct fmt_str normalize(struct jj_mem *m, struct fmt_str text)
{
	char *p = jj_room(m, text.n);
	size_t n = 0;

	for (size_t i = 0; p && i < text.n; i++) {
		if (text.p[i] == '\r') {
			p[n++] = '\n';
			i += i + 1 < text.n && text.p[i + 1] == '\n';
		} else {
			p[n++] = text.p[i];
		}
	}
	n -= p && n && p[n - 1] == '\n';
	return (struct fmt_str){ p, n };
}

bool jj_lex(struct jj_mem *m, struct fmt_str text, struct jj_tokens *out)
{
	struct fmt_str s = normalize(m, text);
	struct lexer l = { .m = m, .out = out, .p = s.p, .end = s.p + s.n, .line = 1, .line_starting = true };

	if (m->err->code)
		return false;
	while (l.p < l.end)
		if (!lex_piece(&l))
			return false;
	return add(&l, JJ_T_END);
}
