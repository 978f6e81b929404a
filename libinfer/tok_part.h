/* Texts that come in parts. Of a part only what cannot depend on later text is encoded; the rest is to be given again, with
 * more behind it. So a text can be cut wherever a piece that goes to the model begins, if from there on every step does what
 * it does in the whole text:
 *
 * - added tokens: no token begins before that place and ends behind it;
 * - normalizers: no character before it has a part in what those behind it become;
 * - expressions and classes: the place is the beginning of what was found, or lies between two of such; all before it was
 *   found without a look at the end of the part, and the expression looks at nothing before where it begins;
 * - what is put in front of a stretch or a piece: not again, if the place lies within it. */
#ifndef LIBINFER_TOK_PART_H
#define LIBINFER_TOK_PART_H

#include "tok_text.h"

struct infer_tokenizer;
struct tok_run;

/* Whether what the text begins with is the rest of a stretch between added tokens: of raw text, and of normalized text. */
struct tok_within {
	bool raw, normalized;
};

struct tok_part {
	bool open;       /* more text will come */
	uint64_t start;  /* byte of the whole text at which the part begins */
	struct tok_within within;

	/* while it is encoded */
	bool cluster, run;      /* what normalizers look at: clusters of characters, runs of combining characters */
	bool parse_special;
	const struct tok_text *raw, *normalized; /* the stretches that are being encoded, */
	size_t raw_end, normalized_end;
	uint64_t raw_start, normalized_start;    /* and where in the whole text they begin */
	bool locked;            /* this piece may be cut at `lock` alone */
	uint64_t lock;
	uint64_t next;          /* pieces that begin before this byte are made from where an earlier one begins */

	/* the last place found */
	uint64_t cut;
	uint64_t n_tokens;      /* before it */
	struct tok_within cut_within;
};

/* Whether all of a tokenizer's steps but the splitting ones can do with a text in parts. */
bool tok_part_possible(const struct infer_tokenizer *t);

/* Before a part is encoded: what is derived from the tokenizer. */
void tok_part_begin(struct tok_run *r, bool parse_special);

/* A stretch begins: of raw, or of normalized text. */
void tok_part_raw(struct tok_run *r, const struct tok_text *text, size_t start, size_t end);
void tok_part_normalized(struct tok_run *r, const struct tok_text *text, size_t start, size_t end);

/* Whether text[start ..), where a stretch begins, is the rest of one. */
bool tok_part_continues_raw(const struct tok_run *r, const struct tok_text *text, size_t start);
bool tok_part_continues(const struct tok_run *r, const struct tok_text *text, size_t start);

/* The end of what later text cannot change in normalizing text[start, end). */
size_t tok_part_sure(const struct tok_run *r, const struct tok_text *text, size_t start, size_t end);

/* Whether what a splitting step does within a piece depends on where the piece begins. */
bool tok_part_whole(const struct infer_tokenizer *t, size_t step);
/* From now on only the beginning of the piece, text[start ..), is a place to cut. */
void tok_part_lock(struct tok_run *r, const struct tok_text *text, size_t start);

/* Here the model gets a piece: cut here, if that is possible. */
void tok_part_offer(struct tok_run *r, const struct tok_text *text, size_t at);
/* Here an added token begins in raw text. */
void tok_part_offer_added(struct tok_run *r, const struct tok_text *text, size_t at);

#endif
