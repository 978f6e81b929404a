/* Latent attention as DeepSeek V3 has it, and what others made of it: with an indexer (V3.2, GLM-5), in other sizes (Kimi K2,
 * GLM-4.7 Flash), dense (Youtu). Counted, not converted yet.
 *
 * Source of defaults: the classes' configurations of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row experts[] = {
	{ P_EXPERTS, KIND_COUNT, "n_routed_experts num_local_experts num_experts", .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", .max = ARCH_MAX_HEADS, .at_most = P_EXPERTS },
	{ P_FF_EXPERT, KIND_COUNT, "moe_intermediate_size", .max = ARCH_MAX_WIDTH },
	{ P_SHARED, KIND_NUMBER, "n_shared_experts", { ELSE_UNSET }, { ELSE_UNSET }, .max = 4096 },
	{ P_FF_SHARED, KIND_NUMBER, NULL, { ELSE_PRODUCT, P_SHARED, P_FF_EXPERT }, .max = ARCH_MAX_WIDTH },
	{ P_DENSE_FIRST, KIND_NUMBER, "first_k_dense_replace", { ELSE_FIXED, .fixed = 0 }, .max = ARCH_MAX_LAYERS },
	{ P_NEXT_LAYERS, KIND_NUMBER, "num_nextn_predict_layers", { ELSE_UNSET }, .max = ARCH_MAX_NEXT },
	{ P_NONE },
};

static const struct arch_param_row indexer[] = {
	{ P_INDEX_HEADS, KIND_COUNT, "index_n_heads", .max = ARCH_MAX_HEADS },
	{ P_INDEX_DIM, KIND_COUNT, "index_head_dim", .max = ARCH_MAX_WIDTH },
	{ P_INDEX_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_INDEX_HEADS, P_INDEX_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

/* Biases on the first matrices and on the last. */
static const struct arch_tensor biases[] = {
	{ FMT_ROLE_ATTN_Q_B, "attn_q_a.bias", "self_attn.q_a_proj.bias", { P_Q_LATENT }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_K_B, "attn_kv_a_mqa.bias", "self_attn.kv_a_proj_with_mqa.bias", { P_LATENT_KEPT }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "self_attn.o_proj.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor index_layer[] = {
	{ FMT_ROLE_INDEX_Q, "indexer.attn_q_b.weight", "self_attn.indexer.wq_b.weight", { P_INDEX_WIDTH, P_Q_LATENT } },
	{ FMT_ROLE_INDEX_K, "indexer.attn_k.weight", "self_attn.indexer.wk.weight", { P_INDEX_DIM, P_MODEL } },
	{ FMT_ROLE_INDEX_NORM, "indexer.k_norm.weight", "self_attn.indexer.k_norm.weight", { P_INDEX_DIM } },
	{ FMT_ROLE_INDEX_NORM, "indexer.k_norm.bias", "self_attn.indexer.k_norm.bias", { P_INDEX_DIM } },
	{ FMT_ROLE_INDEX_PROJ, "indexer.proj.weight", "self_attn.indexer.weights_proj.weight", { P_INDEX_HEADS, P_MODEL } },
	{ FMT_ROLE_NONE },
};

/* A correction of the choice that is stored but not learnt. */
static const struct arch_tensor correction[] = {
	{ FMT_ROLE_MOE_BIAS, "exp_probs_b.bias", "mlp.gate.e_score_correction_bias", { P_EXPERTS }, .in = LAYER_MOE },
	{ FMT_ROLE_NONE },
};

const struct fmt_arch arch_kimi_k25 = {
	.gguf = "deepseek2",
	.classes = (const char *const[]){ "KimiK25ForConditionalGeneration", "KimiK2ForCausalLM", NULL },
	.types = (const char *const[]){ "kimi_k25", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 61 }, { P_CONTEXT, 4096 }, { P_MODEL, 7168 }, { P_FF, 18432 }, { P_HEADS, 128 },
		{ P_VOCAB, 129280 }, { P_LATENT, 512 }, { P_Q_LATENT, 1536 }, { P_LATENT_ROPE, 64 },
		{ P_NOPE_DIM, 128 }, { P_V_HEAD_DIM, 128 }, { P_EXPERTS, 256 }, { P_EXPERTS_USED, 8 },
		{ P_FF_EXPERT, 2048 }, { P_SHARED, 1 }, { P_DENSE_FIRST, 3 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_latent, arch_qkv_bias, experts, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_latent_attention, biases, arch_gated_ff,
		arch_experts, arch_shared_experts, correction, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_deepseek32 = {
	.gguf = "deepseek32",
	.classes = (const char *const[]){ "DeepseekV32ForCausalLM", NULL },
	.types = (const char *const[]){ "deepseek_v32", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 61 }, { P_CONTEXT, 163840 }, { P_MODEL, 7168 }, { P_FF, 18432 }, { P_HEADS, 128 },
		{ P_VOCAB, 129280 }, { P_LATENT, 512 }, { P_Q_LATENT, 1536 }, { P_LATENT_ROPE, 64 },
		{ P_NOPE_DIM, 128 }, { P_V_HEAD_DIM, 128 }, { P_EXPERTS, 256 }, { P_EXPERTS_USED, 8 },
		{ P_FF_EXPERT, 2048 }, { P_SHARED, 1 }, { P_DENSE_FIRST, 3 }, { P_INDEX_HEADS, 64 },
		{ P_INDEX_DIM, 128 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_latent, arch_qkv_bias, experts, indexer,
		NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_latent_attention, biases, arch_gated_ff,
		arch_experts, arch_shared_experts, correction, index_layer, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_glm_dsa = {
	.gguf = "glm-dsa",
	.classes = (const char *const[]){ "GlmMoeDsaForCausalLM", NULL },
	.types = (const char *const[]){ "glm_moe_dsa", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 78 }, { P_CONTEXT, 202752 }, { P_MODEL, 6144 }, { P_FF, 12288 }, { P_HEADS, 64 },
		{ P_VOCAB, 154880 }, { P_LATENT, 512 }, { P_Q_LATENT, 2048 }, { P_LATENT_ROPE, 64 },
		{ P_NOPE_DIM, 192 }, { P_V_HEAD_DIM, 256 }, { P_EXPERTS, 256 }, { P_EXPERTS_USED, 8 },
		{ P_FF_EXPERT, 2048 }, { P_SHARED, 1 }, { P_DENSE_FIRST, 3 }, { P_INDEX_HEADS, 32 },
		{ P_INDEX_DIM, 128 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_latent, arch_qkv_bias, experts, indexer,
		NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_latent_attention, biases, arch_gated_ff,
		arch_experts, arch_shared_experts, correction, index_layer, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_glm4_lite = {
	.gguf = "deepseek2",
	.classes = (const char *const[]){ "Glm4MoeLiteForCausalLM", NULL },
	.types = (const char *const[]){ "glm4_moe_lite", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 47 }, { P_CONTEXT, 202752 }, { P_MODEL, 2048 }, { P_FF, 10240 }, { P_HEADS, 20 },
		{ P_VOCAB, 154880 }, { P_LATENT, 512 }, { P_Q_LATENT, 768 }, { P_LATENT_ROPE, 64 },
		{ P_NOPE_DIM, 192 }, { P_V_HEAD_DIM, 256 }, { P_EXPERTS, 64 }, { P_EXPERTS_USED, 4 },
		{ P_FF_EXPERT, 1536 }, { P_SHARED, 1 }, { P_DENSE_FIRST, 1 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_latent, arch_qkv_bias, experts, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_latent_attention, biases, arch_gated_ff,
		arch_experts, arch_shared_experts, correction, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_youtu = {
	.gguf = "deepseek2",
	.classes = (const char *const[]){ "YoutuForCausalLM", NULL },
	.types = (const char *const[]){ "youtu", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 131072 }, { P_MODEL, 2048 }, { P_FF, 6144 }, { P_HEADS, 16 },
		{ P_VOCAB, 128256 }, { P_TIED, 1 }, { P_LATENT, 512 }, { P_Q_LATENT, 1536 }, { P_LATENT_ROPE, 64 },
		{ P_NOPE_DIM, 128 }, { P_V_HEAD_DIM, 128 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_latent, arch_qkv_bias, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_latent_attention, biases, arch_gated_ff, NULL
		},
	.layer_prefix = "model.layers.",
};
