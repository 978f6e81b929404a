/* UTF-8, one character at a time: the check and the terminal-safe form share it. */
#include <stdio.h>
#include <string.h>

#include <libfmt/utf8.h>

size_t fmt_utf8_char(const char *text, size_t n, uint32_t *code)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 }; /* what needs so many bytes */
	const unsigned char *p = (const unsigned char *)text;
	size_t len;
	uint32_t c;

	if (!n)
		return 0;
	len = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf8 ? 4 : 0;
	if (!len || len > n)
		return 0;
	c = len == 1 ? p[0] : p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return len;
}

size_t fmt_utf8_put(uint32_t code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 63));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 63));
		out[2] = (char)(0x80 | (code & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 63));
	out[2] = (char)(0x80 | (code >> 6 & 63));
	out[3] = (char)(0x80 | (code & 63));
	return 4;
}

bool fmt_utf8_valid(const char *p, size_t n, size_t *bad)
{
	size_t at = 0;

	while (at < n) {
		uint32_t code;
		size_t len = fmt_utf8_char(p + at, n - at, &code);

		if (!len) {
			if (bad)
				*bad = at;
			return false;
		}
		at += len;
	}
	return true;
}

/* Control characters, and the marks that reorder what surrounds them (UAX 9: LRM, RLM, LRE..RLO, LRI..PDI). */
static bool is_dangerous(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0x061c || c == 0xfeff;
}

const char *fmt_show(struct fmt_str s, char *out)
{
	const size_t cap = FMT_SHOW_BYTES - 5; /* room for "...'" and NUL */
	size_t n = 0, at = 0;

	out[n++] = '\'';
	while (at < s.n) {
		uint32_t code = 0;
		size_t len = fmt_utf8_char(s.p + at, s.n - at, &code), raw = len ? len : 1;
		bool escape = !len || is_dangerous(code);

		if (n + (escape ? 4 * raw : raw) > cap)
			break;
		for (size_t i = 0; i < raw; i++) {
			if (escape)
				n += (size_t)snprintf(out + n, FMT_SHOW_BYTES - n, "\\x%02x", (unsigned char)s.p[at + i]);
			else
				out[n++] = s.p[at + i];
		}
		at += raw;
	}
	snprintf(out + n, FMT_SHOW_BYTES - n, "%s", at < s.n ? "...'" : "'");
	return out;
}
