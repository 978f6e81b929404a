/* Unicode normalization forms and lower case, by utf8proc. */
#ifndef LIBINFER_NORMAL_H
#define LIBINFER_NORMAL_H

#include "tok_text.h"

enum normal_form { NORMAL_NFC, NORMAL_NFD, NORMAL_NFKC, NORMAL_NFKD };

/* Adds text[start, end), which is UTF-8, to *out in a normalization form. Origins are exact where nothing changes, else
 * those of the beginning of the shortest run that could be normalized by itself. */
bool normal_form(enum normal_form form, const struct tok_text *text, size_t start, size_t end, struct tok_text *out,
                 struct fmt_err *err);

/* True for characters that no earlier character can change or be changed by, in any of the forms: no combining mark, no
 * second half of a composition. Not all such characters, but the common ones. */
bool normal_begins_run(uint32_t code);

/* Lower case of one code point, at most 3 of them (U+0130 gives two). Returns their number. */
size_t normal_lower(uint32_t code, uint32_t out[3]);

/* The first code point of the full canonical decomposition. */
uint32_t normal_base(uint32_t code);

/* Upper case (or title case) of one code point, likewise: "ß" gives "SS". */
size_t normal_upper(uint32_t code, bool title, uint32_t out[3]);

/* Bytes of the grapheme cluster at p; n > 0. */
size_t normal_grapheme(const char *p, size_t n);

#endif
