/* tokenizer.ggml.*: a directory's tokenizer as the keys that llama.cpp reads. */
#ifndef FMT_TOK_KEYS_H
#define FMT_TOK_KEYS_H

#include "hf_dir.h"
#include "kv_list.h"

struct fmt_arch;
struct fmt_view;

/* What to do without tokenizer.json. */
#define TOK_HOW_TO_GET "take it from the original model, or let transformers write it: AutoTokenizer, save_pretrained"

/* An id may be this far past the number of tokens: vocabularies have gaps, but memory is by the highest id. */
#define TOK_MAX_GAPS 1000000

/* The numbers are GGUF's and SentencePiece's. */
enum tok_type { TOK_NORMAL = 1, TOK_UNKNOWN, TOK_CONTROL, TOK_USER_DEFINED, TOK_UNUSED, TOK_BYTE };

/* A vocabulary while it is collected: one entry per row of the embedding. */
struct tok_vocab {
	struct fmt_str *tokens; /* n; .p NULL: no token of that id */
	int32_t *types;
	float *scores;          /* SentencePiece only */
	uint64_t n;
	uint64_t n_beyond;      /* tokens left out because the embedding has no row for them */
	uint64_t n_gaps, n_padding; /* rows without a token: below the last token, and behind it */
	bool no_prefix;         /* SentencePiece only: no space is put before a text */
};

/* tok_keys.c */
bool tok_is_there(const struct hf_dir *d);

/* All keys. pre: the name to write instead of the one that is found, or NULL. */
void tok_keys(struct kv_list *l, struct fmt_view *v, const char *pre);

/* tok_bpe_keys.c: byte-level BPE, from tokenizer.json. */
void tok_bpe_keys(struct kv_list *l, const struct hf_dir *d, struct tok_vocab *vocab, const char *pre);
void tok_merge_keys(struct kv_list *l, const struct json *model); /* tokenizer.ggml.merges alone */

/* tok_spm_keys.c: SentencePiece BPE, from tokenizer.model or tokenizer.json. */
void tok_spm_keys(struct kv_list *l, const struct hf_dir *d, struct tok_vocab *vocab);

/* tok_unigram_keys.c: Unigram, from tokenizer.json. */
void tok_unigram_keys(struct kv_list *l, const struct hf_dir *d, struct tok_vocab *vocab);

/* tok_wordpiece_keys.c: WordPiece, from tokenizer.json. */
void tok_wordpiece_keys(struct kv_list *l, const struct hf_dir *d, struct tok_vocab *vocab);

/* tok_special.c: ids of special tokens, which of them are added to a text, chat templates, normalizer flags. */
void tok_special_keys(struct kv_list *l, const struct fmt_arch *arch, const struct hf_dir *d, const struct tok_vocab *vocab);

/* tok_pre.c: the name for tokenizer.json's pre-tokenizer; "" with the error set if there is none. */
struct fmt_str tok_pre_name(const struct json *tokenizer, struct fmt_err *err);

/* An empty vocabulary of n entries in the arena. */
bool tok_vocab_init(struct tok_vocab *v, struct fmt_arena *mem, uint64_t n, struct fmt_err *err);

/* Puts a token at its id; a later one replaces an earlier one. Past the end it is only counted. */
void tok_vocab_put(struct tok_vocab *v, uint64_t id, struct fmt_str token, enum tok_type type, float score);

/* "[PADn]", UNUSED, wherever there is no token yet. */
bool tok_vocab_pad(struct tok_vocab *v, struct fmt_arena *mem, float score, struct fmt_err *err);

/* Text that is a control token though its file does not say so: "<|...|>", "<pad>", "<unused7>". */
bool tok_looks_special(struct fmt_str s);

/* The token with every U+2581 turned into a space: llama.cpp looks for user-defined tokens in the raw text. */
struct fmt_str tok_plain_spaces(struct fmt_arena *mem, struct fmt_str s, struct fmt_err *err);

#endif
