/* What a tokenizer is, whatever it was read from: vocabulary, added tokens, and steps in order.
 *
 * Text runs through: added tokens cut out of the raw text; normalizer steps on each piece between them; added tokens
 * cut out of the normalized pieces; splitting steps; the model, on each split; the template around all of it.
 * tok_json.c makes this from tokenizer.json, tok_gguf.c from a GGUF's keys; nobody else knows where it came from. */
#ifndef LIBINFER_TOK_TABLE_H
#define LIBINFER_TOK_TABLE_H

#include <libfmt/model.h>
#include <libinfer/tokenizer.h>

#include "regex_in.h"
#include "tok_text.h"
#include "tok_threes.h"

#define TOK_NONE (-1) /* an id that is not there */

/* Steps of one kind in a tokenizer, and pieces in one template: some hundred would be an attempt at mischief. */
#define TOK_MAX_STEPS 64
/* An id may be this far past the number of tokens: vocabularies have gaps, but memory is by the highest id. */
#define TOK_MAX_GAP 1000000

/* A string to look for: the bytes themselves, or an expression. */
struct tok_pattern {
	struct tok_bytes literal;
	struct regex *regex; /* NULL: the literal */
	const struct tok_threes *threes; /* the same by hand, or NULL */
};

enum tok_norm_kind {
	TOK_NORM_NFC,
	TOK_NORM_NFD,
	TOK_NORM_NFKC,
	TOK_NORM_NFKD,
	TOK_NORM_LOWERCASE,
	TOK_NORM_STRIP,         /* white space at the ends: left, right */
	TOK_NORM_STRIP_ACCENTS, /* drop marks */
	TOK_NORM_BERT_ACCENTS,  /* drop category Mn */
	TOK_NORM_REPLACE,       /* pattern -> text */
	TOK_NORM_PREPEND,       /* text before whatever is not empty */
	TOK_NORM_BYTES,         /* ByteLevel: each byte as a letter */
	TOK_NORM_CLEAN,         /* Bert: control characters out, white space to spaces */
	TOK_NORM_CJK,           /* Bert: spaces around ideographs */
	TOK_NORM_NMT,           /* SentencePiece's older rules: control characters out, some white space to spaces */
	TOK_NORM_CHARSMAP,      /* Precompiled: SentencePiece's trie of replacements; left: the longest at each place */
	TOK_NORM_SPACES,        /* SentencePiece: text for spaces; left: one in front, right: one for a run of them */
	TOK_NORM_BASE,          /* llama.cpp's NFD: the first character of what a character is made of */
	TOK_NORM_MARKS,         /* llama.cpp: drop marks */
	TOK_NORM_WORDS,         /* llama.cpp: control characters out, white space to spaces */
};

struct tok_norm {
	enum tok_norm_kind kind;
	bool left, right;
	struct tok_pattern pattern;
	struct tok_bytes text;
	struct tok_charsmap *charsmap;
};

enum tok_behavior {
	TOK_REMOVED,
	TOK_ISOLATED,
	TOK_MERGED_PREVIOUS,
	TOK_MERGED_NEXT,
	TOK_CONTIGUOUS,
};

enum tok_prepend { TOK_PREPEND_NEVER, TOK_PREPEND_FIRST, TOK_PREPEND_ALWAYS };

enum tok_split_kind {
	TOK_SPLIT_PATTERN, /* pattern, behavior, invert */
	TOK_SPLIT_CLASS,   /* characters for which `is` holds, behavior */
	TOK_SPLIT_SCRIPT,  /* where the script changes */
	TOK_SPLIT_SPACE,   /* a space in front of what does not begin with one */
	TOK_SPLIT_FRONT,   /* text in front */
	TOK_SPLIT_BYTES,   /* ByteLevel: each byte becomes a letter */
	TOK_SPLIT_META,    /* Metaspace: spaces become `text`; prepend, split */
};

struct tok_split {
	enum tok_split_kind kind;
	enum tok_behavior behavior;
	enum tok_prepend prepend;
	bool invert;
	bool split;
	bool (*is)(uint32_t code);
	struct tok_pattern pattern;
	struct tok_bytes text;
};

enum tok_decode_kind {
	TOK_DECODE_BYTES,     /* letters back to bytes */
	TOK_DECODE_REPLACE,   /* pattern -> text, in each token */
	TOK_DECODE_FALLBACK,  /* runs of <0xNN> to the characters they spell */
	TOK_DECODE_FUSE,      /* all tokens become one */
	TOK_DECODE_STRIP,     /* up to `start` of text in front, up to `stop` behind, in each token */
	TOK_DECODE_META,      /* `text` to spaces; without those of the first token if first */
	TOK_DECODE_WORDPIECE, /* text is the prefix of continuing pieces; first: clean up */
	TOK_DECODE_SUFFIX,    /* text ends a word */
	TOK_DECODE_CTC,       /* one of equal neighbours; text out; pattern is a space; first: clean up */
};

struct tok_decode {
	enum tok_decode_kind kind;
	bool first;
	uint64_t start, stop;
	struct tok_pattern pattern;
	struct tok_bytes text;
};

struct tok_added {
	struct tok_bytes text; /* what is looked for; normalized if `normalized` */
	int32_t id;
	bool special, normalized, lstrip, rstrip, single_word;
	bool ascii; /* strips ASCII's white space only */
};

enum tok_model_kind { TOK_MODEL_BPE, TOK_MODEL_UNIGRAM, TOK_MODEL_WORDPIECE, TOK_MODEL_WORDLEVEL };

/* One token of the vocabulary, by id. */
struct tok_entry {
	struct fmt_str text; /* as the file spells it; .p NULL: no token has this id */
	struct fmt_str key;  /* what the model looks up: raw bytes in a byte-level vocabulary; .p NULL: never found */
	struct fmt_str shown; /* what decoding starts from, where it is not `text`; .p NULL: it is */
	double score;        /* of Unigram */
	bool special;        /* left out by skip_special */
	bool ends;           /* generation stops at it */
	bool added_only;     /* an added token that the model's own vocabulary lacks */
};

struct tok_slot;

/* From bytes to ids: open addressing, keyed hash. */
struct tok_index {
	struct tok_slot *slots;
	size_t n_slots, n;
	uint64_t key;
};

struct tok_merge {
	int32_t left, right; /* left TOK_NONE: a free slot */
	uint32_t rank;       /* lowest first */
	int32_t id;          /* what the two become */
};

/* Pairs that merge: open addressing by a keyed hash of both ids. */
struct tok_merges {
	struct tok_merge *slots;
	size_t n_slots, n;
	uint64_t key;
};

struct tok_trie;

struct infer_tokenizer {
	struct tok_entry *entries; /* by id */
	size_t n_entries, cap_entries;
	struct tok_bytes *blobs;   /* hold the texts */
	size_t n_blobs, cap_blobs;
	struct tok_index index;    /* from keys to ids */

	struct tok_added *added;
	size_t n_added, cap_added;
	struct tok_trie *raw, *normalized; /* of the added tokens; values index `added` */

	struct tok_norm *norms;
	size_t n_norms, cap_norms;
	struct tok_split *splits;
	size_t n_splits, cap_splits;
	struct tok_decode *decodes;
	size_t n_decodes, cap_decodes;
	bool join_spaces; /* no decoder: tokens joined by spaces */

	enum tok_model_kind model;
	bool byte_symbols;   /* the last splitting step was ByteLevel: the model sees bytes, keys are bytes */
	bool ignore_merges;  /* a split that is a token is not taken apart */
	bool whole_newlines; /* nor one of line feeds alone */
	bool byte_fallback, fuse_unk;
	bool unknown_parts;  /* nothing merges across what is unknown; else it is gone before the merging (Hugging Face) */
	int32_t unk;         /* TOK_NONE: what is unknown is dropped */
	int32_t bytes[256];  /* byte symbols, or the tokens <0xNN>; TOK_NONE where there is none */
	struct tok_merges merges;
	struct tok_bytes continuing, word_end; /* BPE's continuing_subword_prefix and end_of_word_suffix; WordPiece's "##" */
	uint64_t max_word_chars;               /* WordPiece: longer words are unknown */
	size_t max_key_bytes;                  /* of any key */
	double unk_score;                      /* Unigram */

	struct tok_prefixes *prefixes; /* of the keys; only Unigram's and WordPiece's */
	struct tok_joins *joins; /* where no merge can reach across; NULL: nothing is known about that */
	int32_t *prefix, *suffix; /* what the template puts around a text */
	size_t n_prefix, cap_prefix, n_suffix, cap_suffix;
};

/* An empty one, to be filled from one of the sources. */
struct infer_tokenizer *tok_create(struct fmt_err *err);

/* Vocabulary. Texts are copied. tok_set refuses ids that are negative, taken, or far past the number of tokens. */
bool tok_set(struct infer_tokenizer *t, int64_t id, struct fmt_str text, uint64_t n_tokens, struct fmt_err *err);
struct fmt_str tok_keep(struct infer_tokenizer *t, const char *p, size_t n, struct fmt_err *err);
/* Makes the index. While a file is read it is by the texts of all tokens; `final`: by what the model looks up, which is
 * bytes in a byte-level vocabulary, and without tokens that were only added. */
bool tok_index_build(struct infer_tokenizer *t, bool final, struct fmt_err *err);
bool tok_index_add(struct infer_tokenizer *t, int32_t id, struct fmt_err *err); /* unless its key is there */
uint64_t tok_index_bytes(const struct tok_index *x);
int32_t tok_find(const struct infer_tokenizer *t, const char *p, size_t n);
/* The same, faster if the id is `guess` or the next one; for vocabularies in which no two tokens have one text. */
int32_t tok_find_near(const struct infer_tokenizer *t, const char *p, size_t n, int32_t guess);

/* tok_find in three steps, for TOK_AHEAD keys or so at once, so that memory is waited for once and not for each: the hash of each
 * key, while its slot is fetched; then the entry that the slot names; then the id. The index must have been built. */
#define TOK_AHEAD 16
uint32_t tok_prefetch_slot(const struct infer_tokenizer *t, const char *p, size_t n);
void tok_prefetch_entry(const struct infer_tokenizer *t, uint32_t hash);
int32_t tok_find_hashed(const struct infer_tokenizer *t, uint32_t hash, const char *p, size_t n);
void tok_merges_prefetch(const struct tok_merges *m, int32_t left, int32_t right); /* before tok_merges_add */

bool tok_merges_reserve(struct tok_merges *m, size_t n, struct fmt_err *err);
/* An earlier rank of the same pair is replaced if `replace`. Room must have been reserved. */
void tok_merges_add(struct tok_merges *m, struct tok_merge merge, bool replace);
const struct tok_merge *tok_merges_find(const struct tok_merges *m, int32_t left, int32_t right);

/* Merges from the scores of the pieces (SentencePiece BPE); the index must be by texts. */
bool tok_merges_by_score(struct infer_tokenizer *t, struct fmt_err *err);

/* Sets what an unknown character counts in Unigram, from the scores. */
void tok_score_unknown(struct infer_tokenizer *t);

/* Which tokens end a text or a turn: by the names in use, and by the keys of the view (may be NULL). */
void tok_mark_ends(struct infer_tokenizer *t, const struct fmt_view *v);

/* Which characters stand next to each other in tokens: t->joins, where cutting by it is safe. */
bool tok_joins_create(struct infer_tokenizer *t, struct fmt_err *err);
/* End of the first part of [at, end) that can be encoded by itself. */
size_t tok_join_end(const struct tok_joins *j, const char *p, size_t at, size_t end);

/* For Unigram and WordPiece: all beginnings of keys, as a trie. A zeroed place in it is the empty beginning; tok_prefixes_next
 * goes on by a byte: false if no key goes on so; *id is the token whose key ends there, or TOK_NONE. */
struct tok_prefix {
	uint32_t node;
	size_t n;            /* bytes so far */
	int32_t id;
	struct fmt_str rest; /* .p not NULL: only the key of `id` goes on, by this */
};
bool tok_prefixes_create(struct infer_tokenizer *t, struct fmt_err *err);
void tok_prefixes_destroy(struct tok_prefixes *x); /* NULL is fine */
uint64_t tok_prefixes_bytes(const struct tok_prefixes *x); /* likewise */
bool tok_prefixes_next(const struct infer_tokenizer *t, struct tok_prefix *at, unsigned char byte, int32_t *id);

/* After everything is filled in: what the engines derive from it (tries, cutting). */
bool tok_finish(struct infer_tokenizer *t, struct fmt_err *err);

/* A new zeroed step at the end; NULL with *err set past TOK_MAX_STEPS. */
struct tok_norm *tok_new_norm(struct infer_tokenizer *t, enum tok_norm_kind kind, struct fmt_err *err);
struct tok_split *tok_new_split(struct infer_tokenizer *t, enum tok_split_kind kind, struct fmt_err *err);
struct tok_decode *tok_new_decode(struct infer_tokenizer *t, enum tok_decode_kind kind, struct fmt_err *err);
struct tok_added *tok_new_added(struct infer_tokenizer *t, struct fmt_err *err);
bool tok_pattern_literal(struct tok_pattern *p, struct fmt_str s, struct fmt_err *err);
bool tok_pattern_regex(struct tok_pattern *p, struct fmt_str s, struct fmt_err *err);
bool tok_put_id(int32_t **ids, size_t *n, size_t *cap, int32_t id, struct fmt_err *err);

/* The sources. */
bool tok_from_json(struct infer_tokenizer *t, struct fmt_str json, struct fmt_err *err);
bool tok_from_gguf(struct infer_tokenizer *t, const struct fmt_view *v, struct fmt_err *err);

/* Turns a whole token in GPT-2's alphabet (<libfmt/letters.h>) to bytes in `out` (n of room) and gives
 * their number, or SIZE_MAX if some character is no letter of it. */
size_t tok_letter_bytes(const char *p, size_t n, char *out);

#endif
