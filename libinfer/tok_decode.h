/* From ids to text. The decoder's steps work on a list of strings, one per token at first; what is left is joined. */
#ifndef LIBINFER_TOK_DECODE_H
#define LIBINFER_TOK_DECODE_H

#include "tok_run.h"

/* Strings one behind the other: string i is bytes [ends[i-1], ends[i]). */
struct strings {
	struct tok_bytes bytes;
	size_t *ends;
	size_t n, cap;
};

struct decoder {
	struct strings from, to;
	struct tok_run run; /* for expressions */
	bool head, last;    /* the text begins with these ids; it ends with them */
	bool joined;        /* a step has made one string of all */
	bool too_short;     /* of the beginning of a text so little is left that what follows may still be stripped */
	struct fmt_err *err;
};

/* What is being made: bytes of a string, its end; and then it becomes what is read next. */
bool decode_add(struct decoder *d, const char *p, size_t n);
bool decode_end(struct decoder *d);
void decode_swap(struct decoder *d);

struct fmt_str decode_string(const struct strings *s, size_t i);

/* One step, from d->from to d->to. */
bool decode_step(struct decoder *d, const struct tok_decode *step);

/* The byte that "<0xNN>" names, or -1. */
int decode_fallback_byte(struct fmt_str s);

#endif
