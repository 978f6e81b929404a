/* Qwen 3, dense and as a mixture of experts: Llama's layers with a norm on every head's query and key.
 *
 * Source of defaults: Qwen3Config and Qwen3MoeConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row dense_sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 32768 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 4096 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 22016 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_FIXED, .fixed = 32 }, { ELSE_SAME, P_HEADS },
	  .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_HEAD_DIM, KIND_COUNT, "head_dim", { ELSE_FIXED, .fixed = 128 }, { ELSE_QUOTIENT, P_MODEL, P_HEADS },
	  .max = ARCH_MAX_WIDTH },
	{ P_HEAD_GIVEN, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_Q_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_KV_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS_KV, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_param_row moe_sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 24 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 32768 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 2048 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 6144 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_FIXED, .fixed = 4 }, { ELSE_SAME, P_HEADS },
	  .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_EXPERTS, KIND_COUNT, "num_experts num_local_experts", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS,
	  .at_most = P_EXPERTS },
	{ P_FF_EXPERT, KIND_COUNT, "moe_intermediate_size", { ELSE_FIXED, .fixed = 768 }, .max = ARCH_MAX_WIDTH },
	{ P_MOE_STEP, KIND_COUNT, "decoder_sparse_step", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_LAYERS },
	{ P_NONE },
};

static const struct arch_param_row switches[] = {
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 151936 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-6 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_USE_WINDOW, KIND_FLAG, "use_sliding_window", { ELSE_FIXED, .fixed = 0 } },
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_FIXED, .fixed = 4096 }, { ELSE_UNSET }, .max = UINT32_MAX,
	  .when = { P_USE_WINDOW, 1 } },
	{ P_NONE },
};

/* The mixture has its window, if any, on all layers. */
static const struct arch_param_row dense_window[] = {
	{ P_WINDOW_FROM, KIND_NUMBER, "max_window_layers", { ELSE_FIXED, .fixed = 28 }, .max = UINT32_MAX },
	{ P_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_Q_B, "attn_q.bias", "self_attn.q_proj.bias", { P_Q_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K_B, "attn_k.bias", "self_attn.k_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_V_B, "attn_v.bias", "self_attn.v_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm.weight", "self_attn.q_norm.weight", { P_HEAD_DIM } },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm.weight", "self_attn.k_norm.weight", { P_HEAD_DIM } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "self_attn.o_proj.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } },

	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF }, .in = LAYER_DENSE },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "mlp.gate.weight", { P_EXPERTS, P_MODEL }, .in = LAYER_MOE },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "mlp.experts.*.gate_proj.weight", { P_EXPERTS, P_FF_EXPERT, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "mlp.experts.*.up_proj.weight", { P_EXPERTS, P_FF_EXPERT, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "mlp.experts.*.down_proj.weight", { P_EXPERTS, P_MODEL, P_FF_EXPERT },
	  .in = LAYER_MOE },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row *const dense_params[] = { dense_sizes, switches, dense_window, arch_silu, arch_rope_params,
                                                            NULL };
static const struct arch_param_row *const moe_params[] = { moe_sizes, switches, arch_widths, arch_norm_topk, arch_silu,
                                                          arch_rope_params, NULL };
static const struct arch_key moe_keys[] = {
	{ "expert_feed_forward_length", FMT_KV_U32, P_FF_EXPERT },
	{ "expert_weights_norm", FMT_KV_BOOL, P_NORM_TOPK, { P_NORM_TOPK, 0 } },
	{ "attention.sliding_window", FMT_KV_U32, P_WINDOW },
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

static const char *const dense_classes[] = { "Qwen3ForCausalLM", NULL };
static const char *const dense_types[] = { "qwen3", NULL };
static const char *const moe_classes[] = { "Qwen3MoeForCausalLM", NULL };
static const char *const moe_types[] = { "qwen3_moe", NULL };
static const char *const skip[] = { NULL };

const struct fmt_arch arch_qwen3 = {
	.gguf = "qwen3",
	.classes = dense_classes,
	.types = dense_types,
	.params = dense_params,
	.keys = arch_window_keys,
	.globals = arch_model_globals,
	.layers = layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
};

const struct fmt_arch arch_qwen3moe = {
	.gguf = "qwen3moe",
	.classes = moe_classes,
	.types = moe_types,
	.params = moe_params,
	.keys = moe_keys,
	.globals = arch_model_globals,
	.layers = layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
	.notes = arch_note_normalises,
	.only_moe = true,
};
