/* Mixtures of experts with plain attention: counted, not converted yet.
 *
 * Source of defaults: the classes' configurations of transformers 5. */
#include "arch_shared.h"

/* The numbers of experts, by the keys that most classes have. */
#define EXPERTS(keys) { P_EXPERTS, KIND_COUNT, keys, { ELSE_UNSET }, { ELSE_UNSET }, .max = ARCH_MAX_HEADS }
#define EXPERTS_USED(keys)                                                                                             \
	{ P_EXPERTS_USED, KIND_COUNT, keys, { ELSE_REFUSE }, .max = ARCH_MAX_HEADS, .at_most = P_EXPERTS,                  \
	  .when = { P_EXPERTS, ARCH_SET } }
#define FF_EXPERT(keys) { P_FF_EXPERT, KIND_COUNT, keys, { ELSE_SAME, P_FF }, .max = ARCH_MAX_WIDTH }
#define SHARED(keys) { P_SHARED, KIND_NUMBER, keys, { ELSE_UNSET }, { ELSE_UNSET }, .max = 4096 }
#define DENSE_FIRST(keys) { P_DENSE_FIRST, KIND_NUMBER, keys, { ELSE_FIXED, .fixed = 0 }, .max = ARCH_MAX_LAYERS }

static const struct arch_param_row experts[] = {
	EXPERTS("num_experts num_local_experts n_routed_experts"),
	EXPERTS_USED("num_experts_per_tok"),
	FF_EXPERT("moe_intermediate_size"),
	{ P_NONE },
};

/* Beside them shared ones, of the same width. */
static const struct arch_param_row shared[] = {
	SHARED("n_shared_experts num_shared_experts"),
	{ P_FF_SHARED, KIND_NUMBER, NULL, { ELSE_PRODUCT, P_SHARED, P_FF_EXPERT }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_param_row dense_first[] = { DENSE_FIRST("first_k_dense_replace"), { P_NONE } };

/* Classes whose first layer is dense where mlp_layer_types says nothing. */
static const struct arch_param_row first_dense[] = { DENSE_FIRST(NULL), { P_NONE } };

static const struct arch_param_row steps[] = {
	{ P_MOE_STEP, KIND_COUNT, "decoder_sparse_step", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_LAYERS },
	{ P_NONE },
};

static const struct arch_param_row head_norms[] = {
	{ P_QK_NORM, KIND_NUMBER, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 2 },
	{ P_NONE },
};
static const struct arch_param_row ernie[] = {
	{ P_ATTN_BIAS, KIND_FLAG, "use_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_O_BIAS, KIND_FLAG, NULL, { ELSE_SAME, P_ATTN_BIAS } },
	{ P_UNUSED, KIND_FALSE, "use_bias", { ELSE_UNSET } },
	EXPERTS("moe_num_experts"),
	EXPERTS_USED("moe_k"),
	FF_EXPERT("moe_intermediate_size"),
	SHARED("moe_num_shared_experts"),
	{ P_FF_SHARED, KIND_NUMBER, NULL, { ELSE_PRODUCT, P_SHARED, P_FF_EXPERT }, .max = ARCH_MAX_WIDTH },
	DENSE_FIRST("moe_layer_start_index"),
	{ P_MOE_STEP, KIND_COUNT, "moe_layer_interval", { ELSE_FIXED, .fixed = 1 }, .max = ARCH_MAX_LAYERS },
	{ P_EXPERT_BIAS, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_NONE },
};

static const struct arch_param_row learnt_bias[] = {
	{ P_EXPERT_BIAS, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_NONE },
};

static const struct arch_param_row dots_window[] = {
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_FIXED, .fixed = 4096 }, { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_WINDOW_FROM, KIND_NUMBER, "max_window_layers", { ELSE_FIXED, .fixed = 62 }, .max = ARCH_MAX_LAYERS },
	{ P_NONE },
};

static const struct arch_param_row pattern[] = {
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_UNSET }, { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_FULL_EVERY, KIND_COUNT, "sliding_window_pattern global_attn_every_n_layers", { ELSE_UNSET }, .max = ARCH_MAX_LAYERS },
	{ P_NONE },
};

/* Hunyuan: one shared block as wide as an expert. */
static const struct arch_param_row hunyuan[] = {
	EXPERTS("num_experts"),
	EXPERTS_USED("moe_topk"),
	FF_EXPERT(NULL),
	{ P_FF_SHARED, KIND_COUNT, NULL, { ELSE_SAME, P_FF }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

/* Trinity (AFMoE): attention's output passes a gate; four norms. */
static const struct arch_param_row afmoe[] = {
	DENSE_FIRST("num_dense_layers"),
	{ P_NONE },
};

static const struct arch_tensor afmoe_layer[] = {
	{ FMT_ROLE_ATTN_GATE, "attn_gate.weight", "self_attn.gate_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_NONE },
};

/* Laguna: a gate per head. */
static const struct arch_param_row laguna[] = {
	{ P_FF_SHARED, KIND_NUMBER, "shared_expert_intermediate_size", .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads_per_layer num_attention_heads", .max = ARCH_MAX_HEADS },
	{ P_Q_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_FULL_EVERY, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 1 }, /* windows only where layer_types says so */
	{ P_NONE },
};

static const struct arch_tensor laguna_layer[] = {
	{ FMT_ROLE_ATTN_GATE, "attn_gate.weight", "self_attn.g_proj.weight", { P_HEADS, P_MODEL } },
	{ FMT_ROLE_NONE },
};

const struct fmt_arch arch_qwen3vlmoe = {
	.gguf = "qwen3vlmoe",
	.classes = (const char *const[]){ "Qwen3VLMoeForConditionalGeneration", NULL },
	.types = (const char *const[]){ "qwen3_vl_moe", "qwen3_vl_moe_text", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 24 }, { P_CONTEXT, 128000 }, { P_MODEL, 2048 }, { P_FF, 5632 }, { P_HEADS, 16 },
		{ P_HEADS_KV, 16 }, { P_HEAD_DIM, 128 }, { P_VOCAB, 151936 }, { P_EXPERTS, 60 },
		{ P_EXPERTS_USED, 4 }, { P_FF_EXPERT, 1408 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, head_norms,
		experts, steps, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, arch_experts,
		arch_shared_experts, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_ernie4_5_moe = {
	.gguf = "ernie4_5-moe",
	.classes = (const char *const[]){ "Ernie4_5_MoeForCausalLM", NULL },
	.types = (const char *const[]){ "ernie4_5_moe", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 28 }, { P_CONTEXT, 131072 }, { P_MODEL, 2560 }, { P_FF, 12288 }, { P_HEADS, 20 },
		{ P_HEADS_KV, 4 }, { P_VOCAB, 103424 }, { P_TIED, 1 }, { P_EXPERTS, 64 }, { P_EXPERTS_USED, 6 },
		{ P_FF_EXPERT, 1536 }, { P_SHARED, 2 }, { P_DENSE_FIRST, 1 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, ernie, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, arch_experts,
		arch_shared_experts, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_dots1 = {
	.gguf = "dots1",
	.classes = (const char *const[]){ "Dots1ForCausalLM", NULL },
	.types = (const char *const[]){ "dots1", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 62 }, { P_CONTEXT, 2048 }, { P_MODEL, 4608 }, { P_FF, 10944 }, { P_HEADS, 32 },
		{ P_HEADS_KV, 32 }, { P_VOCAB, 152064 }, { P_FF_EXPERT, 1408 }, { P_DENSE_FIRST, 0 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, head_norms,
		experts, shared, dense_first, dots_window, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, arch_experts,
		arch_shared_experts, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_exaone_moe = {
	.gguf = "exaone-moe",
	.own_windows = true,
	.classes = (const char *const[]){ "ExaoneMoeForCausalLM", NULL },
	.types = (const char *const[]){ "exaone_moe", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 2048 }, { P_MODEL, 4096 }, { P_FF, 16384 }, { P_HEADS, 32 },
		{ P_HEADS_KV, 32 }, { P_VOCAB, 102400 }, { P_EXPERTS, 64 }, { P_EXPERTS_USED, 8 },
		{ P_FF_EXPERT, 1024 }, { P_SHARED, 1 }, { P_DENSE_FIRST, 1 }, { P_WINDOW, 4096 },
		{ P_FULL_EVERY, 4 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, head_norms, experts, shared,
		dense_first, pattern, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, arch_experts,
		arch_shared_experts, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_hunyuan_moe = {
	.gguf = "hunyuan-moe",
	.classes = (const char *const[]){ "HunYuanMoEV1ForCausalLM", NULL },
	.types = (const char *const[]){ "hunyuan_v1_moe", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 2048 }, { P_MODEL, 4096 }, { P_FF, 11008 }, { P_HEADS, 32 },
		{ P_HEADS_KV, 32 }, { P_VOCAB, 290943 }, { P_EXPERTS, 1 }, { P_EXPERTS_USED, 1 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, head_norms,
		hunyuan, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, arch_experts,
		arch_shared_experts, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_hy_v3 = {
	.gguf = "hy_v3",
	.classes = (const char *const[]){ "HYV3ForCausalLM", NULL },
	.types = (const char *const[]){ "hy_v3", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 80 }, { P_CONTEXT, 131072 }, { P_MODEL, 4096 }, { P_FF, 13312 }, { P_HEADS, 64 },
		{ P_HEADS_KV, 8 }, { P_HEAD_DIM, 128 }, { P_VOCAB, 120832 }, { P_EXPERTS, 192 },
		{ P_EXPERTS_USED, 8 }, { P_FF_EXPERT, 1536 }, { P_SHARED, 1 }, { P_DENSE_FIRST, 1 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, arch_mlp_bias,
		head_norms, experts, shared, first_dense, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, arch_experts,
		arch_shared_experts, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_solar_open = {
	.gguf = "solar-open",
	.classes = (const char *const[]){ "SolarOpenForCausalLM", NULL },
	.types = (const char *const[]){ "solar_open", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 48 }, { P_CONTEXT, 131072 }, { P_MODEL, 4096 }, { P_HEADS, 64 }, { P_HEADS_KV, 8 },
		{ P_HEAD_DIM, 128 }, { P_VOCAB, 196608 }, { P_EXPERTS, 128 }, { P_EXPERTS_USED, 8 },
		{ P_FF_EXPERT, 1280 }, { P_SHARED, 1 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, experts, shared,
		NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, arch_experts,
		arch_shared_experts, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_afmoe = {
	.gguf = "afmoe",
	.own_windows = true,
	.classes = (const char *const[]){ "AfmoeForCausalLM", NULL },
	.types = (const char *const[]){ "afmoe", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 16384 }, { P_MODEL, 2048 }, { P_FF, 6144 }, { P_HEADS, 16 },
		{ P_HEADS_KV, 16 }, { P_HEAD_DIM, 128 }, { P_VOCAB, 200192 }, { P_EXPERTS, 64 },
		{ P_EXPERTS_USED, 6 }, { P_FF_EXPERT, 1408 }, { P_SHARED, 2 }, { P_WINDOW, 1024 },
		{ P_FULL_EVERY, 4 }, { P_DENSE_FIRST, 1 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, head_norms,
		experts, shared, afmoe, pattern, learnt_bias, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_norms_after, arch_gated_ff,
		arch_experts, arch_shared_experts, afmoe_layer, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_laguna = {
	.gguf = "laguna",
	.classes = (const char *const[]){ "LagunaForCausalLM", NULL },
	.types = (const char *const[]){ "laguna", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 40 }, { P_CONTEXT, 131072 }, { P_MODEL, 2048 }, { P_FF, 8192 }, { P_HEADS, 48 },
		{ P_HEADS_KV, 8 }, { P_HEAD_DIM, 128 }, { P_VOCAB, 100352 }, { P_EXPERTS, 256 },
		{ P_EXPERTS_USED, 8 }, { P_FF_EXPERT, 512 }, { P_FF_SHARED, 512 }, { P_WINDOW, 512 },
		{ P_DENSE_FIRST, 1 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, head_norms,
		experts, laguna, arch_window, first_dense, learnt_bias, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, arch_experts,
		arch_shared_experts, laguna_layer, NULL },
	.layer_prefix = "model.layers.",
	.kinds = LAYER_FULL | LAYER_WINDOW,
};
