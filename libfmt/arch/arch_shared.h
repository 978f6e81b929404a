/* Rows that many descriptions have. Each needs the sizes before it; see <libfmt/arch.h> for the order of tables. */
#ifndef FMT_ARCH_SHARED_H
#define FMT_ARCH_SHARED_H

#include "../arch_desc.h"

/* P_ACT, which must be SiLU. */
extern const struct arch_param_row arch_silu[];

/* A note for those that llama.cpp loads with an output matrix only, and a table of nothing else. */
#define ARCH_NOTE_WANTS_OUTPUT                                                                                         \
	{ { P_TIED, 1 }, "llama.cpp will not load it: of this architecture it wants an output matrix that is not the embedding" }
extern const struct arch_note arch_note_wants_output[];

/* P_STEP_LEAST and P_STEP_MOST from time_step_limit; their keys and notes: llama.cpp has no such limits. */
extern const struct arch_param_row arch_step_limits[];
#define ARCH_STEP_KEYS                                                                                                 \
	{ "ssm.time_step_min", FMT_KV_F32, P_STEP_LEAST },                                                             \
	{ "ssm.time_step_max", FMT_KV_F32, P_STEP_MOST }
#define ARCH_NOTES_STEP                                                                                                \
	{ { P_STEP_LEAST, ARCH_SET }, "llama.cpp will differ: it lets time steps be as small as they come, config.json has a "  \
	                              "time_step_limit" },                                                             \
	{ { P_STEP_MOST, ARCH_SET }, "llama.cpp will differ: it lets time steps be as large as they come, config.json has a "   \
	                             "time_step_limit" }

/* Notes for those of which llama.cpp wants P_CONV_BIAS, and no P_PROJ_BIAS; and limits of time steps. */
extern const struct arch_note arch_note_mamba_biases[];

/* P_NORM_TOPK; and notes for those of which llama.cpp always makes the weights of a token's experts add up to 1, and for those
 * of which it never does. The key expert_weights_norm is then carried for those who read it. */
extern const struct arch_param_row arch_norm_topk[];
extern const struct arch_note arch_note_normalises[];
#define ARCH_NOTE_NORMALISES                                                                                           \
	{ { P_NORM_TOPK, 0 }, "llama.cpp will differ: it makes the weights of a token's experts add up to 1, config.json says " \
	                      "norm_topk_prob false" }
#define ARCH_NOTE_NO_NORMALISING                                                                                       \
	{ { P_NORM_TOPK, 1 }, "llama.cpp will differ: it takes the weights of a token's experts as they are, config.json says " \
	                      "norm_topk_prob true" }

/* The words for GELU by its tanh formula (arXiv:1606.08415). */
extern const struct arch_word arch_gelu_tanh_words[];

/* P_ACT: 0 for GELU as it is defined (by erf), 1 for its tanh formula, by these words; and the key that tells the second, which llama.cpp
 * always takes. */
extern const struct arch_param_row arch_gelu_either[];
extern const struct arch_word arch_gelu_either_words[];
#define ARCH_GELU_KEY { "feed_forward.gelu_tanh", FMT_KV_BOOL, P_ACT, { P_ACT, 1 } }

/* The same of those whose usual one is the tanh formula, and the key that tells the first. */
extern const struct arch_param_row arch_gelu_usually_tanh[];
#define ARCH_GELU_ERF_KEY { "feed_forward.gelu_tanh", FMT_KV_BOOL, P_ACT, { P_ACT, 0 } }

/* A setting of rotary positions by its names in transformers 5 and 4. */
#define IN_ROPE(name) "rope_parameters." name " rope_scaling." name

/* The names of P_ROPE_PART. */
#define ARCH_ROPE_PART "rope_parameters.partial_rotary_factor partial_rotary_factor rotary_pct"

/* The tensor that the scaling of Llama 3 is in a GGUF. */
#define ARCH_ROPE_FREQS                                                                                                \
	{ FMT_ROLE_ROPE_FREQS, "rope_freqs.weight", NULL, { P_ROPE_PAIRS }, { P_ROPE_TYPE, ROPE_LLAMA3 }, MAKE_ROPE_FACTORS }

/* Keys of a linear scaling, and of all. */
#define ARCH_LINEAR_KEYS \
	{ "rope.scaling.type", FMT_KV_STR, P_ROPE_TYPE, { P_ROPE_TYPE, ROPE_LINEAR } }, \
	{ "rope.scaling.factor", FMT_KV_F32, P_ROPE_FACTOR, { P_ROPE_TYPE, ROPE_LINEAR } }

#define ARCH_SCALING_KEYS                                                                                              \
	ARCH_LINEAR_KEYS,                                                                                              \
	{ "rope.scaling.type", FMT_KV_STR, P_ROPE_TYPE, { P_ROPE_TYPE, ROPE_YARN } },                                  \
	{ "rope.scaling.factor", FMT_KV_F32, P_ROPE_FACTOR, { P_ROPE_TYPE, ROPE_YARN } },                              \
	{ "rope.scaling.original_context_length", FMT_KV_U32, P_ROPE_ORIG_CONTEXT, { P_ROPE_TYPE, ROPE_YARN } },       \
	{ "rope.scaling.yarn_truncate", FMT_KV_BOOL, P_YARN_TRUNCATE, { P_ROPE_TYPE, ROPE_YARN } },                    \
	{ "rope.scaling.yarn_ext_factor", FMT_KV_F32, P_YARN_EXT, { P_ROPE_TYPE, ROPE_YARN } },                        \
	{ "rope.scaling.yarn_attn_factor", FMT_KV_F32, P_YARN_ATTN, { P_ROPE_TYPE, ROPE_YARN } },                      \
	{ "rope.scaling.attn_factor", FMT_KV_F32, P_ROPE_MAGNITUDE, { P_ROPE_TYPE, ROPE_YARN } },                      \
	{ "rope.scaling.yarn_beta_fast", FMT_KV_F32, P_YARN_BETA_FAST, { P_ROPE_TYPE, ROPE_YARN } },                   \
	{ "rope.scaling.yarn_beta_slow", FMT_KV_F32, P_YARN_BETA_SLOW, { P_ROPE_TYPE, ROPE_YARN } },                   \
	ARCH_DYNAMIC_KEY

/* The key of a dynamic scaling, which llama.cpp has not: carried for those who do. */
#define ARCH_DYNAMIC_KEY { "rope.scaling.dynamic_factor", FMT_KV_F32, P_ROPE_FACTOR, { P_ROPE_TYPE, ROPE_DYNAMIC } }

/* The names of P_ROPE_THETA, for those whose default is not that of arch_rope_params. */
#define ARCH_ROPE_THETA "rope_parameters.rope_theta rope_theta"

/* P_HEAD_DIM where config.json may give it, P_HEAD_GIVEN if it does, P_Q_WIDTH, P_KV_WIDTH, P_QKV_WIDTH, P_FF_TWICE. */
extern const struct arch_param_row arch_widths[];

/* token_embd, output_norm (RMS: no bias) and, unless P_TIED, output, in the names of most classes. */
extern const struct arch_tensor arch_model_globals[];

/* What most configs call the sizes: layers, context, model, feed-forward width, heads, vocabulary, tied or not. The
 * defaults are the description's. arch_widths may follow. */
extern const struct arch_param_row arch_sizes[];

/* For those of which llama.cpp has no such biases. */
#define ARCH_NOTE_NO_BIASES                                                                                            \
	{ { P_ATTN_BIAS, 1 }, "llama.cpp will not load it: of this architecture it has no biases of attention, config.json says " \
	                      "there are" }

/* P_ATTN_BIAS, with P_O_BIAS or without it, from attention_bias; P_MLP_BIAS from mlp_bias. */
extern const struct arch_param_row arch_attn_bias[], arch_qkv_bias[], arch_mlp_bias[];

/* P_WINDOW from sliding_window. */
extern const struct arch_param_row arch_window[];

/* Sizes of the state of one sequence that Mamba 1 and 2 keep, from the numbers before it: P_MODEL, P_SSM_*. */
extern const struct arch_param_row arch_mamba1_widths[], arch_mamba2_widths[];

/* Latent attention and its widths, from P_HEADS. */
extern const struct arch_param_row arch_latent[];

/* P_FF_SHARED from P_SHARED and P_FF_EXPERT. */
extern const struct arch_param_row arch_expert_widths[];

/* Tables for fmt_arch.parts: parts of layers that many classes have alike. The names in the checkpoint are those of most
 * classes; a description that is to convert has rows of its own where its class has others. */
extern const struct arch_tensor arch_norms[];       /* one before attention, one before the feed-forward block */
extern const struct arch_tensor arch_norms_after[]; /* one after each */
extern const struct arch_tensor arch_attention[];   /* P_ATTN_BIAS, P_O_BIAS, P_QK_NORM */
extern const struct arch_tensor arch_latent_attention[];
extern const struct arch_tensor arch_attention_biases[]; /* P_ATTN_BIAS on all four, for layers that have the matrices themselves */
extern const struct arch_tensor arch_gated_ff[];    /* gate, up, down; P_MLP_BIAS */
extern const struct arch_tensor arch_fused_ff[];    /* gate and up in one */
extern const struct arch_tensor arch_plain_ff[];    /* up, down; P_MLP_BIAS */
extern const struct arch_tensor arch_experts[];     /* with their router; P_EXPERT_BIAS */
extern const struct arch_tensor arch_shared_experts[]; /* where P_FF_SHARED is set; P_SHARED_GATE */
extern const struct arch_tensor arch_mamba1_block[], arch_mamba2_block[];

/* For an architecture whose GGUF has only the keys that all share. */
extern const struct arch_key arch_no_keys[];

/* ARCH_DYNAMIC_KEY alone. */
extern const struct arch_key arch_dynamic_keys[];

/* The window and which layers have it, and ARCH_DYNAMIC_KEY: carried for those who do, where llama.cpp has none for the
 * architecture. */
extern const struct arch_key arch_window_keys[];

/* For fmt_arch.next, of layers that are numbered on. Needs P_MODEL_TWICE, of which the row is this. */
extern const struct arch_tensor arch_next_layers[];
#define ARCH_MODEL_TWICE { P_MODEL_TWICE, KIND_COUNT, NULL, { ELSE_PRODUCT, P_MODEL, .fixed = 2 }, .max = 2 * ARCH_MAX_WIDTH }
#define ARCH_NEXT_KEY { "nextn_predict_layers", FMT_KV_U32, P_NEXT_KEPT }

/* Llama's tensors: rope_freqs, biases by P_ATTN_BIAS and P_MLP_BIAS, heads in the order of neighbours that rotate. */
extern const struct arch_tensor arch_llama_layers[];

#endif
