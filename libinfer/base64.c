/* Base64. */
#include "base64.h"

static int digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct fmt_str text, struct tok_bytes *out, struct fmt_err *err)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t n = text.n;

	while (n && text.p[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++) {
		int d = digit(text.p[i]);
		char byte;

		if (d < 0)
			return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "character %zu of base64 data is not base64", i);
		bits = bits << 6 | (uint32_t)d;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		byte = (char)(bits >> n_bits & 0xff);
		if (!tok_bytes_put(out, &byte, 1, err))
			return false;
	}
	return true;
}
