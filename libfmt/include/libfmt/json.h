/* Reading JSON: a parsed document as a tree of const nodes, and its longest lists, if wished, as text to walk through. Exact
 * lengths, exact integers, errors with an offset. */
#ifndef LIBFMT_JSON_H
#define LIBFMT_JSON_H

#include <libfmt/model.h>

struct json_doc;
struct json; /* a node; owned by its document */

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* Parses n bytes of UTF-8. Refuses trailing bytes, invalid UTF-8, half surrogate pairs, nesting deeper than 128.
 * Of what strict JSON lacks, only the numbers NaN, Infinity and -Infinity are taken: Python writes them in config.json.
 * returns the document, or NULL with *err set (the offset is into the text) */
struct json_doc *json_parse(const char *text, size_t n, struct fmt_err *err);
void json_free(struct json_doc *d); /* NULL is fine */
const struct json *json_root(const struct json_doc *d);

/* All of these take NULL as a node that is not there. */
enum json_type json_type(const struct json *j); /* JSON_NULL for NULL */
bool json_is(const struct json *j, enum json_type t); /* false for NULL */
const struct json *json_get(const struct json *object, const char *key); /* the first of that key; linear */
const struct json *json_first(const struct json *container); /* elements or members in order; NULL at the end */
const struct json *json_next(const struct json *j);
size_t json_count(const struct json *container); /* linear */
struct fmt_str json_key(const struct json *member);
struct fmt_str json_str(const struct json *j); /* {NULL, 0} unless a string; \u0000 is kept as a byte 0 */

/* Numbers: true and *out set if the node is a number that `out` can hold exactly; 3.0 and 3e0 are whole numbers too.
 * json_f64: any number, rounded to the nearest double; it may be infinite or NaN. */
bool json_u64(const struct json *j, uint64_t *out);
bool json_i64(const struct json *j, int64_t *out);
bool json_f64(const struct json *j, double *out);
bool json_is_int(const struct json *j); /* a number written without fraction and exponent, of any size */
bool json_bool(const struct json *j, bool *out); /* only true and false */

/* Lists too long to be worth a tree. Of a 12 MB tokenizer.json all but some kB is `model.vocab` and `model.merges`. */
struct json_leave {
	const char *path;    /* one key or two from the root on, joined by a dot */
	struct fmt_str text; /* {NULL, 0}; becomes the text of the array or object there, brackets included, if there is one */
	uint64_t count;      /* 0; becomes the number of its elements or members */
};

/* As json_parse, but the arrays and objects at these paths (of equal keys the first) are checked and nothing more: they
 * are empty in the tree, and leave[] says where in `text` they are. */
struct json_doc *json_parse_leaving(const char *text, size_t n, struct json_leave *leave, size_t n_leave,
                                    struct fmt_err *err);

/* A walk over such text (no other: its grammar is not checked again), token by token; commas and colons are passed over, so
 * an object is keys and values in turn. */
struct json_walk {
	const char *p, *end; /* what is left */
};
enum json_token { JSON_END, JSON_OPEN, JSON_CLOSE, JSON_QUOTED, JSON_DIGITS, JSON_WORD };

/* text    set to the token: a bracket; a string without its quotes, as written; a number; true, false or null */
enum json_token json_walk_next(struct json_walk *w, struct fmt_str *text);

/* What a string stands for.
 * s       from json_walk_next, over text that json_parse_leaving has checked; here it is not checked again
 * out     room for s.n bytes
 * returns the number of bytes */
size_t json_unescape(struct fmt_str s, char *out);

/* A number from such a walk, as json_i64 has it: false if it is not whole, or does not fit. */
bool json_digits_i64(struct fmt_str digits, int64_t *out);

#endif
