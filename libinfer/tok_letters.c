/* GPT-2's alphabet: every byte as a printable letter. Printable bytes of Latin-1 are themselves; the 68 others, in
 * order, are U+0100 and following. */
#include "tok_table.h"
#include "unicode.h"

static bool is_itself(unsigned byte)
{
	return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

size_t tok_byte_letter(unsigned char byte, char *out)
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
	return uni_put(code, out);
}

static int letter_byte(uint32_t code)
{
	if (code < 0x100)
		return is_itself(code) ? (int)code : -1;
	if (code <= 0x120)
		return (int)(code - 0x100);
	if (code <= 0x142)
		return (int)(code - 0x121 + 0x7f);
	return code == 0x143 ? 0xad : -1;
}

size_t tok_letter_bytes(const char *p, size_t n, char *out)
{
	size_t made = 0, len;

	for (size_t at = 0; at < n; at += len) {
		int byte = letter_byte(uni_get(p + at, &len));

		if (byte < 0 || len > n - at)
			return SIZE_MAX;
		out[made++] = (char)byte;
	}
	return made;
}
