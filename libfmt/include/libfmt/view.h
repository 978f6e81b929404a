/* Any model as a virtual GGUF: a GGUF file, or a Hugging Face directory seen through its architecture description.
 * The same keys, the same tensor names, the same shapes; contents made on demand in bounded pieces. */
#ifndef LIBFMT_VIEW_H
#define LIBFMT_VIEW_H

#include <libfmt/arch.h>
#include <libfmt/component.h>
#include <libfmt/model.h>

/* Arithmetic that a tensor still needs after decoding to float (libfmt only moves bytes). */
enum fmt_op {
	FMT_OP_NONE,
	FMT_OP_ADD_ONE, /* Gemma's norms */
	FMT_OP_NEG_EXP, /* -exp(x): Mamba's A */
	FMT_OP_JOIN,    /* the element is made of several numbers: see struct fmt_plane */
	FMT_OP_FACTOR,  /* all of them times `factor` */
};

/* Quantized checkpoints have codes, scales, zero points ... of each element. Each of these is a plane of the tensor: one item
 * per element, whatever the file shares among many. The first plane's items, as floats, are joined with those of the second,
 * the result with the third's, and so on, each step rounded to float32. */
enum fmt_join { FMT_JOIN_MUL, FMT_JOIN_DIV, FMT_JOIN_ADD, FMT_JOIN_SUB };

struct fmt_plane {
	enum fmt_type type;
	enum fmt_join join; /* with what the planes before it made; of the first: nothing */
};

#define FMT_MAX_PLANES 4

struct fmt_view_tensor {
	struct fmt_str name;         /* GGUF name: "blk.0.attn_q.weight" */
	enum fmt_role role;          /* what the architecture calls it; FMT_ROLE_NONE if it does not know it */
	enum fmt_component part;     /* what its name says, of every architecture */
	int32_t layer;               /* N of "blk.N.", or -1 */
	enum fmt_type type;          /* of the bytes that fmt_view_read gives (BF16, F32, Q4_K ...); of FMT_OP_JOIN: of plane 0 */
	enum fmt_op op;              /* to apply to the decoded floats */
	uint32_t n_planes;           /* of FMT_OP_JOIN; else 0 */
	struct fmt_plane planes[FMT_MAX_PLANES];
	float factor;                /* of FMT_OP_FACTOR */
	uint32_t n_dims;
	uint64_t dims[FMT_MAX_DIMS]; /* innermost last, GGUF's shape */
	uint64_t n_elems;
	uint64_t n_bytes;            /* in `type` */
	uint32_t file;               /* of a GGUF: which of the files behind the view it is in */
	bool second_half;            /* of a matrix that is one in the checkpoint, whose first part stands before it */
	bool keep_f32;               /* written as F32 whatever type is asked for (norms, biases, one dimension) */
};

struct fmt_view {
	const struct fmt_arch *arch; /* NULL if the GGUF's architecture is not described here */
	struct fmt_str arch_name;    /* general.architecture: "llama" */
	const char *path;            /* as opened */
	bool counted_only;           /* the architecture can be counted, but not yet be converted: no tokenizer's keys */
	bool from_dir;               /* a checkpoint seen through a description; else a GGUF as it is */
	bool is_adapter;             /* tensors that change those of a model: see fmt_view_open */
	uint64_t n_kv;
	const struct fmt_kv *kv;     /* in the order in which they are written; general.file_type is that of the types
	                                here, for a writer to replace where it stands */
	uint64_t n_tensors;
	const struct fmt_view_tensor *tensors; /* in the order in which they are written */
	struct fmt_str tokenizer_json; /* the text of tokenizer.json: from the directory, or made of the tokenizer files that it
	                                  has, or tokenizer.huggingface.json of a GGUF; empty if there is none */
	struct fmt_str tokenizer_model;/* the bytes of a directory's tokenizer.model; empty if there is none */
	uint32_t n_notes;            /* one line each, for the person: what was left out, where llama.cpp will differ */
	const char *const *notes;
	const struct fmt_model *weights; /* the file or files behind it */
	struct fmt_view_impl *impl;
};

/* How the matrices of a checkpoint are stored that are quantized there. */
struct fmt_view_quantized {
	struct fmt_str method;             /* "gptq", of config.json */
	unsigned least_bits, most_bits;    /* of a code */
	uint64_t least_group, most_group;  /* neighbours that share a scale; 0: whole rows or more */
	bool ordered;                      /* a list says which group a column is in (order of activation) */
	uint64_t n_elems, n_bytes;         /* of them all, with scales and whatever else stands beside them */
	uint64_t n_left, left_bytes;       /* of the tensors that are as they are */
};

/* Sums up. returns false if nothing is quantized, which is so of every GGUF */
bool fmt_view_quantized(const struct fmt_view *v, struct fmt_view_quantized *q);

struct fmt_view_opts {
	const char *arch;   /* use this architecture whatever config.json says; NULL: as it says */
	const char *pre;    /* tokenizer.ggml.pre to write; NULL: found from tokenizer.json */
	bool vocab_only;    /* no tensors */
	bool no_tokenizer;  /* leave tokenizer files alone (a model that has none) */
	bool may_lack_tokenizer; /* a directory without a tokenizer has no keys of one, and a note: enough for a plan, not for a file */
	bool keep_nvfp4;    /* matrices of NVFP4 stay in blocks of that type where their rows have whole ones. The scale of a whole
	                       matrix is then a tensor beside it, F32, as llama.cpp has it: "blk.0.attn_q.scale" [1], or one for
	                       each of a stack; so is that of its inputs (".input_scale"); either is left out where it is 1.
	                       false: decoded, with the scale of the matrix */
	bool plan_only;     /* config.json is enough: every tensor as its description asks for, in the type that
	                       config.json names; there is nothing to read. Of architectures that can only be counted too.
	                       `path` may be a file of any name with the text of a config.json: nothing else is read then */
	const char *const *parts; /* of a GGUF in parts whose names do not lead from one to the next: their paths, in order; NULL:
	                       `path` leads to all there is */
	uint32_t n_parts;
	const char *base;   /* of an adapter's directory: the model that it belongs to, of which config.json is read; NULL, or a
	                       GGUF: the one that adapter_config.json names, here or beside the adapter */
};

/* Opens a directory, a .safetensors or PyTorch file with config.json beside it, or a GGUF (recognised by content).
 * Every tensor that the architecture needs has been found with the right shape, and none is left over unexplained.
 *
 * A directory with adapter_config.json is a LoRA adapter by PEFT. Its view is the GGUF that llama.cpp has of it: for a tensor NAME
 * of the base, "NAME.lora_a" [rank, columns] and "NAME.lora_b" [rows, rank], with rows in the order of the base's GGUF, and
 * "adapter.lora.alpha"; of the embedding [rows, rank] and [columns, rank]. Either has as many matrices as a stack, or one for
 * all. What only a directory can have: "NAME.lora_magnitude" [rows] (DoRA), and whole tensors under the base's names.
 * opts may be NULL. returns NULL with *err set */
struct fmt_view *fmt_view_open(const char *path, const struct fmt_view_opts *opts, struct fmt_err *err);
void fmt_view_close(struct fmt_view *v); /* NULL is fine */

/* Adds the text of tokenizer.json to the keys, as tokenizer.huggingface.json, unless it is there already. Before the keys
 * are used otherwise: pointers to them are not valid afterwards.
 * returns false with *err set: FMT_MISSING if the model has no tokenizer.json */
bool fmt_view_embed_tokenizer(struct fmt_view *v, struct fmt_err *err);

/* Takes layers out: their tensors go, those of the others are numbered anew, and so are the keys that count layers or list something
 * of each. Before anything else is done with the view; pointers to its keys and tensors are not valid afterwards. On failure it can
 * only be closed.
 * layers    n numbers, in any order, some may be there twice
 * returns   false with *err set: FMT_USAGE for a number that is none of the model's, and where no layer would be left */
bool fmt_view_prune(struct fmt_view *v, const uint32_t *layers, size_t n, struct fmt_err *err);

/* Adds a line for the person to v->notes. */
bool fmt_view_note(struct fmt_view *v, struct fmt_err *err, const char *format, ...) FMT_PRINTF(3, 4);

const struct fmt_value *fmt_view_get(const struct fmt_view *v, const char *key);
/* The value of "{architecture}.SUFFIX": fmt_view_arch_get(v, "attention.head_count"). */
const struct fmt_value *fmt_view_arch_get(const struct fmt_view *v, const char *suffix);
const struct fmt_view_tensor *fmt_view_find(const struct fmt_view *v, struct fmt_str name);
const struct fmt_view_tensor *fmt_view_role(const struct fmt_view *v, enum fmt_role role, int32_t layer);

/* What products with a matrix are to be multiplied by, where a GGUF has that beside it: "NAME.scale" of "NAME.weight", F32, of one
 * element or of one for each matrix of a stack. *scale is NULL where there is none.
 * returns false with *err set: it is of another type or shape */
bool fmt_view_scale(const struct fmt_view *v, const struct fmt_view_tensor *t, const struct fmt_view_tensor **scale, struct fmt_err *err);

/* Compares a GGUF with its architecture's description: the tensors that it must have, and shapes with what the keys
 * say. Calls `found` with one line for each contradiction; with none where the architecture is not described and for files
 * that are no model (adapters and the like). A directory has passed all this on opening. */
void fmt_view_audit(const struct fmt_view *v, void (*found)(void *ctx, const char *line), void *ctx);

enum fmt_difference { FMT_DIFFERENCE_MISSING, FMT_DIFFERENCE_SURPLUS, FMT_DIFFERENCE_SHAPE, FMT_DIFFERENCE_COUNT };

/* Compares what the config.json of a plan_only view asks for with a checkpoint's tensors, by their names there. Calls `found`
 * with each that differs. Only for descriptions that convert (not v->counted_only), whose names are the checkpoint's own, and
 * weights that are not quantized.
 * returns false with *err set: no memory */
bool fmt_view_compare(const struct fmt_view *v, const struct fmt_model *m,
                      void (*found)(void *ctx, enum fmt_difference d, const char *name), void *ctx, struct fmt_err *err);

/* Numbers of an architecture's key, checked: false with *err set if it has another type or does not fit;
 * an absent key gives `absent` and true. A per-layer array gives element `layer` (-1: element 0). */
bool fmt_view_u32(const struct fmt_view *v, const char *suffix, int32_t layer, uint32_t absent, uint32_t *out,
                  struct fmt_err *err);
/* How far attention of a layer looks back, itself included; 0: to the beginning. By attention.sliding_window and
 * attention.sliding_window_pattern, which says of each layer whether it has the window (or: every n-th has not). */
bool fmt_view_window(const struct fmt_view *v, int32_t layer, uint32_t *out, struct fmt_err *err);
bool fmt_view_f32(const struct fmt_view *v, const char *suffix, float absent, float *out, struct fmt_err *err);

/* Reads rows of a tensor, in its `type`, `op` not yet applied. As fmt_tensor_read: any thread, bounded memory. */
bool fmt_view_read(const struct fmt_view *v, const struct fmt_view_tensor *t, uint64_t row, uint64_t n_rows, void *dst,
                   struct fmt_err *err);
/* The same rows of one plane, where t->op is FMT_OP_JOIN: as many items of t->planes[plane].type as they have elements. */
bool fmt_view_read_plane(const struct fmt_view *v, const struct fmt_view_tensor *t, uint32_t plane, uint64_t row, uint64_t n_rows,
                         void *dst, struct fmt_err *err);
/* The tensor's bytes in a mapping, where no transform stands between; else NULL. As fmt_tensor_map. */
const void *fmt_view_map(const struct fmt_view *v, const struct fmt_view_tensor *t);
/* The same for part i of dims[0] of a tensor that is stacked from as many of the checkpoint's (experts), which lie apart;
 * NULL for every other tensor. */
const void *fmt_view_map_part(const struct fmt_view *v, const struct fmt_view_tensor *t, uint64_t i);

#endif
