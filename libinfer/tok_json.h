/* Reading tokenizer.json: what its parts share. */
#ifndef LIBINFER_TOK_JSON_H
#define LIBINFER_TOK_JSON_H

#include <libfmt/json.h>

#include "tok_table.h"

/* Steps, in tok_json_steps.c; NULL or null is none of them. */
bool tok_json_norms(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err);
bool tok_json_splits(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err);
bool tok_json_decoder(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err);
bool tok_json_post(struct infer_tokenizer *t, const struct json *j, struct fmt_err *err);

/* The two long lists of `model`, in tok_json_vocab.c: empty in the tree, and read from the text itself. */
struct tok_json_lists {
	const struct json_leave *vocab, *merges;
};
bool tok_json_vocab(struct infer_tokenizer *t, const struct json *model, const struct tok_json_lists *lists,
                    struct fmt_err *err); /* { "text": id } */
bool tok_json_scored_vocab(struct infer_tokenizer *t, const struct json *model, const struct tok_json_lists *lists,
                           struct fmt_err *err); /* [ ["text", score] ] */
bool tok_json_merges(struct infer_tokenizer *t, const struct json *model, const struct tok_json_lists *lists,
                     struct fmt_err *err); /* needs the index */

/* A number as the reference's JSON reader has it: as many digits as fit in 64 bits, made a double, times or divided by a
 * power of ten. That rounds twice where the digits pass 2^53, and the last bit decides between paths of equal worth. */
double tok_json_score(struct fmt_str digits);

/* Members of an object: false with *err set if of another type, true with *out untouched if absent or null. */
bool tok_json_flag(const struct json *j, const char *key, bool *out, struct fmt_err *err);
bool tok_json_text(const struct json *j, const char *key, struct fmt_str *out, struct fmt_err *err);

#endif
