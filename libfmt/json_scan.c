/* A recursive descent over JSON text (RFC 8259). It builds nothing; see json_scan.h for what it rewrites. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "json_scan.h"
#include "limit.h"

#define KEYS_KEPT 2 /* as deep as what is left out may lie */

struct scan {
	const char *text;
	size_t n, i;     /* text[i] is the next byte */
	char *out;       /* NULL: only count */
	size_t n_out;
	bool rewritten;
	unsigned depth;
	uint64_t n_values;
	struct json_leave *leave;
	size_t n_leave;
	struct fmt_str keys[KEYS_KEPT]; /* where the scan is, as written: keys[0] of the root's member ... */
	struct fmt_err *err;
};

static bool value(struct scan *s);

static bool fail(struct scan *s, const char *what)
{
	if (s->i >= s->n)
		return fmt_fail(s->err, FMT_TRUNCATED, s->n, "JSON: the text ends where %s should be", what);
	return fmt_fail(s->err, FMT_MALFORMED, s->i, "JSON: expected %s", what);
}

static void emit(struct scan *s, const char *p, size_t n)
{
	if (s->out)
		memcpy(s->out + s->n_out, p, n);
	s->n_out += n;
}

static int peek(const struct scan *s)
{
	return s->i < s->n ? (unsigned char)s->text[s->i] : -1;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static void skip_space(struct scan *s)
{
	size_t from = s->i;

	while (s->i < s->n && (s->text[s->i] == ' ' || s->text[s->i] == '\n' || s->text[s->i] == '\t' ||
	                       s->text[s->i] == '\r'))
		s->i++;
	emit(s, s->text + from, s->i - from);
}

/* Takes the byte c, which `what` describes. */
static bool take(struct scan *s, char c, const char *what)
{
	if (peek(s) != c)
		return fail(s, what);
	emit(s, &c, 1);
	s->i++;
	return true;
}

static bool take_word(struct scan *s, const char *spelling)
{
	size_t n = strlen(spelling);

	if (s->n - s->i < n || memcmp(s->text + s->i, spelling, n))
		return false;
	s->i += n;
	return true;
}

/* The four hexadecimal digits after \u. */
static bool hex4(struct scan *s, unsigned *code)
{
	*code = 0;
	for (int k = 0; k < 4; k++, s->i++) {
		int c = peek(s), digit;

		if (is_digit(c))
			digit = c - '0';
		else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
			digit = (c | 0x20) - 'a' + 10;
		else
			return fail(s, "four hexadecimal digits after \\u");
		*code = *code << 4 | (unsigned)digit;
	}
	return true;
}

/* An escape, from its backslash; text before `from` has been emitted. Moves `from` behind what it rewrites. */
static bool escape(struct scan *s, size_t *from)
{
	static const char nul = JSON_NUL;
	size_t at = s->i++;
	unsigned high, low;
	int c = peek(s);

	if (c == -1 || !strchr("\"\\/bfnrtu", c))
		return fail(s, "one of \"\\/bfnrtu after a backslash");
	s->i++;
	if (c != 'u')
		return true;
	if (!hex4(s, &high))
		return false;
	if (high == 0) {
		emit(s, s->text + *from, at - *from);
		emit(s, &nul, 1);
		*from = s->i;
		s->rewritten = true;
	} else if (high >= 0xd800 && high < 0xe000) {
		if (high >= 0xdc00 || s->n - s->i < 6 || s->text[s->i] != '\\' || s->text[s->i + 1] != 'u')
			return fmt_fail(s->err, FMT_MALFORMED, at, "JSON: half a surrogate pair");
		s->i += 2;
		if (!hex4(s, &low))
			return false;
		if (low < 0xdc00 || low >= 0xe000)
			return fmt_fail(s->err, FMT_MALFORMED, at, "JSON: half a surrogate pair");
	}
	return true;
}

static bool string(struct scan *s, const char *what)
{
	size_t from;

	if (!take(s, '"', what))
		return false;
	from = s->i;
	while (peek(s) != '"') {
		int c = peek(s);
		uint32_t code;
		size_t len = 1;

		if (c == -1)
			return fail(s, "the end of a string");
		if (c == '\\') {
			if (!escape(s, &from))
				return false;
			continue;
		}
		if (c < 0x20)
			return fmt_fail(s->err, FMT_MALFORMED, s->i, "JSON: control byte 0x%02x in a string", c);
		if (c >= 0x80)
			len = fmt_utf8_char(s->text + s->i, s->n - s->i, &code);
		if (!len)
			return fmt_fail(s->err, FMT_MALFORMED, s->i, "JSON: a string is not UTF-8 (byte 0x%02x)", c);
		s->i += len;
	}
	emit(s, s->text + from, s->i - from);
	return take(s, '"', "the end of a string");
}

/* Begins or ends a number that is rewritten as a marked string. */
static void emit_exact(struct scan *s, const char *digits, size_t n)
{
	static const char open[] = { '"', JSON_EXACT };

	emit(s, open, sizeof open);
	emit(s, digits, n);
	emit(s, "\"", 1);
	s->rewritten = true;
}

static size_t digits(struct scan *s)
{
	size_t from = s->i;

	while (is_digit(peek(s)))
		s->i++;
	return s->i - from;
}

/* The exponent after e or E; saturates far outside of what a double can express. */
static bool exponent(struct scan *s, int64_t *exp)
{
	bool negative = peek(s) == '-';

	if (negative || peek(s) == '+')
		s->i++;
	if (!is_digit(peek(s)))
		return fail(s, "a digit");
	for (; is_digit(peek(s)); s->i++)
		if (*exp < 1000000)
			*exp = *exp * 10 + (s->text[s->i] - '0');
	if (negative)
		*exp = -*exp;
	return true;
}

static bool number(struct scan *s)
{
	char exact[LIMIT_JSON_NUMBER + 32];
	size_t start = s->i, first, n_int, n_frac = 0, n;
	int64_t exp = 0;
	bool plain = true;

	if (peek(s) == '-')
		s->i++;
	first = s->i;
	n_int = digits(s);
	if (!n_int)
		return fail(s, "a value");
	if (n_int > 1 && s->text[first] == '0')
		return fmt_fail(s->err, FMT_MALFORMED, start, "JSON: a number begins with 0");
	if (peek(s) == '.') {
		plain = false;
		s->i++;
		n_frac = digits(s);
		if (!n_frac)
			return fail(s, "a digit after the decimal point");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		plain = false;
		s->i++;
		if (!exponent(s, &exp))
			return false;
	}
	n = s->i - start;
	if (n > LIMIT_JSON_NUMBER)
		return fmt_fail(s->err, FMT_LIMIT, start, "JSON: a number of %zu characters", n);
	if (plain && n_int <= 15) { /* exact in a double */
		emit(s, s->text + start, n);
		return true;
	}
	n = first + n_int - start;
	memcpy(exact, s->text + start, n);
	memcpy(exact + n, s->text + first + n_int + 1, n_frac);
	n += n_frac;
	if (!plain)
		n += (size_t)snprintf(exact + n, 32, "e%" PRId64, exp - (int64_t)n_frac);
	emit_exact(s, exact, n);
	return true;
}

static bool enter(struct scan *s)
{
	if (++s->depth > LIMIT_JSON_DEPTH)
		return fmt_fail(s->err, FMT_LIMIT, s->i, "JSON: nested deeper than %d", LIMIT_JSON_DEPTH);
	s->i++;
	return true;
}

static bool member(struct scan *s)
{
	size_t from = s->i + 1;

	if (!string(s, "a key in quotes"))
		return false;
	if (s->depth <= KEYS_KEPT)
		s->keys[s->depth - 1] = (struct fmt_str){ s->text + from, s->i - 1 - from };
	skip_space(s);
	if (!take(s, ':', "':' after a key"))
		return false;
	skip_space(s);
	return value(s);
}

/* A key as written against n bytes of a path, which are few. */
static bool is_key(struct fmt_str key, const char *want, size_t n)
{
	char buf[64];

	return key.p && key.n <= sizeof buf && json_unescape(key, buf) == n && !memcmp(buf, want, n);
}

static bool is_at(const struct scan *s, const char *path)
{
	for (unsigned d = 0; d < s->depth; d++) {
		size_t n = strcspn(path, ".");

		if (!is_key(s->keys[d], path, n))
			return false;
		path += n + (path[n] == '.');
	}
	return !*path;
}

/* Whether the container that begins here is to be left out: the first at its path. */
static struct json_leave *left_here(const struct scan *s)
{
	if (s->depth && s->depth <= KEYS_KEPT)
		for (size_t k = 0; k < s->n_leave; k++)
			if ((!s->leave[k].text.p || s->leave[k].text.p == s->text + s->i) && is_at(s, s->leave[k].path))
				return &s->leave[k];
	return NULL;
}

/* What stands between the brackets of a container, the first of which is the next byte; and how much that is. */
static bool items(struct scan *s, char open, char close, uint64_t *n)
{
	if (!enter(s))
		return false;
	if (open == '[' && s->depth <= KEYS_KEPT)
		s->keys[s->depth - 1] = (struct fmt_str){ 0 };
	skip_space(s);
	if (peek(s) != close) {
		for (;;) {
			++*n;
			if (!(open == '[' ? value(s) : member(s)))
				return false;
			skip_space(s);
			if (peek(s) != ',')
				break;
			emit(s, ",", 1);
			s->i++;
			skip_space(s);
		}
	}
	s->depth--;
	return true;
}

/* The same without a trace in the rewritten text; noted by the first call, skipped by a second. */
static bool leave_out(struct scan *s, struct json_leave *left, char open, char close)
{
	size_t from = s->i, n_out = s->n_out;

	s->rewritten = true;
	if (left->text.p) {
		s->i += left->text.n - 1;
		return true;
	}
	if (!items(s, open, close, &left->count))
		return false;
	left->text = (struct fmt_str){ s->text + from, s->i + 1 - from };
	s->n_out = n_out;
	return true;
}

/* An array or an object, from its opening bracket. */
static bool container(struct scan *s, char open, char close)
{
	const char *more = open == '[' ? "',' or ']' after a value" : "',' or '}' after a value";
	struct json_leave *left = left_here(s);
	uint64_t n = 0;

	emit(s, &open, 1);
	if (!(left ? leave_out(s, left, open, close) : items(s, open, close, &n)))
		return false;
	return take(s, close, more);
}

static bool word(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };
	/* what Python's json writes for floats that are no numbers, and what strtod calls them */
	static const char *const floats[][2] = { { "NaN", "nan" }, { "Infinity", "inf" }, { "-Infinity", "-inf" } };

	for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
		if (take_word(s, words[k])) {
			emit(s, words[k], strlen(words[k]));
			return true;
		}
	}
	for (size_t k = 0; k < sizeof floats / sizeof *floats; k++) {
		if (take_word(s, floats[k][0])) {
			emit_exact(s, floats[k][1], strlen(floats[k][1]));
			return true;
		}
	}
	return fail(s, "a value");
}

static bool value(struct scan *s)
{
	int c = peek(s);

	if (++s->n_values > LIMIT_JSON_VALUES)
		return fmt_fail(s->err, FMT_LIMIT, s->i, "JSON: more than %d values", LIMIT_JSON_VALUES);
	if (c == '{')
		return container(s, '{', '}');
	if (c == '[')
		return container(s, '[', ']');
	if (c == '"')
		return string(s, "a string");
	if (is_digit(c) || (c == '-' && !(s->i + 1 < s->n && s->text[s->i + 1] == 'I')))
		return number(s);
	return word(s);
}

bool json_scan(const char *text, size_t n, char *out, struct json_leave *leave, size_t n_leave, struct json_scan *result,
               struct fmt_err *err)
{
	struct scan s = { .text = text, .n = n, .out = out, .leave = leave, .n_leave = n_leave, .err = err };

	if (n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		return fmt_fail(err, FMT_MALFORMED, 0, "JSON: begins with a byte order mark");
	skip_space(&s);
	if (!value(&s))
		return false;
	skip_space(&s);
	if (s.i < n)
		return fmt_fail(err, FMT_MALFORMED, s.i, "JSON: %zu bytes after the end of the text", n - s.i);
	*result = (struct json_scan){ .n_out = s.n_out, .rewritten = s.rewritten };
	return true;
}
