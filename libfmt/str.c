/* fmt_str: pointer and length, any bytes. */
#include <string.h>

#include <libfmt/model.h>

bool fmt_str_eq(struct fmt_str a, struct fmt_str b)
{
	return a.n == b.n && (!a.n || !memcmp(a.p, b.p, a.n));
}

bool fmt_str_is(struct fmt_str a, const char *s)
{
	return fmt_str_eq(a, (struct fmt_str){ s, strlen(s) });
}

bool fmt_str_starts(struct fmt_str a, const char *s)
{
	size_t n = strlen(s);

	return a.n >= n && !memcmp(a.p, s, n);
}

bool fmt_str_ends(struct fmt_str a, const char *s)
{
	size_t n = strlen(s);

	return a.n >= n && !memcmp(a.p + a.n - n, s, n);
}

bool fmt_str_has(struct fmt_str a, const char *s)
{
	size_t n = strlen(s);
	const char *at = a.p;

	for (size_t left = a.n; left >= n; left = a.n - (size_t)(at - a.p)) {
		at = memchr(at, s[0], left - n + 1);
		if (!at)
			return false;
		if (!memcmp(at, s, n))
			return true;
		at++;
	}
	return false;
}
