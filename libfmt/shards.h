/* The index of a sharded Hugging Face checkpoint: model.safetensors.index.json, pytorch_model.bin.index.json. */
#ifndef SHARDS_H
#define SHARDS_H

#include <libfmt/model.h>

/* What the shards hold beyond the index. */
struct shards_extra {
	uint64_t n;           /* tensors that are in a shard but not in weight_map */
	struct fmt_str first; /* the name of one, valid until the model is closed; empty if n is 0 */
};

/* Opens the shards that an index names as one model, in the order of their names.
 * dir          the directory of index and shards
 * index_name   "model.safetensors.index.json"
 * extra        may be NULL
 * returns NULL with *err set if a name in weight_map is anything but that of a regular file in the directory
 *         (FMT_UNSAFE), if a shard is missing (the message names one tensor that needs it), or if a tensor is not in
 *         the shard that weight_map says (FMT_MISMATCH) */
struct fmt_model *shards_open(const char *dir, const char *index_name, struct shards_extra *extra, struct fmt_err *err);

/* Whether an index, which may be absent, names `file` and other files too. An index that cannot be read names none. */
bool shards_is_part(const char *dir, const char *index_name, const char *file);

#endif
