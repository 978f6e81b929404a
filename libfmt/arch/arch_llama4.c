/* Llama 4: dense layers and layers of experts in turn, beside those one for every token; three layers of four attend within
 * chunks, the fourth knows no positions and attends to everything. Of the models that see, the language model.
 *
 * Source of defaults: Llama4TextConfig of transformers 5. Heads rotate as neighbours in checkpoints too. */
#include "arch_shared.h"

static const struct arch_default defaults[] = {
	{ P_LAYERS, 48 },    { P_CONTEXT, 131072 }, { P_MODEL, 5120 },     { P_HEADS, 40 }, { P_HEADS_KV, 8 },
	{ P_HEAD_DIM, 128 }, { P_VOCAB, 202048 },   { P_ROPE_THETA, 5e5 }, { P_NONE },
};

static const struct arch_param_row rest[] = {
	{ P_HEAD_GIVEN, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_FF_EXPERT, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 8192 }, .max = ARCH_MAX_WIDTH },
	{ P_FF_SHARED, KIND_COUNT, NULL, { ELSE_SAME, P_FF_EXPERT }, .max = ARCH_MAX_WIDTH },
	{ P_FF_TWICE, KIND_COUNT, NULL, { ELSE_PRODUCT, P_FF_EXPERT, .fixed = 2 }, .max = 2 * ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size_mlp", { ELSE_FIXED, .fixed = 16384 }, .max = ARCH_MAX_WIDTH },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_EXPERTS, KIND_COUNT, "num_local_experts", { ELSE_FIXED, .fixed = 16 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_HEADS,
	  .at_most = P_EXPERTS },
	{ P_MOE_STEP, KIND_COUNT, "interleave_moe_layer_step", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_LAYERS },
	{ P_WINDOW, KIND_COUNT, "attention_chunk_size", { ELSE_FIXED, .fixed = 8192 }, { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_NO_ROPE_EVERY, KIND_COUNT, "no_rope_layer_interval", { ELSE_FIXED, .fixed = 4 }, .max = ARCH_MAX_LAYERS },
	{ P_L2_NORM, KIND_FLAG, "use_qk_norm", { ELSE_FIXED, .fixed = 1 } },
	{ P_TEMPERED, KIND_FLAG, "attn_temperature_tuning", { ELSE_FIXED, .fixed = 1 } },
	{ P_TEMPERATURE, KIND_REAL, "attn_scale", { ELSE_FIXED, .fixed = 0.1 }, .when = { P_TEMPERED, 1 } },
	{ P_TEMPERATURE_LENGTH, KIND_COUNT, "floor_scale", { ELSE_FIXED, .fixed = 8192 }, .max = UINT32_MAX },
	{ P_NONE },
};

static const struct arch_numbers lists[] = {
	{ "moe_layers", .in = LAYER_MOE, .out = LAYER_DENSE },
	{ NULL },
};

static const struct arch_key keys[] = {
	{ "vocab_size", FMT_KV_U32, P_VOCAB },
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM },
	{ "interleave_moe_layer_step", FMT_KV_U32, P_MOE_STEP },
	{ "expert_feed_forward_length", FMT_KV_U32, P_FF_EXPERT },
	/* llama.cpp has the usual values of these and no keys: carried for those who do */
	{ "attention.sliding_window", FMT_KV_U32, P_WINDOW, .usual = 8192 },
	{ "attention.sliding_window_pattern", FMT_KV_ARR, P_WINDOW },
	{ "attention.rope_pattern", FMT_KV_ARR, P_NO_ROPE_EVERY },
	{ "attention.qk_norm", FMT_KV_BOOL, P_L2_NORM, { P_L2_NORM, 0 } },
	{ "attention.temperature_scale", FMT_KV_F32, P_TEMPERATURE, .usual = 0.1 },
	{ "attention.temperature_scale", FMT_KV_F32, P_TEMPERED, { P_TEMPERED, 0 } }, /* 0 */
	{ "attention.temperature_length", FMT_KV_U32, P_TEMPERATURE_LENGTH, .usual = 8192 },
	{ NULL },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },

	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "feed_forward.gate_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "feed_forward.up_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "feed_forward.down_proj.weight", { P_MODEL, P_FF }, .in = LAYER_DENSE },

	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "feed_forward.router.weight", { P_EXPERTS, P_MODEL }, .in = LAYER_MOE },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "feed_forward.experts.gate_up_proj", { P_EXPERTS, P_FF_EXPERT, P_MODEL },
	  .in = LAYER_MOE, .move = MOVE_FIRST_COLUMNS, .from = { P_EXPERTS, P_MODEL, P_FF_TWICE } },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "feed_forward.experts.gate_up_proj", { P_EXPERTS, P_FF_EXPERT, P_MODEL },
	  .in = LAYER_MOE, .move = MOVE_SECOND_COLUMNS, .from = { P_EXPERTS, P_MODEL, P_FF_TWICE } },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "feed_forward.experts.down_proj", { P_EXPERTS, P_MODEL, P_FF_EXPERT },
	  .in = LAYER_MOE, .move = MOVE_TRANSPOSE, .from = { P_EXPERTS, P_FF_EXPERT, P_MODEL } },
	{ FMT_ROLE_SHARED_GATE, "ffn_gate_shexp.weight", "feed_forward.shared_expert.gate_proj.weight", { P_FF_SHARED, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp.weight", "feed_forward.shared_expert.up_proj.weight", { P_FF_SHARED, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp.weight", "feed_forward.shared_expert.down_proj.weight", { P_MODEL, P_FF_SHARED },
	  .in = LAYER_MOE },
	{ FMT_ROLE_NONE },
};

static const struct arch_note notes[] = {
	ARCH_NOTE_NO_BIASES,
	{ { P_TEMPERED, 0 }, "llama.cpp will differ past 8192 tokens: config.json says attn_temperature_tuning false, it always tunes" },
	{ { P_NONE }, NULL },
};

static const struct arch_param_row *const params[] = { arch_sizes, arch_widths, rest, arch_silu, arch_rope_params, NULL };
static const char *const classes[] = { "Llama4ForCausalLM", "Llama4ForConditionalGeneration", NULL };
static const char *const types[] = { "llama4_text", "llama4", NULL };
static const char *const skip[] = { ".rotary_emb.inv_freq", NULL };

const struct fmt_arch arch_llama4 = {
	.gguf = "llama4",
	.classes = classes,
	.types = types,
	.defaults = defaults,
	.params = params,
	.keys = keys,
	.notes = notes,
	.globals = arch_model_globals,
	.own_llama3 = true,
	.layers = layers,
	.parts = (const struct arch_tensor *const[]){ arch_attention_biases, NULL },
	.layer_prefix = "model.layers.",
	.skip = skip,
	.numbers = lists,
	.own_windows = true,
	.full_every = 4,
	.usual_window = 8192,
	.windows_rotate = true,
};
