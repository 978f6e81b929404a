/* The tokens of a text as people or programs want to see them; the text and its tokens may come in parts. */
#ifndef TOKEN_SHOW_H
#define TOKEN_SHOW_H

#include <libinfer/tokenizer.h>

enum token_form {
	TOKENS_TABLE,
	TOKENS_JSON,
	TOKENS_IDS,
	TOKENS_COUNT,
};

struct token_show;

/* around  INFER_TOK_ADD_SPECIAL was asked for: what it adds is shown, and is not part of what the tokens decode to */
struct token_show *token_show_create(const struct infer_tokenizer *t, enum token_form form, bool around, struct fmt_err *err);
void token_show_destroy(struct token_show *s); /* NULL is fine */

/* More of the text, and its tokens, as infer_encode_part gives them; after the last part all is on stdout. */
bool token_show_part(struct token_show *s, const struct infer_tokens *tokens, struct fmt_str text, bool last,
                     struct fmt_err *err);

/* Ids that came without a text, as JSON, and the text that they decode to. */
bool token_show_ids(const struct infer_tokenizer *t, const struct infer_tokens *ids, bool skip_special, struct fmt_err *err);

/* Ids on stdout with `between` them. */
void put_ids(const struct infer_tokens *tokens, char between);

#endif
