/* A model to run, with its tokenizer. */
#ifndef CMD_LOADED_H
#define CMD_LOADED_H

#include <libinfer/infer.h>
#include <libinfer/tokenizer.h>

#include "adapters.h"

/* The tokenizer may be missing where ids are given instead of text. */
struct loaded {
	struct fmt_view *view;
	struct infer_model *model;
	struct infer_tokenizer *tokenizer;
	struct adapters adapters;
	bool with_next; /* set before loading: layers for multi-token prediction too */
};

/* Reads a model and its tokenizer, which may be missing unless there is text; to be unloaded in every case.
 * loras  adapters to run it with, PATH[=SCALE]; NULL: none */
bool load(struct loaded *l, const char *path, const struct cli_list *loras, bool need_text, struct quant_pool *pool, struct fmt_err *err);
void unload(struct loaded *l);

#endif
