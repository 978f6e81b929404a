/* gpt-oss (arXiv:2508.10925): biases everywhere, a window on every other layer, a number per head that takes attention away
 * (a sink), and experts with a clamped gate in every layer. Published checkpoints have the experts in blocks of MXFP4
 * (NAME_blocks, NAME_scales); gate and up are rows, or columns, of one tensor in turn.
 *
 * Source of defaults: GptOssConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 36 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 131072 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 2880 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 2880 }, .max = ARCH_MAX_WIDTH },
	{ P_FF_EXPERT, KIND_COUNT, NULL, { ELSE_SAME, P_FF }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 64 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_FIXED, .fixed = 8 }, { ELSE_SAME, P_HEADS },
	  .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_HEAD_DIM, KIND_COUNT, "head_dim", { ELSE_FIXED, .fixed = 64 }, { ELSE_QUOTIENT, P_MODEL, P_HEADS }, .max = ARCH_MAX_WIDTH },
	{ P_HEAD_GIVEN, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_Q_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_KV_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS_KV, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_FF_TWICE, KIND_COUNT, NULL, { ELSE_PRODUCT, P_FF, .fixed = 2 }, .max = 2 * ARCH_MAX_WIDTH },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 201088 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 1 } },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_EXPERTS, KIND_COUNT, "num_local_experts num_experts", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok experts_per_token", { ELSE_FIXED, .fixed = 4 }, .max = ARCH_MAX_HEADS,
	  .at_most = P_EXPERTS },
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_FIXED, .fixed = 128 }, { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_FULL_EVERY, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 2 }, .max = 2 },
	{ P_NONE },
};

static const struct arch_param_row theta[] = {
	{ P_ROPE_THETA, KIND_REAL, ARCH_ROPE_THETA, { ELSE_FIXED, .fixed = 150000 } },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "attention.sliding_window", FMT_KV_U32, P_WINDOW },
	{ "attention.sliding_window_pattern", FMT_KV_ARR, P_WINDOW },
	{ "expert_feed_forward_length", FMT_KV_U32, P_FF_EXPERT },
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_Q_B, "attn_q.bias", "self_attn.q_proj.bias", { P_Q_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K_B, "attn_k.bias", "self_attn.k_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_V_B, "attn_v.bias", "self_attn.v_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "self_attn.o_proj.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_SINKS, "attn_sinks.weight", "self_attn.sinks", { P_HEADS } },
	{ FMT_ROLE_FFN_NORM, "post_attention_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "mlp.router.weight", { P_EXPERTS, P_MODEL } },
	{ FMT_ROLE_MOE_ROUTER_B, "ffn_gate_inp.bias", "mlp.router.bias", { P_EXPERTS } },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "mlp.experts.gate_up_proj", { P_EXPERTS, P_FF, P_MODEL },
	  .move = MOVE_EVEN_COLUMNS, .from = { P_EXPERTS, P_MODEL, P_FF_TWICE } },
	{ FMT_ROLE_MOE_GATE_B, "ffn_gate_exps.bias", "mlp.experts.gate_up_proj_bias", { P_EXPERTS, P_FF },
	  .move = MOVE_EVEN, .from = { P_EXPERTS, P_FF_TWICE } },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "mlp.experts.gate_up_proj", { P_EXPERTS, P_FF, P_MODEL },
	  .move = MOVE_ODD_COLUMNS, .from = { P_EXPERTS, P_MODEL, P_FF_TWICE } },
	{ FMT_ROLE_MOE_UP_B, "ffn_up_exps.bias", "mlp.experts.gate_up_proj_bias", { P_EXPERTS, P_FF },
	  .move = MOVE_ODD, .from = { P_EXPERTS, P_FF_TWICE } },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "mlp.experts.down_proj", { P_EXPERTS, P_MODEL, P_FF },
	  .move = MOVE_TRANSPOSE, .from = { P_EXPERTS, P_FF, P_MODEL } },
	{ FMT_ROLE_MOE_DOWN_B, "ffn_down_exps.bias", "mlp.experts.down_proj_bias", { P_EXPERTS, P_MODEL } },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row *const params[] = { sizes, arch_silu, arch_rope_params, theta, NULL };
static const char *const classes[] = { "GptOssForCausalLM", NULL };
static const char *const types[] = { "gpt_oss", NULL };
static const char *const skip[] = { NULL };

const struct fmt_arch arch_gptoss = {
	.gguf = "gpt-oss",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.globals = arch_model_globals,
	.layers = layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
	.only_moe = true,
	.own_windows = true,
	.full_every = 2,
};
