/* Granite 3: Llama's tensors; what differs are factors on embedding, residuals, attention and logits. With experts: gate and up of
 * all of them in one tensor, and in some a block beside them that every token passes.
 *
 * Source of defaults: GraniteConfig, GraniteMoeConfig and GraniteMoeSharedConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 2048 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 4096 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 11008 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 32000 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-6 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_MLP_BIAS, KIND_FLAG, "mlp_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_ATTN_SCALE, KIND_REAL, "attention_multiplier", { ELSE_FIXED, .fixed = 1 } },
	{ P_EMBD_SCALE, KIND_REAL, "embedding_multiplier", { ELSE_FIXED, .fixed = 1 } },
	{ P_RESIDUAL_SCALE, KIND_REAL, "residual_multiplier", { ELSE_FIXED, .fixed = 1 } },
	{ P_LOGIT_SCALE, KIND_REAL, "logits_scaling", { ELSE_FIXED, .fixed = 1 } },
	{ P_NONE },
};

static const struct arch_param_row experts[] = {
	{ P_UNUSED, KIND_FALSE, "mlp_bias", { ELSE_UNSET } },
	{ P_EXPERTS, KIND_COUNT, "num_local_experts", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 2 }, .max = ARCH_MAX_HEADS, .at_most = P_EXPERTS },
	{ P_FF_SHARED, KIND_NUMBER, "shared_intermediate_size", { ELSE_UNSET }, .max = ARCH_MAX_WIDTH },
	{ P_SHARED_IN, KIND_NUMBER, NULL, { ELSE_PRODUCT, P_FF_SHARED, .fixed = 2 }, .max = 2 * ARCH_MAX_WIDTH,
	  .when = { P_FF_SHARED, ARCH_SET } },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "vocab_size", FMT_KV_U32, P_VOCAB },
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM },
	{ "attention.scale", FMT_KV_F32, P_ATTN_SCALE },
	{ "embedding_scale", FMT_KV_F32, P_EMBD_SCALE },
	{ "residual_scale", FMT_KV_F32, P_RESIDUAL_SCALE },
	{ "logit_scale", FMT_KV_F32, P_LOGIT_SCALE },
	{ "expert_shared_feed_forward_length", FMT_KV_U32, P_FF_SHARED, { P_FF_SHARED, ARCH_SOME } },
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

static const struct arch_tensor moe_layers[] = {
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
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "block_sparse_moe.router.layer.weight", { P_EXPERTS, P_MODEL } },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "block_sparse_moe.input_linear.weight", { P_EXPERTS, P_FF, P_MODEL },
	  .move = MOVE_FIRST, .from = { P_EXPERTS, P_FF_TWICE, P_MODEL } },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "block_sparse_moe.input_linear.weight", { P_EXPERTS, P_FF, P_MODEL },
	  .move = MOVE_SECOND, .from = { P_EXPERTS, P_FF_TWICE, P_MODEL } },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "block_sparse_moe.output_linear.weight", { P_EXPERTS, P_MODEL, P_FF } },
	{ FMT_ROLE_SHARED_GATE, "ffn_gate_shexp.weight", "shared_mlp.input_linear.weight", { P_FF_SHARED, P_MODEL },
	  { P_FF_SHARED, ARCH_SOME }, MOVE_FIRST, .from = { P_SHARED_IN, P_MODEL } },
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp.weight", "shared_mlp.input_linear.weight", { P_FF_SHARED, P_MODEL },
	  { P_FF_SHARED, ARCH_SOME }, MOVE_SECOND, .from = { P_SHARED_IN, P_MODEL } },
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp.weight", "shared_mlp.output_linear.weight", { P_MODEL, P_FF_SHARED },
	  { P_FF_SHARED, ARCH_SOME } },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row *const moe_params[] = { sizes, experts, arch_widths, arch_silu, arch_rope_params, NULL };
static const char *const moe_classes[] = { "GraniteMoeForCausalLM", "GraniteMoeSharedForCausalLM", NULL };
static const char *const moe_types[] = { "granitemoe", "granitemoeshared", NULL };
static const struct arch_param_row *const params[] = { sizes, arch_widths, arch_silu, arch_rope_params, NULL };
static const char *const classes[] = { "GraniteForCausalLM", NULL };
static const char *const types[] = { "granite", NULL };
static const char *const skip[] = { NULL };

const struct fmt_arch arch_granite = {
	.gguf = "granite",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.globals = arch_model_globals,
	.own_llama3 = true,
	.layers = arch_llama_layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
};

const struct fmt_arch arch_granitemoe = {
	.gguf = "granitemoe",
	.classes = moe_classes,
	.types = moe_types,
	.params = moe_params,
	.keys = keys,
	.globals = arch_model_globals,
	.own_llama3 = true,
	.layers = moe_layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
	.only_moe = true,
};
