/* What the formats see of a writer. writer.c keeps the list of keys and tensors; a row of its table lays them out and
 * makes everything that is not tensor contents. */
#ifndef LIBFMT_WRITE_IMPL_H
#define LIBFMT_WRITE_IMPL_H

#include <libfmt/write.h>

#include "arena.h"
#include "index.h"

struct fmt_out_tensor {
	struct fmt_str name;
	enum fmt_type type;
	uint32_t n_dims;
	uint64_t dims[FMT_MAX_DIMS]; /* innermost last */
	uint64_t n_bytes;
	uint64_t off;                /* absolute; set by `layout` */
};

struct fmt_writer {
	const struct fmt_out *out;
	struct fmt_arena arena;
	struct fmt_index keys, names;
	struct fmt_kv *kv;               /* in the order of the calls, values copied */
	uint64_t n_kv, kv_cap;
	struct fmt_out_tensor *tensors;  /* in the order of the calls */
	uint64_t n_tensors, tensors_cap; /* n_tensors fits in 32 bits */
	bool laid_out;
	uint64_t file_bytes;             /* set by `layout` */
	void *state;                     /* the format's own, in the arena */
};

struct fmt_out {
	enum fmt_out_format format;
	/* Refuse what the format cannot hold; the key or tensor is not in the list yet. NULL: takes anything. */
	bool (*check_kv)(const struct fmt_writer *w, const struct fmt_kv *kv, struct fmt_err *err);
	bool (*check_tensor)(const struct fmt_writer *w, const struct fmt_out_tensor *t, struct fmt_err *err);
	/* Sets `off` of each tensor and file_bytes. */
	bool (*layout)(struct fmt_writer *w, struct fmt_err *err);
	/* Writes all bytes that belong to no tensor, padding included. */
	bool (*header)(struct fmt_writer *w, struct fmt_sink *s, struct fmt_err *err);
};

/* The rows of the table in writer.c, each at the end of its X_write.c. */
extern const struct fmt_out fmt_out_gguf;
extern const struct fmt_out fmt_out_safetensors;
extern const struct fmt_out fmt_out_torch;

#endif
