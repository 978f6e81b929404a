/* What a model takes, before a byte of it is read: parameters exactly, layer by layer, and the cache at any context.
 *
 * Everything comes from the tensors of a view and from what its architecture's description says of each layer. The
 * words are those of shared truth files and of llm-mem's JSON. All sums are checked: a model whose numbers do not fit
 * into 64 bits is refused. */
#ifndef LIBFMT_ESTIMATE_H
#define LIBFMT_ESTIMATE_H

#include <libfmt/view.h>

enum fmt_share {
	FMT_SHARE_EMBEDDINGS,
	FMT_SHARE_ATTENTION,
	FMT_SHARE_LINEAR_ATTENTION,
	FMT_SHARE_MAMBA,
	FMT_SHARE_DENSE_FFN,
	FMT_SHARE_ROUTER,
	FMT_SHARE_ROUTED_EXPERTS,
	FMT_SHARE_SHARED_EXPERTS,
	FMT_SHARE_NORMS, /* all of them, also those inside attention */
	FMT_SHARE_LM_HEAD,
	FMT_SHARE_CONV,  /* short convolutions in place of attention */
	FMT_SHARE_OTHER, /* of a GGUF whose architecture is not described */
	FMT_SHARE_COUNT
};

const char *fmt_share_name(enum fmt_share s); /* "dense_ffn" */

enum fmt_layer_kind {
	FMT_LAYER_ATTENTION,
	FMT_LAYER_LATENT,       /* attention whose keys and values come from one narrow vector per token */
	FMT_LAYER_LINEAR,       /* linear attention: a state */
	FMT_LAYER_MAMBA,        /* a state space */
	FMT_LAYER_HYBRID,       /* attention and a state space side by side */
	FMT_LAYER_CONV,         /* a short convolution */
	FMT_LAYER_FEED_FORWARD, /* nothing but a feed-forward block: keeps nothing */
	FMT_LAYER_KIND_COUNT
};

struct fmt_layer {
	enum fmt_layer_kind kind;
	bool experts;         /* its feed-forward block is a mixture */
	bool shared;          /* attends to the keys and values of an earlier layer, and keeps none */
	uint64_t params;      /* elements of its tensors */
	uint64_t active;      /* those that one token passes */
	uint64_t n_heads;     /* of queries */
	uint64_t n_kv_heads;  /* of attention: 0 for a state space */
	uint64_t k_dim, v_dim;/* elements per KV head */
	uint64_t latent;      /* elements per token of latent attention, in place of the KV heads */
	uint64_t window;      /* positions that it looks back; 0: all */
	uint64_t conv_elems;  /* convolution state: (kernel - 1) columns; constant per sequence */
	uint64_t state_elems; /* recurrent state; constant per sequence */
	uint64_t rows[FMT_ROLE_COUNT]; /* of its matrices, of one expert where they are stacked; elements of its vectors;
	                                  0: there is none */
	uint64_t down_inputs; /* of its dense feed-forward block: columns of the last matrix */
};

const char *fmt_layer_kind_name(enum fmt_layer_kind k); /* "linear_attention" */
bool fmt_layer_attends(const struct fmt_layer *l);      /* keeps keys and values, or their latent */

/* Vision parts and the like, which are no part of the language model. */
struct fmt_other_parts {
	bool there;
	bool known;      /* `params` is their exact number; true where there are none */
	uint64_t params;
};

struct fmt_estimate {
	uint64_t total, active;
	uint64_t active_without_input_embedding; /* a table of its own; a tied one is the output matrix too and counts */
	uint64_t non_embedding;                  /* total without embedding and output matrix */
	uint64_t by_share[FMT_SHARE_COUNT];
	uint64_t n_experts, n_experts_used; /* 0: not a mixture */
	bool tied;
	uint64_t lora_linear; /* of rank 1, on every matrix of the layers but experts and routers: sum of rows + columns */
	uint64_t lora_qv;     /* of rank 1, on q_proj and v_proj; 0 where the class has no such modules */
	uint64_t n_next_layers; /* multi-token prediction: declared by config.json, not in `total` and not in `layers` */
	uint64_t next_params;
	struct fmt_other_parts other; /* not in `total` either */
	uint64_t total_with_other;
	uint64_t context;     /* positions that it was trained for; 0: not said */
	uint64_t vocab, model_width;
	uint64_t largest_elems;
	struct fmt_str largest_name; /* of the view */
	uint64_t rows[FMT_ROLE_COUNT]; /* of what is outside the layers, as in struct fmt_layer */
	bool own_windows;     /* llama.cpp has the windows of this architecture */
	bool repeated_heads;  /* transformers caches a head of keys for each head of queries (Falcon's new decoder) */
	bool layers_known;    /* false: a GGUF whose architecture is not described here; the list is empty */
	uint64_t n_layers;
	struct fmt_layer *layers;
};

/* Counts. *e is to be finished in every case.
 * v       a view with its tensors; plan_only suffices
 * returns false with *err set, also where the sums do not fit into 64 bits */
bool fmt_estimate_init(struct fmt_estimate *e, const struct fmt_view *v, struct fmt_err *err);
void fmt_estimate_finish(struct fmt_estimate *e); /* a zeroed one is fine */

/* The share that a tensor of the view counts in. false: it is no parameter (tables made from config.json, corrections
 * that training keeps beside the parameters). */
bool fmt_estimate_share(const struct fmt_estimate *e, const struct fmt_view_tensor *t, enum fmt_share *s);

/* Rows and columns of a tensor: of one expert where they are stacked; a vector has rows only. Latent attention's matrix for
 * keys and values is two tensors in a GGUF: the whole has its sides at that of the keys, FMT_ROLE_ATTN_LATENT_K. */
void fmt_estimate_sides(const struct fmt_view *v, const struct fmt_view_tensor *t, uint64_t *rows, uint64_t *cols);

/* Whether an adapter of low rank stands beside a tensor: the matrices of layers, but not experts and routers. */
bool fmt_estimate_takes_adapter(const struct fmt_view_tensor *t, enum fmt_share s);

/* How much of a sequence is kept. */
enum fmt_keep {
	FMT_KEEP_IDEAL,     /* what attention can look at: the last `window` tokens where there is a window */
	FMT_KEEP_NO_WINDOW, /* every token in every layer */
	FMT_KEEP_LLAMA_CPP, /* cells in multiples of 256; windows, where it has them, of window + ubatch cells */
	FMT_KEEP_COUNT
};

const char *fmt_keep_name(enum fmt_keep k); /* "ideal", "no_window", "llama.cpp" */
bool fmt_keep_from_name(const char *name, enum fmt_keep *k);

struct fmt_cache_opts {
	enum fmt_keep keep;
	enum fmt_type type;  /* of keys and values */
	uint64_t context;    /* tokens of one sequence */
	uint64_t ubatch;     /* of llama.cpp: tokens that pass at once; 512 is its default */
	uint64_t sequences;  /* 1: one */
};

/* Bytes of keys and values, and of recurrent and convolution state (f32, as llama.cpp and most others keep it).
 * returns false: heads that are no whole number of the type's blocks, a product past 64 bits, layers not known */
bool fmt_estimate_cache(const struct fmt_estimate *e, const struct fmt_cache_opts *o, uint64_t *kv_bytes,
                        uint64_t *state_bytes, struct fmt_err *err);

/* Tokens that a layer with attention has room for, of one sequence. false: past 64 bits. */
bool fmt_estimate_cells(const struct fmt_estimate *e, const struct fmt_layer *l, const struct fmt_cache_opts *o,
                        uint64_t *cells);

/* Elements of keys and values that one more token adds, and those that it adds past every window. */
bool fmt_estimate_per_token(const struct fmt_estimate *e, uint64_t *elems, uint64_t *beyond_window, struct fmt_err *err);

#endif
