/* Digits in threes from the right, as in 1|234|567. An expression can only say so by looking from each group to the last digit,
 * which takes time by the square of their number; the few that are in use are known by their text and searched for by hand. */
#ifndef LIBINFER_TOK_THREES_H
#define LIBINFER_TOK_THREES_H

#include "regex_in.h"

struct tok_threes;

/* The expression's form, or NULL. */
const struct tok_threes *tok_threes_form(struct fmt_str pattern);

/* As regex_restarts. */
bool tok_threes_restarts(const struct tok_threes *f);

/* The digits that a series of searches through one text is at; zeroed before the first. */
struct tok_digits {
	size_t at, end;
	uint64_t n_left; /* from `at` to `end` */
};

/* As regex_find. `from` does not go back within a series. */
enum regex_found tok_threes_find(const struct tok_threes *f, struct tok_digits *d, const char *text, size_t n, size_t from,
                                 bool open, size_t *start, size_t *end);

#endif
