/* Llama 1 to 3.x and what has its shape: Mistral 7B, SmolLM 1 to 3, TinyLlama, Yi, ...
 *
 * Sources: the classes LlamaConfig, MistralConfig and SmolLM3Config of transformers 5 for the defaults (transformers 4 has the same);
 * llama.cpp's "llama" for the GGUF side. */
#include "arch_shared.h"

static const struct arch_param_row llama_sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 2048 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 4096 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 11008 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 32000 }, .max = ARCH_MAX_VOCAB },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_MLP_BIAS, KIND_FLAG, "mlp_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_NONE },
};

static const struct arch_param_row mistral_sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 131072 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 4096 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 14336 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_FIXED, .fixed = 8 }, { ELSE_SAME, P_HEADS },
	  .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 32000 }, .max = ARCH_MAX_VOCAB },
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_FIXED, .fixed = 4096 }, { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_NONE },
};

static const struct arch_param_row smollm3_sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 36 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 32768 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 2048 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 11008 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 16 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_FIXED, .fixed = 4 }, { ELSE_SAME, P_HEADS },
	  .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 128256 }, .max = ARCH_MAX_VOCAB },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_MLP_BIAS, KIND_FLAG, "mlp_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 1 } },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-6 } },
	{ P_USE_WINDOW, KIND_FLAG, "use_sliding_window", { ELSE_FIXED, .fixed = 0 } },
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_UNSET }, .max = UINT32_MAX, .when = { P_USE_WINDOW, 1 } },
	{ P_NO_ROPE_EVERY, KIND_COUNT, "no_rope_layer_interval", { ELSE_FIXED, .fixed = 4 }, .max = ARCH_MAX_LAYERS },
	{ P_NONE },
};

static const struct arch_param_row smollm3_theta[] = {
	{ P_ROPE_THETA, KIND_REAL, ARCH_ROPE_THETA, { ELSE_FIXED, .fixed = 2e6 } },
	{ P_NONE },
};

static const struct arch_param_row shared_params[] = {
	{ P_HEAD_GIVEN, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-6 } },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "vocab_size", FMT_KV_U32, P_VOCAB },
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM },
	/* llama.cpp's "llama" has neither: carried for those who do */
	{ "attention.sliding_window", FMT_KV_U32, P_WINDOW },
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

static const struct arch_key smollm3_keys[] = {
	{ "vocab_size", FMT_KV_U32, P_VOCAB },
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM },
	{ "attention.sliding_window", FMT_KV_U32, P_WINDOW },
	{ "attention.sliding_window_pattern", FMT_KV_ARR, P_WINDOW },
	{ "attention.rope_pattern", FMT_KV_ARR, P_NO_ROPE_EVERY },
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

const struct arch_tensor arch_llama_layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL }, .move = MOVE_ROPE_Q },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL }, .move = MOVE_ROPE_K },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_Q_B, "attn_q.bias", "self_attn.q_proj.bias", { P_Q_WIDTH }, { P_ATTN_BIAS, 1 }, MOVE_ROPE_Q },
	{ FMT_ROLE_ATTN_K_B, "attn_k.bias", "self_attn.k_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 }, MOVE_ROPE_K },
	{ FMT_ROLE_ATTN_V_B, "attn_v.bias", "self_attn.v_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "self_attn.o_proj.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } },

	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF } },
	{ FMT_ROLE_FFN_GATE_B, "ffn_gate.bias", "mlp.gate_proj.bias", { P_FF }, { P_MLP_BIAS, 1 } },
	{ FMT_ROLE_FFN_UP_B, "ffn_up.bias", "mlp.up_proj.bias", { P_FF }, { P_MLP_BIAS, 1 } },
	{ FMT_ROLE_FFN_DOWN_B, "ffn_down.bias", "mlp.down_proj.bias", { P_MODEL }, { P_MLP_BIAS, 1 } },
	{ FMT_ROLE_NONE },
};

static const char *const skip[] = { ".rotary_emb.inv_freq", NULL };

static const struct arch_param_row *const llama_params[] = { llama_sizes, arch_widths, arch_silu, shared_params, arch_rope_params, NULL };
static const struct arch_param_row *const mistral_params[] = { mistral_sizes, arch_widths, arch_silu, shared_params,
                                                              arch_rope_params, NULL };

static const struct arch_param_row *const smollm3_params[] = { smollm3_sizes, arch_widths, arch_silu, arch_rope_params,
                                                              smollm3_theta, NULL };

static const char *const llama_classes[] = { "LlamaForCausalLM", "LLaMAForCausalLM", NULL };
static const char *const llama_types[] = { "llama", NULL };
static const char *const mistral_classes[] = { "MistralForCausalLM", NULL };
static const char *const mistral_types[] = { "mistral", NULL };

static const char *const smollm3_classes[] = { "SmolLM3ForCausalLM", NULL };
static const char *const smollm3_types[] = { "smollm3", NULL };

const struct fmt_arch arch_llama = {
	.gguf = "llama",
	.classes = llama_classes,
	.types = llama_types,
	.params = llama_params,
	.keys = keys,
	.globals = arch_model_globals,
	.own_llama3 = true,
	.layers = arch_llama_layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
};

/* Mistral 7B: Llama's tensors with other defaults and a window. llama.cpp calls it "llama" too. */
const struct fmt_arch arch_mistral = {
	.gguf = "llama",
	.classes = mistral_classes,
	.types = mistral_types,
	.params = mistral_params,
	.keys = keys,
	.globals = arch_model_globals,
	.own_llama3 = true,
	.layers = arch_llama_layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
};

/* SmolLM 3: Llama's tensors; every fourth layer knows no positions. */
static const struct arch_note smollm3_notes[] = {
	ARCH_NOTE_NO_BIASES,
	{ { P_MLP_BIAS, 1 }, "llama.cpp will not load it: of this architecture it has no biases of the feed-forward block, config.json "
	                     "says there are" },
	{ { P_NONE }, NULL },
};

const struct fmt_arch arch_smollm3 = {
	.gguf = "smollm3",
	.classes = smollm3_classes,
	.types = smollm3_types,
	.params = smollm3_params,
	.keys = smollm3_keys,
	.globals = arch_model_globals,
	.own_llama3 = true,
	.layers = arch_llama_layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
	.notes = smollm3_notes,
};
