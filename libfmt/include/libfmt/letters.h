/* Two ways in which tokenizer files write bytes: base64, and GPT-2's alphabet. */
#ifndef LIBFMT_LETTERS_H
#define LIBFMT_LETTERS_H

#include <libfmt/model.h>

/* GPT-2's alphabet: every byte as a printable letter. Printable bytes of Latin-1 are themselves; the 68 others, in order, are
 * U+0100 and following. Writes the letter as UTF-8 (room for 2 bytes). returns its bytes */
size_t fmt_byte_letter(uint8_t byte, char *out);
int fmt_letter_byte(uint32_t code); /* the byte that a letter stands for, or -1 */

/* Base64 (RFC 4648). out has room for 3 bytes per 4 characters, rounded up. Padding may be absent.
 * returns the number of bytes, or SIZE_MAX if some character is not of its alphabet */
size_t fmt_base64_decode(struct fmt_str text, uint8_t *out);
/* The other way: out has room for 4 characters per 3 bytes, rounded up. returns their number */
size_t fmt_base64_encode(const uint8_t *p, size_t n, char *out);

#endif
