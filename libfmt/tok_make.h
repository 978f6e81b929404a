/* The text of a tokenizer.json for a directory that has none: from tekken.json, tokenizer.model (SentencePiece, or tiktoken's
 * lines), a .tiktoken file, or vocab.json with merges.txt, with added tokens from the files beside them, as transformers builds its
 * tokenizers of them. From then on there is one kind of description. */
#ifndef FMT_TOK_MAKE_H
#define FMT_TOK_MAKE_H

#include "buf.h"
#include "hf_dir.h"
#include "index.h"

struct made_token {
	uint64_t id;
	struct fmt_str text;
	bool special, lstrip, rstrip, single_word, normalized;
};

/* A pair of tokens that become one. */
struct made_merge {
	struct fmt_str left, right;
	double score;             /* highest first; equal ones by the lengths below, then in their order */
	uint32_t n_left, n_right; /* characters */
	uint64_t order;
};

struct tok_make {
	const struct hf_dir *d;
	struct fmt_arena *mem;
	struct fmt_err *err;
	struct fmt_buf out;      /* the text so far */
	struct fmt_index ids;    /* of the model's own vocabulary */
	uint64_t n_vocab;
	struct made_token *added;
	uint64_t n_added, cap_added;
	struct fmt_str bos, eos; /* .p NULL: not known */
	bool add_bos, add_eos;   /* unless tokenizer_config.json says otherwise */
};

/* Fills in d->file[HF_TOKENIZER] if there is no tokenizer.json and something to make it of; its `made` is then set.
 * pre   how byte-level BPE cuts text, a name of <libfmt/pre.h>; NULL: by tokenizer_class or the size of the vocabulary
 * returns false with *err set: one of the files is malformed, or does not say enough */
bool tok_make(struct hf_dir *d, struct fmt_arena *mem, const char *pre, struct fmt_err *err);

/* The sources. Each writes the members "model", "normalizer", "pre_tokenizer" and "decoder", and sets the rest. */
bool tok_make_spm(struct tok_make *m);
bool tok_make_tiktoken(struct tok_make *m, enum hf_file_id id, const char *pre);
bool tok_make_tekken(struct tok_make *m, const char *pre);
bool tok_make_vocab(struct tok_make *m, const char *pre);

/* What they share. */

/* An added token; one of that id is replaced. */
void make_added(struct tok_make *m, struct made_token t);

/* "name": with a comma before it. */
void make_member(struct tok_make *m, const char *name);

/* Splits by a name's expressions, then bytes as letters. false with the error set: no such name. */
bool make_splits(struct tok_make *m, const char *pre, bool prefix_space);

/* The same by one expression. */
bool make_split(struct tok_make *m, struct fmt_str pattern);

/* The bytes of a token in base64 as letters. false without an error: it is not base64. */
bool make_rank(struct tok_make *m, struct fmt_str base64, struct fmt_str *rank);

/* The member "model" of byte-level BPE by ranks. The ids of ranks[0, n) count from `first`, behind the added tokens so far, and are
 * those in m->ids.
 * whole   a piece of text that is a token is not taken apart. tiktoken has it so always; where merging makes every token
 *         anyway it is the same, and there are names without */
void make_ranked_model(struct tok_make *m, const struct fmt_str *ranks, uint64_t n, uint64_t first, bool whole);

/* Text.left and .right as ["a","b"], best first; `list` is sorted. */
void make_merges(struct tok_make *m, struct made_merge *list, uint64_t n);

/* Value of a string or flag of tokenizer_config.json. */
struct fmt_str make_config_str(const struct tok_make *m, const char *key);
bool make_config_flag(const struct tok_make *m, const char *key, bool absent);

#endif
