/* OLMo 2: Llama's matrices, the norms after the blocks, and one norm over all queries and one over all keys.
 *
 * Source of defaults: Olmo2Config and Olmo3Config of transformers 5. llama.cpp calls both "olmo2". */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 2048 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 4096 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 11008 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 50304 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm.weight", "self_attn.q_norm.weight", { P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm.weight", "self_attn.k_norm.weight", { P_KV_WIDTH } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_POST_NORM, "post_attention_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF } },
	{ FMT_ROLE_FFN_POST_NORM, "post_ffw_norm.weight", "post_feedforward_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_NONE },
};

/* OLMo 3: three layers of four have a window. */
static const struct arch_param_row windows[] = {
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_FIXED, .fixed = 4096 }, { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_FULL_EVERY, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 4 }, .max = 4 },
	{ P_NONE },
};

static const struct arch_note notes[] = {
	ARCH_NOTE_NO_BIASES,
	ARCH_NOTE_WANTS_OUTPUT,
	{ { P_NONE }, NULL },
};

static const struct arch_param_row *const params[] = { sizes, arch_widths, arch_silu, arch_rope_params, NULL };
static const char *const classes[] = { "Olmo2ForCausalLM", NULL };
static const char *const types[] = { "olmo2", NULL };
static const char *const skip[] = { NULL };

const struct fmt_arch arch_olmo2 = {
	.gguf = "olmo2",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = arch_dynamic_keys,
	.globals = arch_model_globals,
	.layers = layers,
	.parts = (const struct arch_tensor *const[]){ arch_attention_biases, NULL },
	.layer_prefix = "model.layers.",
	.skip = skip,
	.notes = notes,
};

const struct fmt_arch arch_olmo3 = {
	.gguf = "olmo2",
	.classes = (const char *const[]){ "Olmo3ForCausalLM", NULL },
	.types = (const char *const[]){ "olmo3", NULL },
	.params = (const struct arch_param_row *const[]){ sizes, arch_widths, windows, arch_silu, arch_rope_params, NULL },
	.keys = arch_window_keys,
	.globals = arch_model_globals,
	.layers = layers,
	.parts = (const struct arch_tensor *const[]){ arch_attention_biases, NULL },
	.layer_prefix = "model.layers.",
	.skip = skip,
	.notes = notes,
	.own_windows = true,
};
