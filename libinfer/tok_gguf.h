/* What the readers of tokenizer.ggml.* share. */
#ifndef LIBINFER_TOK_GGUF_H
#define LIBINFER_TOK_GGUF_H

#include "tok_table.h"

/* tokenizer.ggml.token_type */
enum { TYPE_NORMAL = 1, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_USER_DEFINED, TYPE_UNUSED, TYPE_BYTE };

struct source {
	struct infer_tokenizer *t;
	const struct fmt_view *v;
	const struct fmt_str *tokens;
	uint64_t n;
	const int32_t *types;  /* NULL: all are normal */
	const float *scores;   /* NULL: there are none */
	struct fmt_err *err;
};

bool source_is_array(const struct fmt_value *a, enum fmt_kv_type elem);
bool source_bad_key(struct source *s, const char *key, const char *what); /* an error; false */
bool source_flag(struct source *s, const char *key, bool absent);
int32_t source_id(struct source *s, const char *key, int32_t absent); /* TOK_NONE if there is no such token */

/* BOS and EOS around a text, unless the file says otherwise; and their ids where it does not give them. */
bool source_ends(struct source *s, bool bos, bool eos, int32_t bos_id, int32_t eos_id);

/* The kinds, by tokenizer.ggml.model. Tokens are read, added ones are known; each makes steps, model and template. */
bool source_bpe(struct source *s);       /* gpt2, gemma4 */
bool source_spm(struct source *s);       /* llama */
bool source_unigram(struct source *s);   /* t5 */
bool source_wordpiece(struct source *s); /* bert */

#endif
