/* A model ready to run: hyper-parameters read and checked, weights found by role. */
#ifndef LIBINFER_BIND_H
#define LIBINFER_BIND_H

#include <libinfer/infer.h>
#include <libquant/quant.h>

/* One weight: a matrix [rows, cols] with its bias, a vector [cols] (rows is 1 then), or a stack of matrices, one per
 * expert: their rows follow each other, matrix e begins at row e * rows. */
struct infer_w {
	const struct fmt_view_tensor *tensor; /* NULL: the model has none of this role */
	size_t n_stacked;        /* matrices; 1: no stack */
	size_t rows, cols;       /* of each */
	const float *f32;        /* [n_stacked * rows, cols], or NULL: decode `data` row by row */
	const uint8_t *data;     /* rows of row_bytes, in the tensor's own type */
	const uint8_t **apart;   /* [n_stacked]: where each matrix lies, if they do not follow each other; else NULL */
	size_t row_bytes;
	quant_decode_fn *decode;
	const float *bias;       /* [n_stacked, rows], of a vector [cols]; or NULL: none */
	float *scale;            /* [n_stacked]: a factor on products, before the bias; owned where this is no part; NULL: none */
	bool later_rows;         /* a part of a tensor that does not begin with its first row */
	struct infer_delta *deltas; /* adapters' products to be added; owned where delta_row is 0 and this is no part; NULL: none */
	size_t delta_row;        /* of a part: its first row among those of the tensor */
	void *owned;             /* what to free: contents that could not be used where they lie, or `apart` */
	uint64_t mapped_bytes;   /* of it that lie in a mapped file */
	uint64_t copied_bytes;   /* that `owned` has */
};

/* Two narrow matrices whose product is added to a weight's: y += B (A x). */
struct infer_delta {
	struct infer_w a; /* [rank, cols], as many as are stacked */
	struct infer_w b; /* [rows, rank] times the scale, the same */
	struct infer_delta *next;
};

/* delta.c: whether the steps of adapters for a weight can all be computed beside it; and they as its deltas. */
bool infer_delta_fits(const struct infer_w *w, const struct quant_lora_step *steps);
bool infer_delta_load(struct infer_w *w, const struct quant_lora_step *steps, bool described, struct fmt_err *err);
void infer_delta_free(struct infer_delta *d); /* NULL is fine */

/* GELU as it is defined, by erf, or its tanh formula (arXiv:1606.08415). */
enum infer_gelu { INFER_GELU_ERF, INFER_GELU_TANH };

/* Which two elements of a head's first n turn together: 2i and 2i + 1, or i and i + n / 2. */
enum infer_pairs { INFER_NEIGHBOURS, INFER_HALVES };

/* Rotary embedding: pair i of a head turns by position * inv_freq[i]. */
struct infer_rope {
	enum infer_pairs pairs;
	uint32_t n_dims;   /* of each head that turn */
	float *inv_freq;   /* [n_dims / 2] radians per position */
	float *inv_freq_long;   /* the same for runs with more than n_ctx_short positions (LongRoPE); NULL: none of their own */
	uint32_t n_ctx_short;
	bool apart_in_windows;  /* layers with a window turn otherwise: */
	float *inv_freq_window; /* by these, where magnitude is 1 */
	float magnitude;   /* factor on sin and cos (YaRN's attention factor) */
	float magnitude_long; /* the same with inv_freq_long */
};

struct infer_layer {
	uint32_t n_head;    /* query heads */
	uint32_t n_head_kv; /* key and value heads; divides n_head */
	uint32_t d_ff;
	uint32_t window;    /* a token sees itself and window - 1 before it; 0: all */
	bool no_rope;       /* its queries and keys do not turn */
	bool experts;       /* the feed-forward block is a mixture */
	bool recurrent;     /* it keeps a state of fixed size; n_head is 0 where there is no attention beside it */
	struct infer_w w[FMT_ROLE_COUNT];
};

/* Latent attention (arXiv:2405.04434): the keys and values of all heads are made of one narrow vector per token. */
struct infer_latent {
	uint32_t width;     /* of that vector; 0: the model has ordinary attention */
	uint32_t d_nope;    /* of a head's d_k those that do not turn; the others do, and keys of all heads share them */
	uint32_t n_queries; /* width of the vector that queries are made of; 0: they have a full matrix */
};

/* What recurrent layers are made of: Mamba (arXiv:2312.00752), Mamba 2 (arXiv:2405.21060), gated delta rule (arXiv:2412.06464). */
struct infer_ssm {
	uint32_t inner;  /* width of what the state is updated with; 0: the model has no such layers */
	uint32_t state;  /* numbers kept per element of that width */
	uint32_t kernel; /* columns of the convolution */
	uint32_t rank;   /* of Mamba: width of what time steps are made of */
	uint32_t heads;  /* of the others: the width is divided among them; 0: Mamba */
	uint32_t groups; /* of heads, which share `state` numbers to write to the state and as many to read it; 0: Mamba */
	float step_least, step_most; /* of heads: time steps are held within these; 0: are not */
	bool in_turn;    /* head h is of group h % groups; else groups are runs of heads */
};

/* How tokens choose experts. */
struct infer_moe {
	uint32_t n_experts, n_used; /* 0: the model has none */
	uint32_t d_ff;              /* of one expert */
	uint32_t d_in;              /* of what it reads and makes: the model's width, or a narrower one */
	uint32_t d_shared;          /* of the expert that every token passes; 0: none */
	bool sigmoid;               /* a score is the sigmoid of what the router says; else softmax over all */
	uint32_t n_groups;          /* of as many experts each; 0: none */
	uint32_t n_groups_used;     /* a token's experts are of so many groups, those with the highest scores: */
	uint32_t group_top;         /* the sum of this many of their best, 1 or 2 */
	float scale;                /* a factor on the weights, last; 0: none */
	float jitter;               /* of op_route_mixed: experts compete with those whose scores are nearer than this */
	bool weigh_input;           /* weights are applied to what experts read, not to what they make */
	bool normalise;             /* the weights of a token's experts are made to add up to 1 */
};

struct infer_model {
	const struct fmt_view *view;
	const struct quant_lora *lora; /* adapters; NULL: none */
	uint32_t max_rank;  /* of their products; 0: none */
	struct quant_pool *pool;
	bool described;     /* weights are found and counted, and none is loaded: nothing can be computed */
	const struct infer_forward *forward;
	uint32_t n_vocab, n_ctx_train, n_layers, d_model;
	uint32_t n_next;    /* layers for multi-token prediction, behind the others; 0: none, or nobody asked for them */
	uint32_t d_k, d_v;  /* width of one head's key and value */
	float eps;          /* of the norms */
	float attn_scale;   /* of attention scores: 1 / sqrt(d_k), or what the model says */
	float embd_scale, residual_scale; /* factors on the embedding, and on what each half of a layer adds */
	float logit_scale;  /* a divisor of logits; of Command-R a factor */
	bool chunked;       /* windows do not slide */
	bool gated_queries; /* attention has a gate, made with its queries */
	bool l2_norm;       /* queries and keys are normed once they have turned, without weights */
	struct {
		float scale;      /* of the logarithm; 0: queries do not grow */
		uint32_t length;  /* positions over which they stay the same */
		uint32_t from;    /* position 0 counts as this one */
	} temperature;
	float clip;         /* queries, keys and values are held within +- this; 0: are not */
	float attn_cap;     /* they are squeezed into +- this; 0: are not */
	float final_cap;    /* and so are logits */
	bool parallel;      /* use_parallel_residual: attention and feed-forward block read the same x */
	enum infer_gelu gelu; /* of those that may have either: as it is defined, or the tanh formula */
	uint32_t max_ctx;   /* positions that it can tell apart; 0: any number */
	const char *max_ctx_why;
	struct infer_rope rope;
	struct infer_moe moe;
	struct infer_latent latent;
	struct infer_ssm ssm;
	struct infer_w w[FMT_ROLE_COUNT]; /* those outside the layers */
	struct infer_layer *layers;       /* [n_layers + n_next] */
};

/* Of both kinds. */
static inline uint32_t infer_layers(const struct infer_model *m)
{
	return m->n_layers + m->n_next;
}

/* What the cache keeps of a token per key head: of latent attention the vector and what turns, of which values are a part. */
static inline uint32_t infer_cache_k(const struct infer_model *m)
{
	return m->latent.width ? m->latent.width + m->d_k - m->latent.d_nope : m->d_k;
}

static inline uint32_t infer_cache_v(const struct infer_model *m)
{
	return m->latent.width ? 0 : m->d_v;
}

/* Channels of the convolution. */
static inline uint64_t infer_conv_width(const struct infer_ssm *s)
{
	return s->inner + 2 * (uint64_t)s->groups * s->state;
}

/* Rows first .. first + n - 1 of a matrix as one of its own: it owns nothing. */
struct infer_w infer_w_rows(const struct infer_w *w, size_t first, size_t n);

/* Sizes in terms of the hyper-parameters, for the shapes that a forward pass needs. DIM_ONE as rows: a vector; DIM_ROW: a
 * matrix of one row, for which a vector will do; DIM_ANY: whatever it is. */
enum infer_dim {
	DIM_ONE, DIM_ROW, DIM_VOCAB, DIM_MODEL, DIM_MODEL_TWICE, DIM_HEADS, DIM_HEADS_KV, DIM_HEAD_K, DIM_HEAD_V, DIM_Q_NORM, DIM_K_NORM, DIM_Q,
	DIM_K, DIM_V, DIM_QKV, DIM_HEADS_V, DIM_FF, DIM_FF_TWICE, DIM_EXPERTS, DIM_EXPERT_FF, DIM_EXPERT_IN, DIM_SHARED_FF, DIM_NOPE,
	DIM_LATENT, DIM_CACHE_K, DIM_Q_LATENT, DIM_CTX_TRAIN, DIM_SSM_INNER, DIM_SSM_INNER_TWICE, DIM_SSM_STATE, DIM_SSM_KERNEL,
	DIM_SSM_RANK, DIM_SSM_X, DIM_SSM_HEADS, DIM_SSM_HEAD, DIM_SSM_GROUPS, DIM_SSM_GROUP, DIM_SSM_IN, DIM_SSM_CONV,
	DIM_SSM_HEADS_TWICE, DIM_Q_TWICE, DIM_ANY
};

/* In which layers a weight is needed; those of queries made of a narrow vector, or not, in all or none. IN_BLOCK: in those that
 * are a dense block, where layers may be something else. */
enum infer_in { IN_ALL, IN_DENSE, IN_MOE, IN_MOE_LATENT, IN_Q_LATENT, IN_Q_FULL, IN_ATTENTION, IN_RECURRENT, IN_BLOCK };

/* A weight that a forward pass uses: [rows, cols], rows DIM_ONE for a vector; or a stack of such matrices. */
struct infer_need {
	enum fmt_role role;
	const char *name;    /* in GGUF, between "blk.N." and ".weight": for messages */
	enum fmt_role bias;  /* FMT_ROLE_NONE: never one; else used where the model has it */
	enum infer_dim rows, cols;
	bool optional;       /* the pass can do without it: may be absent unless the architecture's description says that
	                        every model has it */
	enum infer_in in;
	enum infer_dim stack; /* DIM_ONE: no stack */
	const char *end;      /* of the name, after it; NULL: ".weight" */
};

struct infer_run;
/* The forward pass of one architecture: r->n_tok tokens r->ids, to logits where r wants them. Cannot fail. */
typedef void infer_forward_fn(struct infer_run *r);
/* One of its layers: x [r->n_tok, d_model], in and out. */
typedef void infer_block_fn(struct infer_run *r, const struct infer_layer *l, float *x);

struct infer_forward {
	const char *arch;                /* general.architecture */
	infer_forward_fn *run;
	infer_block_fn *block;           /* of models that may have layers for multi-token prediction; NULL: there are none */
	const struct infer_need *global; /* ended by FMT_ROLE_NONE */
	const struct infer_need *layer;
	const struct infer_need *layer_too; /* more of them; NULL: none */
	enum infer_pairs pairs;          /* how its rotary embedding pairs elements */
	uint32_t no_rope_every;          /* every n-th layer has no_rope, where the model does not say which; 0: none has */
	bool rope_in_windows;            /* layers without a window have no_rope */
	bool window_rope;                /* layers with a window have rotary positions of their own, which are never scaled: */
	float window_base;               /* rope.freq_base_swa where the model does not say; 0: rope.freq_base */
	bool chunked;                    /* windows do not slide: a token sees those before it in a chunk of that many */
	bool llama4;                     /* temperature and norms of Llama 4, its usual values where the model does not say */
	uint32_t wide_scale_layers;      /* a model of so many layers that has no attention.scale scales by 1 / sqrt(D / Hq); 0: none */
	bool norm_across_heads;          /* norms of queries and keys are over all heads together, not each for itself */
	bool normalise;                  /* experts_weights_norm where the model does not say */
	bool latent;                     /* attention is latent */
	bool gelu_tanh;                  /* GELU is its tanh formula where the model does not say */
	bool layer_norm;                 /* norms are LayerNorm: another key has their epsilon */
	bool recurrent;                  /* it has layers that keep a state, and maybe others */
	bool gated_queries;              /* attention has a gate, made with its queries */
	bool one_block;                  /* a layer may be a feed-forward block and nothing else */
	bool sigmoid;                    /* experts are chosen by sigmoids where the model does not say */
	bool ssm_heads;                  /* their width is divided among heads (struct infer_ssm), */
	bool heads_in_turn;              /* which take groups in turn */
};

const struct infer_forward *infer_forward_find(struct fmt_str arch); /* NULL: none */

/* Reads the rope.* keys (and rope_freqs.weight); m->d_k and m->n_ctx_train are known. */
bool infer_rope_init(struct infer_model *m, struct fmt_err *err);
void infer_rope_finish(struct infer_rope *rope);

#endif
