/* A walk over JSON text whose grammar json_scan has checked, so that nothing is checked again but the end. */
#include <string.h>

#include <libfmt/json.h>
#include <libfmt/utf8.h>

static bool between_tokens(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == ',' || c == ':';
}

/* The quote that ends the string which goes on at p. */
static const char *end_of_string(const char *p, const char *end)
{
	while (p < end && *p != '"')
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	return p;
}

static const char *end_of_word(const char *p, const char *end)
{
	while (p < end && !between_tokens(*p) && *p != ']' && *p != '}')
		p++;
	return p;
}

enum json_token json_walk_next(struct json_walk *w, struct fmt_str *text)
{
	const char *from, *p = w->p;

	while (p < w->end && between_tokens(*p))
		p++;
	from = p;
	if (p == w->end) {
		*text = (struct fmt_str){ 0 };
		w->p = p;
		return JSON_END;
	}
	switch (*p) {
	case '[':
	case '{':
	case ']':
	case '}':
		*text = (struct fmt_str){ from, 1 };
		w->p = p + 1;
		return *p == '[' || *p == '{' ? JSON_OPEN : JSON_CLOSE;
	case '"':
		p = end_of_string(++from, w->end);
		*text = (struct fmt_str){ from, (size_t)(p - from) };
		w->p = p + (p < w->end);
		return JSON_QUOTED;
	default:
		p = end_of_word(p, w->end);
		*text = (struct fmt_str){ from, (size_t)(p - from) };
		w->p = p;
		return *from == 't' || *from == 'f' || *from == 'n' ? JSON_WORD : JSON_DIGITS;
	}
}

/* The four hexadecimal digits at p. */
static uint32_t hex4(const char *p)
{
	uint32_t code = 0;

	for (int k = 0; k < 4; k++)
		code = code << 4 | (uint32_t)(p[k] <= '9' ? p[k] - '0' : (p[k] | 0x20) - 'a' + 10);
	return code;
}

/* The character that the escape behind a backslash at *p is; moves *p behind it. */
static uint32_t unescape_char(const char **p)
{
	static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
	const char *at = *p, *letter = strchr(letters, *at);
	uint32_t code;

	*p = at + 1;
	if (*at != 'u')
		return (unsigned char)(letter ? meant[letter - letters] : *at);
	code = hex4(at + 1);
	*p = at + 5;
	if (code >= 0xd800 && code < 0xdc00) { /* the other half stands behind it as \uXXXX */
		code = 0x10000 + ((code - 0xd800) << 10) + (hex4(at + 7) - 0xdc00);
		*p = at + 11;
	}
	return code;
}

size_t json_unescape(struct fmt_str s, char *out)
{
	const char *p = s.p, *end = p + s.n;
	size_t n = 0;

	while (p < end) {
		const char *escape = memchr(p, '\\', (size_t)(end - p));
		size_t plain = (size_t)((escape ? escape : end) - p);

		memcpy(out + n, p, plain);
		n += plain;
		p += plain;
		if (escape) {
			p++;
			n += fmt_utf8_put(unescape_char(&p), out + n);
		}
	}
	return n;
}

bool json_digits_i64(struct fmt_str digits, int64_t *out)
{
	struct fmt_err err = { 0 };
	struct json_doc *d;
	size_t i = 0;
	bool ok;

	*out = 0;
	for (; i < digits.n && i < 15 && digits.p[i] >= '0' && digits.p[i] <= '9'; i++)
		*out = 10 * *out + (digits.p[i] - '0');
	if (i && i == digits.n)
		return true;
	d = json_parse(digits.p, digits.n, &err); /* a sign, a fraction, an exponent, many digits: rare */
	ok = d && json_i64(json_root(d), out);
	json_free(d);
	return ok;
}
