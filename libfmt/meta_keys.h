/* The general.* keys of a checkpoint: what it is called, how large it is, where it comes from. */
#ifndef FMT_META_KEYS_H
#define FMT_META_KEYS_H

#include "kv_list.h"

struct fmt_view;

/* Adds them, from the model card (README.md), config.json, generation_config.json and the directory's name, in the
 * order of precedence of gguf-py's metadata.py. Needs the view's tensors for the size. */
void meta_keys(struct kv_list *l, const struct fmt_view *v);

#endif
