/* Text to token ids and back. From a directory's tokenizer.json as Hugging Face does it; from a GGUF's keys as
 * llama.cpp does it. */
#ifndef LIBINFER_TOKENIZER_H
#define LIBINFER_TOKENIZER_H

#include <libfmt/view.h>

struct infer_tokenizer;

/* Of a view: by its tokenizer.json if it has one, else by its keys. The view is not needed afterwards.
 * NULL with *err set: a component that is not known here, parts that contradict each other. */
struct infer_tokenizer *infer_tokenizer_create(const struct fmt_view *v, struct fmt_err *err);
/* From the text of a tokenizer.json alone. */
struct infer_tokenizer *infer_tokenizer_from_json(const char *json, size_t n, struct fmt_err *err);
void infer_tokenizer_destroy(struct infer_tokenizer *t); /* NULL is fine */

/* Bytes of the tables that grow with the vocabulary; 0 of NULL. */
uint64_t infer_tokenizer_bytes(const struct infer_tokenizer *t);

struct infer_tokens {
	int32_t *ids;
	uint64_t *starts; /* byte offset in the text of each token's first byte; special tokens that were added: where they stand */
	uint64_t n, cap;
};
void infer_tokens_finish(struct infer_tokens *t);

enum {
	INFER_TOK_ADD_SPECIAL = 1,   /* BOS, EOS and the like, as the model asks for */
	INFER_TOK_PARSE_SPECIAL = 2, /* "<s>" in the text is that token */
};

/* Appends the ids of n bytes of text to *out (zeroed, or from an earlier call). Any thread. Invalid UTF-8 is read as
 * Hugging Face reads it after a lossy decoding. */
bool infer_tokenize(const struct infer_tokenizer *t, const char *text, size_t n, unsigned flags,
                    struct infer_tokens *out, struct fmt_err *err);

/* For many texts: what one thread keeps from text to text, above all the words that it has met. The ids are the same.
 * Some MB at most. The tokenizer must outlive it. */
struct infer_encoder;
struct infer_encoder *infer_encoder_create(const struct infer_tokenizer *t, struct fmt_err *err); /* NULL with *err set */
void infer_encoder_destroy(struct infer_encoder *e); /* NULL is fine */
bool infer_encode(struct infer_encoder *e, const char *text, size_t n, unsigned flags, struct infer_tokens *out,
                  struct fmt_err *err);

/* One text in parts, so that it need not be in memory as a whole: the ids are those of the whole. Of a part that is not the
 * last the ids of its first *n_used bytes are appended, where nothing that follows can change them; the rest is to be given
 * again, with more of the text behind it. *n_used may be 0: then n was too few bytes, or, if the tokenizer has no place where
 * its texts can be cut, only the whole will do. `starts` count from the beginning of the text. After the last part, or an
 * error, another text may begin; infer_encode gives up the one that is under way. */
bool infer_encode_part(struct infer_encoder *e, const char *text, size_t n, bool last, unsigned flags,
                       struct infer_tokens *out, size_t *n_used, struct fmt_err *err);

/* Ids to text, as Hugging Face's decode(); *out is malloc'ed, *n bytes, with a NUL after them.
 * skip_special   leave control tokens out */
bool infer_detokenize(const struct infer_tokenizer *t, const int32_t *ids, size_t n_ids, bool skip_special, char **out,
                      size_t *n, struct fmt_err *err);

/* Ids in parts: the texts of the parts, one behind the other, are that of all ids. Of a part that is not the last the first
 * *n_used ids are decoded; the rest is to be given again, with more ids behind it. *n_used may be 0: then n_ids was too few, or,
 * with some rare decoders, only all ids will do. *out as above; NULL if there is no text yet. */
struct infer_decoding {
	const struct infer_tokenizer *t;
	bool skip_special;
	bool begun; /* false before the first part; not for callers */
};
bool infer_detokenize_part(struct infer_decoding *g, const int32_t *ids, size_t n_ids, bool last, char **out, size_t *n,
                           size_t *n_used, struct fmt_err *err);

/* How many ids INFER_TOK_ADD_SPECIAL puts before a text and behind it. */
void infer_n_around(const struct infer_tokenizer *t, size_t *before, size_t *behind);

/* The token as the vocabulary spells it ("Ġthe", "▁the", "<0x0A>"); {NULL, 0} if there is none of that id. */
struct fmt_str infer_token_text(const struct infer_tokenizer *t, int32_t id);
uint32_t infer_n_tokens(const struct infer_tokenizer *t);
bool infer_token_is_special(const struct infer_tokenizer *t, int32_t id);
bool infer_token_ends(const struct infer_tokenizer *t, int32_t id); /* end of text or of turn: generation stops */

#endif
