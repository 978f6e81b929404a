/* How an architecture is described: tables that say which numbers config.json gives, which keys and tensors follow.
 *
 * A description is data. Its numbers ("params") have one namespace for all architectures, so that shapes, keys and
 * conditions are written in the same words everywhere; an architecture lists those that it has. */
#ifndef FMT_ARCH_DESC_H
#define FMT_ARCH_DESC_H

#include <libfmt/arch.h>
#include <libfmt/view.h>

enum arch_param {
	P_NONE,

	/* sizes */
	P_LAYERS,
	P_CONTEXT, /* positions it was trained for */
	P_MODEL,   /* width of the residual stream */
	P_MODEL_TWICE,
	P_FF,      /* width of the feed-forward block */
	P_HEADS,
	P_HEADS_KV,
	P_HEAD_DIM,
	P_HEAD_GIVEN, /* set: the class of transformers has P_HEAD_DIM as a setting, so the reference converter writes it */
	P_Q_WIDTH,  /* heads * head_dim */
	P_KV_WIDTH, /* heads_kv * head_dim */
	P_VOCAB,
	P_WINDOW, /* positions that attention looks back; unset: all */
	P_WINDOW_KEY,  /* P_WINDOW, or 0 where it is unset: for a key that says so */
	P_USE_WINDOW,  /* P_WINDOW counts */
	P_WINDOW_FROM, /* layers from this one on have the window */
	P_FULL_EVERY,  /* every n-th layer has no window, though the others have */
	P_HEADS_KV_FULL, /* in layers without a window, where they have others */
	P_HEAD_DIM_FULL,
	P_Q_WIDTH_FULL,
	P_KV_WIDTH_FULL,
	P_K_IS_V,      /* layers without a window have no matrix for values */
	P_KV_SHARED,   /* so many of the last layers use the keys and values of earlier ones */
	P_QKV_WIDTH,   /* one matrix for queries, keys and values */
	P_FF_TWICE,    /* one matrix for gate and up */
	P_FF_WIDE,     /* layers with LAYER_SHARED have a feed-forward block of twice the width */
	P_FF_SHARER,   /* the width there */
	P_FF_ADJUST,   /* LFM2: intermediate_size goes through a rule */
	P_FF_FACTOR,
	P_FF_MULTIPLE,

	/* mixtures of experts */
	P_EXPERTS,
	P_EXPERTS_USED, /* per token */
	P_FF_EXPERT,    /* width of one expert */
	P_SHARED,       /* experts that every token passes */
	P_FF_SHARED,    /* their width together */
	P_SHARED_IN,    /* their gate and up in one */
	P_DENSE_FIRST,  /* so many layers have no experts */
	P_MOE_STEP,     /* every n-th layer has experts */
	P_NORM_TOPK,    /* the weights of a token's experts add up to 1 */
	P_EXPERT_SCALE, /* a factor on them */
	P_GATING,       /* how scores become weights: GGUF's number, 1 softmax, 2 sigmoid of each */
	P_GATING_ONLY,  /* the same, of a class that knows nothing else: its key is one of the description's own */
	P_JITTER,       /* experts compete for a token with those whose scores are nearer than this */
	P_GROUPS,       /* of experts; a token's are chosen from some of them only */
	P_GROUPS_USED,
	P_GROUP_TOP,    /* so many of a group's best scores make up the group's; 0: groups limit nothing */
	P_MOE_OFFSET,   /* those whose number leaves this rest; unset: the last of each P_MOE_STEP */
	P_EXPERT_BIAS,  /* on router and experts */
	P_SHARED_GATE,  /* a number per token weighs the shared experts */
	P_MOE_LATENT,   /* width that experts see, where it is not P_MODEL */
	P_MOE_WIDTH,    /* what experts see */
	P_MOE_ON,       /* there are experts at all */
	P_NEXT_LAYERS,  /* multi-token prediction: layers past the last that the class leaves out */
	P_NEXT_KEPT,    /* those that the GGUF has, which its count of layers includes */

	/* latent attention: keys and values from one narrow vector per token */
	P_LATENT,       /* its width */
	P_LATENT_ROPE,  /* the part of a key that rotates, shared by all heads */
	P_NOPE_DIM,     /* the part of a key that does not */
	P_V_HEAD_DIM,
	P_LATENT_KEPT,  /* P_LATENT + P_LATENT_ROPE: what is cached */
	P_KV_B_WIDTH,   /* heads * (P_NOPE_DIM + P_V_HEAD_DIM) */
	P_Q_LATENT,     /* the same for queries; unset: they have a full matrix */
	P_V_WIDTH,      /* heads * v_head_dim */

	/* an indexer that chooses what latent attention looks at */
	P_INDEX_HEADS,
	P_INDEX_DIM,
	P_INDEX_WIDTH,  /* heads * dim */

	/* state spaces */
	P_SSM_INNER,
	P_SSM_INNER_TWICE,
	P_SSM_STATE,
	P_SSM_CONV,   /* kernel */
	P_SSM_RANK,   /* of the time step */
	P_SSM_X,      /* rank + 2 * state */
	P_SSM_HEADS,  /* Mamba 2 */
	P_SSM_HEAD_DIM,
	P_SSM_GROUPS,
	P_SSM_GROUP,  /* width of one */
	P_SSM_IN,     /* all that one projection makes */
	P_SSM_NORM,   /* a norm before its last projection */
	P_STEP_LEAST, /* time steps are not below this, */
	P_STEP_MOST,  /* nor above this */
	P_PROJ_BIAS,  /* on the first and last projections */

	/* linear attention (gated delta net) */
	P_ATTN_EVERY, /* every n-th layer has attention, the others another mixer */
	P_ATTN_OFFSET, /* those whose number leaves this rest; unset: the last of each P_ATTN_EVERY */
	P_LIN_K_HEADS,
	P_LIN_K_DIM,
	P_LIN_V_HEADS,
	P_LIN_V_DIM,
	P_LIN_KEY,    /* k_heads * k_dim */
	P_LIN_VALUE,  /* v_heads * v_dim */
	P_LIN_IN,     /* queries, keys, values and gate */
	P_LIN_BA,     /* two numbers per head of values */
	P_Q_GATED,    /* queries and their gate: 2 * P_Q_WIDTH */
	P_ONE,
	P_ZERO,       /* for keys that readers want and that mean nothing */
	P_ANY_CONTEXT, /* the same: a length for models that have no limit */

	/* embeddings beside the first */
	P_LAYER_IN,     /* width of what each layer reads of its own */
	P_LAYER_IN_ALL, /* of all layers together */
	P_LAYER_VOCAB,
	P_POSITIONS,    /* rows of a table of positions, where they are not P_CONTEXT */
	P_EMBD,         /* width of the embedding, where it is not P_MODEL */
	P_EMBD_APART,   /* the same, set only if it is another */
	P_NORM_FIRST,   /* norms stand before the blocks, and so one at the end */
	P_ALTUP,        /* residual streams */
	P_ALTUP_SQUARE,
	P_ALTUP_OTHERS, /* all but the first */
	P_LAUREL,       /* rank of a way around attention */
	P_LAYER_LIST, /* config.json says layer by layer what each is: the length of the list */

	/* what a layer without attention keeps of a sequence */
	P_CONV_WIDTH,  /* channels of the convolution, of which kernel - 1 columns are kept */
	P_STATE_ELEMS,

	/* what exists, what is computed */
	P_ACT,       /* the feed-forward activation */
	P_TIED,      /* the output matrix is the embedding */
	P_ATTN_BIAS, /* on q, k, v and, in some, the attention's output */
	P_O_BIAS,    /* on the attention's output, where it is said apart */
	P_NORM_BIAS,
	P_HEAD_BIAS, /* on the output matrix */
	P_MLP_BIAS,  /* on gate, up and down */
	P_LATENT_BIAS, /* on matrices to and from the width of P_MOE_LATENT or P_Q_LATENT */
	P_QK_NORM,   /* a norm on queries and keys: 1 for each head, 2 across heads */
	P_PARALLEL,  /* attention and feed-forward read the same norm */
	P_TWO_NORMS, /* or one each */
	P_MULTI_QUERY,
	P_NEW_DECODER,
	P_CONV_BIAS,
	P_UNUSED,    /* a setting that must have the one value that the description covers */
	P_NORM_EPS,
	P_QUERY_SCALAR, /* queries are scaled as for heads of this width */
	P_ATTN_SCALE,   /* 1 / sqrt(P_QUERY_SCALAR), where that is not P_HEAD_DIM */
	P_EMBD_SCALE,   /* factors on the embedding, */
	P_RESIDUAL_SCALE, /* on what a layer adds, */
	P_LOGIT_SCALE,  /* and a divisor of logits */
	P_CLIP,         /* queries, keys and values are held within +- this */
	P_L2_NORM,      /* queries and keys are normed after they have turned, without weights */
	P_TEMPERED,     /* queries grow with the logarithm of their position: */
	P_TEMPERATURE,  /* 1 + this * ln(1 + floor(position / P_TEMPERATURE_LENGTH)) */
	P_TEMPERATURE_LENGTH,
	P_ATTN_CAP,     /* attention scores are squeezed into +- this */
	P_FINAL_CAP,    /* and so are logits */
	P_ROUTER_CAP,   /* and scores of experts */
	P_LOGIT_FACTOR, /* and they are multiplied by this */
	P_FILE_TYPE,    /* no number of config.json: where general.file_type stands among the keys */

	/* rotary positions */
	P_NO_ROPE_EVERY, /* every n-th layer knows no positions, unless a list says which */
	P_ROPE_TYPE, /* enum arch_rope */
	P_ROPE_THETA,
	P_ROPE_THETA_WINDOW, /* in layers with a window, where it is another */
	P_ROPE_PART, /* the part of a head that rotates; unset: all of it */
	P_ROPE_DIM, /* elements of a head that rotate */
	P_ROPE_PAIRS, /* half of them: one frequency each */
	P_ROPE_SECTIONS, /* set: config.json says how many of them turn by time, height, width and what is left: */
	P_ROPE_TIME,
	P_ROPE_HEIGHT,
	P_ROPE_WIDTH,
	P_ROPE_REST,
	P_ROPE_FACTOR,
	P_ROPE_ORIG_CONTEXT,
	P_ROPE_LOW,  /* llama3: low_freq_factor */
	P_ROPE_HIGH, /* llama3: high_freq_factor */
	P_ROPE_MAGNITUDE, /* longrope: factor on sin and cos */
	P_ROPE_MAGNITUDE_SHORT, /* the same within the context that was trained first, where it is another */
	P_YARN_TRUNCATE,
	P_YARN_EXT,
	P_YARN_ATTN,
	P_YARN_BETA_FAST,
	P_YARN_BETA_SLOW,
	P_YARN_MSCALE,     /* the magnitude of what rotates follows from these two ... */
	P_YARN_WHOLE,      /* ... and readers are told by rope.scaling.attn_factor: P_ROPE_MAGNITUDE */
	P_YARN_MSCALE_ALL, /* ... and the scale of attention from this one */
	P_YARN_UNDER,      /* of those whose scale of attention stays: a divisor of the magnitude that follows from P_YARN_MSCALE */

	P_COUNT
};

/* How rotary frequencies are stretched past the context that was trained first. */
enum arch_rope { ROPE_PLAIN, ROPE_LINEAR, ROPE_DYNAMIC, ROPE_YARN, ROPE_LLAMA3, ROPE_LONG };

/* A word in config.json and what it means. The list ends with a NULL word. */
struct arch_word {
	const char *word;
	uint32_t means;
};

/* Ceilings on what config.json may say: widths so that no product of three overflows, layers and heads so that a plan
 * stays small. Each is far above any model known. */
#define ARCH_MAX_LAYERS 4096
#define ARCH_MAX_NEXT 64 /* P_NEXT_LAYERS */
#define ARCH_MAX_HEADS (UINT64_C(1) << 16)
#define ARCH_MAX_WIDTH (UINT64_C(1) << 20)
#define ARCH_MAX_VOCAB (UINT64_C(1) << 24)

enum arch_kind {
	KIND_COUNT, /* a whole number from 1 to `max` */
	KIND_REAL,  /* a finite number above 0 */
	KIND_FLAG,  /* true or false */
	KIND_WORD,  /* one of `words` */
	KIND_NUMBER, /* a whole number from 0 to `max` */
	KIND_FALSE,  /* a flag that must be false: the description does not cover the other case */
	KIND_TRUE,   /* the same, true */
	KIND_LIMIT,  /* a number from 0 to infinity, of which both limit nothing and leave it unset */
	KIND_LENGTH, /* the number of entries of a list, or of letters of a word: from 1 to `max` */
};

/* Where a value comes from that config.json does not give. */
struct arch_else {
	enum { ELSE_REFUSE, ELSE_UNSET, ELSE_FIXED, ELSE_SAME, ELSE_PRODUCT, ELSE_QUOTIENT, ELSE_SUM, ELSE_PART, ELSE_SCALE,
	       ELSE_CEIL, ELSE_LFM2, ELSE_LESS_ONE, ELSE_UNLESS } how;
	enum arch_param a, b; /* SAME a; a * b; a / b, or a / fixed without b; SUM a + fixed * b. PRODUCT a * fixed without b;
	                         PART a * b, of which b is a real, rounded down, or a where b is unset; SCALE 1 / sqrt(a), unset
	                         where a is b; CEIL a / fixed, rounded up; LFM2 its rule for P_FF;
	                         LESS_ONE a - 1; UNLESS a, unset where a is b */
	double fixed;
};

/* The condition of a row: always, or where `param` is set and equals `is`. */
struct arch_when {
	enum arch_param param;
	uint64_t is;
};

/* Values of arch_when.is that no param has: it is there, whatever it says; it is not; it is there and above 0. */
#define ARCH_SET   UINT64_MAX
#define ARCH_UNSET (UINT64_MAX - 1)
#define ARCH_SOME  (UINT64_MAX - 2)

struct arch_param_row {
	enum arch_param id;
	enum arch_kind kind;
	const char *config;      /* names in config.json, a dot between levels (a digit: of a list), a space between
	                            alternatives; the first that is there counts. NULL: never read, always `absent` */
	struct arch_else absent; /* what transformers takes where no name is there */
	struct arch_else null;   /* where it is there as null; ELSE_REFUSE: as `absent` */
	uint64_t max;            /* of a count */
	enum arch_param divides; /* a count that must be a multiple of this one, or P_NONE */
	const struct arch_word *words;
	struct arch_when when;   /* else the row is passed over: an earlier one may have given the value */
	enum arch_param at_most; /* a count that must not be above this one, or P_NONE */
};

/* A GGUF key "{architecture}.SUFFIX" that holds the value of a param; not written where that is unset. */
struct arch_key {
	const char *suffix;
	enum fmt_kv_type type;
	enum arch_param value;
	struct arch_when when;
	const char *text; /* of a string: what it says */
	double usual; /* of a number: what readers take where the key is absent, so that it is not written; 0: always is */
	double times; /* a factor on a FMT_KV_F32; 0: none */
};

/* Where general.file_type stands. */
#define ARCH_FILE_TYPE { "file_type", FMT_KV_U32, P_FILE_TYPE }

/* What lies between a tensor in the checkpoint and the same tensor in a GGUF. */
enum arch_move {
	MOVE_NONE,
	MOVE_ROPE_Q,      /* rows of each query head: halves (x, y) become pairs, as llama.cpp rotates neighbours */
	MOVE_ROPE_K,      /* the same for key heads */
	MOVE_TRANSPOSE,   /* rows are columns in the checkpoint; of a stack, matrix by matrix */
	MOVE_EVEN_COLUMNS, /* the same, of every second column: 0, 2, ... */
	MOVE_ODD_COLUMNS, /* 1, 3, ... */
	MOVE_FIRST_COLUMNS, /* the same, of the first half of the columns */
	MOVE_SECOND_COLUMNS, /* of the other half */
	MOVE_EVEN,        /* of each row every second element: 0, 2, ... */
	MOVE_ODD,         /* 1, 3, ... */
	MOVE_LATENT_K,    /* of each head's rows the first P_NOPE_DIM, transposed */
	MOVE_LATENT_V,    /* the others */
	MOVE_QKV,         /* rows in groups of heads, some queries, a key and a value each, become all queries, keys, values */
	MOVE_LINEAR_QKV,  /* rows in groups of heads, a query, a key, some values and their gates each: all queries, keys, values; */
	MOVE_LINEAR_Z,    /* or all gates */
	MOVE_TILE_ROWS,   /* rows of heads of values, those that share a key together: the first of each key, the second of each, ... */
	MOVE_TILE_VALUES, /* the same behind all queries and keys, which stay */
	MOVE_TILE_COLUMNS, /* the same of columns */
	MOVE_SPLIT,       /* a vector becomes the rows of a matrix */
	MOVE_FIRST,       /* of each matrix's rows the first half: a gate before what it gates */
	MOVE_SECOND,      /* the other half */
	MAKE_ROPE_FACTORS, /* not in the checkpoint: made from the llama3 scaling's numbers */
	MAKE_ROPE_LONG,   /* config.json's long_factor, */
	MAKE_ROPE_SHORT   /* and its short_factor */
};

/* A special token that a model has by its text, where no file says its id: kind as in "eot_token_id". A list ends with NULL. */
struct arch_special {
	const char *kind, *text;
};

/* What the person should know where the condition holds. The list ends with a NULL text. */
struct arch_note {
	struct arch_when when;
	const char *text;
};

struct arch_tensor {
	enum fmt_role role;
	const char *gguf;        /* without "blk.N." */
	const char *hf;          /* without the layer's prefix; NULL: made, not read */
	enum arch_param dims[3]; /* innermost last, ends with P_NONE */
	struct arch_when when;
	enum arch_move move;
	unsigned in;  /* LAYER_*: only in layers of one of these kinds; 0: in all */
	unsigned but; /* LAYER_*: and in none of these */
	enum fmt_op op; /* on the values, between the checkpoint and the GGUF */
	enum arch_param from[3]; /* dims in the checkpoint, where they are others */
	bool may_lack; /* a checkpoint without it is whole */
	const char *other;       /* its name in checkpoints that have it under another, with a '*' of the parts of a stack, else of
	                            one tensor; or NULL. How that one moves: */
	enum arch_move other_move; /* MOVE_NONE, MOVE_FIRST or MOVE_SECOND */
};

/* Whether it is a row of fmt_arch.next. */
static inline bool arch_row_is_next(const struct arch_tensor *row)
{
	return row->role >= FMT_ROLE_NEXT_PROJ && row->role <= FMT_ROLE_NEXT_HEAD;
}

/* Whether a layer that is all of `layer` has a row's tensor. */
static inline bool arch_row_in(const struct arch_tensor *row, unsigned layer)
{
	return (!row->in || layer & row->in) && !(layer & row->but);
}

/* What a layer consists of: bits. Most have one of the first five and one of the next two. */
enum {
	LAYER_FULL = 1,   /* attention to everything before */
	LAYER_WINDOW = 2, /* attention to the last P_WINDOW tokens */
	LAYER_SSM = 4,    /* a state space (Mamba) */
	LAYER_LINEAR = 8, /* linear attention */
	LAYER_DENSE = 16, /* one feed-forward block */
	LAYER_MOE = 32,   /* experts */
	LAYER_CONV = 64,  /* a short convolution */
	LAYER_SHARED = 128, /* beside these: attention with the keys and values of an earlier layer */
	LAYER_NO_ROPE = 256, /* beside these: its attention does not rotate */
	LAYER_ATTENTION = LAYER_FULL | LAYER_WINDOW,
};

/* What transformers takes for a param where config.json does not say it: stands for the rows' own `absent`. Ends with
 * P_NONE. */
struct arch_default {
	enum arch_param id;
	double is;
};

/* A list in config.json of the layers that are `in`; the others are `out`, unless that is 0. The tables end with NULL. */
struct arch_numbers {
	const char *key;
	unsigned in, out;
	bool flags; /* not numbers of layers, but 0 or 1 for each */
};

struct fmt_arch {
	const char *gguf;             /* general.architecture */
	const char *const *classes;   /* Hugging Face classes (config.json "architectures"), ended by NULL */
	const char *const *types;     /* Hugging Face model types, ended by NULL: for a config without a class */
	const struct arch_param_row *const *params; /* tables read in turn, ended by NULL; each table ends with P_NONE, and
	                                               each row may use those before it */
	const struct arch_key *keys;  /* after the keys that all architectures share; ends with a NULL suffix */
	bool own_keys;                /* these are all its keys, ARCH_FILE_TYPE among them: its order is its own */
	const struct arch_tensor *globals; /* ends with FMT_ROLE_NONE */
	const struct arch_tensor *layers;  /* of every layer; ends with FMT_ROLE_NONE */
	const char *layer_prefix;     /* Hugging Face's; the layer's number and a dot follow */
	const char *base_prefix;      /* of the names above, which some checkpoints leave off; NULL: none do */
	const char *const *skip;      /* ends of tensor names that carry nothing (buffers), ended by NULL */
	unsigned mixer;               /* LAYER_*, what its layers have instead of attention; 0: attention */
	const struct arch_word *pattern; /* letters of config.json's hybrid_override_pattern, one per layer; NULL: none */
	const struct arch_note *notes; /* where llama.cpp will differ; NULL: nowhere */
	bool only_moe;                /* llama.cpp has this architecture with experts in every layer only */
	bool own_llama3;              /* llama.cpp has this architecture with the rotary scaling of Llama 3 */
	bool own_windows;             /* llama.cpp has this architecture's windows */
	uint32_t full_every;          /* in a GGUF that has a window, but no attention.sliding_window_pattern: every n-th layer
	                                 sees everything; 0: none does */
	uint32_t usual_window;        /* in a GGUF that does not say one; 0: none. Its key is 0 where no layer has a window */
	bool windows_rotate;          /* of P_NO_ROPE_EVERY: layers that rotate have the window; else those that do not */
	const struct arch_default *defaults; /* or NULL: the rows have their own */
	const struct arch_tensor *const *parts; /* more tables like `layers`, shared with others, ended by NULL; or NULL */
	unsigned kinds;               /* LAYER_*, what layer_types may say besides windows; 0: what the params allow */
	const struct arch_numbers *numbers;  /* or NULL */
	bool ssm_block;               /* layers of state spaces have a feed-forward block too */
	const struct arch_special *specials; /* or NULL */
	const struct arch_tensor *next; /* what layers for multi-token prediction have beside a layer's tensors; ends with
	                                   FMT_ROLE_NONE. NULL: they are left out, as the reference converter does */
	const char *next_prefix;      /* Hugging Face's for these; their layers are "layers.N." behind it, from 0. NULL: they are
	                                 numbered on, under layer_prefix */
	const struct fmt_arch *with_experts; /* what models with experts are; NULL: this too */
};

/* Every description, in the order in which they are tried; ended by NULL. */
extern const struct fmt_arch *const arch_table[];

/* Descriptions that memory can be counted from, and nothing else yet: not looked up for files. Ended by NULL. */
extern const struct fmt_arch *const arch_counted[];

/* Descriptions of which there is nothing but sizes: for a GGUF of the vocabulary alone. Ended by NULL. */
extern const struct fmt_arch *const arch_vocab_only[];

/* The settings of rotary positions, in the spelling of transformers 4 (rope_theta, rope_scaling) and 5
 * (rope_parameters). Needs P_CONTEXT and P_HEAD_DIM. */
extern const struct arch_param_row arch_rope_params[];

/* The same where a part of each head may rotate. */
extern const struct arch_param_row arch_rope_part_params[];

/* P_ROPE_DIM and P_ROPE_PAIRS of heads that rotate as a whole: for those with rows of their own for the rest. */
extern const struct arch_param_row arch_rope_widths[];

extern const struct fmt_arch arch_bert;
extern const struct fmt_arch arch_vocabulary; /* of any model, for --vocab-only */
extern const struct fmt_arch arch_llama;
extern const struct fmt_arch arch_llama4;
extern const struct fmt_arch arch_minimaxm2;
extern const struct fmt_arch arch_mistral;
extern const struct fmt_arch arch_mistral3;
extern const struct fmt_arch arch_ministral;
extern const struct fmt_arch arch_ministral3;
extern const struct fmt_arch arch_cohere;
extern const struct fmt_arch arch_cohere2;
extern const struct fmt_arch arch_deepseek2;
extern const struct fmt_arch arch_deepseek3;
extern const struct fmt_arch arch_falcon;
extern const struct fmt_arch arch_gemma2;
extern const struct fmt_arch arch_gemma3;
extern const struct fmt_arch arch_glm4;
extern const struct fmt_arch arch_glm4moe;
extern const struct fmt_arch arch_gpt2;
extern const struct fmt_arch arch_gptneox;
extern const struct fmt_arch arch_gptoss;
extern const struct fmt_arch arch_granite;
extern const struct fmt_arch arch_grok;
extern const struct fmt_arch arch_granitemoe;
extern const struct fmt_arch arch_mamba;
extern const struct fmt_arch arch_mamba2;
extern const struct fmt_arch arch_mixtral;
extern const struct fmt_arch arch_nemotronh;
extern const struct fmt_arch arch_nemotronh_moe;
extern const struct fmt_arch arch_olmo;
extern const struct fmt_arch arch_olmo2;
extern const struct fmt_arch arch_olmo3;
extern const struct fmt_arch arch_olmoe;
extern const struct fmt_arch arch_phi2;
extern const struct fmt_arch arch_phi3;
extern const struct fmt_arch arch_phimoe;
extern const struct fmt_arch arch_qwen2;
extern const struct fmt_arch arch_qwen2moe;
extern const struct fmt_arch arch_qwen3;
extern const struct fmt_arch arch_qwen3moe;
extern const struct fmt_arch arch_qwen35;
extern const struct fmt_arch arch_qwen3next;
extern const struct fmt_arch arch_smollm3;
extern const struct fmt_arch arch_stablelm;
extern const struct fmt_arch arch_starcoder2;

/* Counted only. */
extern const struct fmt_arch arch_gemma3n;
extern const struct fmt_arch arch_gemma4;
extern const struct fmt_arch arch_bloom;
extern const struct fmt_arch arch_opt;
extern const struct fmt_arch arch_gptj;
extern const struct fmt_arch arch_mpt;
extern const struct fmt_arch arch_gptbigcode;
extern const struct fmt_arch arch_qwen35moe;
extern const struct fmt_arch arch_gemma;
extern const struct fmt_arch arch_glm;
extern const struct fmt_arch arch_seed_oss;
extern const struct fmt_arch arch_ernie4_5;
extern const struct fmt_arch arch_hunyuan_dense;
extern const struct fmt_arch arch_exaone4;
extern const struct fmt_arch arch_arcee;
extern const struct fmt_arch arch_apertus;
extern const struct fmt_arch arch_nemotron;
extern const struct fmt_arch arch_qwen2vl;
extern const struct fmt_arch arch_qwen3vl;
extern const struct fmt_arch arch_qwen3vlmoe;
extern const struct fmt_arch arch_ernie4_5_moe;
extern const struct fmt_arch arch_dots1;
extern const struct fmt_arch arch_exaone_moe;
extern const struct fmt_arch arch_hunyuan_moe;
extern const struct fmt_arch arch_hy_v3;
extern const struct fmt_arch arch_solar_open;
extern const struct fmt_arch arch_afmoe;
extern const struct fmt_arch arch_laguna;
extern const struct fmt_arch arch_kimi_k25;
extern const struct fmt_arch arch_deepseek32;
extern const struct fmt_arch arch_glm_dsa;
extern const struct fmt_arch arch_glm4_lite;
extern const struct fmt_arch arch_mistral4;
extern const struct fmt_arch arch_youtu;
extern const struct fmt_arch arch_falcon_mamba;
extern const struct fmt_arch arch_jamba;
extern const struct fmt_arch arch_bamba;
extern const struct fmt_arch arch_falcon_h1;
extern const struct fmt_arch arch_granite_hybrid;
extern const struct fmt_arch arch_lfm2;
extern const struct fmt_arch arch_lfm2moe;

/* The first description of a table that is for that class and that model_type, of which one may be empty; NULL if there is
 * none. */
const struct fmt_arch *arch_find(const struct fmt_arch *const *table, struct fmt_str class, struct fmt_str type);

/* The first row of that role, outside the layers or of a layer; NULL: there is none. */
const struct arch_tensor *arch_row_of(const struct fmt_arch *arch, enum fmt_role role, bool in_layer);

/* The description of a Hugging Face model_type ("llama"); NULL if there is none. */
const struct fmt_arch *arch_by_type(struct fmt_str name);

/* Keys that every text model has where it has the number, in the order of the reference converter. */
extern const struct arch_key arch_common_keys[];

#endif
