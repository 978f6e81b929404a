/* The expressions of tokenizers, run by PCRE2. \p{..}, \s, \w and \d mean Unicode 16.0 whatever PCRE2's own version:
 * they are replaced by ranges from the table in unicode.h. Searching is bounded in steps and memory. */
#ifndef LIBINFER_REGEX_IN_H
#define LIBINFER_REGEX_IN_H

#include <libfmt/model.h>

struct regex;     /* a compiled expression; any number of threads */
struct regex_run; /* what one thread needs to search */

/* Compiles an expression written as Hugging Face's tokenizers take it (Oniguruma's syntax: ^ and $ are of lines).
 * NULL with *err set. */
struct regex *regex_create(struct fmt_str pattern, struct fmt_err *err);
void regex_destroy(struct regex *r); /* NULL is fine */

struct regex_run *regex_run_create(struct fmt_err *err);
void regex_run_destroy(struct regex_run *run); /* NULL is fine */

/* Whether a search may begin anew anywhere without knowing what stands before: no looking back, and no empty matches. */
bool regex_restarts(const struct regex *r);

enum regex_found { REGEX_NONE, REGEX_MATCH, REGEX_PARTIAL, REGEX_FAILED };

/* The first match in text[from, n) (n bytes of UTF-8; what stands before `from` is seen by look-behind).
 * open   text goes on behind n: a match, or none, is one whatever comes there. REGEX_PARTIAL: that depends on it; nothing
 *        before *start is part of the match.
 * REGEX_FAILED, with *err set, if the expression takes too many steps or too much memory on this text. */
enum regex_found regex_find(const struct regex *r, struct regex_run *run, const char *text, size_t n, size_t from,
                            bool open, size_t *start, size_t *end, struct fmt_err *err);

/* What \w takes. */
bool regex_is_word(uint32_t code);

#endif
