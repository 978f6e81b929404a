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
