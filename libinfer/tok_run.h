/* One text on its way through a tokenizer: what the steps of one call share. */
#ifndef LIBINFER_TOK_RUN_H
#define LIBINFER_TOK_RUN_H

#include "tok_part.h"
#include "tok_table.h"
#include "tok_words.h"

struct tok_bpe; /* scratch memory of the merging engine */
struct tok_lattice; /* that of Unigram's search */

struct tok_run {
	const struct infer_tokenizer *t;
	struct regex_run *regex; /* made when first needed */
	struct tok_bpe *bpe;     /* likewise */
	struct tok_lattice *lattice;
	struct tok_words *words; /* and the words that the model has had */
	size_t text_bytes;       /* of the whole text: how many words are worth keeping */
	size_t mark;             /* of the last token's origin */
	size_t word_start;       /* the split that the model has now, */
	uint8_t word_at[TOK_WORD_IDS]; /* where its tokens begin, counted from there, */
	size_t n_word;           /* and how many there are; only the first are in word_at */
	bool front_replaced;     /* what this text begins with stands for several characters: the reference counts it as the last */
	struct tok_text work[2]; /* results of normalizer steps, in turn */
	struct tok_text deep[TOK_MAX_STEPS]; /* results of splitting steps that change text, by step */
	struct tok_part part;    /* of a text that comes in parts */
	struct infer_tokens *out;
	struct fmt_err *err;
};

void tok_run_finish(struct tok_run *r);

/* Adds a token: that begins at byte `at` of the text, from the model; or where it is known what it came from. */
bool tok_emit_at(struct tok_run *r, int32_t id, uint64_t start);
bool tok_emit(struct tok_run *r, int32_t id, const struct tok_text *text, size_t at);

/* Takes back all tokens of the split that the model has now. */
void tok_take_back(struct tok_run *r);

/* The matches of a pattern in text[0, n), one after the other; zeroed before the first. As in the reference none is empty
 * right behind another, and in no text there is none. REGEX_FAILED with r->err set. */
struct tok_matches {
	size_t at, last; /* where to look next; end of the last match */
	bool any;
	bool open;       /* text goes on behind n: see REGEX_PARTIAL */
	struct tok_digits digits;
};
enum regex_found tok_pattern_next(struct tok_run *r, const struct tok_pattern *p, const char *text, size_t n,
                                  struct tok_matches *m, size_t *start, size_t *end);

/* In what follows, `open` says that the text goes on behind `end`: only what does not depend on it is done. */

/* Runs all normalizer steps on text[start, end). *out is `text` itself if there are none; else the result is of
 * [*out_start, *out_end) in one of r->work. */
bool tok_normalize(struct tok_run *r, const struct tok_text *text, size_t start, size_t end, bool open,
                   const struct tok_text **out, size_t *out_start, size_t *out_end);

/* Runs the splitting steps on text[start, end) and gives each split to the model. */
bool tok_split_all(struct tok_run *r, const struct tok_text *text, size_t start, size_t end, bool open);

/* The models: ids of one split. Empty splits are not given to them. tok_model calls that of the tokenizer. */
bool tok_model(struct tok_run *r, const struct tok_text *text, size_t start, size_t end, bool open);
bool tok_model_unigram(struct tok_run *r, const struct tok_text *text, size_t start, size_t end);
bool tok_model_words(struct tok_run *r, const struct tok_text *text, size_t start, size_t end);
bool tok_model_bpe(struct tok_run *r, const struct tok_text *text, size_t start, size_t end);
void tok_lattice_destroy(struct tok_lattice *l); /* NULL is fine */
void tok_bpe_destroy(struct tok_bpe *b); /* NULL is fine */

#endif
