/* Phi-1, 1.5 and 2: attention and feed-forward side by side after one norm, biases everywhere, the output's too.
 *
 * Source of defaults: PhiConfig of transformers 5. llama.cpp calls all of them "phi2". */
#include "arch_shared.h"

static const struct arch_default defaults[] = {
	{ P_LAYERS, 24 }, { P_CONTEXT, 2048 }, { P_MODEL, 2048 }, { P_FF, 8192 }, { P_HEADS, 32 }, { P_VOCAB, 51200 }, { P_NONE },
};

static const struct arch_param_row rest[] = {
	{ P_UNUSED, KIND_FALSE, "qk_layernorm", { ELSE_UNSET } },
	{ P_NORM_EPS, KIND_REAL, "layer_norm_eps", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_NONE },
};

/* Half of each head rotates, unless config.json says otherwise. */
static const struct arch_param_row part[] = {
	{ P_ROPE_PART, KIND_REAL, ARCH_ROPE_PART, { ELSE_FIXED, .fixed = 0.5 } },
	{ P_ROPE_DIM, KIND_COUNT, NULL, { ELSE_PART, P_HEAD_DIM, P_ROPE_PART }, .max = ARCH_MAX_WIDTH },
	{ P_ROPE_PAIRS, KIND_COUNT, NULL, { ELSE_QUOTIENT, P_ROPE_DIM, .fixed = 2 }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "context_length", FMT_KV_U32, P_CONTEXT },
	{ "embedding_length", FMT_KV_U32, P_MODEL },
	{ "feed_forward_length", FMT_KV_U32, P_FF },
	{ "block_count", FMT_KV_U32, P_LAYERS },
	{ "attention.head_count", FMT_KV_U32, P_HEADS },
	{ "attention.head_count_kv", FMT_KV_U32, P_HEADS_KV },
	{ "attention.layer_norm_epsilon", FMT_KV_F32, P_NORM_EPS },
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM },
	ARCH_FILE_TYPE,
	/* the reference converter leaves these out */
	{ "rope.freq_base", FMT_KV_F32, P_ROPE_THETA, .usual = 10000 },
	ARCH_SCALING_KEYS,
	ARCH_GELU_ERF_KEY,
	{ NULL },
};

static const struct arch_tensor globals[] = {
	ARCH_ROPE_FREQS,
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "model.final_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM_B, "output_norm.bias", "model.final_layernorm.bias", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_OUTPUT_B, "output.bias", "lm_head.bias", { P_VOCAB } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_NORM_B, "attn_norm.bias", "input_layernorm.bias", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_Q_B, "attn_q.bias", "self_attn.q_proj.bias", { P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K_B, "attn_k.bias", "self_attn.k_proj.bias", { P_KV_WIDTH } },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_V_B, "attn_v.bias", "self_attn.v_proj.bias", { P_KV_WIDTH } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.dense.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "self_attn.dense.bias", { P_MODEL } },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.fc1.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_UP_B, "ffn_up.bias", "mlp.fc1.bias", { P_FF } },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.fc2.weight", { P_MODEL, P_FF } },
	{ FMT_ROLE_FFN_DOWN_B, "ffn_down.bias", "mlp.fc2.bias", { P_MODEL } },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row *const params[] = { arch_sizes, arch_widths, rest, arch_gelu_usually_tanh, arch_rope_part_params, part, NULL };
static const char *const classes[] = { "PhiForCausalLM", NULL };
static const char *const types[] = { "phi", NULL };
static const char *const skip[] = { ".rotary_emb.inv_freq", NULL };

const struct fmt_arch arch_phi2 = {
	.gguf = "phi2",
	.classes = classes,
	.types = types,
	.defaults = defaults,
	.params = params,
	.keys = keys,
	.own_keys = true,
	.globals = globals,
	.layers = layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
};
