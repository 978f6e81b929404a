/* Characters of strings, as Python sees them. */
#include <string.h>

#include <libfmt/utf8.h>

#include "../normal.h"
#include "../unicode.h"
#include "jinja.h"

bool jj_is_space(uint32_t code)
{
	return (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x20) || (code >= 0x80 && uni_is_space(code));
}

size_t jj_n_chars(struct fmt_str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

size_t jj_at_char(struct fmt_str s, size_t n)
{
	size_t i = 0;

	for (; i < s.n; i++)
		if (((unsigned char)s.p[i] & 0xc0) != 0x80 && !n--)
			break;
	return i;
}

/* True if the character of n bytes at p is to be stripped. */
static bool strips(const char *p, size_t n, const struct fmt_str *set)
{
	if (!set)
		return jj_is_space(uni_get(p, &n));
	for (size_t at = 0, len; at < set->n; at += len) {
		uni_get(set->p + at, &len);
		if (len == n && !memcmp(p, set->p + at, n))
			return true;
	}
	return false;
}

struct fmt_str jj_strip(struct fmt_str s, const struct fmt_str *set, bool left, bool right)
{
	size_t n;

	while (left && s.n) {
		uni_get(s.p, &n);
		if (!strips(s.p, n, set))
			break;
		s.p += n;
		s.n -= n;
	}
	while (right && s.n) {
		size_t at = uni_before(s.p, s.n);

		if (!strips(s.p + at, s.n - at, set))
			break;
		s.n = at;
	}
	return s;
}

size_t jj_find(struct jj *j, struct fmt_str in, struct fmt_str what, size_t from)
{
	const char *p;

	if (from > in.n || what.n > in.n - from || !jj_spend(j, 1 + (in.n - from) / 16))
		return JJ_NOWHERE;
	if (!what.n)
		return from;
	p = memmem(in.p + from, in.n - from, what.p, what.n);
	return p ? (size_t)(p - in.p) : JJ_NOWHERE;
}

size_t jj_rfind(struct jj *j, struct fmt_str in, struct fmt_str what)
{
	if (what.n > in.n)
		return JJ_NOWHERE;
	for (size_t at = in.n - what.n;; at--) {
		if (!what.n ||
		    (in.p[at] == *what.p && jj_spend(j, 1 + what.n / 16) && !memcmp(in.p + at, what.p, what.n)))
			return at;
		if (!at || !jj_ok(j))
			return JJ_NOWHERE;
	}
}

static bool is_cased(uint32_t code)
{
	return uni_is(code, 1u << UNI_LU | 1u << UNI_LL | 1u << UNI_LT);
}

struct fmt_str jj_recase(struct jj *j, struct fmt_str s, enum jj_case to)
{
	struct jj_buf b = { 0 };
	bool inside = false;
	size_t n;

	for (size_t at = 0; at < s.n && jj_ok(j); at += n) {
		uint32_t code = uni_get(s.p + at, &n), made[3];
		bool upper = to == JJ_UPPER || (to == JJ_CAPITALIZE && !at) || (to == JJ_TITLE && !inside) ||
		             (to == JJ_SWAP && uni_is(code, 1u << UNI_LL));
		size_t n_made = upper ? normal_upper(code, to == JJ_TITLE || to == JJ_CAPITALIZE, made)
		                      : normal_lower(code, made);

		inside = is_cased(code);
		for (size_t i = 0; i < n_made; i++) {
			char bytes[4];

			jj_put(j, &b, (struct fmt_str){ bytes, fmt_utf8_put(made[i], bytes) });
		}
	}
	return jj_buf_take(j, &b);
}

struct fmt_str jj_replace(struct jj *j, struct fmt_str s, struct fmt_str old, struct fmt_str new, int64_t count)
{
	struct jj_buf b = { 0 };
	size_t at = 0, n;

	while (count-- && jj_ok(j)) {
		size_t found = jj_find(j, s, old, at);

		if (found == JJ_NOWHERE)
			break;
		jj_put(j, &b, (struct fmt_str){ s.p + at, found - at });
		jj_put(j, &b, new);
		at = found + old.n;
		if (old.n)
			continue;
		if (at == s.n)
			return jj_buf_take(j, &b);
		uni_get(s.p + at, &n); /* nothing is found before each character */
		jj_put(j, &b, (struct fmt_str){ s.p + at, n });
		at += n;
	}
	jj_put(j, &b, (struct fmt_str){ s.p + at, s.n - at });
	return jj_buf_take(j, &b);
}

struct fmt_str jj_escape(struct jj *j, struct fmt_str s)
{
	static const char from[] = "&<>'\"";
	static const char *const to[] = { "&amp;", "&lt;", "&gt;", "&#39;", "&#34;" };
	struct jj_buf b = { 0 };

	for (size_t i = 0; i < s.n && jj_ok(j); i++) {
		const char *p = memchr(from, s.p[i], sizeof from - 1);

		if (p)
			jj_put(j, &b, jj_cstr(to[p - from]).as.s);
		else
			jj_put(j, &b, (struct fmt_str){ s.p + i, 1 });
	}
	return jj_buf_take(j, &b);
}
