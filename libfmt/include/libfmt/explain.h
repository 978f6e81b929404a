/* Where a figure comes from: the tensors and layers that make it, the config.json keys behind each number, and what was
 * taken where a key is not there. Everything is read off the description that gave the number in the first place. */
#ifndef LIBFMT_EXPLAIN_H
#define LIBFMT_EXPLAIN_H

#include <libfmt/estimate.h>

/* A number that config.json gives, or that stands in for it. */
enum fmt_given {
	FMT_GIVEN,  /* config.json has it */
	FMT_ABSENT, /* it has not, and `rule` says what was taken */
	FMT_NULL,   /* the same: the key is there as null */
};

struct fmt_origin {
	struct fmt_str key; /* "num_key_value_heads": of several names the one that is there, else the first */
	enum fmt_given given;
	bool flag;          /* `value` is true or false */
	bool unset;         /* there is no value: nothing of the kind in this model */
	uint64_t value;
	char rule[160];     /* "hidden_size / num_attention_heads", "transformers' default of llama"; "" where given */
};

/* Numbers of a view are numbered, and a set has a bit for each. */
#define FMT_MAX_ORIGINS 128

struct fmt_origin_set {
	uint64_t bits[FMT_MAX_ORIGINS / 64];
};

bool fmt_origin_in(const struct fmt_origin_set *set, unsigned i);

/* The view's i-th number, in the order in which config.json is read.
 * returns false past the last, for a view of a GGUF at once */
bool fmt_origin_get(const struct fmt_view *v, unsigned i, struct fmt_origin *out);

/* One dimension of a tensor in config.json's words, "num_attention_heads x head_dim"; just its number where a GGUF says
 * no more. What it rests on is added to *used, and so is what made the tensor be there at all.
 * text  of at least FMT_TERMS_BYTES
 * returns text */
#define FMT_TERMS_BYTES 256
const char *fmt_explain_dim(const struct fmt_view *v, const struct fmt_view_tensor *t, uint32_t dim, char *text,
                            struct fmt_origin_set *used);

/* What layers are made of and figures rest on beside tensors. */
enum fmt_number {
	FMT_NUMBER_LAYERS,       /* and what says which has which attention */
	FMT_NUMBER_KV_HEADS,
	FMT_NUMBER_HEAD_DIM,
	FMT_NUMBER_LATENT,       /* elements per token of latent attention */
	FMT_NUMBER_WINDOW,
	FMT_NUMBER_CONV_KERNEL,
	FMT_NUMBER_CONV_WIDTH,   /* channels of the convolution */
	FMT_NUMBER_STATE,        /* elements of recurrent state of a layer */
	FMT_NUMBER_EXPERTS,      /* and what says which layers have them */
	FMT_NUMBER_EXPERTS_USED,
	FMT_NUMBER_TIED,
	FMT_NUMBER_NEXT_LAYERS,  /* multi-token prediction */
	FMT_NUMBER_MODEL_WIDTH,
};

/* The same for such a number; "" where the view has no word for it. */
const char *fmt_explain_number(const struct fmt_view *v, enum fmt_number n, char *text, struct fmt_origin_set *used);

/* Tensors alike: of one share, one name but for numbers in it, one shape. */
struct fmt_tensor_kind {
	const struct fmt_view_tensor *first;
	struct fmt_str name;  /* of the first, without its layer: "attn_q.weight" */
	enum fmt_share share;
	uint64_t n_tensors;
};

/* Kinds past this many stand together in one without a name: a file of tensors that are all different is no model. */
#define FMT_MAX_KINDS 256

struct fmt_tensor_kinds {
	size_t n;
	struct fmt_tensor_kind *kinds;
	uint64_t others[FMT_SHARE_COUNT]; /* elements of those past FMT_MAX_KINDS */
};

/* The kinds of all tensors that count as parameters: by share, the sum of n_tensors x dims is e->by_share.
 * returns false with *err set: no memory. To be finished in every case */
bool fmt_tensor_kinds_init(struct fmt_tensor_kinds *k, const struct fmt_view *v, const struct fmt_estimate *e,
                           struct fmt_err *err);
void fmt_tensor_kinds_finish(struct fmt_tensor_kinds *k);

#endif
