/* What the readers see of a model: how they add what they find, and what they must check themselves.
 *
 * fmt_model_open opens a file, picks the first row of the table in model.c that recognises its first bytes, and calls
 * its `read`. A reader parses; fmt_model_add_kv and fmt_model_add_tensor check what is true of every format: names
 * that are there twice, products that overflow, contents that reach past the end of the file. What only one format
 * demands (no overlap, no hole, an order) is the reader's own business, with the helpers of validate.c. */
#ifndef LIBFMT_MODEL_IMPL_H
#define LIBFMT_MODEL_IMPL_H

#include <libfmt/model.h>

#include "arena.h"
#include "index.h"
#include "source.h"

struct fmt_reader;

struct fmt_model_impl {
	struct fmt_arena arena;       /* names, values, shapes: everything that the views point to */
	struct fmt_source *sources;   /* n_files; m->files and m->file_bytes are copies in the arena */
	struct fmt_kv *kv;            /* = m->kv while reading */
	uint64_t kv_cap;
	uint64_t kv_of_file;          /* index of the first key of the file that is being read */
	struct fmt_tensor *tensors;   /* = m->tensors while reading */
	uint64_t tensors_cap;
	struct fmt_index keys, names; /* -> index into kv, tensors */
	const struct fmt_reader *reader;
	void *state;                  /* the reader's own, in the arena */
};

/* How many bytes of a file `recognise` gets, where it has so many. A tar says what it is at 257. */
#define FMT_HEAD_BYTES 512

/* One container. */
struct fmt_reader {
	enum fmt_container container;
	/* True if a file of file_bytes that begins with these n bytes is meant to be one, well formed or not. */
	bool (*recognise)(const uint8_t *head, size_t n, uint64_t file_bytes);
	/* Reads file number `file` of m, that is m->impl->sources[file], and adds its keys and tensors (with .file set).
	 * Sets m->version, big_endian and alignment where the format has them. Called once per file, in order; whatever
	 * it put into the arena is freed with the model, also after a failure. */
	bool (*read)(struct fmt_model *m, uint32_t file, struct fmt_err *err);
	/* After the last file that the caller named: opens what else belongs to the model (fmt_model_add_file) and checks
	 * the whole. NULL: nothing to do. */
	bool (*complete)(struct fmt_model *m, struct fmt_err *err);
};

/* The rows of the table, each at the end of its X_read.c. */
extern const struct fmt_reader fmt_reader_gguf;
extern const struct fmt_reader fmt_reader_safetensors;
extern const struct fmt_reader fmt_reader_torch_zip;
extern const struct fmt_reader fmt_reader_torch_legacy;
extern const struct fmt_reader fmt_reader_archive;

/* Adds a key; key and value must live in the arena. The same key twice in one file is an error; one that an earlier
 * file had is passed over. */
bool fmt_model_add_kv(struct fmt_model *m, const struct fmt_kv *kv, struct fmt_err *err);

/* Adds a tensor whose name, type, dims, file, off (and strides) are set; n_elems and n_bytes are worked out here.
 * off_in_file   where it was announced, for messages; FMT_NO_OFFSET if that is nowhere in particular */
bool fmt_model_add_tensor(struct fmt_model *m, const struct fmt_tensor *t, uint64_t off_in_file, struct fmt_err *err);

/* Opens one more file of the same container and reads it (the further parts of a split model). */
bool fmt_model_add_file(struct fmt_model *m, const char *path, struct fmt_err *err);

/* validate.c */

/* Works out n_elems and n_bytes from type and dims. */
bool fmt_tensor_measure(struct fmt_tensor *t, struct fmt_err *err);

/* Bytes of the file from t->off to the end of its last element: n_bytes, or with strides (none negative) the reach
 * of the view. */
bool fmt_tensor_reach(const struct fmt_tensor *t, uint64_t *n_bytes, struct fmt_err *err);

/* True if no two tensors of that file share a byte. */
bool fmt_model_disjoint(const struct fmt_model *m, uint32_t file, struct fmt_err *err);

/* The tensors of a file ordered by offset (then by size): *order has *n pointers, in memory that the caller frees. */
bool fmt_model_by_offset(const struct fmt_model *m, uint32_t file, const struct fmt_tensor ***order, uint64_t *n,
                         struct fmt_err *err);

#endif
