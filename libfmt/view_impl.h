/* What is behind a view, for the files that build and read it. */
#ifndef FMT_VIEW_IMPL_H
#define FMT_VIEW_IMPL_H

#include <libfmt/view.h>

#include "arch_conf.h"
#include "arena.h"
#include "hf_dir.h"
#include "index.h"
#include "kv_list.h"
#include "packed.h"

/* Where the contents of a tensor of the view come from: one tensor of the checkpoint, or several of one shape that are
 * stacked (experts), each moved by itself. */
struct view_source {
	const struct fmt_tensor *tensor; /* in `weights`; the first of a stack; NULL: `made` */
	const struct fmt_tensor *const *stack; /* [n_parts], NULL among them: zeros; NULL: there is only `tensor` */
	uint64_t n_parts;                /* rows of the view's tensor are divided evenly among them */
	const struct packed_part *packed; /* [n_parts], of parts that are quantized: `tensor` and `stack` are then stand-ins that
	                                     have the name and the shape of the matrix; NULL: they are as they are */
	const struct fmt_tensor *exponents; /* of `tensor`, which has blocks of MXFP4; NULL: it has none */
	const float *made;
	const uint64_t *steps;           /* [4]: elements of a [n, rows, columns] lie apart in `tensor`: which is the first, and how many
	                                    elements from matrix to matrix, row to row, column to column; NULL: they do not */
	bool beside;                     /* made, and belongs behind the tensor before it */
	const struct arch_tensor *row;   /* of the description; NULL of a GGUF */
	enum arch_move move;
	uint32_t n_heads; /* of MOVE_ROPE_* and MOVE_LATENT_*: groups of rows that move within themselves; of MOVE_QKV: of queries */
	uint32_t n_heads_kv; /* of MOVE_QKV; of MOVE_TILE_*: heads of values */
	uint64_t n_key_rows; /* of MOVE_LATENT_*: the first so many rows of each group are keys, the others values; of
	                        MOVE_LINEAR_* and MOVE_TILE_*: rows of a key */
};

static inline const struct fmt_tensor *view_part(const struct view_source *s, uint64_t i)
{
	return s->stack ? s->stack[i] : s->tensor;
}

struct fmt_view_impl {
	struct fmt_arena mem;
	struct hf_dir dir;           /* of a checkpoint; its weights are v->weights too */
	struct fmt_model *gguf;      /* of a GGUF, or an adapter's weights */
	struct fmt_view *base;       /* of an adapter's directory: what its config.json asks for */
	struct arch_conf conf;       /* of a checkpoint */
	const struct packed_scheme *scheme; /* by which it is quantized; NULL: none that is in need of one */
	const struct json *settings; /* of it; NULL: there are none */
	struct packed_tables tables;
	struct fmt_view_tensor *tensors;
	struct view_source *sources; /* one per tensor */
	struct fmt_index keys, names;
	const char **notes;
};

/* All of tokenizer.json as one key, for what the others cannot say. */
#define VIEW_TOKENIZER_KEY "tokenizer.huggingface.json"

/* view_plan.c: tensors of a checkpoint, by its description: each found, of the right shape, and none left over. */
bool view_plan(struct fmt_view *v, bool keep_nvfp4, struct fmt_err *err);

/* The same from config.json alone: tensors as they would be, without contents. */
bool view_plan_config(struct fmt_view *v, struct fmt_err *err);

/* A shape in a checkpoint. */
struct view_shape {
	uint32_t n;
	uint64_t dims[FMT_MAX_DIMS];
};

#define VIEW_SHAPE_BYTES 100

/* "2, 3, 4". out: VIEW_SHAPE_BYTES; returned. */
const char *view_show_shape(const uint64_t *dims, uint32_t n_dims, char *out);

/* The shape in the checkpoint of a row's tensor, or of each of those that are stacked, from that in the GGUF. */
struct view_shape view_row_shape(const struct arch_conf *conf, const struct arch_tensor *row, const struct fmt_view_tensor *t);

#define VIEW_NAME_BYTES 160

/* The checkpoint's name of a row's tensor, or of number `part` of those that are stacked. */
void view_row_name(const struct fmt_arch *arch, const struct arch_conf *conf, const struct arch_tensor *row, int32_t layer,
                   uint64_t part, char *name);

/* A row with the name that the parts of its stack have in a checkpoint, where it knows two. */
struct arch_tensor view_row_there(const struct fmt_arch *arch, const struct arch_conf *conf, const struct arch_tensor *row,
                                  int32_t layer, const struct fmt_model *m);

/* The other name of a row's tensor, and the shape that it has then. returns false: it has none */
bool view_other_row(const struct fmt_arch *arch, const struct arch_conf *conf, const struct arch_tensor *row,
                    const struct fmt_view_tensor *t, char *name, struct view_shape *shape);

/* view_gguf.c: "blk.12.attn_q.weight" -> 12 and "attn_q.weight"; any other name -> -1 and itself. */
int32_t view_layer_of(struct fmt_str name, struct fmt_str *rest);

/* view_next.c */

/* What the names of a layer's tensors begin with in the checkpoint. row: NULL, or the one it is for */
void view_layer_prefix(const struct fmt_arch *arch, const struct arch_conf *conf, const struct arch_tensor *row, int32_t layer,
                       char *out, size_t n);

/* P_NEXT_KEPT: how many layers for multi-token prediction the checkpoint has, of those that the GGUF has too; with a note. */
bool view_keep_next(struct fmt_view *v, struct fmt_err *err);

/* Whether a tensor belongs to one of the layers past the last, which are for multi-token prediction. */
bool view_in_next_layer(const struct fmt_arch *arch, const struct arch_conf *conf, struct fmt_str name);

/* The type that config.json names for weights; BF16 where it says nothing. */
enum fmt_type view_config_type(const struct fmt_view *v);

/* Room for tensor number n of a list that is being made, and its source; *cap is how many there is room for. */
bool view_grow(struct fmt_view_impl *im, uint64_t n, uint64_t *cap, struct fmt_err *err);

/* The numbers of heads that a row's move needs. Where none share anything, nothing moves. */
void view_set_heads(const struct arch_conf *conf, struct view_source *src);

/* view_adapter.c: a LoRA adapter's directory, with the order of its base's rows. */
bool view_is_adapter(const char *path);
bool view_adapter(struct fmt_view *v, const struct fmt_view_opts *opts, struct fmt_err *err);

/* view_order.c: the n tensors of a checkpoint, and their sources, in the order of the reference converter. */
bool view_order(struct fmt_view *v, uint64_t n, struct fmt_err *err);

/* view_keys.c: all keys of a checkpoint, in the order of the reference converter. */
bool view_keys(struct fmt_view *v, const struct fmt_view_opts *opts, struct fmt_err *err);

/* view_gguf.c: keys and tensors of a GGUF, as they are. */
bool view_gguf(struct fmt_view *v, const struct fmt_view_opts *opts, struct fmt_err *err);

#endif
