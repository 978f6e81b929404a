#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json_out.h"

void json_out_str(struct fmt_buf *b, struct fmt_str s)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	char escape[8];

	fmt_buf_u8(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		const char *at = c ? strchr(plain, c) : NULL;

		if (at) {
			fmt_buf_u8(b, '\\');
			fmt_buf_u8(b, (uint8_t)letter[at - plain]);
		} else if (c < 0x20) {
			snprintf(escape, sizeof escape, "\\u%04x", c);
			fmt_buf_text(b, escape);
		} else {
			fmt_buf_u8(b, c);
		}
	}
	fmt_buf_u8(b, '"');
}

void json_out_u64(struct fmt_buf *b, uint64_t v)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%" PRIu64, v);
	fmt_buf_text(b, digits);
}
