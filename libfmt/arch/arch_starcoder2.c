/* StarCoder 2: norms with a bias, a feed-forward block of two matrices, biases everywhere unless use_bias is false.
 *
 * Source of defaults: Starcoder2Config of transformers 5; the output matrix is the embedding unless it says otherwise. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 30 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 4096 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 3072 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 12288 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 24 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_FIXED, .fixed = 2 }, .max = ARCH_MAX_HEADS,
	  .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 49152 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 1 } },
	{ P_ATTN_BIAS, KIND_FLAG, "use_bias", { ELSE_FIXED, .fixed = 1 } },
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_NORM_EPS, KIND_REAL, "norm_epsilon", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "block_count", FMT_KV_U32, P_LAYERS },
	{ "context_length", FMT_KV_U32, P_CONTEXT },
	{ "embedding_length", FMT_KV_U32, P_MODEL },
	{ "feed_forward_length", FMT_KV_U32, P_FF },
	{ "attention.head_count", FMT_KV_U32, P_HEADS },
	{ "attention.head_count_kv", FMT_KV_U32, P_HEADS_KV },
	ARCH_SCALING_KEYS,
	{ "rope.freq_base", FMT_KV_F32, P_ROPE_THETA },
	{ "attention.layer_norm_epsilon", FMT_KV_F32, P_NORM_EPS },
	ARCH_FILE_TYPE,
	/* carried for those who have it */
	{ "attention.sliding_window", FMT_KV_U32, P_WINDOW },
	{ "attention.sliding_window_pattern", FMT_KV_ARR, P_WINDOW },
	ARCH_GELU_ERF_KEY,
	{ NULL },
};

static const struct arch_tensor globals[] = {
	ARCH_ROPE_FREQS,
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "model.norm.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM_B, "output_norm.bias", "model.norm.bias", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_NORM_B, "attn_norm.bias", "input_layernorm.bias", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_Q_B, "attn_q.bias", "self_attn.q_proj.bias", { P_Q_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K_B, "attn_k.bias", "self_attn.k_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_V_B, "attn_v.bias", "self_attn.v_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "self_attn.o_proj.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_NORM_B, "ffn_norm.bias", "post_attention_layernorm.bias", { P_MODEL } },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.c_fc.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_UP_B, "ffn_up.bias", "mlp.c_fc.bias", { P_FF }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.c_proj.weight", { P_MODEL, P_FF } },
	{ FMT_ROLE_FFN_DOWN_B, "ffn_down.bias", "mlp.c_proj.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row *const params[] = { sizes, arch_widths, arch_gelu_usually_tanh, arch_rope_part_params, NULL };
static const char *const classes[] = { "Starcoder2ForCausalLM", NULL };
static const char *const types[] = { "starcoder2", NULL };
static const char *const skip[] = { NULL };

const struct fmt_arch arch_starcoder2 = {
	.gguf = "starcoder2",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.own_keys = true,
	.globals = globals,
	.layers = layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
};
