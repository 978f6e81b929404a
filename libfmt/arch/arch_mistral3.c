/* Mistral Small 3.1 and later, of which the language model is Mistral's; Ministral 3, whose scores grow with the logarithm of the
 * position, as Llama 4's do, and whose YaRN has magnitudes of its own; and Ministral 8B, Mistral's with windows on some layers.
 *
 * Source of defaults: MistralConfig, Ministral3Config and MinistralConfig of transformers 5. llama.cpp calls the first two
 * "mistral3", which for it is Llama's with these scores. */
#include "arch_shared.h"

static const struct arch_default mistral3_defaults[] = {
	{ P_LAYERS, 32 },   { P_CONTEXT, 131072 }, { P_MODEL, 4096 },  { P_FF, 14336 }, { P_HEADS, 32 },
	{ P_HEADS_KV, 8 },  { P_VOCAB, 32000 },    { P_WINDOW, 4096 }, { P_NORM_EPS, 1e-6 }, { P_NONE },
};

static const struct arch_default ministral3_defaults[] = {
	{ P_LAYERS, 34 },    { P_CONTEXT, 262144 }, { P_MODEL, 4096 },      { P_FF, 14336 }, { P_HEADS, 32 },
	{ P_HEADS_KV, 8 },   { P_HEAD_DIM, 128 },   { P_VOCAB, 131072 },    { P_NORM_EPS, 1e-5 }, { P_ROPE_TYPE, ROPE_YARN },
	{ P_ROPE_THETA, 1e6 }, { P_ROPE_FACTOR, 16 }, { P_ROPE_ORIG_CONTEXT, 16384 }, { P_NONE },
};

static const struct arch_param_row shared[] = {
	{ P_HEAD_GIVEN, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-6 } },
	{ P_NONE },
};

static const struct arch_param_row yarn[] = {
	{ P_YARN_MSCALE, KIND_REAL, IN_ROPE("mscale"), { ELSE_FIXED, .fixed = 1 } },
	{ P_YARN_MSCALE_ALL, KIND_REAL, IN_ROPE("mscale_all_dim"), { ELSE_FIXED, .fixed = 1 } },
	{ P_TEMPERATURE, KIND_REAL, IN_ROPE("llama_4_scaling_beta"), { ELSE_FIXED, .fixed = 0.1 } },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "vocab_size", FMT_KV_U32, P_VOCAB },
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM },
	{ "rope.scaling.yarn_log_multiplier", FMT_KV_F32, P_YARN_MSCALE_ALL },
	{ "attention.temperature_scale", FMT_KV_F32, P_TEMPERATURE },
	/* llama.cpp has none of these: carried for those who do */
	{ "attention.sliding_window", FMT_KV_U32, P_WINDOW },
	{ "attention.sliding_window_pattern", FMT_KV_ARR, P_WINDOW },
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

static const struct arch_param_row *const mistral3_params[] = { arch_sizes, arch_widths, arch_window, arch_silu, shared,
                                                               arch_rope_params, NULL };
static const struct arch_param_row *const ministral3_params[] = { arch_sizes, arch_widths, arch_window, arch_silu, shared,
                                                                 arch_rope_params, yarn, NULL };
static const char *const skip[] = { ".rotary_emb.inv_freq", NULL };

/* Its text_config says model_type mistral. */
const struct fmt_arch arch_mistral3 = {
	.gguf = "mistral3",
	.classes = (const char *const[]){ "Mistral3ForConditionalGeneration", NULL },
	.types = (const char *const[]){ "mistral3", "mistral", NULL },
	.defaults = mistral3_defaults,
	.params = mistral3_params,
	.keys = keys,
	.globals = arch_model_globals,
	.own_llama3 = true,
	.layers = arch_llama_layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
};

const struct fmt_arch arch_ministral3 = {
	.gguf = "mistral3",
	.classes = (const char *const[]){ "Ministral3ForCausalLM", "Mistral3ForConditionalGeneration", NULL },
	.types = (const char *const[]){ "ministral3", NULL },
	.defaults = ministral3_defaults,
	.params = ministral3_params,
	.keys = keys,
	.globals = arch_model_globals,
	.own_llama3 = true,
	.layers = arch_llama_layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
};

/* llama.cpp's converter does not know it: its "llama" is the same within the window. */
const struct fmt_arch arch_ministral = {
	.gguf = "llama",
	.classes = (const char *const[]){ "MinistralForCausalLM", NULL },
	.types = (const char *const[]){ "ministral", NULL },
	.defaults = mistral3_defaults,
	.params = mistral3_params,
	.keys = keys,
	.globals = arch_model_globals,
	.own_llama3 = true,
	.layers = arch_llama_layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
};
