/* UTF-8: is it, and what of it may go to a terminal. */
#ifndef LIBFMT_UTF8_H
#define LIBFMT_UTF8_H

#include <libfmt/model.h>

/* Bytes of the well-formed character at p (1 to 4), whose code point goes to *code; 0 if there is none: overlong,
 * a surrogate, past U+10FFFF or cut short at n. (Unicode 15, table 3-7) */
size_t fmt_utf8_char(const char *p, size_t n, uint32_t *code);

/* Writes a code point that is no surrogate; returns its bytes (1 to 4). */
size_t fmt_utf8_put(uint32_t code, char *out);

/* True if all n bytes are UTF-8; else *bad (may be NULL) is the offset of the first that is not. */
bool fmt_utf8_valid(const char *p, size_t n, size_t *bad);

#define FMT_SHOW_BYTES 200

/* A name or text from a file for a message: in quotes, with whatever a terminal could act on (control characters,
 * those that turn the direction of text, bytes that are not UTF-8) as \xNN; cut with "..." where it is too long.
 * `out` holds FMT_SHOW_BYTES. returns out */
const char *fmt_show(struct fmt_str s, char *out);

#endif
