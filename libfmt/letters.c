/* Bytes as text. See letters.h. */
#include <string.h>

#include <libfmt/letters.h>
#include <libfmt/utf8.h>

static bool is_itself(unsigned byte)
{
	return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

size_t fmt_byte_letter(uint8_t byte, char *out)
{
	unsigned code = byte;

	if (!is_itself(byte)) { /* 00-20 (33 of them), 7F-A0 (34), AD */
		if (byte <= 0x20)
			code = 0x100u + byte;
		else if (byte <= 0xa0)
			code = 0x121u + (byte - 0x7fu);
		else
			code = 0x143u;
	}
	return fmt_utf8_put(code, out);
}

int fmt_letter_byte(uint32_t code)
{
	if (code < 0x100)
		return is_itself(code) ? (int)code : -1;
	if (code <= 0x120)
		return (int)(code - 0x100);
	if (code <= 0x142)
		return (int)(code - 0x121 + 0x7f);
	return code == 0x143 ? 0xad : -1;
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

size_t fmt_base64_decode(struct fmt_str text, uint8_t *out)
{
	size_t n = text.n, made = 0;
	unsigned n_bits = 0;
	uint32_t bits = 0;

	while (n && text.p[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++) {
		int d = digit(text.p[i]);

		if (d < 0)
			return SIZE_MAX;
		bits = bits << 6 | (uint32_t)d;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		out[made++] = (uint8_t)(bits >> n_bits);
	}
	return made;
}

size_t fmt_base64_encode(const uint8_t *p, size_t n, char *out)
{
	size_t made = 0;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t bits = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);

		for (unsigned k = 0; k < 4; k++)
			out[made++] = i + k <= n ? digits[bits >> (18 - 6 * k) & 63] : '=';
	}
	return made;
}
