/* Command-R: attention and feed-forward side by side after one norm without a bias; the output is the embedding. Command-R7B
 * (Cohere 2): the same with a window in three layers of four, and no positions in the fourth.
 *
 * Source of defaults: CohereConfig and Cohere2Config of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 40 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "model_max_length max_position_embeddings", { ELSE_FIXED, .fixed = 8192 },
	  .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 8192 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 22528 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 64 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 256000 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 1 } },
	{ P_QK_NORM, KIND_FLAG, "use_qk_norm", { ELSE_FIXED, .fixed = 0 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_NORM_EPS, KIND_REAL, "layer_norm_eps", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_LOGIT_FACTOR, KIND_REAL, "logit_scale", { ELSE_FIXED, .fixed = 0.0625 } },
	{ P_NONE },
};

static const struct arch_param_row windows[] = {
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_FIXED, .fixed = 4096 }, { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_FULL_EVERY, KIND_COUNT, "sliding_window_pattern", { ELSE_FIXED, .fixed = 4 }, .max = ARCH_MAX_LAYERS },
	{ P_UNUSED, KIND_FALSE, "use_qk_norm", { ELSE_UNSET } },
	{ P_QK_NORM, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 0 } },
	{ P_NONE },
};

#define FIRST_KEYS \
	{ "block_count", FMT_KV_U32, P_LAYERS }, \
	{ "context_length", FMT_KV_U32, P_CONTEXT }, \
	{ "embedding_length", FMT_KV_U32, P_MODEL }, \
	{ "feed_forward_length", FMT_KV_U32, P_FF }, \
	{ "attention.head_count", FMT_KV_U32, P_HEADS }, \
	{ "attention.head_count_kv", FMT_KV_U32, P_HEADS_KV }, \
	ARCH_SCALING_KEYS, \
	{ "rope.freq_base", FMT_KV_F32, P_ROPE_THETA }, \
	{ "attention.layer_norm_epsilon", FMT_KV_F32, P_NORM_EPS }, \
	{ "attention.key_length", FMT_KV_U32, P_HEAD_DIM, { P_HEAD_GIVEN, ARCH_SET } }, \
	{ "attention.value_length", FMT_KV_U32, P_HEAD_DIM, { P_HEAD_GIVEN, ARCH_SET } }, \
	ARCH_FILE_TYPE

#define PLAIN_ROPE_KEY { "rope.scaling.type", FMT_KV_STR, P_ROPE_TYPE, { P_ROPE_TYPE, ROPE_PLAIN }, .text = "none" }

static const struct arch_key keys[] = {
	FIRST_KEYS,
	{ "logit_scale", FMT_KV_F32, P_LOGIT_FACTOR },
	PLAIN_ROPE_KEY,
	{ NULL },
};

static const struct arch_key windows_keys[] = {
	FIRST_KEYS,
	{ "logit_scale", FMT_KV_F32, P_LOGIT_FACTOR },
	{ "attention.sliding_window", FMT_KV_U32, P_WINDOW },
	{ "attention.sliding_window_pattern", FMT_KV_ARR, P_WINDOW },
	{ "vocab_size", FMT_KV_U32, P_VOCAB },
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM },
	PLAIN_ROPE_KEY,
	{ NULL },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm.weight", "self_attn.q_norm.weight", { P_HEADS, P_HEAD_DIM }, { P_QK_NORM, 1 } },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm.weight", "self_attn.k_norm.weight", { P_HEADS_KV, P_HEAD_DIM }, { P_QK_NORM, 1 } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF } },
	{ FMT_ROLE_NONE },
};

static const struct arch_note notes[] = {
	ARCH_NOTE_NO_BIASES,
	{ { P_TIED, 0 }, "llama.cpp will not load it: of this architecture it has no output matrix but the embedding" },
	{ { P_QK_NORM, 1 }, "llama.cpp loads norms of queries and keys of models of 64 layers and more only" },
	{ { P_NONE }, NULL },
};

static const struct arch_note windows_notes[] = {
	ARCH_NOTE_NO_BIASES,
	{ { P_TIED, 0 }, "llama.cpp will not load it: of this architecture it has no output matrix but the embedding" },
	{ { P_NONE }, NULL },
};

static const struct arch_param_row *const params[] = { sizes, arch_widths, arch_silu, arch_rope_part_params, NULL };
static const char *const classes[] = { "CohereForCausalLM", NULL };
static const char *const types[] = { "cohere", NULL };
static const struct arch_param_row *const windows_params[] = { sizes, windows, arch_widths, arch_silu, arch_rope_part_params, NULL };
static const char *const windows_classes[] = { "Cohere2ForCausalLM", NULL };
static const char *const windows_types[] = { "cohere2", NULL };
static const char *const skip[] = { NULL };

const struct fmt_arch arch_cohere = {
	.gguf = "command-r",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.notes = notes,
	.own_keys = true,
	.globals = arch_model_globals,
	.layers = layers,
	.parts = (const struct arch_tensor *const[]){ arch_attention_biases, NULL },
	.layer_prefix = "model.layers.",
	.skip = skip,
};

const struct fmt_arch arch_cohere2 = {
	.gguf = "cohere2",
	.classes = windows_classes,
	.types = windows_types,
	.params = windows_params,
	.keys = windows_keys,
	.own_keys = true,
	.globals = arch_model_globals,
	.layers = layers,
	.parts = (const struct arch_tensor *const[]){ arch_attention_biases, NULL },
	.layer_prefix = "model.layers.",
	.skip = skip,
	.own_windows = true,
	.full_every = 4,
	.notes = windows_notes,
};
