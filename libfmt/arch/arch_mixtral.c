/* Mixtral: Mistral's attention, and experts in every layer.
 *
 * Source of defaults: MixtralConfig of transformers 5. llama.cpp calls it "llama" with experts. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 131072 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 4096 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 14336 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_FIXED, .fixed = 8 }, { ELSE_SAME, P_HEADS },
	  .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 32000 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_EXPERTS, KIND_COUNT, "num_local_experts num_experts", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 2 }, .max = ARCH_MAX_HEADS,
	  .at_most = P_EXPERTS },
	{ P_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL }, .move = MOVE_ROPE_Q },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL }, .move = MOVE_ROPE_K },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "block_sparse_moe.gate.weight", { P_EXPERTS, P_MODEL } },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "block_sparse_moe.experts.*.w1.weight", { P_EXPERTS, P_FF, P_MODEL } },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "block_sparse_moe.experts.*.w3.weight", { P_EXPERTS, P_FF, P_MODEL } },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "block_sparse_moe.experts.*.w2.weight", { P_EXPERTS, P_MODEL, P_FF } },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row theta[] = {
	{ P_ROPE_THETA, KIND_REAL, ARCH_ROPE_THETA, { ELSE_FIXED, .fixed = 1e6 } },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "vocab_size", FMT_KV_U32, P_VOCAB },
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM },
	{ "attention.sliding_window", FMT_KV_U32, P_WINDOW },
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

static const struct arch_param_row *const params[] = { sizes, arch_widths, arch_silu, arch_rope_params, theta, NULL };
static const char *const classes[] = { "MixtralForCausalLM", NULL };
static const char *const types[] = { "mixtral", NULL };
static const char *const skip[] = { ".rotary_emb.inv_freq", NULL };

const struct fmt_arch arch_mixtral = {
	.gguf = "llama",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.globals = arch_model_globals,
	.own_llama3 = true,
	.layers = layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
};
