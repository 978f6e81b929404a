/* Dense decoders that are Llama but for a setting or two: counted, not converted yet.
 *
 * Source of defaults: the classes' configurations of transformers 5. */
#include "arch_shared.h"

/* Every n-th layer attends to everything, the others have a window. */
static const struct arch_param_row pattern[] = {
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_UNSET }, { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_FULL_EVERY, KIND_COUNT, "sliding_window_pattern", { ELSE_UNSET }, .max = ARCH_MAX_LAYERS },
	{ P_NONE },
};

static const struct arch_param_row use_bias[] = {
	{ P_ATTN_BIAS, KIND_FLAG, "use_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_O_BIAS, KIND_FLAG, NULL, { ELSE_SAME, P_ATTN_BIAS } },
	{ P_MLP_BIAS, KIND_FLAG, NULL, { ELSE_SAME, P_ATTN_BIAS } },
	{ P_NONE },
};

/* Windows only where the config asks for them, from some layer on. */
static const struct arch_param_row late_window[] = {
	{ P_USE_WINDOW, KIND_FLAG, "use_sliding_window", { ELSE_FIXED, .fixed = 0 } },
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_UNSET }, { ELSE_UNSET }, .max = UINT32_MAX, .when = { P_USE_WINDOW, 1 } },
	{ P_WINDOW_FROM, KIND_NUMBER, "max_window_layers", { ELSE_UNSET }, .max = ARCH_MAX_LAYERS, .when = { P_USE_WINDOW, 1 } },
	{ P_NONE },
};

/* What a class has without asking. */
static const struct arch_param_row head_norms[] = {
	{ P_QK_NORM, KIND_NUMBER, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 2 },
	{ P_NONE },
};
static const struct arch_param_row qkv_biases[] = {
	{ P_ATTN_BIAS, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_NONE },
};

/* Two numbers of its activation (xIELU), learnt. */
static const struct arch_tensor xielu[] = {
	{ FMT_ROLE_FFN_UP_B, "ffn_act_alpha_p", "mlp.act_fn.alpha_p", { P_ONE } },
	{ FMT_ROLE_FFN_UP_B, "ffn_act_alpha_n", "mlp.act_fn.alpha_n", { P_ONE } },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row one[] = {
	{ P_ONE, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 1 },
	{ P_NONE },
};

static const struct arch_tensor biased_globals[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "model.norm.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM_B, "output_norm.bias", "model.norm.bias", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row norm_bias[] = {
	{ P_NORM_BIAS, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_NONE },
};

const struct fmt_arch arch_glm = {
	.gguf = "glm",
	.classes = (const char *const[]){ "GlmForCausalLM", NULL },
	.types = (const char *const[]){ "glm", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 40 }, { P_CONTEXT, 131072 }, { P_MODEL, 4096 }, { P_FF, 13696 }, { P_HEADS, 32 },
		{ P_HEADS_KV, 2 }, { P_HEAD_DIM, 128 }, { P_VOCAB, 151552 }, { P_ATTN_BIAS, 1 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_qkv_bias, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_fused_ff, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_ernie4_5 = {
	.gguf = "ernie4_5",
	.classes = (const char *const[]){ "Ernie4_5ForCausalLM", NULL },
	.types = (const char *const[]){ "ernie4_5", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 18 }, { P_CONTEXT, 131072 }, { P_MODEL, 1024 }, { P_FF, 3072 }, { P_HEADS, 16 },
		{ P_HEADS_KV, 2 }, { P_HEAD_DIM, 128 }, { P_VOCAB, 103424 }, { P_TIED, 1 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, use_bias, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_hunyuan_dense = {
	.gguf = "hunyuan-dense",
	.classes = (const char *const[]){ "HunYuanDenseV1ForCausalLM", NULL },
	.types = (const char *const[]){ "hunyuan_v1_dense", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 2048 }, { P_MODEL, 4096 }, { P_FF, 11008 }, { P_HEADS, 32 },
		{ P_HEADS_KV, 32 }, { P_VOCAB, 290943 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, head_norms, NULL
		},
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_exaone4 = {
	.gguf = "exaone4",
	.own_windows = true,
	.classes = (const char *const[]){ "Exaone4ForCausalLM", NULL },
	.types = (const char *const[]){ "exaone4", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 2048 }, { P_MODEL, 4096 }, { P_FF, 16384 }, { P_HEADS, 32 },
		{ P_HEADS_KV, 32 }, { P_VOCAB, 102400 }, { P_WINDOW, 4096 }, { P_FULL_EVERY, 4 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, head_norms, pattern, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_attention, arch_norms_after, arch_gated_ff, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_arcee = {
	.gguf = "arcee",
	.classes = (const char *const[]){ "ArceeForCausalLM", NULL },
	.types = (const char *const[]){ "arcee", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 4096 }, { P_MODEL, 2560 }, { P_FF, 18432 }, { P_HEADS, 32 },
		{ P_HEADS_KV, 32 }, { P_HEAD_DIM, 80 }, { P_VOCAB, 32000 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, arch_mlp_bias,
		NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_plain_ff, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_apertus = {
	.gguf = "apertus",
	.classes = (const char *const[]){ "ApertusForCausalLM", NULL },
	.types = (const char *const[]){ "apertus", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 65536 }, { P_MODEL, 4096 }, { P_FF, 14336 }, { P_HEADS, 32 },
		{ P_HEADS_KV, 32 }, { P_VOCAB, 131072 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, head_norms, one,
		NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_plain_ff, xielu, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_nemotron = {
	.gguf = "nemotron",
	.classes = (const char *const[]){ "NemotronForCausalLM", NULL },
	.types = (const char *const[]){ "nemotron", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 4096 }, { P_MODEL, 6144 }, { P_FF, 24576 }, { P_HEADS, 48 },
		{ P_VOCAB, 256000 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, arch_mlp_bias,
		norm_bias, NULL },
	.keys = arch_no_keys,
	.globals = biased_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_plain_ff, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_qwen2vl = {
	.gguf = "qwen2vl",
	.classes = (const char *const[]){ "Qwen2VLForConditionalGeneration", "Qwen2_5_VLForConditionalGeneration",
		NULL },
	.types = (const char *const[]){ "qwen2_vl", "qwen2_5_vl", "qwen2_vl_text", "qwen2_5_vl_text", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 80 }, { P_CONTEXT, 32768 }, { P_MODEL, 8192 }, { P_FF, 29568 }, { P_HEADS, 64 },
		{ P_HEADS_KV, 8 }, { P_VOCAB, 152064 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, qkv_biases, late_window, NULL },
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_qwen3vl = {
	.gguf = "qwen3vl",
	.classes = (const char *const[]){ "Qwen3VLForConditionalGeneration", NULL },
	.types = (const char *const[]){ "qwen3_vl", "qwen3_vl_text", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 32 }, { P_CONTEXT, 128000 }, { P_MODEL, 4096 }, { P_FF, 22016 }, { P_HEADS, 32 },
		{ P_HEADS_KV, 32 }, { P_HEAD_DIM, 128 }, { P_VOCAB, 151936 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, head_norms, NULL
		},
	.keys = arch_no_keys,
	.globals = arch_model_globals,
	.parts = (const struct arch_tensor *const[]){ arch_norms, arch_attention, arch_gated_ff, NULL },
	.layer_prefix = "model.layers.",
};
