/* What the values of a pickle mean to torch: tensors, as views of storages that lie elsewhere. */
#ifndef TORCH_TENSOR_H
#define TORCH_TENSOR_H

#include "model_impl.h"
#include "pickle.h"

/* A reference to a storage, as torch's persistent ids give it. */
struct torch_storage {
	struct fmt_str key;
	enum fmt_type type;   /* of its elements; U8 of an untyped one */
	bool untyped;         /* the tensor says what the elements are */
	uint64_t n_elems;     /* of the whole storage */
	uint64_t view_off, view_elems; /* the part of it that the tensor's numbers refer to (pre-zip files; else all) */
};

struct torch_tensor {
	struct fmt_str name;  /* keys joined by '.', in the arena */
	enum fmt_type type;
	struct torch_storage storage;
	uint64_t off;         /* in elements, from the beginning of the storage */
	uint32_t n_dims;
	uint64_t dims[FMT_MAX_DIMS];
	int64_t strides[FMT_MAX_DIMS]; /* in elements */
	uint64_t at;          /* offset in the pickle, for messages */
};

/* Reads a persistent id; an unknown kind of storage is FMT_UNSUPPORTED, anything else FMT_UNSAFE. */
bool torch_storage_read(const struct pkl *persid, struct torch_storage *s, uint64_t base, struct fmt_err *err);

/* Gives every tensor that the root value holds to `each`, in order: those of the root itself, or of the state dict
 * that it wraps ({"state_dict": ...} and the like), with nested containers flattened. The views have been checked
 * against their storages. Values that are no tensors are passed over. No tensor at all is FMT_UNSUPPORTED.
 * base    offset of the pickle in the file, for messages */
struct torch_walk {
	bool (*each)(void *context, const struct torch_tensor *t, struct fmt_err *err);
	void *context;
	struct fmt_arena *arena; /* takes the names */
	uint64_t base;
	uint64_t budget;         /* values that may be looked at: containers may be shared, and contain themselves */
};

bool torch_walk(struct torch_walk *w, const struct pkl *root, struct fmt_err *err);

/* Adds t to the model, whose storage lies at `off` in file number `file`. */
bool torch_add(struct fmt_model *m, uint32_t file, const struct torch_tensor *t, uint64_t off, struct fmt_err *err);

#endif
