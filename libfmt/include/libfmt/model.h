/* A model file of any container: metadata and tensors as const views, and their contents on demand.
 *
 * The container is recognised by content, never by name. Nothing here knows what a tensor means: <libfmt/view.h> does. */
#ifndef LIBFMT_MODEL_H
#define LIBFMT_MODEL_H

#include <libfmt/err.h>
#include <libfmt/types.h>

/* Bytes owned by somebody else; not ended by NUL, may hold any byte. */
struct fmt_str {
	const char *p;
	size_t n;
};

#define FMT_STR(literal) ((struct fmt_str){ (literal), sizeof(literal) - 1 })

bool fmt_str_eq(struct fmt_str a, struct fmt_str b);
bool fmt_str_is(struct fmt_str a, const char *s); /* s ends in NUL, here and below */
bool fmt_str_starts(struct fmt_str a, const char *s);
bool fmt_str_ends(struct fmt_str a, const char *s);
bool fmt_str_has(struct fmt_str a, const char *s); /* somewhere; s is not empty */

/* Types of metadata values; the numbers are GGUF's. */
enum fmt_kv_type {
	FMT_KV_U8 = 0,
	FMT_KV_I8,
	FMT_KV_U16,
	FMT_KV_I16,
	FMT_KV_U32,
	FMT_KV_I32,
	FMT_KV_F32,
	FMT_KV_BOOL,
	FMT_KV_STR,
	FMT_KV_ARR,
	FMT_KV_U64,
	FMT_KV_I64,
	FMT_KV_F64,
	FMT_KV_TYPE_COUNT
};

struct fmt_value {
	enum fmt_kv_type type;
	enum fmt_kv_type elem; /* of an array: the type of its elements */
	uint64_t n;            /* of an array: how many */
	union {
		uint64_t u;                   /* U8 U16 U32 U64 */
		int64_t i;                    /* I8 I16 I32 I64 */
		double f;                     /* F32 (exact) F64 */
		bool b;
		struct fmt_str s;
		const void *data;             /* array of scalars: packed, host byte order, aligned; BOOL one byte each */
		const struct fmt_str *strs;   /* array of strings */
		const struct fmt_value *arrs; /* array of arrays */
	} as;
};

struct fmt_kv {
	struct fmt_str key;
	struct fmt_value value;
};

#define FMT_MAX_DIMS 8

struct fmt_tensor {
	struct fmt_str name;
	enum fmt_type type;
	uint32_t n_dims;             /* 0 for a scalar */
	uint64_t dims[FMT_MAX_DIMS]; /* innermost last, as [rows, cols]; GGUF's reversed order is undone on reading */
	uint64_t n_elems;            /* product of dims; 1 for a scalar */
	uint64_t n_bytes;            /* of the contiguous contents, as fmt_tensor_read gives them */
	uint32_t file;               /* index into fmt_model.files */
	uint64_t off;                /* of element 0, absolute in that file */
	const int64_t *strides;      /* in elements, n_dims of them; NULL: contiguous. Only PyTorch files have views */
};

enum fmt_container {
	FMT_SAFETENSORS,
	FMT_GGUF,
	FMT_TORCH_ZIP,
	FMT_TORCH_LEGACY,
};

struct fmt_model {
	enum fmt_container container;
	uint32_t version;          /* GGUF: 1, 2, 3; others 0 */
	bool big_endian;           /* of the numbers in the files */
	uint32_t n_files;          /* more than one for shards */
	const char *const *files;  /* their paths */
	const uint64_t *file_bytes;
	uint64_t n_kv;             /* GGUF's metadata; safetensors' __metadata__ as strings; none for PyTorch */
	const struct fmt_kv *kv;   /* in file order */
	uint64_t n_tensors;
	const struct fmt_tensor *tensors; /* in file order; shards one after the other */
	uint64_t alignment;        /* GGUF: of the data section; others 1 */
	uint64_t data_off;         /* GGUF: where the contents of the first file begin; others 0 */
	struct fmt_model_impl *impl;
};

/* Opens a model file; of a split GGUF the first part opens all of them.
 * returns the model, or NULL with *err set. All numbers have been validated against each other and the file's size.
 * Views live until fmt_model_close. A model may be used by any number of threads. */
struct fmt_model *fmt_model_open(const char *path, struct fmt_err *err);

/* Opens several files of one container as one model (the shards of an index). Duplicate tensor names are an error. */
struct fmt_model *fmt_model_open_shards(const char *const *paths, uint32_t n, struct fmt_err *err);

/* Opens the weights that a Hugging Face directory holds as one model, whatever its architecture: those of an index,
 * else model*.safetensors, else pytorch_model*.bin, else the only file that is a checkpoint. */
struct fmt_model *fmt_model_open_dir(const char *dir, struct fmt_err *err);

void fmt_model_close(struct fmt_model *m); /* NULL is fine */

/* Finds a key or a tensor by name in constant time; NULL if there is none. */
const struct fmt_value *fmt_model_get(const struct fmt_model *m, const char *key);
const struct fmt_tensor *fmt_model_find(const struct fmt_model *m, struct fmt_str name);

/* Rows of a tensor: a row is its innermost dimension, so [2, 3, 4] has 6 rows of 4 columns; a scalar is one row of 1. */
uint64_t fmt_tensor_rows(const struct fmt_tensor *t);
uint64_t fmt_tensor_cols(const struct fmt_tensor *t);

/* Reads rows row .. row+n_rows-1 into dst (n_rows * row bytes): contiguous, row major, little endian,
 * whatever strides and byte order the file has.
 * Any thread; reads with pread, so a file that shrinks meanwhile is an error, not a signal. */
bool fmt_tensor_read(const struct fmt_model *m, const struct fmt_tensor *t, uint64_t row, uint64_t n_rows, void *dst,
                     struct fmt_err *err);

/* A part of a tensor without strides as a tensor of one row: n_blocks blocks of its type, from number `block` on, which
 * it must have. Contents can so be read in pieces of any size, however long the rows are. */
struct fmt_tensor fmt_tensor_piece(const struct fmt_tensor *t, uint64_t block, uint64_t n_blocks);

/* The tensor's bytes in a mapping of the file, valid until fmt_model_close; maps the file at its first use.
 * returns NULL without an error where the contents are not contiguous little endian bytes or the file cannot be mapped:
 * the caller then uses fmt_tensor_read. Reading pages of a file that was cut meanwhile raises SIGBUS. */
const void *fmt_tensor_map(const struct fmt_model *m, const struct fmt_tensor *t);

#endif
