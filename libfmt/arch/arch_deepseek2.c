/* DeepSeek V2 (arXiv:2405.04434) and V3 (arXiv:2412.19437): latent attention (keys and values of all heads from one narrow
 * vector per token, which is what a cache keeps), and after the first layers a mixture of experts beside shared ones that
 * every token passes. Kimi K2 is a V3; Mistral Small 4 has their block too, with a softmax, experts in one tensor and scores that grow
 * with the position.
 *
 * V2 chooses experts by a softmax over all, V3 by a sigmoid of each with a correction; both may limit a token to some
 * groups of experts. llama.cpp calls both "deepseek2".
 *
 * Source of defaults: DeepseekV2Config, DeepseekV3Config and Mistral4Config of transformers 5. */
#include "arch_shared.h"

enum { SOFTMAX = 1, SIGMOID = 2 }; /* gguf-py, ExpertGatingFuncType */

static const struct arch_word only_sigmoid[] = { { "sigmoid", SIGMOID }, { NULL, 0 } };
static const struct arch_word only_softmax[] = { { "softmax", SOFTMAX }, { NULL, 0 } };

/* What makes up a group's score: its best expert; or the sum of its two best, which needs no key. */
enum { TOP_NONE = 0, TOP_BEST = 1, TOP_TWO = 2 };

static const struct arch_word v2_methods[] = { { "greedy", TOP_NONE }, { "group_limited_greedy", TOP_BEST }, { NULL, 0 } };
static const struct arch_word v3_methods[] = { { "noaux_tc", TOP_TWO }, { NULL, 0 } };

static const struct arch_param_row v2_sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 2048 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 4096 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 11008 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 32000 }, .max = ARCH_MAX_VOCAB },

	{ P_EXPERTS, KIND_COUNT, "n_routed_experts num_local_experts", { ELSE_FIXED, .fixed = 64 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_REFUSE }, .max = ARCH_MAX_HEADS, .at_most = P_EXPERTS },
	{ P_FF_EXPERT, KIND_COUNT, "moe_intermediate_size", { ELSE_FIXED, .fixed = 1407 }, .max = ARCH_MAX_WIDTH },
	{ P_SHARED, KIND_COUNT, "n_shared_experts", { ELSE_FIXED, .fixed = 2 }, .max = ARCH_MAX_HEADS },
	{ P_DENSE_FIRST, KIND_NUMBER, "first_k_dense_replace", { ELSE_FIXED, .fixed = 0 }, .max = ARCH_MAX_LAYERS },
	{ P_GROUPS, KIND_COUNT, "n_group", { ELSE_UNSET }, .max = ARCH_MAX_HEADS, .divides = P_EXPERTS },
	{ P_GROUPS_USED, KIND_COUNT, "topk_group", { ELSE_UNSET }, .max = ARCH_MAX_HEADS, .at_most = P_GROUPS },
	{ P_GROUP_TOP, KIND_WORD, "topk_method", { ELSE_FIXED, .fixed = TOP_NONE }, .words = v2_methods },
	{ P_GATING, KIND_WORD, "scoring_func", { ELSE_UNSET }, .words = only_softmax },
	{ P_EXPERT_SCALE, KIND_REAL, "routed_scaling_factor", { ELSE_FIXED, .fixed = 1 } },
	{ P_NORM_TOPK, KIND_FLAG, "norm_topk_prob", { ELSE_FIXED, .fixed = 0 } },
	{ P_MLP_BIAS, KIND_FLAG, "mlp_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_NONE },
};

static const struct arch_param_row v3_sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 61 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 4096 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 7168 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 18432 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 129280 }, .max = ARCH_MAX_VOCAB },

	{ P_EXPERTS, KIND_COUNT, "n_routed_experts num_local_experts", { ELSE_FIXED, .fixed = 256 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS,
	  .at_most = P_EXPERTS },
	{ P_FF_EXPERT, KIND_COUNT, "moe_intermediate_size", { ELSE_FIXED, .fixed = 2048 }, .max = ARCH_MAX_WIDTH },
	{ P_SHARED, KIND_COUNT, "n_shared_experts", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_HEADS },
	{ P_DENSE_FIRST, KIND_NUMBER, "first_k_dense_replace", { ELSE_FIXED, .fixed = 3 }, .max = ARCH_MAX_LAYERS },
	{ P_NEXT_LAYERS, KIND_NUMBER, "num_nextn_predict_layers", { ELSE_UNSET }, .max = ARCH_MAX_NEXT },
	{ P_GROUPS, KIND_COUNT, "n_group", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS, .divides = P_EXPERTS },
	{ P_GROUPS_USED, KIND_COUNT, "topk_group", { ELSE_FIXED, .fixed = 4 }, .max = ARCH_MAX_HEADS, .at_most = P_GROUPS },
	{ P_GROUP_TOP, KIND_WORD, "topk_method", { ELSE_FIXED, .fixed = TOP_TWO }, .words = v3_methods },
	{ P_GATING, KIND_WORD, "scoring_func", { ELSE_FIXED, .fixed = SIGMOID }, .words = only_sigmoid },
	{ P_EXPERT_SCALE, KIND_REAL, "routed_scaling_factor", { ELSE_FIXED, .fixed = 2.5 } },
	{ P_NORM_TOPK, KIND_FLAG, "norm_topk_prob", { ELSE_FIXED, .fixed = 1 } },
	{ P_UNUSED, KIND_TRUE, "rope_interleave", { ELSE_UNSET } },
	{ P_NONE },
};

static const struct arch_default v4_defaults[] = {
	{ P_LAYERS, 36 },   { P_CONTEXT, 1048576 }, { P_MODEL, 4096 }, { P_FF, 12288 },        { P_HEADS, 32 },
	{ P_VOCAB, 131072 }, { P_LATENT, 256 },     { P_Q_LATENT, 1024 }, { P_NOPE_DIM, 64 }, { P_ROPE_TYPE, ROPE_YARN },
	{ P_ROPE_FACTOR, 128 }, { P_ROPE_ORIG_CONTEXT, 8192 }, { P_NONE },
};

static const struct arch_param_row v4_sizes[] = {
	{ P_EXPERTS, KIND_COUNT, "n_routed_experts num_local_experts", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 4 }, .max = ARCH_MAX_HEADS, .at_most = P_EXPERTS },
	{ P_FF_EXPERT, KIND_COUNT, "moe_intermediate_size", { ELSE_FIXED, .fixed = 2048 }, .max = ARCH_MAX_WIDTH },
	{ P_FF_TWICE, KIND_COUNT, NULL, { ELSE_PRODUCT, P_FF_EXPERT, .fixed = 2 }, .max = 2 * ARCH_MAX_WIDTH },
	{ P_SHARED, KIND_COUNT, "n_shared_experts", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_HEADS },
	{ P_DENSE_FIRST, KIND_NUMBER, "first_k_dense_replace", { ELSE_FIXED, .fixed = 0 }, .max = ARCH_MAX_LAYERS },
	{ P_GROUPS, KIND_COUNT, "n_group", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_HEADS, .divides = P_EXPERTS },
	{ P_GROUPS_USED, KIND_COUNT, "topk_group", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_HEADS, .at_most = P_GROUPS },
	{ P_EXPERT_SCALE, KIND_REAL, "routed_scaling_factor", { ELSE_FIXED, .fixed = 1 } },
	{ P_NORM_TOPK, KIND_FLAG, "norm_topk_prob", { ELSE_FIXED, .fixed = 1 } },
	{ P_UNUSED, KIND_TRUE, "rope_interleave", { ELSE_UNSET } },
	{ P_NONE },
};

static const struct arch_param_row widths[] = {
	{ P_HEADS_KV, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 1 }, /* all heads look at the latent */
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-6 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },

	{ P_LATENT, KIND_COUNT, "kv_lora_rank", { ELSE_FIXED, .fixed = 512 }, .max = ARCH_MAX_WIDTH },
	{ P_Q_LATENT, KIND_COUNT, "q_lora_rank", { ELSE_FIXED, .fixed = 1536 }, { ELSE_UNSET }, .max = ARCH_MAX_WIDTH },
	{ P_LATENT_BIAS, KIND_FLAG, NULL, { ELSE_SAME, P_ATTN_BIAS }, .when = { P_Q_LATENT, ARCH_SET } },
	{ P_LATENT_ROPE, KIND_COUNT, "qk_rope_head_dim", { ELSE_FIXED, .fixed = 64 }, .max = ARCH_MAX_WIDTH },
	{ P_NOPE_DIM, KIND_COUNT, "qk_nope_head_dim", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_WIDTH },
	{ P_V_HEAD_DIM, KIND_COUNT, "v_head_dim", { ELSE_FIXED, .fixed = 128 }, .max = ARCH_MAX_WIDTH },
	{ P_HEAD_DIM, KIND_COUNT, NULL, { ELSE_SUM, P_NOPE_DIM, P_LATENT_ROPE, 1 }, .max = ARCH_MAX_WIDTH },
	{ P_Q_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_V_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_V_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_LATENT_KEPT, KIND_COUNT, NULL, { ELSE_SUM, P_LATENT, P_LATENT_ROPE, 1 }, .max = ARCH_MAX_WIDTH },
	{ P_KV_B_WIDTH, KIND_COUNT, NULL, { ELSE_SUM, P_NOPE_DIM, P_V_HEAD_DIM, 1 }, .max = ARCH_MAX_WIDTH },
	{ P_KV_B_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_KV_B_WIDTH, P_HEADS }, .max = ARCH_MAX_WIDTH },
	{ P_FF_SHARED, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SHARED, P_FF_EXPERT }, .max = ARCH_MAX_WIDTH },
	/* one group limits nothing, however it would be chosen */
	{ P_GROUP_TOP, KIND_NUMBER, NULL, { ELSE_FIXED, .fixed = TOP_TWO }, .max = TOP_TWO, .when = { P_GROUPS, 1 } },
	{ P_GROUP_TOP, KIND_NUMBER, NULL, { ELSE_FIXED, .fixed = TOP_TWO }, .max = TOP_TWO, .when = { P_GROUPS, ARCH_UNSET } },
	{ P_NONE },
};

/* YaRN scales attention too (DeepSeek's own code; DeepseekV2Attention of transformers since July 2026,
 * huggingface/transformers#47435). */
static const struct arch_param_row rope[] = {
	{ P_YARN_MSCALE, KIND_LIMIT, IN_ROPE("mscale"), { ELSE_UNSET } },
	{ P_YARN_MSCALE_ALL, KIND_LIMIT, IN_ROPE("mscale_all_dim"), { ELSE_UNSET } },
	{ P_NONE },
};

/* Scores grow with the logarithm of their position, as Llama 4's do; YaRN stretches neither them nor what turns. */
static const struct arch_param_row v4_rope[] = {
	{ P_YARN_MSCALE, KIND_REAL, IN_ROPE("mscale"), { ELSE_FIXED, .fixed = 1 } },
	{ P_YARN_MSCALE_ALL, KIND_REAL, IN_ROPE("mscale_all_dim"), { ELSE_FIXED, .fixed = 1 } },
	{ P_YARN_WHOLE, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_TEMPERATURE, KIND_REAL, IN_ROPE("llama_4_scaling_beta"), { ELSE_FIXED, .fixed = 0.1 } },
	{ P_NONE },
};

#define KEYS \
	{ "leading_dense_block_count", FMT_KV_U32, P_DENSE_FIRST }, \
	{ "vocab_size", FMT_KV_U32, P_VOCAB }, \
	{ "attention.q_lora_rank", FMT_KV_U32, P_Q_LATENT }, \
	{ "attention.kv_lora_rank", FMT_KV_U32, P_LATENT }, \
	{ "attention.key_length_mla", FMT_KV_U32, P_HEAD_DIM }, \
	{ "attention.value_length_mla", FMT_KV_U32, P_V_HEAD_DIM }, \
	{ "expert_feed_forward_length", FMT_KV_U32, P_FF_EXPERT }, \
	{ "expert_shared_count", FMT_KV_U32, P_SHARED }, \
	{ "expert_weights_scale", FMT_KV_F32, P_EXPERT_SCALE }, \
	{ "expert_weights_norm", FMT_KV_BOOL, P_NORM_TOPK, { P_NORM_TOPK, 1 } }, \
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM }

static const struct arch_key v4_keys[] = {
	KEYS,
	/* the reference converter has the factor of DeepSeek's scores here, which Mistral's class does not apply */
	{ "attention.temperature_scale", FMT_KV_F32, P_TEMPERATURE },
	{ "attention.temperature_length", FMT_KV_U32, P_ROPE_ORIG_CONTEXT },
	{ NULL },
};

static const struct arch_key keys[] = {
	KEYS,
	{ "rope.scaling.yarn_log_multiplier", FMT_KV_F32, P_YARN_MSCALE_ALL, .times = 0.1 },
	/* llama.cpp always takes the sum of a group's two best: carried for those who do not */
	{ "expert_group_top", FMT_KV_U32, P_GROUP_TOP, { P_GROUP_TOP, TOP_NONE } },
	{ "expert_group_top", FMT_KV_U32, P_GROUP_TOP, { P_GROUP_TOP, TOP_BEST } },
	{ NULL },
};

static const struct arch_note notes[] = {
	ARCH_NOTE_NO_BIASES,
	{ { P_GROUP_TOP, TOP_NONE }, "llama.cpp will differ: it limits a token to some groups of experts, config.json says "
	                             "topk_method greedy" },
	{ { P_GROUP_TOP, TOP_BEST }, "llama.cpp will differ: it chooses groups of experts by their two best, config.json says "
	                             "topk_method group_limited_greedy, which is by their best" },
	{ { P_NONE }, NULL },
};

/* attn_k_b and attn_v_b are two tensors of one; files from before April 2025 have it whole, so that these may be missing */
#define ATTENTION_AND_ROUTER \
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } }, \
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL }, { P_Q_LATENT, ARCH_UNSET } }, \
	{ FMT_ROLE_ATTN_Q_A, "attn_q_a.weight", "self_attn.q_a_proj.weight", { P_Q_LATENT, P_MODEL }, { P_Q_LATENT, ARCH_SET } }, \
	{ FMT_ROLE_ATTN_Q_A_NORM, "attn_q_a_norm.weight", "self_attn.q_a_layernorm.weight", { P_Q_LATENT }, \
	  { P_Q_LATENT, ARCH_SET } }, \
	{ FMT_ROLE_ATTN_Q_B_PROJ, "attn_q_b.weight", "self_attn.q_b_proj.weight", { P_Q_WIDTH, P_Q_LATENT }, \
	  { P_Q_LATENT, ARCH_SET } }, \
	{ FMT_ROLE_ATTN_KV_A, "attn_kv_a_mqa.weight", "self_attn.kv_a_proj_with_mqa.weight", { P_LATENT_KEPT, P_MODEL } }, \
	{ FMT_ROLE_ATTN_KV_A_NORM, "attn_kv_a_norm.weight", "self_attn.kv_a_layernorm.weight", { P_LATENT } }, \
	{ FMT_ROLE_ATTN_LATENT_K, "attn_k_b.weight", "self_attn.kv_b_proj.weight", { P_HEADS, P_LATENT, P_NOPE_DIM }, \
	  { P_LATENT, ARCH_SET }, MOVE_LATENT_K, .from = { P_KV_B_WIDTH, P_LATENT } }, \
	{ FMT_ROLE_ATTN_LATENT_V, "attn_v_b.weight", "self_attn.kv_b_proj.weight", { P_HEADS, P_V_HEAD_DIM, P_LATENT }, \
	  { P_LATENT, ARCH_SET }, MOVE_LATENT_V, .from = { P_KV_B_WIDTH, P_LATENT } }, \
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_V_WIDTH } }, \
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL } }, \
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE }, \
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE }, \
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF }, .in = LAYER_DENSE }, \
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "mlp.gate.weight", { P_EXPERTS, P_MODEL }, .in = LAYER_MOE }, \
	{ FMT_ROLE_MOE_BIAS, "exp_probs_b.bias", "mlp.gate.e_score_correction_bias", { P_EXPERTS }, { P_GATING, SIGMOID }, \
	  .in = LAYER_MOE }

#define BIASES \
	{ FMT_ROLE_ATTN_Q_A_B, "attn_q_a.bias", "self_attn.q_a_proj.bias", { P_Q_LATENT }, { P_LATENT_BIAS, 1 } }, \
	{ FMT_ROLE_ATTN_KV_A_B, "attn_kv_a_mqa.bias", "self_attn.kv_a_proj_with_mqa.bias", { P_LATENT_KEPT }, { P_ATTN_BIAS, 1 } }, \
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "self_attn.o_proj.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } }, \
	{ FMT_ROLE_FFN_GATE_B, "ffn_gate.bias", "mlp.gate_proj.bias", { P_FF }, { P_MLP_BIAS, 1 }, .in = LAYER_DENSE }, \
	{ FMT_ROLE_FFN_UP_B, "ffn_up.bias", "mlp.up_proj.bias", { P_FF }, { P_MLP_BIAS, 1 }, .in = LAYER_DENSE }, \
	{ FMT_ROLE_FFN_DOWN_B, "ffn_down.bias", "mlp.down_proj.bias", { P_MODEL }, { P_MLP_BIAS, 1 }, .in = LAYER_DENSE }, \
	{ FMT_ROLE_SHARED_GATE_B, "ffn_gate_shexp.bias", "mlp.shared_experts.gate_proj.bias", { P_FF_SHARED }, { P_MLP_BIAS, 1 }, \
	  .in = LAYER_MOE }, \
	{ FMT_ROLE_SHARED_UP_B, "ffn_up_shexp.bias", "mlp.shared_experts.up_proj.bias", { P_FF_SHARED }, { P_MLP_BIAS, 1 }, \
	  .in = LAYER_MOE }, \
	{ FMT_ROLE_SHARED_DOWN_B, "ffn_down_shexp.bias", "mlp.shared_experts.down_proj.bias", { P_MODEL }, { P_MLP_BIAS, 1 }, \
	  .in = LAYER_MOE }

#define SHARED \
	{ FMT_ROLE_SHARED_GATE, "ffn_gate_shexp.weight", "mlp.shared_experts.gate_proj.weight", { P_FF_SHARED, P_MODEL }, \
	  .in = LAYER_MOE }, \
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp.weight", "mlp.shared_experts.up_proj.weight", { P_FF_SHARED, P_MODEL }, \
	  .in = LAYER_MOE }, \
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp.weight", "mlp.shared_experts.down_proj.weight", { P_MODEL, P_FF_SHARED }, \
	  .in = LAYER_MOE }

static const struct arch_tensor layers[] = {
	ATTENTION_AND_ROUTER,
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "mlp.experts.*.gate_proj.weight", { P_EXPERTS, P_FF_EXPERT, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "mlp.experts.*.up_proj.weight", { P_EXPERTS, P_FF_EXPERT, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "mlp.experts.*.down_proj.weight", { P_EXPERTS, P_MODEL, P_FF_EXPERT },
	  .in = LAYER_MOE },
	SHARED,
	BIASES,
	{ FMT_ROLE_NONE },
};

/* Experts in one tensor, gate before what it gates. */
static const struct arch_tensor v4_layers[] = {
	ATTENTION_AND_ROUTER,
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "mlp.experts.gate_up_proj", { P_EXPERTS, P_FF_EXPERT, P_MODEL },
	  .in = LAYER_MOE, .move = MOVE_FIRST, .from = { P_EXPERTS, P_FF_TWICE, P_MODEL } },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "mlp.experts.gate_up_proj", { P_EXPERTS, P_FF_EXPERT, P_MODEL },
	  .in = LAYER_MOE, .move = MOVE_SECOND, .from = { P_EXPERTS, P_FF_TWICE, P_MODEL } },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "mlp.experts.down_proj", { P_EXPERTS, P_MODEL, P_FF_EXPERT }, .in = LAYER_MOE },
	SHARED,
	BIASES,
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row *const v2_params[] = { v2_sizes, widths, arch_silu, arch_rope_params, rope, NULL };
static const struct arch_param_row *const v3_params[] = { v3_sizes, widths, arch_silu, arch_rope_params, rope, NULL };
static const char *const v2_classes[] = { "DeepseekV2ForCausalLM", NULL };
static const char *const v3_classes[] = { "DeepseekV3ForCausalLM", NULL };
static const char *const v2_types[] = { "deepseek_v2", NULL };
static const char *const v3_types[] = { "deepseek_v3", "kimi_k2", NULL };
static const char *const skip[] = { ".rotary_emb.inv_freq", NULL };

const struct fmt_arch arch_deepseek2 = {
	.gguf = "deepseek2",
	.classes = v2_classes,
	.types = v2_types,
	.params = v2_params,
	.keys = keys,
	.globals = arch_model_globals,
	.layers = layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
	.notes = notes,
};

const struct fmt_arch arch_deepseek3 = {
	.gguf = "deepseek2",
	.classes = v3_classes,
	.types = v3_types,
	.params = v3_params,
	.keys = keys,
	.globals = arch_model_globals,
	.layers = layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
	.notes = notes,
};

static const struct arch_note v4_notes[] = {
	ARCH_NOTE_NO_BIASES,
	{ { P_Q_LATENT, ARCH_UNSET }, "llama.cpp will not load it: of 'mistral4' it wants q_lora_rank, which config.json has as null" },
	{ { P_NONE }, NULL },
};

/* The language model of Mistral Small 4; its text_config says model_type mistral4. */
const struct fmt_arch arch_mistral4 = {
	.gguf = "mistral4",
	.classes = (const char *const[]){ "Mistral4ForCausalLM", "Mistral3ForConditionalGeneration", NULL },
	.types = (const char *const[]){ "mistral4", NULL },
	.defaults = v4_defaults,
	.params = (const struct arch_param_row *const[]){ arch_sizes, v4_sizes, widths, arch_silu, arch_rope_params, v4_rope, NULL },
	.keys = v4_keys,
	.globals = arch_model_globals,
	.layers = v4_layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
	.notes = v4_notes,
};
