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

/* Members of an object: false with *err set if of another type, true with *out untouched if absent or null. */
bool tok_json_flag(const struct json *j, const char *key, bool *out, struct fmt_err *err);
bool tok_json_text(const struct json *j, const char *key, struct fmt_str *out, struct fmt_err *err);

#endif
