/* Text on its way through a tokenizer: bytes, and where each of them came from. */
#ifndef LIBINFER_TOK_TEXT_H
#define LIBINFER_TOK_TEXT_H

#include <libfmt/model.h>

/* Makes room for `need` items in an array that has *cap; doubles. False with *err set if memory is short. */
bool tok_grow(void **items, size_t *cap, size_t need, size_t item_bytes, struct fmt_err *err);

/* A growing string of bytes. Zeroed is empty. After an error nothing is added. */
struct tok_bytes {
	char *p;
	size_t n, cap;
};
bool tok_bytes_put(struct tok_bytes *b, const char *s, size_t n, struct fmt_err *err);
void tok_bytes_finish(struct tok_bytes *b);

/* From byte `at` of the text on, to the next mark, byte i came from byte origin + (i - at) of what the caller gave; with
 * `made`, all of them were made from what stands at `origin`. */
struct tok_mark {
	size_t at;
	uint64_t origin;
	bool made;
};

struct tok_text {
	struct tok_bytes bytes;
	struct tok_mark *marks;
	size_t n_marks, cap_marks;
	bool borrowed; /* bytes belong to somebody else: nothing may be added */
};

void tok_text_finish(struct tok_text *t);
void tok_text_clear(struct tok_text *t); /* keeps the memory */

/* The n bytes at p as a text that borrows them, the first of which is byte `origin`. */
bool tok_text_borrow(struct tok_text *t, const char *p, size_t n, uint64_t origin, struct fmt_err *err);

/* Adds n bytes, all made from what stands at `origin`. */
bool tok_text_put(struct tok_text *t, const char *p, size_t n, uint64_t origin, struct fmt_err *err);

/* Adds a character of n bytes in place of the one of as many bytes that begins at `at` of another text. */
bool tok_text_put_for(struct tok_text *t, const char *p, size_t n, const struct tok_text *from, size_t at,
                      struct fmt_err *err);

/* Adds bytes [start, end) of another text with their origins. */
bool tok_text_copy(struct tok_text *t, const struct tok_text *from, size_t start, size_t end, struct fmt_err *err);

/* The mark that holds for byte `at`, and where that byte (0 .. n) came from. */
size_t tok_text_mark(const struct tok_text *t, size_t at);
uint64_t tok_text_origin(const struct tok_text *t, size_t at);

/* The first byte of the text that came from byte `origin`, of which there must be one. */
size_t tok_text_find(const struct tok_text *t, uint64_t origin);

/* Adds n bytes that may not be UTF-8, the first of which is byte `origin`: each maximal invalid part becomes U+FFFD, as
 * Rust's lossy decoding has it. */
bool tok_text_lossy(struct tok_text *t, const char *p, size_t n, uint64_t origin, struct fmt_err *err);
bool tok_is_utf8(const char *p, size_t n);

/* The n bytes at p without a character at their end that is cut short. */
size_t tok_whole_chars(const char *p, size_t n);

#endif
