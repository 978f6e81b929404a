/* Tokens written in GPT-2's alphabet. */
#include <libfmt/letters.h>

#include "tok_table.h"
#include "unicode.h"

size_t tok_letter_bytes(const char *p, size_t n, char *out)
{
	size_t made = 0, len;

	for (size_t at = 0; at < n; at += len) {
		int byte = fmt_letter_byte(uni_get(p + at, &len));

		if (byte < 0 || len > n - at)
			return SIZE_MAX;
		out[made++] = (char)byte;
	}
	return made;
}
