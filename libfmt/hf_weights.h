/* Which files of a Hugging Face directory hold the weights. */
#ifndef FMT_HF_WEIGHTS_H
#define FMT_HF_WEIGHTS_H

#include <libfmt/model.h>

#include "arena.h"

/* Opens the weights in a directory as one model. In this order: model.safetensors.index.json with its shards,
 * model*.safetensors, pytorch_model.bin.index.json with its shards, pytorch_model*.bin, else the one file that its
 * content shows to be a checkpoint. returns NULL with *err set if there are none, or several of the last kind */
struct fmt_model *hf_weights_open(const char *dir, struct fmt_arena *mem, struct fmt_err *err);

/* Opens one weights file as the whole of them. `dir` is the directory it is in. returns NULL with *err set (FMT_MISSING) if
 * an index in the directory says that it is one of several */
struct fmt_model *hf_weights_open_file(const char *dir, const char *path, struct fmt_err *err);

/* "DIR/NAME" in the arena. */
char *hf_path(struct fmt_arena *mem, const char *dir, const char *name, struct fmt_err *err);

#endif
