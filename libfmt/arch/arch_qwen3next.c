/* Qwen 3-Next and Qwen 3.5: three layers of linear attention (gated delta net), then one of attention whose queries carry
 * a gate. Next has experts in every layer and fused projections; 3.5 has experts or is dense, and its heads of values take
 * those of keys in turn once they are in a GGUF. Of its vision part nothing is said here.
 *
 * Source of defaults: Qwen3NextConfig, Qwen3_5TextConfig and Qwen3_5MoeTextConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row next_sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 48 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 32768 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 2048 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 5632 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 16 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_FIXED, .fixed = 2 }, .max = ARCH_MAX_HEADS,
	  .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 151936 }, .max = ARCH_MAX_VOCAB },
	{ P_EXPERTS, KIND_COUNT, "num_experts num_local_experts", { ELSE_FIXED, .fixed = 512 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 10 }, .max = ARCH_MAX_HEADS,
	  .at_most = P_EXPERTS },
	{ P_FF_EXPERT, KIND_COUNT, "moe_intermediate_size", { ELSE_FIXED, .fixed = 512 }, .max = ARCH_MAX_WIDTH },
	{ P_FF_SHARED, KIND_COUNT, "shared_expert_intermediate_size", { ELSE_FIXED, .fixed = 512 }, .max = ARCH_MAX_WIDTH },
	{ P_MOE_STEP, KIND_COUNT, "decoder_sparse_step", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_LAYERS },
	{ P_NONE },
};

static const struct arch_param_row dense_sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 32768 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 4096 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 12288 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 16 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_FIXED, .fixed = 4 }, .max = ARCH_MAX_HEADS,
	  .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 248320 }, .max = ARCH_MAX_VOCAB },
	{ P_NONE },
};

static const struct arch_param_row shared[] = {
	{ P_NEXT_LAYERS, KIND_NUMBER, "mtp_num_hidden_layers", { ELSE_UNSET }, .max = ARCH_MAX_NEXT },
	ARCH_MODEL_TWICE,
	{ P_ONE, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 1 },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_HEAD_DIM, KIND_COUNT, "head_dim", { ELSE_FIXED, .fixed = 256 }, .max = ARCH_MAX_WIDTH },
	{ P_Q_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_Q_GATED, KIND_COUNT, NULL, { ELSE_PRODUCT, P_Q_WIDTH, .fixed = 2 }, .max = 2 * ARCH_MAX_WIDTH },
	{ P_KV_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS_KV, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_ATTN_EVERY, KIND_COUNT, "full_attention_interval", { ELSE_FIXED, .fixed = 4 }, .max = ARCH_MAX_LAYERS },
	{ P_HEAD_GIVEN, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-6 } },
	{ P_LIN_V_HEADS, KIND_COUNT, "linear_num_value_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_LIN_K_HEADS, KIND_COUNT, "linear_num_key_heads", { ELSE_FIXED, .fixed = 16 }, .max = ARCH_MAX_HEADS,
	  .divides = P_LIN_V_HEADS },
	{ P_LIN_K_DIM, KIND_COUNT, "linear_key_head_dim", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_WIDTH },
	{ P_LIN_V_DIM, KIND_COUNT, "linear_value_head_dim", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_WIDTH },
	{ P_LIN_KEY, KIND_COUNT, NULL, { ELSE_PRODUCT, P_LIN_K_HEADS, P_LIN_K_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_LIN_VALUE, KIND_COUNT, NULL, { ELSE_PRODUCT, P_LIN_V_HEADS, P_LIN_V_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_CONV_WIDTH, KIND_COUNT, NULL, { ELSE_SUM, P_LIN_VALUE, P_LIN_KEY, 2 }, .max = 4 * ARCH_MAX_WIDTH },
	{ P_LIN_IN, KIND_COUNT, NULL, { ELSE_SUM, P_CONV_WIDTH, P_LIN_VALUE, 1 }, .max = 8 * ARCH_MAX_WIDTH },
	{ P_LIN_BA, KIND_COUNT, NULL, { ELSE_PRODUCT, P_LIN_V_HEADS, .fixed = 2 }, .max = ARCH_MAX_WIDTH },
	{ P_SSM_CONV, KIND_COUNT, "linear_conv_kernel_dim", { ELSE_FIXED, .fixed = 4 }, .max = 1024 },
	{ P_STATE_ELEMS, KIND_COUNT, NULL, { ELSE_PRODUCT, P_LIN_VALUE, P_LIN_K_DIM }, .max = UINT64_C(1) << 40 },
	{ P_NONE },
};

#define ATTENTION                                                                                                      \
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL }, .op = FMT_OP_ADD_ONE },                             \
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_GATED, P_MODEL }, .in = LAYER_FULL },     \
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL }, .in = LAYER_FULL },    \
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL }, .in = LAYER_FULL },    \
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm.weight", "self_attn.q_norm.weight", { P_HEAD_DIM }, .in = LAYER_FULL, .op = FMT_OP_ADD_ONE },   \
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm.weight", "self_attn.k_norm.weight", { P_HEAD_DIM }, .in = LAYER_FULL, .op = FMT_OP_ADD_ONE },   \
	{ FMT_ROLE_ATTN_Q_B, "attn_q.bias", "self_attn.q_proj.bias", { P_Q_GATED }, { P_ATTN_BIAS, 1 }, .in = LAYER_FULL }, \
	{ FMT_ROLE_ATTN_K_B, "attn_k.bias", "self_attn.k_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 }, .in = LAYER_FULL }, \
	{ FMT_ROLE_ATTN_V_B, "attn_v.bias", "self_attn.v_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 }, .in = LAYER_FULL }, \
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "self_attn.o_proj.bias", { P_MODEL }, { P_ATTN_BIAS, 1 }, .in = LAYER_FULL }, \
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH }, .in = LAYER_FULL }

/* Of linear attention, with how rows of its heads move: those of all channels, of values alone, and the columns of the output. */
#define LINEAR(rows, values, columns)                                                                                  \
	{ FMT_ROLE_SSM_CONV, "ssm_conv1d.weight", "linear_attn.conv1d.weight", { P_CONV_WIDTH, P_SSM_CONV },           \
	  .in = LAYER_LINEAR, .move = rows, .from = { P_CONV_WIDTH, P_ONE, P_SSM_CONV } },                             \
	{ FMT_ROLE_SSM_DT_B, "ssm_dt.bias", "linear_attn.dt_bias", { P_LIN_V_HEADS }, .in = LAYER_LINEAR, .move = values }, \
	{ FMT_ROLE_SSM_A, "ssm_a", "linear_attn.A_log", { P_LIN_V_HEADS }, .in = LAYER_LINEAR, .move = values, .op = FMT_OP_NEG_EXP }, \
	{ FMT_ROLE_SSM_NORM, "ssm_norm.weight", "linear_attn.norm.weight", { P_LIN_V_DIM }, .in = LAYER_LINEAR },      \
	{ FMT_ROLE_SSM_OUT, "ssm_out.weight", "linear_attn.out_proj.weight", { P_MODEL, P_LIN_VALUE }, .in = LAYER_LINEAR, \
	  .move = columns }

#define DENSE                                                                                                          \
	{ FMT_ROLE_FFN_NORM, "post_attention_norm.weight", "post_attention_layernorm.weight", { P_MODEL }, .op = FMT_OP_ADD_ONE },           \
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },        \
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },              \
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF }, .in = LAYER_DENSE }

static const struct arch_tensor globals[] = {
	ARCH_ROPE_FREQS,
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "model.norm.weight", { P_MODEL }, .op = FMT_OP_ADD_ONE },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor next_layers[] = {
	ATTENTION,
	LINEAR(MOVE_NONE, MOVE_NONE, MOVE_NONE),
	DENSE,
	{ FMT_ROLE_ATTN_QKV, "attn_qkv.weight", "linear_attn.in_proj_qkvz.weight", { P_CONV_WIDTH, P_MODEL }, .in = LAYER_LINEAR,
	  .move = MOVE_LINEAR_QKV, .from = { P_LIN_IN, P_MODEL } },
	{ FMT_ROLE_ATTN_GATE, "attn_gate.weight", "linear_attn.in_proj_qkvz.weight", { P_LIN_VALUE, P_MODEL }, .in = LAYER_LINEAR,
	  .move = MOVE_LINEAR_Z, .from = { P_LIN_IN, P_MODEL } },
	{ FMT_ROLE_SSM_BA, "ssm_ba.weight", "linear_attn.in_proj_ba.weight", { P_LIN_BA, P_MODEL }, .in = LAYER_LINEAR },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor qwen35_layers[] = {
	ATTENTION,
	LINEAR(MOVE_TILE_VALUES, MOVE_TILE_ROWS, MOVE_TILE_COLUMNS),
	DENSE,
	{ FMT_ROLE_ATTN_QKV, "attn_qkv.weight", "linear_attn.in_proj_qkv.weight", { P_CONV_WIDTH, P_MODEL }, .in = LAYER_LINEAR,
	  .move = MOVE_TILE_VALUES },
	{ FMT_ROLE_ATTN_GATE, "attn_gate.weight", "linear_attn.in_proj_z.weight", { P_LIN_VALUE, P_MODEL }, .in = LAYER_LINEAR,
	  .move = MOVE_TILE_ROWS },
	{ FMT_ROLE_SSM_BETA, "ssm_beta.weight", "linear_attn.in_proj_b.weight", { P_LIN_V_HEADS, P_MODEL }, .in = LAYER_LINEAR,
	  .move = MOVE_TILE_ROWS },
	{ FMT_ROLE_SSM_ALPHA, "ssm_alpha.weight", "linear_attn.in_proj_a.weight", { P_LIN_V_HEADS, P_MODEL }, .in = LAYER_LINEAR,
	  .move = MOVE_TILE_ROWS },
	{ FMT_ROLE_NONE },
};

/* Experts beside a shared one with a gate. */
static const struct arch_tensor experts[] = {
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "mlp.gate.weight", { P_EXPERTS, P_MODEL }, .in = LAYER_MOE },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "mlp.experts.*.gate_proj.weight", { P_EXPERTS, P_FF_EXPERT, P_MODEL },
	  .in = LAYER_MOE, .other = "mlp.experts.gate_up_proj", .other_move = MOVE_FIRST },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "mlp.experts.*.up_proj.weight", { P_EXPERTS, P_FF_EXPERT, P_MODEL },
	  .in = LAYER_MOE, .other = "mlp.experts.gate_up_proj", .other_move = MOVE_SECOND },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "mlp.experts.*.down_proj.weight", { P_EXPERTS, P_MODEL, P_FF_EXPERT },
	  .in = LAYER_MOE, .other = "mlp.experts.down_proj" },
	{ FMT_ROLE_SHARED_ROUTER, "ffn_gate_inp_shexp.weight", "mlp.shared_expert_gate.weight", { P_ONE, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_GATE, "ffn_gate_shexp.weight", "mlp.shared_expert.gate_proj.weight", { P_FF_SHARED, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp.weight", "mlp.shared_expert.up_proj.weight", { P_FF_SHARED, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp.weight", "mlp.shared_expert.down_proj.weight", { P_MODEL, P_FF_SHARED },
	  .in = LAYER_MOE },
	{ FMT_ROLE_NONE },
};

/* For multi-token prediction, which has embedding and output matrix of the rest. */
static const struct arch_tensor next_next[] = {
	{ FMT_ROLE_NEXT_PROJ, "nextn.eh_proj.weight", "fc.weight", { P_MODEL, P_MODEL_TWICE } },
	{ FMT_ROLE_NEXT_EMBD_NORM, "nextn.enorm.weight", "pre_fc_norm_embedding.weight", { P_MODEL }, .op = FMT_OP_ADD_ONE },
	{ FMT_ROLE_NEXT_HIDDEN_NORM, "nextn.hnorm.weight", "pre_fc_norm_hidden.weight", { P_MODEL }, .op = FMT_OP_ADD_ONE },
	{ FMT_ROLE_NEXT_HEAD_NORM, "nextn.shared_head_norm.weight", "norm.weight", { P_MODEL }, .op = FMT_OP_ADD_ONE },
	{ FMT_ROLE_NONE },
};

/* Qwen 3.5 with experts has them in every layer. */
static const struct arch_param_row moe_sizes[] = {
	{ P_EXPERTS, KIND_COUNT, "num_experts num_local_experts", .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", .max = ARCH_MAX_HEADS, .at_most = P_EXPERTS },
	{ P_FF_EXPERT, KIND_COUNT, "moe_intermediate_size", .max = ARCH_MAX_WIDTH },
	{ P_FF_SHARED, KIND_COUNT, "shared_expert_intermediate_size", .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_param_row next_rest[] = {
	{ P_NORM_TOPK, KIND_FLAG, "norm_topk_prob", { ELSE_FIXED, .fixed = 1 } },
	{ P_NONE },
};

/* How the three numbers of a position in a picture divide what rotates. */
static const struct arch_param_row sections[] = {
	{ P_ROPE_SECTIONS, KIND_LENGTH, IN_ROPE("mrope_section"), { ELSE_UNSET }, { ELSE_UNSET }, .max = 4 },
	{ P_ROPE_TIME, KIND_NUMBER, IN_ROPE("mrope_section.0"), { ELSE_FIXED, .fixed = 11 }, .max = ARCH_MAX_WIDTH },
	{ P_ROPE_HEIGHT, KIND_NUMBER, IN_ROPE("mrope_section.1"), { ELSE_FIXED, .fixed = 11 }, .max = ARCH_MAX_WIDTH },
	{ P_ROPE_WIDTH, KIND_NUMBER, IN_ROPE("mrope_section.2"), { ELSE_FIXED, .fixed = 10 }, .max = ARCH_MAX_WIDTH },
	{ P_ROPE_REST, KIND_NUMBER, IN_ROPE("mrope_section.3"), { ELSE_FIXED, .fixed = 0 }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_param_row part[] = {
	{ P_ROPE_PART, KIND_REAL, ARCH_ROPE_PART, { ELSE_FIXED, .fixed = 0.25 } },
	{ P_ROPE_DIM, KIND_COUNT, NULL, { ELSE_PART, P_HEAD_DIM, P_ROPE_PART }, .max = ARCH_MAX_WIDTH },
	{ P_ROPE_PAIRS, KIND_COUNT, NULL, { ELSE_QUOTIENT, P_ROPE_DIM, .fixed = 2 }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

#define LINEAR_KEYS                                                                                                    \
	{ "ssm.conv_kernel", FMT_KV_U32, P_SSM_CONV },                                                                 \
	{ "ssm.state_size", FMT_KV_U32, P_LIN_K_DIM },                                                                 \
	{ "ssm.group_count", FMT_KV_U32, P_LIN_K_HEADS },                                                              \
	{ "ssm.time_step_rank", FMT_KV_U32, P_LIN_V_HEADS },                                                           \
	{ "ssm.inner_size", FMT_KV_U32, P_LIN_VALUE },                                                                 \
	{ "attention.recurrent_layers", FMT_KV_ARR, P_ATTN_EVERY, { P_LAYER_LIST, ARCH_SET } },                        \
	{ "full_attention_interval", FMT_KV_U32, P_ATTN_EVERY },                                                       \
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM }

static const struct arch_key next_keys[] = {
	{ "expert_feed_forward_length", FMT_KV_U32, P_FF_EXPERT },
	{ "expert_shared_feed_forward_length", FMT_KV_U32, P_FF_SHARED },
	{ "expert_weights_norm", FMT_KV_BOOL, P_NORM_TOPK, { P_NORM_TOPK, 0 } },
	ARCH_NEXT_KEY,
	LINEAR_KEYS,
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

static const struct arch_key qwen35_keys[] = {
	{ "expert_feed_forward_length", FMT_KV_U32, P_FF_EXPERT },
	{ "expert_shared_feed_forward_length", FMT_KV_U32, P_FF_SHARED },
	ARCH_NEXT_KEY,
	LINEAR_KEYS,
	{ "rope.dimension_sections", FMT_KV_ARR, P_ROPE_TIME, { P_ROPE_SECTIONS, ARCH_UNSET } },
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

static const char *const skip[] = { NULL };

static const struct arch_note next_notes[] = {
	ARCH_NOTE_NO_BIASES,
	ARCH_NOTE_NORMALISES,
	{ { P_NONE }, NULL },
};

static const struct arch_note notes[] = {
	ARCH_NOTE_NO_BIASES,
	{ { P_NONE }, NULL },
};

const struct fmt_arch arch_qwen3next = {
	.gguf = "qwen3next",
	.classes = (const char *const[]){ "Qwen3NextForCausalLM", NULL },
	.types = (const char *const[]){ "qwen3_next", NULL },
	.params = (const struct arch_param_row *const[]){ next_sizes, shared, next_rest, arch_silu, arch_rope_params, part, NULL },
	.keys = next_keys,
	.globals = globals,
	.layers = next_layers,
	.parts = (const struct arch_tensor *const[]){ experts, NULL },
	.layer_prefix = "model.layers.",
	.next = next_next,
	.next_prefix = "mtp.",
	.skip = skip,
	.notes = next_notes,
	.only_moe = true,
};

const struct fmt_arch arch_qwen35 = {
	.gguf = "qwen35",
	.classes = (const char *const[]){ "Qwen3_5ForCausalLM", "Qwen3_5ForConditionalGeneration", NULL },
	.types = (const char *const[]){ "qwen3_5", "qwen3_5_text", NULL },
	.params = (const struct arch_param_row *const[]){ dense_sizes, shared, arch_silu, arch_rope_params, part, sections, NULL },
	.keys = qwen35_keys,
	.notes = notes,
	.globals = globals,
	.layers = qwen35_layers,
	.layer_prefix = "model.layers.",
	.next = next_next,
	.next_prefix = "mtp.",
	.skip = skip,
};

const struct fmt_arch arch_qwen35moe = {
	.gguf = "qwen35moe",
	.classes = (const char *const[]){ "Qwen3_5MoeForCausalLM", "Qwen3_5MoeForConditionalGeneration", NULL },
	.types = (const char *const[]){ "qwen3_5_moe", "qwen3_5_moe_text", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 40 }, { P_CONTEXT, 32768 }, { P_MODEL, 2048 }, { P_HEADS, 16 }, { P_HEADS_KV, 2 }, { P_VOCAB, 248320 },
		{ P_EXPERTS, 256 }, { P_EXPERTS_USED, 8 }, { P_FF_EXPERT, 512 }, { P_FF_SHARED, 512 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, moe_sizes, shared, arch_silu, arch_rope_params, part, sections,
		NULL },
	.keys = qwen35_keys,
	.notes = notes,
	.globals = globals,
	.layers = qwen35_layers,
	.parts = (const struct arch_tensor *const[]){ experts, NULL },
	.layer_prefix = "model.layers.",
	.next = next_next,
	.next_prefix = "mtp.",
	.skip = skip,
};
